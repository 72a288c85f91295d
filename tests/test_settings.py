"""Settings: where they come from, who wins, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoneweaver import settings
from zoneweaver.domain.errors import Invalid


@pytest.fixture(autouse=True)
def no_file_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEFAULT_FILE", tmp_path / "etc" / "config.yaml")


def load(tmp_path: Path, text: str | None = None, **given: Any) -> settings.Settings:
    """Load from a file with this text, an environment and flags."""
    config = None
    if text is not None:
        config = tmp_path / "config.yaml"
        config.write_text(text)
    return settings.load(config=config, environ=given.get("environ", {}), flags=given.get("flags"))


def refused(tmp_path: Path, text: str | None = None, **given: Any) -> list[str]:
    """Return the lines with which loading is refused, without the folder."""
    with pytest.raises(Invalid) as caught:
        load(tmp_path, text, **given)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.message.splitlines()]


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    """Each source hides those before it, option by option."""
    text = "server: {https_port: 1, http_port: 2, bind_address: '::1'}\n"
    environ = {"ZONEWEAVER_SERVER__HTTPS_PORT": "3", "ZONEWEAVER_SERVER__HTTP_PORT": "4"}
    found = load(tmp_path, text, environ=environ, flags={"server.https_port": 5, "server.http_port": None}).server
    assert (found.https_port, found.http_port, found.bind_address) == (5, 4, "::1")


def test_the_default_file_may_be_missing_and_another_may_not(tmp_path: Path) -> None:
    """No file at all gives the defaults; one that was named must be there."""
    assert load(tmp_path).server.https_port == 5001
    with pytest.raises(Invalid, match="there is no such settings file"):
        settings.load(config=tmp_path / "none.yaml", environ={})


def test_an_unknown_name_is_refused_with_its_line(tmp_path: Path) -> None:
    """Every one of them, in the file, the environment and among flags, with what was probably meant."""
    text = "# first\nserver:\n  https_port: 1\n  htps_port: 2\nzone: {}\n"
    environ = {"ZONEWEAVER_TASKS__RETENTION_DAYZ": "1", "ZONEWEAVER_FOO__BAR": "1"}
    said = refused(tmp_path, text, environ=environ, flags={"vnc.port": 3})
    assert "config.yaml line 4: server.htps_port is not a setting; did you mean server.https_port?" in said
    assert any(line.startswith("config.yaml line 5: zone is not a setting") for line in said)
    assert any(line.startswith("environment variable ZONEWEAVER_TASKS__RETENTION_DAYZ: tasks.") for line in said)
    assert any(line.startswith("environment variable ZONEWEAVER_FOO__BAR: foo ") for line in said)
    assert any(line.startswith("flag --vnc.port: vnc.port is not a setting") for line in said)
    assert len(said) == 5


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("server:\n  https_port: 70000\n", "config.yaml line 2: server.https_port: "),
        ("server:\n  https_port: [1]\n", "config.yaml line 2: server.https_port: "),
        ("server: 5\n", "config.yaml line 1: server: "),
        ("logging:\n  level: loud\n", "config.yaml line 2: logging.level: "),
        ("server:\n  https_port: 1\n  https_port: 2\n", "config.yaml line 3: server.https_port is set twice"),
        ("server: [\n", "config.yaml line 2: "),
        ("- a\n", "config.yaml line 1: the file must hold sections"),
        ("server: {\thttps_port: 1}\n\t- x", "config.yaml line "),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(tmp_path: Path, text: str, begins: str) -> None:
    """Out of bounds, of another type, given twice, or no YAML at all."""
    assert refused(tmp_path, text)[0].startswith(begins)


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """The sentence names the variable as it was written."""
    said = refused(tmp_path, environ={"ZONEWEAVER_SERVER__HTTPS_PORT": "many"})
    assert said == [
        "environment variable ZONEWEAVER_SERVER__HTTPS_PORT: server.https_port: input should be a valid integer, "
        "unable to parse string as an integer"
    ]


def test_empty_files_and_sections_mean_nothing(tmp_path: Path) -> None:
    """A section that is only commented out leaves the defaults."""
    assert load(tmp_path, "").server.https_port == 5001
    assert load(tmp_path, "server:\n# https_port: 1\n").server.https_port == 5001


def test_lists_can_be_written_in_the_environment(tmp_path: Path) -> None:
    """Folders between colons, origins between commas, or JSON."""
    environ = {
        "ZONEWEAVER_HOST__COMMAND_PATH": "/a:/b",
        "ZONEWEAVER_CORS__WHITELIST": "https://a, https://b",
    }
    found = load(tmp_path, environ=environ)
    assert found.host.command_path == (Path("/a"), Path("/b"))
    assert found.cors.whitelist == ("https://a", "https://b")
    assert load(tmp_path, environ={"ZONEWEAVER_CORS__WHITELIST": '["https://c"]'}).cors.whitelist == ("https://c",)


def test_the_state_folder_comes_from_its_variable(tmp_path: Path) -> None:
    """Everything that is not set elsewhere lies in it; variables of others are left alone."""
    found = load(tmp_path, environ={"ZONEWEAVER_HOME": str(tmp_path), "ZONEWEAVER_LAB_GUEST": "none"})
    assert found.database_url == f"sqlite:///{tmp_path}/zoneweaver.db"
    assert found.key_path == tmp_path / "ssl" / "server.key"
    assert found.setup_token_path.parent == found.scratch_path.parent == tmp_path


def test_a_password_in_the_database_url_is_not_shown(tmp_path: Path) -> None:
    """Neither by repr nor by str."""
    found = load(tmp_path, "database: {url: 'postgresql://me:geheim@host/db'}\n")
    assert found.database_url == "postgresql://me:geheim@host/db"
    assert "geheim" not in repr(found)


def test_every_setting_is_explained() -> None:
    """The reference page is made from these texts."""
    for name, _, description in settings.options():
        assert description, name

"""A lab host as it begins: a pool, a link, an empty /iso. What an example lacks there is said in one sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from tests.acceptance.agents import SECONDS, Agent

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"cdroms": [{"path": "/iso/omnios-r151050.iso"}]}, "Image /iso/omnios-r151050.iso does not exist on the host"),
        (
            {"boot_volume": {"create_new": False, "existing_dataset": "rpool/vms/old-server/root"}},
            "Dataset rpool/vms/old-server/root does not exist",
        ),
        ({"boot_volume": {"pool": "tank", "size": "1G"}}, "Pool tank does not exist"),
        ({"zonepath": "/somewhere/else/path"}, None),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_left(bare: Agent, more: dict[str, Any], sentence: str | None) -> None:
    """The task fails with the name of what is not there, and the host is as it was."""
    before = bare.datasets()
    row = bare.failed(bare.ask("POST", "/zones", {"name": "web", "brand": "bhyve", **more}))
    if sentence is not None:
        assert row["error_message"] == sentence
    assert bare.datasets() == before
    assert bare.zones_on_host() == {}
    assert bare.get("/zones")["total"] == 0


def test_a_missing_template_is_said_at_once(bare: Agent) -> None:
    """404 with the name of the snapshot that was looked for."""
    source = {"type": "template", "template_dataset": "rpool/templates/omnios-base"}
    answer = bare.ask("POST", "/zones", {"name": "web", "brand": "bhyve", "source": source})
    assert answer.status_code == 404
    assert answer.json()["error"] == "Template snapshot rpool/templates/omnios-base@ready does not exist"


def test_the_host_is_bare(bare: Agent) -> None:
    """The pool rpool with rpool/zones, the link igb0, an empty /iso, and no zone."""
    assert bare.datasets() == ["rpool", "rpool/zones"]
    assert bare.host("dladm", "show-link", "-p", "-o", "link").split() == ["igb0"]
    assert list((bare.home / "lab/root/iso").iterdir()) == []
    assert bare.zones_on_host() == {}
    assert (bare.home / "admin.key").stat().st_mode & 0o777 == 0o600


def test_commands_say_it_too(bare: Agent) -> None:
    """`zones create --wait` ends with 1 and the sentence, not with a trace."""
    ran = bare.command("zones", "create", "web", "--cdrom", "/iso/none.iso", "--wait")
    assert ran.returncode == 1
    assert "Image /iso/none.iso does not exist on the host" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "Another agent (process "),
        ({"ZONEWEAVER_HOME": "elsewhere"}, "Address already in use"),
    ],
)
def test_a_second_agent_is_told_why_not(bare: Agent, environ: dict[str, str], sentence: str) -> None:
    """A state folder or a port that is taken ends the second agent with one sentence, and leaves the first alone."""
    given = {name: str(bare.home.parent / value) for name, value in environ.items()}
    ran = subprocess.run(
        [sys.executable, "-m", "zoneweaver", "serve", "--bind-address", "127.0.0.1"],
        check=False,
        capture_output=True,
        text=True,
        env={**bare.environment, **given},
        timeout=SECONDS,
    )
    assert ran.returncode in {1, 3}
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr
    assert bare.client.get("/health").status_code == 200

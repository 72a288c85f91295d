"""The certificate of the HTTPS port."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoneweaver import settings
from zoneweaver.api import server
from zoneweaver.domain.errors import Invalid


def load(home: Path, **flags: str) -> settings.Settings:
    """Settings with this state folder."""
    named = {name.replace("__", "."): value for name, value in flags.items()}
    return settings.load(flags={"home": str(home), **named}, environ={})


def test_a_half_of_our_own_pair_is_made_anew(tmp_path: Path) -> None:
    """An agent that died between key and certificate starts again."""
    used = load(tmp_path)
    server.context(used)
    first = used.key_path.read_bytes()
    server.context(used)
    assert used.key_path.read_bytes() == first
    used.cert_path.unlink()
    server.context(used)
    assert used.key_path.read_bytes() != first


@pytest.mark.parametrize("there", ["key.pem", "cert.pem"])
def test_a_named_file_is_never_written_over(tmp_path: Path, there: str) -> None:
    """When one path of somebody's own pair is wrong the agent says so, and the other file stays as it is."""
    used = load(tmp_path, ssl__key_path=str(tmp_path / "key.pem"), ssl__cert_path=str(tmp_path / "cert.pem"))
    (tmp_path / there).write_text("precious")
    with pytest.raises(Invalid, match=r"cert\.pem.*key\.pem.*cannot be used"):
        server.context(used)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_named_files_that_are_not_there_are_made(tmp_path: Path) -> None:
    """A pair at another place than ours is made too."""
    used = load(tmp_path, ssl__key_path=str(tmp_path / "tls" / "key.pem"), ssl__cert_path=str(tmp_path / "cert.pem"))
    server.context(used)
    assert (tmp_path / "cert.pem").exists()

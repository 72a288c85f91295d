"""`labhost template …` and `labhost guest`: what is said about templates and guests."""

from __future__ import annotations

from pathlib import Path

import pytest

from labhost.__main__ import main


def test_a_template_from_a_file_to_a_host_and_away(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is imported, shown, put into a host once, and removed; the host keeps it."""
    image, host = tmp_path / "disk", str(tmp_path / "host")
    image.write_bytes(b"disk")
    assert main(["up", host, "guest=none"]) == 0
    assert main(["template", "import", "mine", str(image)]) == 0
    assert main(["template", "list"]) == 0
    assert f"mine\tdisk\t{cache}/mine" in capsys.readouterr().out
    assert main(["template", "put", host, "mine"]) == 0
    assert main(["template", "put", host, "mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "rpool/templates/mine@ready: made",
        "rpool/templates/mine@ready: is there",
    ]
    assert main(["template", "remove", "mine"]) == 0
    assert main(["template", "put", host, "mine"]) == 1
    assert "there is no template mine" in capsys.readouterr().err
    assert main(["template", "remove", "mine"]) == 1


@pytest.mark.parametrize("kind", ["none", "scripted"])
def test_guests_that_need_nothing_are_always_there(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind, a tab, and what it means."""
    assert main(["guest", kind]) == 0
    said, _, why = capsys.readouterr().out.partition("\t")
    assert said == kind
    assert why.startswith("zones run ")


def test_guests_of_an_unknown_kind_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """All kinds there are are named."""
    assert main(["guest", "vmware"]) == 1
    assert "one of none, scripted, container, qemu, not 'vmware'" in capsys.readouterr().err

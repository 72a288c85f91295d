"""The demonstration tells the story that the README shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.agents import SOURCE
from tests.labhost.guests import machines, virtual

README = SOURCE.parent / "README.md"
KINDS = [
    pytest.param("container", marks=pytest.mark.skipif(bool(machines.missing()), reason=machines.missing())),
    pytest.param("qemu", marks=pytest.mark.skipif(bool(virtual.missing()), reason=virtual.missing())),
]


def story(said: str) -> list[str]:
    """What happens, without its times and without what the guest says."""
    told = [line for line in said.splitlines() if re.search(r"[0-9.]+ s\b", line) and not line.startswith("Guests")]
    return [re.sub(r"\s*[0-9.]+ s\s*", "", line) for line in told]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_demonstration_tells_what_the_readme_shows(kind: str, tmp_path: Path) -> None:
    """The same parts in the same order, with their times at the end; nothing of it stays."""
    shown = re.search(
        r"^\$ ZONEWEAVER_LAB_GUEST=container zoneweaver demo\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL
    )
    assert shown is not None
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "zoneweaver", "demo"],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "ZONEWEAVER_HOME": str(home),
            "ZONEWEAVER_LAB_GUEST": kind,
            "COLUMNS": "100",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert story(done.stdout) == story(shown[1])
    assert "192.0.2.50/24" in done.stdout, "the guest did not say where it is"
    assert list(home.rglob("*")) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()

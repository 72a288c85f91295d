"""A fresh lab host whose commands are run as real processes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from labhost.world import World


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Host:
    """The commands of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, *argv: str, stdin: str = "") -> Said:
        done = subprocess.run(
            [f"{self.world.path}/bin/{argv[0]}", *argv[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *argv: str) -> str:
        said = self.run(*argv)
        assert said.code == 0, said
        return said.out

    def file(self, path: str, text: str) -> None:
        place = Path(self.world.host(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def lend(self, link: str, zone: str) -> None:
        with self.world.lock("zones"):
            self.world.write("zones", {"zones": {zone: {"state": "running", "links": [link]}}})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A lab host nobody touched yet."""
    return Host(World.create(str(tmp_path / "lab")))

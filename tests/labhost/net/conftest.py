"""A fresh lab host whose commands are run as real processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.labhost.hosts import Host as AnyHost

from labhost.world import World


@dataclass(frozen=True, slots=True)
class Host(AnyHost):
    """A lab host and its network."""

    def put(self, path: str, text: str) -> None:
        place = self.file(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def lend(self, link: str, zone: str) -> None:
        with self.world.lock("zones"):
            self.world.write("zones", {"zones": {zone: {"state": "running", "links": [link]}}})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A lab host nobody touched yet."""
    return Host(World.create(str(tmp_path / "lab")))

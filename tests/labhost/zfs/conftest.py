"""A world for tests of ZFS, and its commands as processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.labhost.hosts import Host as AnyHost
from tests.labhost.hosts import Said, wait_for

from labhost.world import World

__all__ = ["Host", "Said", "wait_for"]


@dataclass(frozen=True, slots=True)
class Host(AnyHost):
    """A lab host and its datasets."""

    def value(self, prop: str, name: str) -> str:
        return self.ok("zfs", "get", "-Hp", "-o", "value", prop, name).rstrip("\n")

    def number(self, prop: str, name: str) -> int:
        return int(self.value(prop, name))

    def names(self, *argv: str) -> list[str]:
        return self.ok("zfs", "list", "-H", "-o", "name", *argv).splitlines()

    def device(self, name: str) -> Path:
        return Path(self.world.host(f"/dev/zvol/rdsk/{name}"))

    def hold_open(self, *names: str) -> None:
        """Let an active zone hold datasets."""
        with self.world.lock("zones"):
            zone = {"state": "running", "zoneid": 1, "volumes": list(names), "links": [], "pid": None}
            self.world.write("zones", {"next_id": 2, "zones": {"web": zone} if names else {}})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World.create(str(tmp_path / "host")))

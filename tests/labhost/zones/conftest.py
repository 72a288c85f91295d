"""A world for tests of zones, and its commands as processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.labhost.hosts import Host as AnyHost
from tests.labhost.hosts import Said, wait_for

from labhost.world import World
from labhost.zones import lifecycle

__all__ = ["Host", "Said", "wait_for"]


@dataclass(frozen=True, slots=True)
class Host(AnyHost):
    """A lab host and its zones."""

    def configure(self, name: str, more: str = "") -> None:
        """Configure a bhyve zone under /rpool/zones; `more` are further commands of zonecfg."""
        self.ok("zonecfg", "-z", name, f"create -t bhyve; set zonepath=/rpool/zones/{name}; {more}")

    def attrs(self, **values: str) -> str:
        """Return the commands that add attrs; an underscore stands for a hyphen."""
        return "".join(
            f'add attr; set name={name.replace("_", "-")}; set type=string; set value="{value}"; end; '
            for name, value in values.items()
        )

    def installed(self, name: str = "web", more: str = "") -> None:
        self.configure(name, more)
        self.ok("zoneadm", "-z", name, "install")

    def booted(self, name: str = "web", more: str = "") -> None:
        self.installed(name, more)
        self.ok("zoneadm", "-z", name, "boot")

    def row(self, name: str) -> list[str]:
        """Return the eight fields of a zone in the list."""
        for line in self.ok("zoneadm", "list", "-cp").splitlines():
            fields = line.replace("\\:", "\0").split(":")
            if fields[1] == name:
                return [field.replace("\0", ":") for field in fields]
        raise AssertionError(f"{name} is not in the list")

    def state(self, name: str = "web") -> str:
        return self.row(name)[2]

    def wait_state(self, state: str, name: str = "web") -> None:
        wait_for(lambda: self.state(name) == state, lambda: f"{name} is {self.state(name)}, not {state}")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    world = World.create(str(tmp_path / "host"), guest="none")
    yield Host(world)
    lifecycle.end_all(world)

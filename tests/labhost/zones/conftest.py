"""A world for tests of zones, and its commands as processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labhost.world import World
from labhost.zones import lifecycle


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Host:
    """A lab host whose commands can be called."""

    world: World

    def run(self, *argv: str, stdin: str | None = None) -> Said:
        done = subprocess.run(
            [f"{self.world.path}/bin/{argv[0]}", *argv[1:]],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ok(self, *argv: str) -> str:
        said = self.run(*argv)
        assert (said.code, said.err) == (0, ""), (argv, said)
        return said.out

    def refused(self, *argv: str) -> str:
        said = self.run(*argv)
        assert said.code == 1, (argv, said)
        return said.err

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

    def file(self, path: str) -> Path:
        return Path(self.world.host(path))

    def wait_state(self, state: str, name: str = "web") -> None:
        wait_for(lambda: self.state(name) == state, lambda: f"{name} is {self.state(name)}, not {state}")


def wait_for(state: Callable[[], object], seen: Callable[[], str] = lambda: "it did not come to be") -> None:
    """Wait until something is so, at most twenty seconds; say what was seen instead."""
    deadline = time.monotonic() + 20
    while not state():
        assert time.monotonic() < deadline, seen()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    world = World.create(str(tmp_path / "host"), guest="none")
    yield Host(world)
    lifecycle.end_all(world)

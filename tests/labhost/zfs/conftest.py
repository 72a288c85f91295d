"""A world for tests of ZFS, and its commands as processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from labhost.world import World


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

    def run(self, *argv: str, stdin: bytes | None = None) -> Said:
        done = subprocess.run(
            [f"{self.world.path}/bin/{argv[0]}", *argv[1:]],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=60,
            check=False,
        )
        out = done.stdout.decode(errors="surrogateescape")
        return Said(done.returncode, out, done.stderr.decode(errors="surrogateescape"))

    def ok(self, *argv: str) -> str:
        said = self.run(*argv)
        assert (said.code, said.err) == (0, ""), (argv, said)
        return said.out

    def refused(self, *argv: str) -> str:
        said = self.run(*argv)
        assert said.code == 1, (argv, said)
        return said.err

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


def wait_for(state: Callable[[], object], what: str = "it did not come to be") -> None:
    """Wait until something is so, at most twenty seconds."""
    deadline = time.monotonic() + 20
    while not state():
        assert time.monotonic() < deadline, what


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World.create(str(tmp_path / "host")))

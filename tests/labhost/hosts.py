"""A lab host under test: its commands as processes, and waiting for what they bring about."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from labhost.world import World

PATIENCE = 30.0  # seconds that a test waits for a state


class Said(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Host:
    """A lab host whose commands can be called."""

    world: World

    def command(self, name: str) -> str:
        return f"{self.world.path}/bin/{name}"

    def run(self, *argv: str, stdin: str | bytes | None = None) -> Said:
        done = subprocess.run(
            [self.command(argv[0]), *argv[1:]],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=60,
            check=False,
        )
        out, err = (stream.decode(errors="surrogateescape") for stream in (done.stdout, done.stderr))
        return Said(done.returncode, out, err)

    def ok(self, *argv: str) -> str:
        """Run a command that must do its work without a word of complaint; return what it said."""
        said = self.run(*argv)
        assert (said.code, said.err) == (0, ""), (argv, said)
        return said.out

    def refused(self, *argv: str) -> str:
        """Run a command that must exit with 1; return its complaint."""
        said = self.run(*argv)
        assert said.code == 1, (argv, said)
        return said.err

    def file(self, path: str) -> Path:
        """Return where a file of the host lies on this machine."""
        return Path(self.world.host(path))


def wait_for(state: Callable[[], object], seen: Callable[[], object] = lambda: "it did not come to be") -> None:
    """Wait until something is so; when it is not in time, say what was seen instead."""
    deadline = time.monotonic() + PATIENCE
    while not state():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.002)

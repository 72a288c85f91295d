"""Somebody at the console of a lab host's zone, who reads to a text and types."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Final, Self

LAST: Final = 800
"""Characters of the console that are shown when something did not come."""

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class NotSeen(Exception):
    """Something did not appear on the console; the message has what did."""


class Seat:
    """A session of `zlogin -C` on a zone of the lab host in `world`."""

    def __init__(self, world: Path, zone: str) -> None:
        self._terminal, other = pty.openpty()
        argv = [str(world / "bin" / "zlogin"), "-C", zone]
        self._process = subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        self._seen = ""
        self._all = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def read_to(self, text: str, seconds: float) -> str:
        """Return what appears up to a text, that included; an empty one means anything. Raises NotSeen."""
        deadline = time.monotonic() + seconds
        while text not in self._seen or not self._seen:
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
            try:
                data = os.read(self._terminal, 65536) if ready else b""
            except OSError:  # the session has ended
                data = b""
            if not data:
                raise NotSeen(f"No {text!r} on the console after {seconds:.0f} s. The last of it:\n{self._all[-LAST:]}")
            said = _COLOURS.sub("", data.decode(errors="replace"))
            self._seen += said
            self._all = (self._all + said)[-65536:]
        found, _, self._seen = self._seen.partition(text) if text else (self._seen, "", self._seen)
        return found + text

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._terminal, text.encode() + b"\r")

    def ask(self, command: str, seconds: float) -> str:
        """Type a command at a prompt that ends in `$ ` and return what it prints. Raises NotSeen."""
        self.type(command)
        self.read_to(command[-20:] + "\r\n", seconds)
        return self.read_to("$ ", seconds).rpartition("\n")[0].replace("\r", "").strip()

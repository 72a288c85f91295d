"""Files that commands read, and how to know that nobody needs one any more.

A script may hold a password, so it must not outlive its command. The command inherits its locked descriptor: when the
agent dies, the lock is free as soon as the command that outlived it has ended, and not a moment earlier.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "script-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A file for one command; `handle` is the descriptor that the command inherits."""

    path: str
    handle: int


@contextlib.contextmanager
def written(folder: Path, text: str) -> Iterator[Script]:
    """Keep a text as a file (0600, in a folder of 0700) for the length of the block. Raises OSError, UnicodeError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = f"{folder}/{PREFIX}{secrets.token_hex(8)}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with open(handle, "wb", closefd=False) as file:
            file.write(text.encode())
        yield Script(path=path, handle=handle)
    finally:
        Path(path).unlink(missing_ok=True)
        os.close(handle)


def clear(folder: Path) -> None:
    """Remove the scripts that a dead agent left behind, except those whose command still lives."""
    remove_unlocked(folder, PREFIX)


def remove_unlocked(folder: Path, prefix: str) -> None:
    """Remove the files with this prefix that nobody holds locked."""
    for left in folder.glob(f"{prefix}*"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            handle = os.open(left, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink(missing_ok=True)
            finally:
                os.close(handle)

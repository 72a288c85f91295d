"""Knowing that a dead agent's commands are gone: a locked file per task, whose lock they inherit.

A lock of flock(2) belongs to the open file, and so to every process that inherited the descriptor. It is free when the
last of them has ended, however that came about; process numbers, which are used again, prove nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path
from typing import Final

from zoneweaver.host.script import remove_unlocked

PREFIX: Final = "guard-"


class Guard:
    """The guard of one task."""

    __slots__ = ("_handle", "_path")

    def __init__(self, folder: Path, task_id: str) -> None:
        self._path = folder.resolve() / f"{PREFIX}{task_id}"
        self._handle: int | None = None

    @staticmethod
    def clear(folder: Path) -> None:
        """Remove the guards that nothing is behind any more, before the first task of this agent takes one."""
        remove_unlocked(folder, PREFIX)

    def take(self) -> bool:
        """Take the lock; False when somebody else has it still."""
        if self._handle is not None:
            return True
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def handle(self) -> int | None:
        """Return the descriptor for commands to inherit, taking the lock at the first one's start."""
        self.take()
        return self._handle

    def release(self) -> None:
        """Give the lock back; the file stays, for whoever carries the task on."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def forget(self) -> None:
        """Remove the file of a task that has ended, before anybody else can lock it."""
        self._path.unlink(missing_ok=True)
        self.release()

    def kill_holders(self) -> list[int]:
        """Kill every process that has the file open, as far as /proc shows them to us; return their numbers."""
        killed = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid() and self._held_by(process):
                with contextlib.suppress(OSError):
                    os.kill(int(process.name), signal.SIGKILL)
                    killed.append(int(process.name))
        return killed

    def _held_by(self, process: Path) -> bool:
        for folder in ("fd", "path"):  # Linux, illumos
            with contextlib.suppress(OSError):
                if any(link.readlink() == self._path for link in (process / folder).iterdir()):
                    return True
        return False

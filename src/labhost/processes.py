"""What the machine says of its processes (proc(5))."""

from __future__ import annotations

import os


def text(pid: int, name: str) -> str:
    """Return one of the files about a process; empty when it is gone."""
    try:
        number = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(number, 1 << 17).decode("utf-8", "surrogateescape")
        finally:
            os.close(number)
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that only waits to be reaped does not."""
    return text(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"], ["X"])


def argv(pid: int) -> list[str]:
    """Return the words a process was started with."""
    return text(pid, "cmdline").split("\0")[:-1]


def folder(pid: int) -> str:
    """Return where a process is at home; empty if nobody says."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""

"""What the machine says of its processes (proc(5))."""

from __future__ import annotations

import os

GUEST = "bhyve-"  # what the process of a guest is called, before the zone's name


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


def is_alive(pid: int, called: str = "") -> bool:
    """Tell whether a process (whose name begins so) still runs; one that only waits to be reaped does not."""
    head, _, tail = text(pid, "stat").rpartition(") ")
    return head.partition(" (")[2].startswith(called) and tail[:1] not in ("", "Z", "X")


def argv(pid: int) -> list[str]:
    """Return the words a process was started with."""
    return text(pid, "cmdline").split("\0")[:-1]


def folder(pid: int) -> str:
    """Return where a process is at home; empty if nobody says."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""

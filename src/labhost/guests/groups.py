"""The control groups of a lab's containers: one for the lab, in it one for each guest, which tells its processes.

The unified hierarchy is mounted by whoever needs it, in a mount namespace of its own: where (and whether) this machine
has it mounted does not matter.
"""

from __future__ import annotations

import os
from hashlib import blake2b

from labhost.guests import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.world import World


_PLACE = "/sys/fs/cgroup"


def lab_group(world: World) -> str:
    """Return the name of the lab's group."""
    return f"labhost-{blake2b(os.path.realpath(world.path).encode(), digest_size=6).hexdigest()}"


def _found(world: World) -> str:
    """Mount the hierarchy for this mount namespace; return the folder of the lab's group, which may not be there."""
    syscalls.mount("cgroup2", _PLACE, "cgroup2")
    return f"{_PLACE}/{lab_group(world)}"


def enter(world: World, guest: str) -> str:
    """Make a guest's group and return its folder; the caller has a mount namespace of its own."""
    folder = f"{_found(world)}/{guest}"
    os.makedirs(folder, exist_ok=True)
    return folder


def leave(folder: str) -> None:
    """Remove a guest's group, that of the lab too if it was the last; what was killed is waited for."""
    _remove(folder)
    try:
        os.rmdir(os.path.dirname(folder))
    except OSError:
        return


def sweep(world: World) -> list[int]:
    """Kill whatever still is in a group of the lab and remove the groups; return the processes."""
    return _aside(lambda: _sweep(_found(world)))


def _sweep(top: str) -> list[int]:
    found = members(top)
    if os.path.exists(f"{top}/cgroup.kill"):
        with open(f"{top}/cgroup.kill", "w", encoding="ascii") as file:
            file.write("1")
    for pid in found:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue
    _remove(top)
    return found


def members(top: str) -> list[int]:
    """Return the processes in a group and those below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(top):
        try:
            with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
                found += [int(line) for line in file if line.strip() != "0"]
        except OSError:
            continue
    return found


def _remove(top: str) -> None:
    import time

    deadline = time.monotonic() + 5.0
    while os.path.isdir(top):
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                continue
        if time.monotonic() > deadline:
            return
        if os.path.isdir(top):
            time.sleep(0.005)


def _aside(act: Callable[[], list[int]]) -> list[int]:
    """Do something in a process with a mount namespace of its own and return the numbers it answers."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            syscalls.unshare(syscalls.NEW_MOUNTS)
            syscalls.mount("none", "/", flags=syscalls.RECURSIVE | syscalls.PRIVATE)
            os.write(writing, " ".join(map(str, act())).encode()[:4000])
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    said = b""
    while piece := os.read(reading, 4096):
        said += piece
    os.close(reading)
    os.waitpid(child, 0)
    return [int(word) for word in said.split()]

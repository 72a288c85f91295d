"""The control groups of a lab's containers: one for the lab, in it one for each guest, which tells its processes.

The unified hierarchy is mounted by whoever needs it, in a mount namespace of its own: where (and whether) this machine
has it mounted does not matter.
"""

from __future__ import annotations

import os
from hashlib import blake2b

from labhost.guests import syscalls
from labhost.guests.aside import aside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

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


def folders(world: World, guests: Iterable[str]) -> list[str]:
    """Return the folders of guests' groups; the caller has a mount namespace of its own."""
    top = _found(world)
    return [f"{top}/{guest}" for guest in guests]


def leave(folder: str) -> None:
    """Remove a guest's group, that of the lab too if it was the last; what was killed is waited for."""
    _remove(folder)
    try:
        os.rmdir(os.path.dirname(folder))
    except OSError:
        return


def sweep(world: World) -> list[int]:
    """Kill whatever still is in a group of the lab and remove the groups; return the processes."""
    return [int(word) for word in aside(lambda: " ".join(map(str, _sweep(_found(world))))).split()]


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

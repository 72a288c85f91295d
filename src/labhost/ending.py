"""The end of a lab host's processes: guests, hung commands, all that works on its folder."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as everywhere here: `signal` drags enumerations in
import os
import time

from labhost import processes
from labhost.founding import commands
from labhost.zones import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

_DEADLINE = 10.0


def end(world: World) -> list[int]:
    """End everything that runs on the host, guests as by a loss of power; return the process numbers."""
    ended = set(running(world))
    # First those who might start a guest, then the guests, which clear up what was theirs; then whatever is left.
    _kill([pid for pid in ended if not _is_guest(world, pid)])
    lifecycle.end_all(world)
    deadline = time.monotonic() + _DEADLINE
    while left := running(world):
        ended.update(left)
        _kill(left)
        if time.monotonic() > deadline:
            raise ValueError(f"these processes of {world.path} do not end: {', '.join(map(str, left))}")
        time.sleep(0.01)
    with world.lock("zones"):
        state = world.read("zones")
        if state.get("zones"):
            state["zones"] = {}
            world.write("zones", state)
    ended.update(_end_real(world))
    return sorted(ended)


def _end_real(world: World) -> list[int]:
    """End what belongs to guests that are real: what is in their groups, the lab's networks."""
    from labhost.net import real

    if os.geteuid() != 0 or not (real.is_wanted(world) or os.path.exists(real.place(world))):
        return []
    from labhost.guests import groups

    real.unrealise(world)
    return groups.sweep(world)


def running(world: World) -> list[int]:
    """Return the processes that are commands or guests of this host, however they were started."""
    known = frozenset(commands())
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        pid = int(name)
        ours = _is_guest(world, pid) or _is_command(world, pid, known) or _is_machine(world, pid)
        if ours and processes.is_alive(pid):
            found.append(pid)
    return sorted(found)


def _is_guest(world: World, pid: int) -> bool:
    """Tell whether a process is a guest: called so, and at home in the host's folder for what runs."""
    home = os.path.realpath(f"{world.path}/run")
    return processes.is_alive(pid, called=processes.GUEST) and processes.folder(pid) == home


def _is_command(world: World, pid: int, known: frozenset[str]) -> bool:
    """Tell whether a process is a command of this host, called by whatever path leads there."""
    for word in processes.argv(pid)[1:3]:
        folder, _, name = word.rpartition("/")
        if name in known and os.path.realpath(os.path.join(processes.folder(pid), folder)) == os.path.realpath(
            f"{world.path}/bin"
        ):
            return True
    return False


def _is_machine(world: World, pid: int) -> bool:
    """Tell whether a process is a virtual machine: it names its disks."""
    argv = processes.argv(pid)
    places = (f"{world.path}/volumes/", f"{world.path}/root/")
    return argv[:1] != [] and "qemu-system" in argv[0] and any(place in word for word in argv for place in places)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, _signal.SIGKILL)
        except ProcessLookupError:
            continue

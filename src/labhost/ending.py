"""The end of a lab host's processes: guests, hung commands, all that works on its folder."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as everywhere here: `signal` drags enumerations in
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

_DEADLINE = 10.0


def end(world: World) -> list[int]:
    """Kill everything that runs on the host, wait until it is gone, and return the process numbers."""
    victims = running(world)
    for pid in victims:
        try:
            os.kill(pid, _signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + _DEADLINE
    while (left := [pid for pid in victims if _is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    if left:
        raise ValueError(f"these processes of {world.path} do not end: {', '.join(map(str, left))}")
    with world.lock("zones"):
        state = world.read("zones")
        if state.get("zones"):
            state["zones"] = {}
            world.write("zones", state)
    return victims


def running(world: World) -> list[int]:
    """Return the processes that are commands or guests of this host."""
    commands, parts = f"{world.path}/bin/", (f"{world.path}/volumes/", f"{world.path}/root/")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        argv = _argv(int(name))
        # A guest is the command that booted it, still there; a virtual machine names its disks.
        is_command = any(word.startswith(commands) for word in argv[1:3])
        is_machine = argv[:1] != [] and "qemu-system" in argv[0] and any(p in word for word in argv for p in parts)
        if is_command or is_machine:
            found.append(int(name))
    return sorted(found)


def _argv(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="surrogateescape") as file:
            return file.read().split("\0")[:-1]
    except OSError:
        return []


def _is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that only waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="surrogateescape") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False

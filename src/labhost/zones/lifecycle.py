"""How a zone becomes active and how it ends: its record, its notices, and what is cleared away afterwards.

Area `zones`: `{"next_id": n, "zones": {NAME: {"state", "zoneid", "volumes", "links", "pid", "guest"}}}`, active ones.
"""

from __future__ import annotations

import os
import time

from labhost import processes
from labhost.zones import configurations, index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World
    from labhost.zones.document import Config

READIED, BOOTING, HALTED = "Zone readied", "Zone booting up", "Zone halted"
REBOOTING, BOOT_FAILED = "Zone rebooting", "Zone boot failed"
UNINSTALLED = "Zone is being uninstalled.  Disconnecting..."
ADMINISTRATIVE = -1


def run_folder(world: World) -> str:
    """Return the folder for sockets and marks of what runs."""
    place = f"{world.path}/run"
    try:
        os.mkdir(place)
    except FileExistsError:
        return place
    return place


def notice(world: World, name: str, text: str) -> None:
    """Tell whoever is attached to the zone's console what became of the zone."""
    number = os.open(
        f"{run_folder(world)}/{name}.notices", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
    )
    try:
        os.write(number, text.encode() + b"\n")
    finally:
        os.close(number)


def begin(world: World, name: str) -> int:
    """Make a zone ready under a new id, held by this process until it is booted; return the id."""
    with world.lock("zones"):
        state = world.read("zones")
        zoneid = int(state.get("next_id", 1))
        state["next_id"] = zoneid + 1
        state.setdefault("zones", {})[name] = {
            "state": "ready", "zoneid": zoneid, "volumes": [], "links": [], "pid": os.getpid(),
        }  # fmt: skip
        world.write("zones", state)
    return zoneid


def change(world: World, name: str, zoneid: int, **facts: Any) -> bool:
    """Change the record of an active zone; False if that boot of it is over."""
    with world.lock("zones"):
        state = world.read("zones")
        zone = state.get("zones", {}).get(name)
        if zone is None or zone["zoneid"] != zoneid:
            return False
        zone.update(facts)
        world.write("zones", state)
    return True


def take_over(world: World, name: str, zoneid: int, *, guest: str) -> bool:
    """Make a ready zone one that runs with this process; False if it is on its way down already, or gone.

    Whoever finds that the command which made it ready was killed brings it down: only one of the two gets it.
    """
    with world.lock("zones"):
        zone = record(world, name)
        return (
            zone is not None
            and zone["state"] == "ready"
            and change(world, name, zoneid, state="running", pid=os.getpid(), guest=guest)
        )


def record(world: World, name: str) -> dict[str, Any] | None:
    """Return the record of an active zone."""
    return world.read("zones").get("zones", {}).get(name)  # type: ignore[no-any-return]


def ended(world: World, name: str, zoneid: int, status: int, *, owner: int | None = None) -> None:
    """Bring a zone whose guest is gone down to installed; does nothing if another process is at it, or it is done.

    `owner` is the process found dead; when the zone is another one's by now, nobody is dead.
    """
    from labhost.zones.states import alive

    with world.lock("zones"):
        state = world.read("zones")
        zone = state.get("zones", {}).get(name)
        if zone is None or zone["zoneid"] != zoneid:
            return
        holder = zone.get("pid")
        if owner is not None and holder != owner:
            return
        if zone["state"] in ("shutting_down", "down") and holder not in (None, os.getpid()) and alive(holder):
            return
        if zone.get("halting"):
            status = ADMINISTRATIVE
        lent = list(zone["links"])
        zone.update(state="down", pid=os.getpid(), links=[], volumes=[])
        world.write("zones", state)
    clear(world, name, lent, status)
    with world.lock("zones"):
        state = world.read("zones")
        zone = state.get("zones", {}).get(name)
        if zone is not None and zone["zoneid"] == zoneid:
            del state["zones"][name]
            world.write("zones", state)
        notice(world, name, HALTED)


def clear(world: World, name: str, lent: list[str], status: int | None) -> None:
    """Do what follows the end of a zone: its links, its snapshot, the guest's socket, the record of the exit."""
    from labhost.zones import vnics

    vnics.release(world, lent)
    config: Config | None = None
    booted: Config | None = None
    try:
        config = booted = configurations.load(world, name)
        booted = configurations.load_snapshot(world, name)
    except (configurations.NoZone, configurations.BadDocument):
        pass
    if config is not None:
        # As configured now, not as booted: what an edit dropped meanwhile is left behind.
        vnics.delete_on_demand(world, config)
    configurations.remove(configurations.snapshot_place(world, name))
    entry = index.entry(world, name)
    path = entry.path if entry is not None else ""
    if not path:
        return
    if booted is not None:
        from labhost.zones.bhyve import vnc_socket

        socket = vnc_socket(booted)
        place = world.host(f"{path}/root{socket}")
        if socket and not os.path.isdir(place):  # somebody's folder was in its place
            configurations.remove(place)
    if status is not None:
        now = time.time()
        write(world, f"{path}/lastexited", f"{int(now)}.{int(now % 1 * 1e6):06d} {status}\n")
        log(world, path, f"bhyve exited with status {status}")


def write(world: World, path: str, text: str, mode: int = 0o644) -> None:
    """Write a file of the host; nothing happens when its folder is gone."""
    try:
        number = os.open(world.host(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    except FileNotFoundError:
        return
    try:
        os.write(number, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(number)


def log(world: World, path: str, text: str) -> None:
    """Add a line to the zone's log, ZONEPATH/log/zone.log."""
    try:
        if not os.path.isdir(world.host(f"{path}/log")):
            os.mkdir(world.host(f"{path}/log"))
        place = world.host(f"{path}/log/zone.log")
        number = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    stamp = time.strftime("[%Y-%m-%dT%H:%M:%SZ]", time.gmtime())
    try:
        os.write(number, f"{stamp} {text}\n".encode("utf-8", "surrogateescape"))
    finally:
        os.close(number)


def wait_ended(world: World, name: str, zoneid: int, seconds: float) -> bool:
    """Wait until a boot of a zone is over; False when it still runs after so many seconds."""
    from labhost.zones import states

    deadline = time.monotonic() + seconds
    while True:
        zone = states.active(world).get(name)
        if zone is None or zone["zoneid"] != zoneid:
            # Whoever ended it holds the areas until the console has heard of it: what follows is heard later.
            with world.lock("zones"):
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)


def end_all(world: World) -> list[str]:
    """End every active zone at once, as a loss of power would; return their names."""
    import _signal  # type: ignore[import-not-found]

    from labhost.zones import states

    zones = states.active(world)
    for name, zone in zones.items():
        if not press(zone.get("pid"), _signal.SIGUSR1):
            ended(world, name, zone["zoneid"], ADMINISTRATIVE)
    for name, zone in zones.items():
        if not wait_ended(world, name, zone["zoneid"], 5.0):
            press(zone.get("pid"), _signal.SIGKILL)
            wait_ended(world, name, zone["zoneid"], 5.0)
    return list(zones)


def press(pid: int | None, number: int) -> bool:
    """Send a guest a signal; False if that process is no guest (any more)."""
    if pid is None or not processes.is_alive(pid, called=processes.GUEST):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True

"""The state of a zone: that of the index, unless the zone is active."""

from __future__ import annotations

from labhost.processes import GUEST, is_alive
from labhost.zones import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

ORDER = ("configured", "incomplete", "installed", "ready", "running", "shutting_down", "down", "mounted")


def alive(pid: int | None, called: str = "") -> bool:
    """Tell whether a process (called so) is there; one without a number counts as there."""
    return pid is None or is_alive(pid, called)


def active(world: World) -> dict[str, dict[str, Any]]:
    """Return the zones that are ready or more; one whose guest was killed from outside falls to installed here."""
    zones: dict[str, dict[str, Any]] = world.read("zones").get("zones", {})
    # A number alone is no proof: it may be another process's by now.
    dead = [
        name
        for name, facts in zones.items()
        if not alive(facts.get("pid"), GUEST if facts["state"] == "running" else "")
    ]
    if not dead:
        return zones
    from labhost.zones import lifecycle

    for name in dead:
        lifecycle.ended(world, name, zones[name]["zoneid"], lifecycle.ADMINISTRATIVE, owner=zones[name]["pid"])
    return world.read("zones").get("zones", {})  # type: ignore[no-any-return]


def state(world: World, name: str) -> str | None:
    """Return a zone's state as `zoneadm list` shows it; None for an unknown zone."""
    if name == "global":
        return "running"
    zone = active(world).get(name)
    if zone is not None:
        return str(zone["state"])
    found = index.entry(world, name)
    return found.state if found is not None else None


def at_least(found: str | None, least: str) -> bool:
    """Tell whether a state is this one or a later one."""
    return found is not None and ORDER.index(found) >= ORDER.index(least)

"""zoneadm ready, boot and the stopping of zones, with the hooks of the bhyve brand."""

from __future__ import annotations

import os
import sys

from labhost.guests.kinds import REAL
from labhost.zones import bhyve, configurations, lifecycle, states, vnics
from labhost.zones.vnics import NetworkProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config

SHUTDOWN_LIMIT = 100  # seconds: stop timeout of svc:/system/zones
HALT_LIMIT = 1800  # seconds the brand's hook waits for bhyve
REAL_LIMIT = 100  # real seconds that a machine of its own is given at least where the books ask for more
FALL_AFTER = 5  # seconds until bhyve has found out what it cannot do


class BootFailed(Exception):
    """The zone is back in installed; the lines say why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def ready(world: World, name: str) -> int:
    """Bring an installed zone to ready: its snapshot, its links. Return its id. Raises BootFailed."""
    config = configurations.load(world, name)
    zoneid = lifecycle.begin(world, name)
    try:
        if configurations.give_debug_id(world, config):
            configurations.save(world, config)
        vnics.create_on_demand(world, config)
        config = configurations.load(world, name)
        vnics.snapshot(world, config)
        lent = vnics.lend(world, config)
        lifecycle.change(world, name, zoneid, links=lent)
    except NetworkProblem as problem:
        _back(world, name, zoneid, config)
        raise BootFailed(problem.lines) from None
    return zoneid


def _back(world: World, name: str, zoneid: int, config: Config) -> None:
    """Undo what was made ready."""
    zone = lifecycle.record(world, name)
    lent = list(zone["links"]) if zone is not None else []
    lifecycle.change(world, name, zoneid, links=[], volumes=[])
    lifecycle.clear(world, name, lent or [net.get("physical") for net in config.of("net")], None)
    with world.lock("zones"):
        state = world.read("zones")
        state.get("zones", {}).pop(name, None)
        world.write("zones", state)
    lifecycle.notice(world, name, lifecycle.BOOT_FAILED)


def boot(world: World, name: str) -> None:
    """Boot a zone that is installed or ready. Raises BootFailed."""
    lifecycle.notice(world, name, lifecycle.BOOTING)
    zone = lifecycle.record(world, name)
    zoneid = zone["zoneid"] if zone is not None else ready(world, name)
    config = configurations.load_snapshot(world, name)
    path = config.get("zonepath")
    try:
        made = bhyve.plan(world, config, path)
    except bhyve.HookError as problem:
        lifecycle.log(world, path, f"boot failed: {problem}")
        _back(world, name, zoneid, config)
        raise BootFailed([str(problem)]) from None
    root = world.host(f"{path}/root")
    for folder in ("etc", "tmp"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    configurations.remove(f"{root}/tmp/init.log")
    lifecycle.write(world, f"{path}/root/etc/bhyve.cfg", _cfg(made))
    from labhost.zones import cloudinit

    cloudinit.build(world, config, path)
    if config.attr("bootnext"):
        from labhost.zones.session import edit

        edit(world, name, "remove attr name=bootnext")
    lifecycle.log(world, path, f"booting, id {zoneid}")
    lifecycle.change(world, name, zoneid, volumes=made.volumes)
    from labhost.guests.process import Guest

    guest = Guest(world, name, zoneid)
    guest.root = f"{path}/root"
    guest.vnc = made.vnc
    guest.serial = made.serial
    if made.doom is not None:
        guest.doom = made.doom
        guest.doom_after = world.scaled(FALL_AFTER)
    guest.start()


def _cfg(made: bhyve.Plan) -> str:
    return "#\n# Generated from zone configuration\n#\n" + "\n".join(made.lines) + "\n"


def halt(world: World, name: str, *, notice: str = "") -> None:
    """Stop a ready or running zone: the guest is asked, and taken away when it does not go in half an hour."""
    zone = states.active(world).get(name)
    if zone is None:
        return
    zoneid = zone["zoneid"]
    if notice:
        lifecycle.notice(world, name, notice)
    if zone["state"] == "ready":
        lifecycle.change(world, name, zoneid, halting=True)
        lifecycle.ended(world, name, zoneid, lifecycle.ADMINISTRATIVE)
        return
    lifecycle.change(world, name, zoneid, halting=True)
    if not ask(world, name, zoneid, HALT_LIMIT):
        import _signal  # type: ignore[import-not-found]

        lifecycle.press(zone["pid"], _signal.SIGKILL)
        lifecycle.wait_ended(world, name, zoneid, 5.0)


def ask(world: World, name: str, zoneid: int, limit: float) -> bool:
    """Press the guest's power button and wait so many seconds for its end; False when it is still there."""
    import _signal

    zone = lifecycle.record(world, name)
    if zone is None or zone["zoneid"] != zoneid:
        return True
    sys.stdout.flush()
    sys.stderr.flush()
    lifecycle.press(zone["pid"], _signal.SIGTERM)
    seconds = world.scaled(limit)
    if zone.get("guest") in REAL and world.setting("time_scale") is None:
        # A machine of its own takes the time it takes, whatever the time of this world is like.
        seconds = max(seconds, min(limit, REAL_LIMIT))
    return lifecycle.wait_ended(world, name, zoneid, seconds)

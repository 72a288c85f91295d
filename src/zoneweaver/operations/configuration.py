"""Steps on a zone's configuration: made, changed and brought back, each compared with what was meant.

zonecfg is no transaction, so nothing is believed: after every run the configuration is read again, and the way back is
the difference between what is there now and what was there before.
"""

from __future__ import annotations

from zoneweaver.domain.errors import CommandFailed, Failed, Refused
from zoneweaver.domain.secret import masked
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zonecfg
from zoneweaver.operations.begun import begun
from zoneweaver.tasks.context import Context


async def make(ctx: Context, zone: str, config: ZoneConfig) -> None:
    """Ensure that the zone is configured as `config`. Raises Refused when another zone of that name is there."""
    command = zonecfg.create(zone, config)
    if zone in ctx.files.index():
        current = await read(ctx, zone)
        if current is not None:
            if not within(current, config) or _installed(ctx, zone):
                raise Refused(f"Zone {zone} already exists on the system", code="zone_exists")
            resumed = zonecfg.change(zone, current, config)
            if resumed is None:
                return
            command = resumed
    try:
        completed = await ctx.run(command)
    except CommandFailed as error:
        if zonecfg.refused_create(error.stderr):
            raise Refused(f"Zone {zone} already exists on the system", code="zone_exists") from error
        raise
    if zonecfg.refused_create(completed.stderr):
        raise Failed(
            f"Zone {zone} appeared on the system while it was being created, and zonecfg edited it: compare "
            f"`zonecfg -z {zone} export` with what it should be",
            code="zone_appeared",
        )
    with begun():
        await expect(ctx, zone, config)


async def unmake(ctx: Context, zone: str, config: ZoneConfig) -> None:
    """Ensure that there is no configuration, if what is there is what we made or a part of it."""
    current = await read(ctx, zone)
    if current is None:
        return
    if not within(current, config):
        raise Failed(f"The configuration of zone {zone} is not the one that this task made; it was left alone")
    if _installed(ctx, zone):
        raise Failed(f"Zone {zone} is still installed; its configuration was left alone")
    await ctx.run(zonecfg.delete(zone))


async def change(ctx: Context, zone: str, before: ZoneConfig, after: ZoneConfig) -> None:
    """Ensure that the zone is configured as `after`. Raises Refused when it is no longer as it was before."""
    current = ctx.files.read(zone)
    if current is None or not current.same_as(before):
        current = await read(ctx, zone)
        if current is None:
            raise Refused(f"Zone {zone} has no configuration any more", code="zone_gone")
        ours = current.same_as(before) or current.same_as(after)
        if not ours and not (ctx.resumed and between(current, before, after)):
            raise Refused(f"The configuration of zone {zone} was changed by somebody else meanwhile", code="changed")
    command = zonecfg.change(zone, current, after)
    if command is not None:
        await ctx.run(command)
        with begun():
            await expect(ctx, zone, after)


async def restore(ctx: Context, zone: str, before: ZoneConfig, after: ZoneConfig) -> None:
    """Ensure that the zone is configured as `before`, unless somebody else changed it in between."""
    current = await read(ctx, zone)
    if current is None:
        raise Failed(f"Zone {zone} has no configuration any more; it was left alone")
    if current.same_as(before, exactly=True):
        return
    if not between(current, before, after):
        raise Failed(f"The configuration of zone {zone} was changed by somebody else meanwhile; it was left alone")
    command = zonecfg.change(zone, current, before, exactly=True)
    if command is not None:
        await ctx.run(command)
        await expect(ctx, zone, before)


async def read(ctx: Context, zone: str) -> ZoneConfig | None:
    """Ask zonecfg for the configuration; None when there is no such zone.

    An export is sorted by kind; the order in which the host's file holds the resources is taken from the file.
    """
    try:
        config = await ctx.ask(zonecfg.export(zone))
    except CommandFailed as error:
        if zonecfg.unknown_zone(error.stderr):
            return None
        raise
    file = ctx.files.read(zone)
    return config if file is None else config.in_order_of(file)


async def expect(ctx: Context, zone: str, config: ZoneConfig) -> None:
    """Read the configuration again. Raises Failed naming the first thing that is not as it was meant."""
    current = await read(ctx, zone)
    if current is None:
        raise Failed(f"zonecfg reported success, but zone {zone} has no configuration", code="not_as_meant")
    if not current.same_as(config):
        raise Failed(
            f"zonecfg kept something else for zone {zone} than was meant: {first_difference(current, config)}",
            code="not_as_meant",
        )


def first_difference(current: ZoneConfig, meant: ZoneConfig) -> str:
    """Say in words where two configurations part, secrets masked."""
    for name, value in meant.globals:
        if current.setting(name) != value and not (name == "autoboot" and not current.autoboot and value == "false"):
            return f"{name} is {current.setting(name)!r} instead of {value!r}"
    for kind in ResourceKind:
        there, wanted = current.of(kind), meant.of(kind)
        for item in wanted:
            if not any(_same(item, other) for other in there):
                return f"{kind.value} {item.key} is missing or different: {masked(dict(item.props))}"
        for item in there:
            if not any(_same(item, other) for other in wanted):
                return f"{kind.value} {item.key} is there but was not meant"
        if len(there) != len(wanted):
            return f"{len(there)} {kind.value} resources instead of {len(wanted)}"
    return "the order of its resources"


def within(current: ZoneConfig, config: ZoneConfig) -> bool:
    """Say whether a configuration holds nothing but what `config` holds, under the same zonepath."""
    settings = all(not value or config.setting(name) in {"", value} for name, value in current.globals)
    return (
        settings
        and current.zonepath in {"", config.zonepath}
        and all(any(_same(item, other) for other in config.of(item.kind)) for item in current.resources)
    )


def between(current: ZoneConfig, before: ZoneConfig, after: ZoneConfig) -> bool:
    """Say whether everything in a configuration is from before or from after, and nothing anybody else's.

    What both have may be missing: a change that was cut off may have removed it in order to say it anew.
    """
    settings = all(value in {before.setting(name), after.setting(name)} for name, value in current.globals)
    either = (*before.resources, *after.resources)
    known = all(any(_same(item, other) for other in either if other.kind is item.kind) for item in current.resources)
    return settings and known


def _installed(ctx: Context, zone: str) -> bool:
    """Say whether the zone holds more than a configuration, which `zonecfg delete` would leave behind."""
    entry = ctx.files.index().get(zone)
    return entry is not None and entry.state is not ZoneState.CONFIGURED


def _same(one: Resource, other: Resource) -> bool:
    return ZoneConfig(resources=(one,)).same_as(ZoneConfig(resources=(other,)))

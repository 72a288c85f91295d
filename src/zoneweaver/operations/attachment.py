"""A zone's card on the provisioning network: given before the boot, taken away when all is done.

The name of its link tells that it is ours, so nothing else has to be remembered; a card of any other name stays.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.requests import Nic
from zoneweaver.domain.zone import ResourceKind, ZoneConfig
from zoneweaver.host import zonecfg
from zoneweaver.host.command import Command
from zoneweaver.operations import cards, configuration, links
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


def link_of(zone: str) -> str:
    """Return the name of a zone's link on the provisioning network."""
    return f"provision_{zlib.crc32(zone.encode()):08x}_0"


def has_card(config: ZoneConfig | None, zone: str) -> bool:
    """Say whether a configuration has the card."""
    return config is not None and link_of(zone) in {net.key for net in config.of(ResourceKind.NET)}


def refuse_running(zone: str, *, configured: ZoneConfig | None, booted: ZoneConfig | None) -> None:
    """Raise Conflict for a zone that runs without the card: it would get it at its next boot only."""
    if not has_card(booted or configured, zone):
        raise Conflict(
            f"Zone {zone} runs without a card on the provisioning network: stop it, and it gets one before it boots",
            code="runs_unattached",
        )


async def decide(ctx: Context, over: str | None) -> dict[str, Any]:
    """Return what the step is to know that gives the card over a link; empty when there is nothing to do."""
    if over is None:
        return {}
    before = await configuration.read(ctx, ctx.zone)
    if before is None or has_card(before, ctx.zone):
        return {}
    nic = Nic(physical=link_of(ctx.zone), global_nic=over)
    await cards.refuse_unfit(ctx, ctx.zone, [nic], name="provisioning.network", force=False)
    return {"config": before.as_plain(), "over": over}


def attach(zone: str, decided: Mapping[str, Any]) -> Step[Context]:
    """Return the step that gives the card; undone by taking it away."""
    before, over = ZoneConfig.from_plain(decided["config"]), str(decided["over"])

    async def do(ctx: Context, _: Outputs) -> None:
        await _change(ctx, zone, over)

    async def undo(ctx: Context, _: Outputs) -> None:
        await _change(ctx, zone, None)

    return Step(
        name="attach",
        do=do,
        undo=undo,
        progress=5,
        status="attaching_card",
        planned=_planned(zone, before, _with(before, zone, over)),
        planned_undo=_planned(zone, _with(before, zone, over), before),
    )


def detach(zone: str, config: Mapping[str, Any]) -> Step[Context]:
    """Return the step that takes the card away again; a zone that runs keeps it until it stops."""
    before = ZoneConfig.from_plain(config)

    async def do(ctx: Context, _: Outputs) -> None:
        await _change(ctx, zone, None)

    return Step(
        name="detach",
        do=do,
        progress=97,
        status="detaching_card",
        planned=_planned(zone, before, _with(before, zone, None)),
    )


def _with(config: ZoneConfig, zone: str, over: str | None) -> ZoneConfig:
    """Return a configuration with the card over a link, or without it."""
    without = config.without(ResourceKind.NET, link_of(zone))
    return without if over is None else without.with_resource(Nic(physical=link_of(zone), global_nic=over).resource())


async def _change(ctx: Context, zone: str, over: str | None) -> None:
    """Ensure that the zone has the card or has it not; the rest of its configuration stays as it is now.

    A boot writes MAC addresses into it, so what was there before is not what has to be there afterwards.
    """
    current = await configuration.read(ctx, zone)
    if current is None or has_card(current, zone) == (over is not None):
        return
    after = _with(current, zone, over)
    if ctx.files.booted(zone) is not None:
        await links.note_unsettled(ctx, zone, after)
    await configuration.change(ctx, zone, current, after)


def _planned(zone: str, before: ZoneConfig, after: ZoneConfig) -> tuple[Command, ...]:
    command = zonecfg.change(zone, before, after)
    return () if command is None else (command,)

"""The VNICs that the bhyve brand would leak or wrongly delete, because it looks at the configuration of the moment.

At halt the brand deletes the VNICs of the nets that have a global-nic *then*. A net that was taken away from a running
zone leaves its VNIC behind; a net that was given a global-nic loses a VNIC that somebody else had made. Both are noted
when a running zone is changed, and settled when it has stopped (bhyve(7); the brand's post-halt hook).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.zone import ResourceKind, ZoneConfig
from zoneweaver.host import dladm
from zoneweaver.host.command import Command
from zoneweaver.operations import records
from zoneweaver.tasks.context import Context

Unsettled = dict[str, Any]
"""`leaked`: {link: global-nic}, to be deleted if still over it; `kept`: {link: {over, mac, vid}}, to be remade."""

ROUNDS: Final = 3
"""Looks at the links: a link is busy for a moment after its zone's end, and what was done is seen by looking again."""


def compare(booted: ZoneConfig, after: ZoneConfig) -> tuple[dict[str, str], list[str]]:
    """Return the on-demand VNICs that would be leaked, and the pre-made VNICs that would be deleted."""
    then, now = _on_demand(booted), _on_demand(after)
    wanted = {item.key for item in after.of(ResourceKind.NET)}
    leaked = {link: over for link, over in then.items() if link not in wanted}
    endangered = [item.key for item in booted.of(ResourceKind.NET) if item.key in now and item.key not in then]
    return leaked, endangered


def _on_demand(config: ZoneConfig) -> dict[str, str]:
    return {item.key: item.get("global-nic") or "" for item in config.of(ResourceKind.NET) if item.get("global-nic")}


async def note_unsettled(ctx: Context, zone: str, after: ZoneConfig) -> None:
    """Remember what must be settled once the running zone has stopped, given what it will be configured as."""
    booted = ctx.files.booted(zone)
    record = await records.recall(ctx, zone)
    if booted is None or record is None:
        return
    leaked, endangered = compare(booted, after)
    unsettled: Unsettled = {}
    if leaked:
        unsettled["leaked"] = leaked
    if endangered:
        there = {vnic.link: vnic for vnic in await ctx.ask(dladm.show_vnics())}
        unsettled["kept"] = {
            link: {"over": there[link].over, "mac": there[link].mac, "vid": there[link].vid}
            for link in endangered
            if link in there
        }
    if unsettled != record.unsettled:
        await records.note(ctx, zone, unsettled=unsettled)


async def unsettled(ctx: Context, zone: str) -> bool:
    """Say whether anything must be settled once the zone has stopped."""
    record = await records.recall(ctx, zone)
    return record is not None and bool(record.unsettled)


async def settle(ctx: Context, zone: str) -> None:
    """Delete what the brand leaked and remake what it deleted; the zone has stopped.

    What cannot be settled is told and stays noted, to be tried again before the zone boots or when it stops next.
    """
    record = await records.recall(ctx, zone)
    if record is None or not record.unsettled:
        return
    left: Unsettled = {}
    for number in range(ROUNDS):
        there = {vnic.link: vnic for vnic in await ctx.ask(dladm.show_vnics())}
        left = _left(record.unsettled, there, claimed=links_of(ctx.files.read_all(), but=zone))
        if number and not left:
            break
        for link in left.get("leaked", {}):
            await _try(ctx, dladm.delete_vnic(link), f"the VNIC {link} is left behind")
        for link, made in left.get("kept", {}).items():
            remake = dladm.create_vnic(link, over=made["over"], mac=made["mac"], vid=made["vid"])
            await _try(ctx, remake, f"the VNIC {link}, which is not the zone's, went with it")
    await records.note(ctx, zone, unsettled=left)


def links_of(configs: Mapping[str, ZoneConfig], *, but: str) -> dict[str, str]:
    """Return the links that the zones other than `but` are configured with, each with its zone."""
    return {item.key: zone for zone, config in configs.items() if zone != but for item in config.of(ResourceKind.NET)}


def _left(unsettled: Mapping[str, Any], there: Mapping[str, dladm.Vnic], *, claimed: Container[str] = ()) -> Unsettled:
    """Return what of it is still to be done; a link that another zone has been given meanwhile is that zone's."""
    leaked = {
        link: over
        for link, over in unsettled.get("leaked", {}).items()
        if link in there and link not in claimed and not there[link].zone and over in {there[link].over, "auto"}
    }
    kept = {link: made for link, made in unsettled.get("kept", {}).items() if link not in there}
    return {kind: links for kind, links in (("leaked", leaked), ("kept", kept)) if links}


async def _try(ctx: Context, command: Command, otherwise: str) -> None:
    try:
        await ctx.run(command)
    except CommandFailed as error:
        await ctx.say(f"warning: {otherwise}: {error.message}\n")

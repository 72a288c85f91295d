"""Steps on data links: made when not there, deleted when they are what was meant, each the way back of the other.

A VNIC carries its task in its MAC address (`domain.datalinks.own_mac`); the other kinds have no place for a mark, so
what proves them is that they were not there when the task looked, and are now as it wanted them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from zoneweaver.domain.datalinks import Datalink
from zoneweaver.domain.errors import CommandFailed, Failed, Refused
from zoneweaver.domain.network import Link, LinkClass
from zoneweaver.host import dladm, dladm_kinds
from zoneweaver.host.command import Command
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import NoWayBack, Outputs, Step

PROGRESS: Final = 40


async def links(ctx: Context, *kinds: LinkClass) -> tuple[Link, ...]:
    """Ask the host for every link, with all that is told about links of these kinds; without any, about all.

    A card and a VNIC tell all; a VLAN and an aggregation have the addresses of the cards, which are told then.
    """

    def about(*those: LinkClass) -> bool:
        return not kinds or any(kind in those for kind in kinds)

    return dladm_kinds.joined(
        await ctx.ask(dladm.show_links()),
        vnics=await ctx.ask(dladm.show_vnics()) if about(LinkClass.VNIC) else (),
        phys=await ctx.ask(dladm_kinds.show_phys()) if about(LinkClass.PHYS) else (),
        macs=await ctx.ask(dladm_kinds.show_macs()) if about(LinkClass.PHYS, LinkClass.VLAN, LinkClass.AGGR) else {},
        vlans=await ctx.ask(dladm_kinds.show_vlans()) if about(LinkClass.VLAN) else (),
    )


async def find(ctx: Context, kind: LinkClass, name: str) -> Datalink | None:
    """Ask the host for one link; None when there is none of this kind and name.

    One of this name and another kind is described as far as any link is.
    """
    if kind is LinkClass.VNIC:
        vnic = await ctx.ask(dladm.find_vnic(name))
        if vnic is not None:
            return Datalink(kind=kind, name=name, over=(vnic.over,), vid=vnic.vid, mac=vnic.mac)
    if kind is LinkClass.BRIDGE:
        return await _bridge(ctx, name)
    link = await ctx.ask(dladm.find_link(name))
    if link is None:
        return None
    if link.kind is LinkClass.VLAN:
        vid = next((vlan.vid for vlan in await ctx.ask(dladm_kinds.show_vlans()) if vlan.link == name), 0)
        return Datalink(kind=link.kind, name=name, over=link.over, vid=vid)
    if link.kind is LinkClass.AGGR:
        for item in await ctx.ask(dladm_kinds.show_aggregations()):
            if item.link == name:
                return Datalink(
                    kind=link.kind,
                    name=name,
                    over=link.over,
                    policy=item.policy,
                    lacp=item.lacp,
                    timer=item.timer,
                )
    return Datalink(kind=link.kind, name=name, over=link.over)


async def _bridge(ctx: Context, name: str) -> Datalink | None:
    found = next((item for item in await ctx.ask(dladm_kinds.show_bridges()) if item.bridge == name), None)
    if found is None:
        return None
    members = await ctx.ask(dladm_kinds.show_bridge_links(name))
    return Datalink(
        kind=LinkClass.BRIDGE,
        name=name,
        over=tuple(members),
        protection=found.protection,
        priority=found.priority,
    )


def creating(wanted: Datalink) -> Command:
    """Return the command that makes the link."""
    match wanted.kind:
        case LinkClass.ETHERSTUB:
            return dladm.create_etherstub(wanted.name)
        case LinkClass.VNIC:
            return dladm.create_vnic(wanted.name, over=wanted.over[0], mac=wanted.mac, vid=wanted.vid)
        case LinkClass.VLAN:
            return dladm_kinds.create_vlan(wanted.name, over=wanted.over[0], vid=wanted.vid, force=wanted.force)
        case LinkClass.AGGR:
            facts = {"policy": wanted.policy, "lacp": wanted.lacp, "timer": wanted.timer}
            return dladm_kinds.create_aggregation(wanted.name, over=wanted.over, **facts)
        case LinkClass.BRIDGE:
            return dladm_kinds.create_bridge(
                wanted.name, members=wanted.over, protection=wanted.protection, priority=wanted.priority
            )
        case _:
            raise Refused(f"Links of kind {wanted.kind} are not made here", code="not_made_here")


def deleting(gone: Datalink) -> tuple[Command, ...]:
    """Return the commands that delete the link; the members of a bridge leave it first."""
    match gone.kind:
        case LinkClass.ETHERSTUB:
            return (dladm.delete_etherstub(gone.name),)
        case LinkClass.VNIC:
            return (dladm.delete_vnic(gone.name),)
        case LinkClass.VLAN:
            return (dladm_kinds.delete_vlan(gone.name),)
        case LinkClass.AGGR:
            return (dladm_kinds.delete_aggregation(gone.name),)
        case LinkClass.BRIDGE:
            leaving = (dladm_kinds.remove_from_bridge(gone.name, gone.over),) if gone.over else ()
            return (*leaving, dladm_kinds.delete_bridge(gone.name))
        case _:
            raise Refused(f"Links of kind {gone.kind} are not deleted here", code="not_made_here")


def make(wanted: Datalink) -> Step[Context]:
    """Make a link; the way back deletes it, if it is the one that was meant."""
    return Step(
        name=f"create {wanted.noun}",
        do=lambda ctx, _: _ensure(ctx, wanted),
        undo=lambda ctx, _: _ensure_not(ctx, wanted),
        progress=PROGRESS,
        status="creating_link",
        planned=(creating(wanted),),
        planned_undo=deleting(wanted),
    )


def unmake(gone: Datalink) -> Step[Context]:
    """Delete a link of ours that is as it was seen; the way back makes it again."""

    async def do(ctx: Context, _: Outputs) -> None:
        await _give_up(ctx, gone)

    async def undo(ctx: Context, _: Outputs) -> None:
        if not await _join(ctx, gone):
            await ctx.run(creating(gone))

    return Step(
        name=f"delete {gone.noun}",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="deleting_link",
        planned=deleting(gone),
        planned_undo=(creating(gone),),
    )


def delete(gone: Datalink) -> tuple[Step[Context], ...]:
    """Delete a link that is as it was seen, for good: what else was set for it could not be given back."""
    pivot: Step[Context] = Step(
        name=f"delete {gone.noun}",
        do=lambda ctx, _: _give_up(ctx, gone),
        undo=lambda ctx, _: _no_way_back(ctx, gone),
        progress=PROGRESS,
        status="deleting_link",
        planned=deleting(replace(gone, over=()) if gone.kind is LinkClass.BRIDGE else gone),
        pivot=True,
    )
    return (_part(gone), pivot) if gone.kind is LinkClass.BRIDGE and gone.over else (pivot,)


def _part(gone: Datalink) -> Step[Context]:
    """Take every link out of a bridge; the way back puts them in again."""

    async def do(ctx: Context, _: Outputs) -> None:
        found = await find(ctx, gone.kind, gone.name)
        if found is None or not found.over:
            return
        _refuse_changed(found, gone)
        await ctx.run(dladm_kinds.remove_from_bridge(gone.name, found.over))

    async def undo(ctx: Context, _: Outputs) -> None:
        await _join(ctx, gone)

    return Step(
        name=f"links of {gone.noun}",
        do=do,
        undo=undo,
        progress=PROGRESS // 2,
        status="deleting_link",
        planned=(dladm_kinds.remove_from_bridge(gone.name, gone.over),),
        planned_undo=(dladm_kinds.add_to_bridge(gone.name, gone.over),),
    )


async def _join(ctx: Context, gone: Datalink) -> bool:
    """Put the links back into a bridge that have left it; say whether there is the bridge."""
    found = await find(ctx, gone.kind, gone.name)
    missing = [] if found is None else [member for member in gone.over if member not in found.over]
    if missing and gone.kind is LinkClass.BRIDGE:
        await ctx.run(dladm_kinds.add_to_bridge(gone.name, missing))
    return found is not None


async def _give_up(ctx: Context, gone: Datalink) -> None:
    found = await find(ctx, gone.kind, gone.name)
    if found is None:
        return
    _refuse_changed(found, gone)
    await _delete(ctx, found)


async def _no_way_back(ctx: Context, gone: Datalink) -> None:
    if await find(ctx, gone.kind, gone.name) is None:
        raise NoWayBack(f"{gone.noun} is gone")


def _refuse_changed(found: Datalink, gone: Datalink) -> None:
    # The members of a bridge go before it, so that half of the work may be done.
    begun = gone.kind is LinkClass.BRIDGE and set(found.over) <= set(gone.over)
    if not begun and not found.same_as(gone):
        raise Refused(f"{found.difference(gone)}; it was left alone", code="changed")


async def _ensure(ctx: Context, wanted: Datalink) -> dict[str, Any]:
    found = await find(ctx, wanted.kind, wanted.name)
    if found is not None and not (ctx.resumed and found.same_as(wanted)):
        raise Refused(f"Link {wanted.name} exists already; it was left alone", code="link_exists")
    if found is None:
        try:
            await ctx.run(creating(wanted))
        except CommandFailed as error:
            if dladm.said_exists(error.stderr):
                raise Refused(f"Link {wanted.name} exists already; it was left alone", code="link_exists") from error
            raise
        found = await find(ctx, wanted.kind, wanted.name)
        why = "there is none" if found is None else found.difference(wanted)
        if why is not None:
            raise Failed(f"dladm reported success, but {wanted.noun} is not as meant: {why}", code="not_as_meant")
    return {"link": wanted.name}


async def _ensure_not(ctx: Context, wanted: Datalink) -> None:
    found = await find(ctx, wanted.kind, wanted.name)
    if found is None:
        return
    if found.same_as(wanted):
        await _delete(ctx, found)
    else:
        await ctx.say(f"{found.difference(wanted)}; it was left alone")


async def _delete(ctx: Context, found: Datalink) -> None:
    """Delete it; what was reported as failed may be done all the same, and the other way round."""
    for command in deleting(found):
        try:
            await ctx.run(command)
        except CommandFailed:
            if await find(ctx, found.kind, found.name) is not None:
                raise
    if await find(ctx, found.kind, found.name) is not None:
        raise Failed(f"dladm reported success, but {found.noun} is still there", code="not_as_meant")

"""What stands in the way of a link that shall be made or deleted, told before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from zoneweaver.domain.cards import cards_of
from zoneweaver.domain.datalinks import Datalink, own_mac
from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.network import Link, LinkClass, holders, mac_users, over
from zoneweaver.domain.zone import ResourceKind
from zoneweaver.host import ipadm
from zoneweaver.operations import datalinks
from zoneweaver.tasks.context import Context

PLACEHOLDER: Final = "<mac_address>"
"""Stands in a plan for the address that the task will give its VNIC."""

_ABOUT: Final = {
    LinkClass.ETHERSTUB: (LinkClass.ETHERSTUB,),
    LinkClass.VNIC: (LinkClass.VNIC, LinkClass.AGGR),
    LinkClass.VLAN: (LinkClass.VNIC, LinkClass.VLAN),
    LinkClass.BRIDGE: (LinkClass.VNIC,),
    LinkClass.AGGR: (LinkClass.VNIC,),
}
"""About which links of the host something must be known before a link of a kind is made."""


_CARRIERS: Final = {
    LinkClass.ETHERSTUB: frozenset[LinkClass](),
    LinkClass.VNIC: frozenset(kind for kind in LinkClass if kind.carries_vnics),
    LinkClass.VLAN: frozenset({LinkClass.PHYS, LinkClass.AGGR, LinkClass.ETHERSTUB}),
    LinkClass.BRIDGE: frozenset({LinkClass.PHYS, LinkClass.AGGR, LinkClass.ETHERSTUB, LinkClass.SIMNET}),
    LinkClass.AGGR: frozenset({LinkClass.PHYS}),
}
"""Over which kinds of links one of a kind can be."""


async def placed(ctx: Context, wanted: Datalink, *, there: Sequence[Link] | None = None) -> Datalink:
    """Return what will be made, a VNIC with its address. Raises Conflict and NotFound for what stands in the way.

    `there` are the links that there will be by then; those of the host, if not given.
    """
    there = await datalinks.links(ctx, *_ABOUT[wanted.kind]) if there is None else there
    by_name = {link.name: link for link in there}
    if wanted.link in by_name:
        kind = by_name[wanted.link].kind
        raise _conflict("name", f"link {wanted.link} exists already: it is of kind {kind}", code="link_exists")
    cards = [card for zone, config in ctx.files.read_all().items() for card in cards_of(zone, config)]
    for card in cards:
        if card.physical == wanted.link and card.global_nic is not None:
            text = f"zone {card.zone} makes a link {wanted.link} when it boots, and deletes it when it halts"
            raise _conflict("name", text, code="link_in_use")
    single = wanted.kind in {LinkClass.VNIC, LinkClass.VLAN}
    for number, below in enumerate(wanted.over):
        field = "link" if single else f"links[{number}]"
        _refuse_below(wanted, below, by_name.get(below), there, field=field)
    if wanted.kind is LinkClass.VLAN:
        for link in there:
            if link.kind is LinkClass.VLAN and link.over == wanted.over and link.vid == wanted.vid:
                text = f"VLAN {wanted.vid} of {wanted.over[0]} is {link.name} already"
                raise _conflict("vid", text, code="link_exists")
    if wanted.kind is LinkClass.AGGR:
        await _refuse_interfaces(ctx, wanted)
    if wanted.kind is not LinkClass.VNIC:
        return wanted
    if wanted.mac is None:
        taken = {*(link.mac or "" for link in there), *(card.mac or "" for card in cards)}
        return replace(wanted, mac=PLACEHOLDER if ctx.dry else own_mac(ctx.task_id, wanted.name, taken))
    users = [*mac_users(there, wanted.mac), *(f"zone {card.zone}" for card in cards if card.mac == wanted.mac)]
    if users:
        raise _conflict("mac_address", f"{wanted.mac} is that of {', '.join(users)}", code="mac_in_use")
    return wanted


def _refuse_below(wanted: Datalink, name: str, below: Link | None, there: Sequence[Link], *, field: str) -> None:
    if below is None:
        raise NotFound(f"{field}: link {name} does not exist", code="no_such_link", details={"field": field})
    if below.zone is not None:
        raise _conflict(field, f"{name} is lent to zone {below.zone}", code="link_busy")
    if below.kind not in _CARRIERS[wanted.kind]:
        text = f"{name} is of kind {below.kind}, which no {wanted.kind} can be over"
        raise _conflict(field, text, code="wrong_kind")
    if wanted.kind is LinkClass.AGGR:
        busy = holders(there, (), name)
        if busy:
            raise _conflict(field, f"{name} is used by {', '.join(busy)}", code="link_busy")
    joined = [link for link in over(there, name) if link.kind in {LinkClass.AGGR, LinkClass.BRIDGE}]
    if wanted.kind is LinkClass.BRIDGE and joined:
        raise _conflict(field, f"{name} is in {joined[0].kind} {joined[0].name}", code="link_busy")


async def _refuse_interfaces(ctx: Context, wanted: Datalink) -> None:
    plumbed = {interface.name for interface in await ctx.ask(ipadm.show_interfaces())}
    for number, name in enumerate(wanted.over):
        if name in plumbed:
            raise _conflict(f"links[{number}]", f"{name} is used by the interface {name}", code="link_busy")


async def users(ctx: Context, name: str, *, there: Sequence[Link]) -> tuple[str, ...]:
    """Say who uses a link: links over it, a running zone, the host's own interface, configurations of zones."""
    found = list(holders(there, await ctx.ask(ipadm.show_interfaces()), name))
    for zone, config in ctx.files.read_all().items():
        nets = config.of(ResourceKind.NET)
        if any(name in {net.key, net.get("global-nic")} for net in nets) and f"zone {zone}" not in found:
            found.append(f"zone {zone}")
    return tuple(found)


async def refuse_used(
    ctx: Context, gone: Datalink, *, there: Sequence[Link] | None = None, but: Sequence[str] = (), members: bool = False
) -> None:
    """Raise Conflict naming who uses a link that shall be deleted, those in `but` aside.

    With `members` a bridge is used by the links in it.
    """
    if there is None:
        there = await datalinks.links(ctx, gone.kind if gone.kind is LinkClass.VNIC else LinkClass.ETHERSTUB)
    busy = [user for user in await users(ctx, gone.link, there=there) if user not in but]
    if members and gone.kind is LinkClass.BRIDGE:
        busy += [f"link {member}" for member in gone.over]
    if busy:
        raise Conflict(f"{gone.noun} is used by {', '.join(busy)}", code="link_busy", details={"used_by": busy})


def _conflict(field: str, text: str, *, code: str) -> Conflict:
    return Conflict(f"{field}: {text}", code=code, details={"field": field})

"""The network cards that are asked for a zone, against what the host has at the moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from zoneweaver.domain import cards
from zoneweaver.domain.cards import Network
from zoneweaver.domain.requests import Nic
from zoneweaver.host import dladm, dladm_kinds, ipadm
from zoneweaver.tasks.context import Context


async def refuse_unfit(
    ctx: Context, zone: str, nics: Sequence[Nic], *, name: str, force: bool, leaving: Collection[str] = ()
) -> None:
    """Raise what keeps a card from being given to a zone (domain.cards); asks the host only for what matters.

    `leaving` are the cards that the zone gives up at the same time.
    """
    if not nics:
        return
    links: dict[str, dladm.Link] = {}
    macs: dict[str, str] = {}
    addresses: dict[str, str] = {}
    if any(nic.global_nic not in {None, "auto"} for nic in nics):
        links = {link.link: link for link in await ctx.ask(dladm.show_links())}
    if not force and any(nic.mac_addr for nic in nics):
        macs = {mac: link for link, mac in (await ctx.ask(dladm_kinds.show_macs())).items()}
        # What the zone's own links have at the moment is in its configuration too, or was.
        macs |= {vnic.mac: vnic.link for vnic in await ctx.ask(dladm.show_vnics()) if vnic.zone != zone}
    if not force and any(nic.allowed_address for nic in nics):
        found = await ctx.ask(ipadm.show_addresses())
        addresses = {item.address.partition("/")[0]: item.name for item in found if item.address is not None}
    others = [
        card
        for other, config in ctx.files.read_all().items()
        for card in cards.cards_of(other, config)
        if other != zone or card.physical not in leaving
    ]
    there = Network(
        links={name: link.kind for name, link in links.items()},
        below={name: link.over for name, link in links.items()},
        macs=macs,
        addresses=addresses,
        cards=others,
    )
    cards.refuse_unfit(nics, there, name=name, force=force, zone=zone)

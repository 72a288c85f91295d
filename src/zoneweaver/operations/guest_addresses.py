"""Where a guest is that nobody gave an address: what the host's DHCP server keeps or has lent for its cards."""

from __future__ import annotations

from datetime import UTC, datetime

from zoneweaver.domain.cards import cards_of
from zoneweaver.host import dladm
from zoneweaver.operations import dhcp
from zoneweaver.tasks.context import Context


async def found(ctx: Context, zone: str, *, card: str | None = None) -> str | None:
    """Return the address reserved for one of a zone's cards, otherwise the newest lease; None when there is neither.

    `card` is the only one that counts, by its VNIC. Raises BrokenFile.
    """
    macs = await _macs(ctx, zone, card)
    served = dhcp.read(ctx)
    ours = [(str(kept.mac), kept.ip) for kept in served.config.reservations]
    reserved = [*ours, *((kept.mac, kept.ip) for kept in served.foreign.hosts if kept.ip is not None)]
    for mac, address in reserved:
        if mac in macs:
            return str(address)
    now = datetime.now(UTC)
    held = [lease for lease in dhcp.leases(ctx) if lease.mac in macs and lease.holds(now)]
    return str(max(held, key=lambda lease: lease.starts or now).ip) if held else None


async def is_served(ctx: Context, zone: str) -> bool:
    """Say whether a card of the zone is on a link where our DHCP server gives addresses: it may get one yet."""
    served = dhcp.read(ctx)
    if not served.config.subnets:
        return False
    config = ctx.files.read(zone) if zone in ctx.files.index() else None
    if config is None:
        return False
    over = {vnic.link: vnic.over for vnic in await ctx.ask(dladm.show_vnics())}
    listening = await dhcp.listening(ctx) or tuple(over)
    links = {*listening, *(over[link] for link in listening if link in over)}
    return any((card.global_nic or over.get(card.physical)) in links for card in cards_of(zone, config))


async def _macs(ctx: Context, zone: str, card: str | None) -> set[str]:
    config = ctx.files.read(zone) if zone in ctx.files.index() else None
    cards = () if config is None else cards_of(zone, config)
    names = {each.physical for each in cards}
    vnics = await ctx.ask(dladm.show_vnics())
    known = [(vnic.link, vnic.mac) for vnic in vnics if vnic.zone == zone or vnic.link in names]
    known += [(each.physical, each.mac) for each in cards if each.mac is not None]
    return {mac for link, mac in known if card in {None, link}}

"""Whether network cards that are asked for a zone fit what exists: links, MAC addresses and allowed addresses.

Offers `Network`, which is what exists, `Card`, which is one of another zone's, and `refuse_unfit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zoneweaver.domain.errors import Conflict, Invalid, NotFound
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.network import LinkClass
from zoneweaver.domain.requests import Nic
from zoneweaver.domain.zone import ResourceKind, ZoneConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A card that some zone is configured with; the address is without its prefix."""

    zone: str
    physical: str
    global_nic: str | None = None
    vlan_id: str | None = None
    mac: str | None = None
    address: str | None = None

    @property
    def segment(self) -> tuple[str | None, str | None]:
        """The wire that the card is on, as far as the configuration tells."""
        return self.global_nic, self.vlan_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """What exists: links by name, MAC addresses by the link that has them, the host's addresses, others' cards.

    `below` are the links that links are over.
    """

    links: Mapping[str, LinkClass] = field(default_factory=dict)
    below: Mapping[str, Sequence[str]] = field(default_factory=dict)
    macs: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    cards: Sequence[Card] = ()


def cards_of(zone: str, config: ZoneConfig) -> tuple[Card, ...]:
    """Return the cards of a configuration."""
    found = []
    for net in config.of(ResourceKind.NET):
        address = net.get("allowed-address")
        found.append(
            Card(
                zone=zone,
                physical=net.key,
                global_nic=net.get("global-nic"),
                vlan_id=net.get("vlan-id"),
                mac=_mac(net.get("mac-addr")),
                address=address.partition("/")[0] if address else None,
            )
        )
    return tuple(found)


def refuse_unfit(nics: Sequence[Nic], there: Network, *, name: str, force: bool, zone: str | None = None) -> None:
    """Raise NotFound for a global_nic that the host has not, and Invalid for one that carries no VNICs.

    Raise Conflict for a link that one zone would take from another. Unless forced, raise Conflict for a VNIC that is
    over another link than global_nic, for a MAC address that another card or link has, and for an address that the
    host has or that another card of the same wire is allowed. `name` is the request's list, whose field is named in
    `details`; `zone` is whose cards they shall be.
    """
    for number, nic in enumerate(nics):
        place = f"{name}[{number}]"
        _refuse_link(nic, there.links, place)
        _refuse_shared(nic, [card for card in there.cards if card.zone != zone], place)
        if force:
            continue
        _refuse_other(nic, there, place)
        earlier = [_card(other) for other in nics[:number]]
        _refuse_mac(nic, there, [*there.cards, *earlier], place)
        _refuse_address(nic, there, [*there.cards, *earlier], place)


def _refuse_link(nic: Nic, links: Mapping[str, LinkClass], place: str) -> None:
    link = nic.global_nic
    if link is None or link == "auto":
        return
    where = f"{place}.global_nic"
    if link not in links:
        raise NotFound(f"{where}: the host has no link {link}", code="no_such_link", details={"field": where})
    if not links[link].carries_vnics:
        raise Invalid(f"{where}: {link} is of class {links[link]}, over which no VNIC can be made", field=where)


def _refuse_shared(nic: Nic, cards: Iterable[Card], place: str) -> None:
    """Refuse a link that is made on demand for one zone, and was made before for another.

    The brand takes the link as it is at boot, and deletes it at halt, though it is not that zone's (bhyve(7)).
    """
    for card in cards:
        if card.physical == nic.physical and (card.global_nic is None) != (nic.global_nic is None):
            who = f"zone {card.zone}" if nic.global_nic is None else "this zone"
            raise Conflict(
                f"{place}.physical: {nic.physical} is in use by {_named(card)}, and would be deleted when {who} halts: "
                "give global_nic for both or for none, or name another",
                code="link_in_use",
                details={"field": f"{place}.physical", "holder": _named(card)},
            )


def _refuse_other(nic: Nic, there: Network, place: str) -> None:
    """Refuse a link that is there and would be taken as it is, although it is another one than was asked for."""
    if nic.global_nic is None or nic.physical not in there.links:
        return
    kind, below = there.links[nic.physical], there.below.get(nic.physical, ())
    if kind is LinkClass.VNIC and (nic.global_nic == "auto" or nic.global_nic in below):
        return
    what = f"is over {', '.join(below)}" if kind is LinkClass.VNIC else f"is of class {kind}"
    raise Conflict(
        f"{place}.physical: {nic.physical} exists and {what}: leave global_nic out, or name another",
        code="link_exists",
        details={"field": f"{place}.physical", "holder": f"link {nic.physical}"},
    )


def _refuse_mac(nic: Nic, there: Network, cards: Iterable[Card], place: str) -> None:
    if nic.mac_addr is None:
        return
    holder = next((_named(card) for card in cards if card.mac == nic.mac_addr), None)
    if holder is None and nic.mac_addr in there.macs and there.macs[nic.mac_addr] != nic.physical:
        holder = f"link {there.macs[nic.mac_addr]}"
    if holder is not None:
        raise _taken(f"{place}.mac_addr", nic.mac_addr, holder, code="mac_in_use")


def _refuse_address(nic: Nic, there: Network, cards: Iterable[Card], place: str) -> None:
    if nic.allowed_address is None:
        return
    mine = _card(nic)
    address = str(mine.address)
    holder = next((_named(card) for card in cards if (card.segment, card.address) == (mine.segment, address)), None)
    if holder is None and address in there.addresses:
        holder = f"the host, as {there.addresses[address]}"
    if holder is not None:
        raise _taken(f"{place}.allowed_address", address, holder, code="address_in_use")


def _taken(where: str, value: str, holder: str, *, code: str) -> Conflict:
    return Conflict(f"{where}: {value} is in use by {holder}", code=code, details={"field": where, "holder": holder})


def _card(nic: Nic) -> Card:
    return Card(
        zone="",
        physical=nic.physical,
        global_nic=nic.global_nic,
        vlan_id=None if nic.vlan_id is None else str(nic.vlan_id),
        mac=nic.mac_addr,
        address=nic.allowed_address.partition("/")[0] if nic.allowed_address else None,
    )


def _named(card: Card) -> str:
    return f"card {card.physical} of zone {card.zone}" if card.zone else f"card {card.physical} of the same request"


def _mac(text: str | None) -> str | None:
    """Read a MAC address of a configuration, which others may have written as they like."""
    try:
        return None if text is None else MacAddress.parse(text)
    except Invalid:
        return None

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
    """What exists: links by name, MAC addresses by the link that has them, the host's addresses, others' cards."""

    links: Mapping[str, LinkClass] = field(default_factory=dict)
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


def refuse_unfit(nics: Sequence[Nic], there: Network, *, name: str, force: bool) -> None:
    """Raise NotFound for a global_nic that the host has not, and Invalid for one that carries no VNICs.

    Unless forced, raise Conflict for a MAC address that another card or link has, and for an address that the host
    has or that another card of the same wire is allowed. `name` is the request's list; `details` name the field.
    """
    for number, nic in enumerate(nics):
        place = f"{name}[{number}]"
        _refuse_link(nic, there.links, place)
        if force:
            continue
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

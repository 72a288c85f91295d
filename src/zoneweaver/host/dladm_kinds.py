"""dladm(8): physical cards, VLANs, aggregations and bridges.

Offers `show_phys`, `show_macs`, `show_vlans`, `show_aggregations`, `show_bridges`, `show_bridge_links`;
`create_` and `delete_` of vlan, aggregation and bridge, `add_to_bridge`, `remove_from_bridge`; and `joined`, which
makes one list of `domain.network.Link` from what the commands say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain import network
from zoneweaver.domain.errors import Invalid, Unparseable
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.network import LinkClass
from zoneweaver.host.command import Command, Completed, Query
from zoneweaver.host.dladm import Link, Vnic, change
from zoneweaver.host.parsable import rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Phys:
    """A physical card; `speed` in Mb/s, `device` is the driver's instance."""

    link: str
    media: str
    state: str
    speed: int
    duplex: str
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Vlan:
    """A VLAN of a link."""

    link: str
    vid: int
    over: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregation:
    """Several cards as one link; `policy` says how packets are spread, `lacp` off, active or passive."""

    link: str
    policy: str
    lacp: str
    timer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bridge:
    """A bridge; its data link is its name with `0` behind it, and the members are what that link is over."""

    bridge: str
    protection: str
    priority: int

    @property
    def link(self) -> str:
        """The name of the bridge's data link."""
        return f"{self.bridge}0"


def show_phys() -> Query[tuple[Phys, ...]]:
    """Ask for every physical card. Raises Unparseable."""
    return Query(command=_show("show-phys", _PHYS), parse=_read_phys)


def show_macs() -> Query[dict[str, str]]:
    """Ask for the MAC address of every physical card, two digits a byte. Raises Unparseable."""
    command = Command(argv=("dladm", "show-phys", "-m", "-p", "-o", ",".join(_MACS)))
    return Query(command=command, parse=_read_macs)


def show_vlans() -> Query[tuple[Vlan, ...]]:
    """Ask for every VLAN. Raises Unparseable."""
    return Query(command=_show("show-vlan", _VLAN), parse=_read_vlans)


def show_aggregations() -> Query[tuple[Aggregation, ...]]:
    """Ask for every aggregation. Raises Unparseable."""
    return Query(command=_show("show-aggr", _AGGR), parse=_read_aggregations)


def show_bridges() -> Query[tuple[Bridge, ...]]:
    """Ask for every bridge. Raises Unparseable."""
    return Query(command=_show("show-bridge", _BRIDGE), parse=_read_bridges)


def show_bridge_links(bridge: str) -> Query[dict[str, str]]:
    """Ask for the members of a bridge and the state of each. Raises CommandFailed and Unparseable."""
    argv = ("dladm", "show-bridge", "-l", "-p", "-o", ",".join(_MEMBER), bridge)
    return Query(command=Command(argv=argv), parse=_read_members)


def create_vlan(link: str, *, over: str, vid: int, force: bool = False) -> Command:
    """Make a VLAN that stays over reboots; `force` also over a card whose driver cannot take larger frames."""
    return change("create-vlan", *(("-f",) if force else ()), "-l", over, "-v", str(vid), link)


def delete_vlan(link: str) -> Command:
    """Delete a VLAN that nothing uses."""
    return change("delete-vlan", link)


def create_aggregation(
    link: str, *, over: Sequence[str], policy: str = "L4", lacp: str = "off", timer: str = "short"
) -> Command:
    """Join cards into one link; `policy` is L2, L3, L4 or several of them joined by commas."""
    return change("create-aggr", "-P", policy, "-L", lacp, "-T", timer, *_listed(over), link)


def delete_aggregation(link: str) -> Command:
    """Take an aggregation that nothing uses apart."""
    return change("delete-aggr", link)


def create_bridge(
    bridge: str, *, members: Sequence[str] = (), protection: str = "stp", priority: int = 32768
) -> Command:
    """Make a bridge of these links; `protection` is stp or trill, `priority` a multiple of 4096 below 65536."""
    return change("create-bridge", "-P", protection, "-p", str(priority), *_listed(members), bridge)


def delete_bridge(bridge: str) -> Command:
    """Delete a bridge; no link may be left in it."""
    return change("delete-bridge", bridge)


def add_to_bridge(bridge: str, members: Sequence[str]) -> Command:
    """Put links into a bridge."""
    return change("add-bridge", *_listed(members), bridge)


def remove_from_bridge(bridge: str, members: Sequence[str]) -> Command:
    """Take links out of a bridge."""
    return change("remove-bridge", *_listed(members), bridge)


def joined(
    links: tuple[Link, ...],
    *,
    vnics: tuple[Vnic, ...] = (),
    phys: tuple[Phys, ...] = (),
    macs: dict[str, str] | None = None,
    vlans: tuple[Vlan, ...] = (),
) -> tuple[network.Link, ...]:
    """Return every link with what the commands about its kind say; the order is that of `links`."""
    cards = {item.link: item for item in vnics}
    speeds = {item.link: item.speed for item in phys}
    numbers = {item.link: item.vid for item in vlans}
    known = macs or {}
    member_of = {
        member: link.link.removesuffix("0") for link in links if link.kind is LinkClass.BRIDGE for member in link.over
    }
    found = []
    for link in links:
        card = cards.get(link.link)
        # A VLAN has the address of the link that it is over, an aggregation that of its first card.
        shares = link.over[0] if link.kind in {LinkClass.VLAN, LinkClass.AGGR} and link.over else link.link
        found.append(
            network.Link(
                name=link.link,
                kind=link.kind,
                over=link.over,
                mtu=link.mtu,
                state=link.state,
                mac=card.mac if card else known.get(shares),
                speed=speeds.get(link.link),
                vid=(card.vid or None) if card else numbers.get(link.link),
                zone=card.zone if card else None,
                bridge=member_of.get(link.link),
            )
        )
    return tuple(found)


_PHYS: Final = ("LINK", "MEDIA", "STATE", "SPEED", "DUPLEX", "DEVICE")
_MACS: Final = ("LINK", "ADDRESS")
_VLAN: Final = ("LINK", "VID", "OVER")
_AGGR: Final = ("LINK", "POLICY", "LACPACTIVITY", "LACPTIMER")
_BRIDGE: Final = ("BRIDGE", "PROTECT", "PRIORITY")
_MEMBER: Final = ("LINK", "STATE")


def _show(word: str, fields: Sequence[str]) -> Command:
    return Command(argv=("dladm", word, "-p", "-o", ",".join(fields)))


def _listed(links: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for link in links for word in ("-l", link))


def _read_phys(completed: Completed) -> tuple[Phys, ...]:
    return tuple(
        Phys(
            link=row["LINK"],
            media=row["MEDIA"],
            state=row["STATE"],
            speed=_number(completed, row["SPEED"] or "0"),
            duplex=row["DUPLEX"],
            device=row["DEVICE"],
        )
        for row in rows(completed, _PHYS)
    )


def _read_macs(completed: Completed) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows(completed, _MACS):
        try:
            # A card has one line for each of its addresses; the first is its own.
            found.setdefault(row["LINK"], MacAddress.parse(row["ADDRESS"]))
        except Invalid as error:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"{row['LINK']}: {error}") from error
    return found


def _read_vlans(completed: Completed) -> tuple[Vlan, ...]:
    return tuple(
        Vlan(link=row["LINK"], vid=_number(completed, row["VID"]), over=row["OVER"]) for row in rows(completed, _VLAN)
    )


def _read_aggregations(completed: Completed) -> tuple[Aggregation, ...]:
    return tuple(
        Aggregation(link=row["LINK"], policy=row["POLICY"], lacp=row["LACPACTIVITY"], timer=row["LACPTIMER"])
        for row in rows(completed, _AGGR)
    )


def _read_bridges(completed: Completed) -> tuple[Bridge, ...]:
    return tuple(
        Bridge(bridge=row["BRIDGE"], protection=row["PROTECT"], priority=_number(completed, row["PRIORITY"]))
        for row in rows(completed, _BRIDGE)
    )


def _read_members(completed: Completed) -> dict[str, str]:
    return {row["LINK"]: row["STATE"] for row in rows(completed, _MEMBER)}


def _number(completed: Completed, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"{text!r} is no number")
    return int(text)

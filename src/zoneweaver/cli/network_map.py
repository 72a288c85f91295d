"""`zoneweaver network map`: the host's network, gathered and drawn."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from zoneweaver.cli import terminal
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import UsageError
from zoneweaver.cli.network_drawing import NARROWEST, PLAIN, Node, draw
from zoneweaver.cli.terminal import harmless
from zoneweaver.client import Client, NotThere, Refusal, zone_path

WIDEST: Final = 100
"""Nobody reads lines that are longer, however wide the terminal is."""

_NEEDED: Final = ("interfaces", "addresses", "routes", "forwarding")
_WELCOME: Final = ("nat/rules", "dhcp/config", "dhcp/hosts", "dhcp/leases")
"""What the picture can do without, when a file of the host is broken."""

_KINDS: Final[Mapping[str, str]] = {"phys": "physical", "aggr": "aggregation", "vlan": "VLAN", "vnic": ""}
_RANKS: Final[Mapping[str, int]] = {"phys": 0, "aggr": 1, "bridge": 2, "vlan": 3, "etherstub": 4, "vnic": 6}
_OTHERS: Final = 5
_MISSING: Final = 7
_STANDARD_MTU: Final = 1500


def map_(*, width: int | None = None, agent: Connection = DEFAULTS) -> None:
    """Draw what hangs together: links, switches, and who sits on them.

    A bar is a card or a switch; below it are the links over it, with their zones and addresses. A broken line is a card
    of a zone that does not run, a double one a link that a bridge or an aggregation is made of. With --json: all that
    the picture is made of.

    Parameters
    ----------
    width
        How many columns it may take, at least 40 (the terminal's up to 100, otherwise 80).
    """
    if width is not None and width < NARROWEST:
        raise UsageError(f"--width must be at least {NARROWEST}: narrower than that nobody could read it")
    with agent.open() as client:
        found = gather(client)
    if agent.json:
        terminal.put(json.dumps(found, ensure_ascii=False))
        return
    lines = draw(nodes(found), width=width or min(terminal.width() or 80, WIDEST))
    if not lines:
        terminal.note("There are no links.")
        return
    terminal.say("\n".join(lines if _has_strokes() else (line.translate(PLAIN) for line in lines)))


def _has_strokes() -> bool:
    """Say whether stdout can show what the picture is drawn with."""
    try:
        "".join(map(chr, PLAIN)).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def gather(client: Client) -> dict[str, Any]:
    """Ask for all that the picture is made of, by the last words of the paths, and for the cards of each zone."""
    found: dict[str, Any] = {name: client.get(f"/network/{name}").body for name in _NEEDED}
    for name in _WELCOME:
        try:
            found[name] = client.get(f"/network/{name}").body
        except Refusal as refusal:
            terminal.note(f"The map is drawn without /network/{name}: {refusal.message}")
            found[name] = {}
    zones = []
    for zone in client.get("/zones").body.get("zones") or []:
        if zone.get("is_orphaned"):
            continue
        try:
            configuration = client.get(zone_path(str(zone.get("name")), "config")).body["configuration"]
        except NotThere:
            continue  # deleted since it was listed
        zones.append({"name": zone.get("name"), "status": zone.get("status"), "nics": configuration.get("nics") or []})
    return {**found, "zones": zones}


def nodes(found: Mapping[str, Any]) -> list[Node]:
    """Return what `gather` found as nodes of a picture."""
    links = [link for link in found["interfaces"].get("interfaces") or [] if link.get("name")]
    roles = _Roles(found)
    shown = [_link(link, roles) for link in links]
    there = {str(link["name"]) for link in links}
    shown += _cards(there, roles)
    # An IP interface that is no link has addresses all the same, such as that of an IPMP group.
    strangers = [name for name in roles.addresses if name not in there and name != "lo0"]
    shown += [
        Node(name=harmless(name), kind="IP interface", rank=_OTHERS, facts=tuple(roles.of(name))) for name in strangers
    ]
    return shown


class _Roles:
    """What is said of links elsewhere: addresses, routes, who forwards, who is hidden, and whose cards they are."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.addresses = _grouped(found["addresses"].get("addresses"), "interface", _address)
        self._default = found["routes"].get("default") or {}
        self._forwards = {
            row.get("interface")
            for row in found["forwarding"].get("interfaces") or []
            if (row.get("ipv4") or {}).get("current") == "on" or (row.get("ipv6") or {}).get("current") == "on"
        }
        active = [rule for rule in found["nat/rules"].get("rules") or [] if rule.get("active")]
        self._rules = _grouped(active, "bridge", _rule)
        self._served = set(found["dhcp/config"].get("listen_interfaces") or [])
        self._given: dict[str, list[tuple[str, str]]] = {}
        for word, rows in (
            ("reserved", found["dhcp/hosts"].get("hosts")),
            ("lease", [lease for lease in found["dhcp/leases"].get("leases") or [] if lease.get("active")]),
        ):
            for row in rows or []:
                if row.get("mac") and row.get("ip"):
                    self._given.setdefault(_mac(row["mac"]), []).append((str(row["ip"]), word))
        self.cards = [(zone, card) for zone in found["zones"] for card in zone["nics"] if card.get("physical")]

    def of(self, interface: str) -> list[str]:
        """Say what the host has on a link and does there."""
        said = list(self.addresses.get(interface, ()))
        if self._default.get("interface") == interface:
            said.append(f"default route to {harmless(str(self._default.get('gateway')))}")
        if interface in self._forwards:
            said.append("forwards")
        said += dict.fromkeys(self._rules.get(interface, ()))
        if interface in self._served:
            said.append("DHCP server")
        return said

    def guest(self, mac: str | None, card: Mapping[str, Any]) -> list[str]:
        """Say which addresses a zone's card has: what its configuration allows, what is reserved, what was leased."""
        allowed = card.get("allowed_address") or []
        said = [harmless(str(text)) for text in (allowed if isinstance(allowed, list) else str(allowed).split(","))]
        plain = {text.partition("/")[0] for text in said}
        for address, word in self._given.get(_mac(mac), ()) if mac else ():
            if address not in plain:
                plain.add(address)
                said.append(f"{harmless(address)} ({word})")
        return said

    def card(self, link: str, zone: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the zone and the card that a link belongs to by configuration; the running zone's before others."""
        mine = [pair for pair in self.cards if pair[1]["physical"] == link]
        return next((pair for pair in mine if pair[0]["name"] == zone), mine[0] if mine and zone is None else ({}, {}))


def _link(link: Mapping[str, Any], roles: _Roles) -> Node:
    name, kind = str(link["name"]), str(link.get("class"))
    holder = kind in {"aggr", "bridge"}
    below = tuple(harmless(str(other)) for other in link.get("over") or ())
    zone, card = roles.card(name, link.get("zone"))
    guest = link.get("zone") or zone.get("name")
    facts = [*roles.of(name), *(roles.guest(link.get("mac_address"), card) if guest else ())]
    vlan = link.get("vlan_id")
    what = _KINDS.get(kind, kind)
    if vlan and kind == "vlan":
        what = f"VLAN {vlan}"
    elif vlan:
        facts.insert(0, f"VLAN {vlan}")
    elif kind == "bridge":
        what = f"bridge {harmless(name.removesuffix('0'))}"  # as its own commands call it
    return Node(
        name=harmless(name),
        kind=what,
        rank=_RANKS.get(kind, _OTHERS),
        over=() if holder else below,
        holds=below if holder else (),
        owner=_owner(link, zone, hosted=name in roles.addresses),
        traits=(*_traits(link), *([harmless(str(zone.get("status")))] if zone and not link.get("zone") else [])),
        facts=tuple(facts),
    )


def _owner(link: Mapping[str, Any], zone: Mapping[str, Any], *, hosted: bool) -> str:
    if link.get("zone"):
        return _zone(link["zone"])
    if zone:
        return _zone(zone["name"])
    if link.get("class") != "vnic":
        return ""
    return "host" if hosted else "unused"


def _zone(name: Any) -> str:
    return f"zone {harmless(str(name))}"


def _traits(link: Mapping[str, Any]) -> tuple[str, ...]:
    """Say how a link is, as far as that is not a matter of course."""
    kind, state, mtu = link.get("class"), str(link.get("state")), link.get("mtu")
    said = [state] if state == "down" or (kind in {"phys", "aggr", "bridge"} and state != "unknown") else []
    if kind in {"phys", "aggr"}:
        said += [rate] if (rate := speed(link.get("speed"))) else []
        said += [f"MTU {mtu}"] if mtu not in {None, _STANDARD_MTU} else []
    return tuple(said)


def _cards(there: set[str], roles: _Roles) -> list[Node]:
    """Return the cards of zones that are no links at the moment, and what they shall be over that is missing."""
    shown, missing = [], {}
    for zone, card in roles.cards:
        name = harmless(str(card["physical"]))
        if card["physical"] in there:
            continue
        below = harmless(str(card.get("global_nic") or ""))
        if below and below not in there:
            missing[below] = Node(name=below, kind="not there", rank=_MISSING, there=False)
        facts = roles.guest(card.get("mac_addr"), card)
        if card.get("vlan_id"):
            facts.insert(0, f"VLAN {card['vlan_id']}")
        shown.append(
            Node(
                name=name,
                rank=_RANKS["vnic"],
                over=(below,) if below else (),
                owner=_zone(zone["name"]),
                traits=(harmless(str(zone.get("status"))),),
                facts=tuple(facts),
                there=False,
            )
        )
    return [*shown, *missing.values()]


def _grouped(rows: Iterable[Mapping[str, Any]] | None, by: str, write: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows or ():
        found.setdefault(str(row.get(by)), []).append(write(row))
    return found


def _address(row: Mapping[str, Any]) -> str:
    remarks = [] if row.get("type") in {"static", "addrconf"} else [str(row.get("type")).upper()]
    remarks += [] if row.get("state") == "ok" else [str(row.get("state"))]
    remarks += [] if row.get("persistent") else ["until the next boot"]
    text = f"{row.get('address') or 'no address'}"
    return harmless(f"{text} ({', '.join(remarks)})" if remarks else text)


def _rule(rule: Mapping[str, Any]) -> str:
    if rule.get("type") == "rdr":
        return harmless(f"port {rule.get('external_port')} to {rule.get('internal_ip')}:{rule.get('internal_port')}")
    return harmless(f"NAT for {rule.get('subnet')}")


def _mac(text: Any) -> str:
    """Return a MAC address with two digits in each part, so that `2:8:20:0:0:1` is known again."""
    return ":".join(part.zfill(2) for part in str(text).lower().split(":"))


def speed(megabits: Any) -> str | None:
    """Write a link's speed, which comes in Mb/s; None when it has none."""
    if not isinstance(megabits, int) or megabits <= 0:
        return None
    return f"{megabits / 1000:g} Gb/s" if megabits >= 1000 else f"{megabits} Mb/s"

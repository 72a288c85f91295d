"""Rules of address translation (ipnat(5)) as values: `MapRule`, `BimapRule` and `RedirectRule`.

`rule(body)` reads one from what a request says and names the field that is wrong; `as_json()` is its reverse. A rule's
`id` follows from what it says, so it is the same wherever and whenever the rule is read. `clash` finds the rule that
would be taken in place of a new one.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final, TypeVar

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import LinkName
from zoneweaver.domain.network import host_address, port


class NatKind(enum.StrEnum):
    """What a rule does: hide a subnet with or without ports, join two addresses, or send a port on."""

    PORTMAP = "portmap"
    MAP = "map"
    BIMAP = "bimap"
    RDR = "rdr"


class Protocol(enum.StrEnum):
    """Which packets a rule with ports is about."""

    TCP = "tcp"
    UDP = "udp"
    BOTH = "tcp/udp"

    def meets(self, other: Protocol) -> bool:
        """Say whether a packet can be of both."""
        return Protocol.BOTH in {self, other} or self is other


OWN_ADDRESS: Final = IPv4Network("0.0.0.0/32")
"""As a target: the address that the interface has at the moment, written 0/32."""

EVERYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, kw_only=True, slots=True)
class MapRule:
    """What comes from `source` leaves `interface` as `target`; with a protocol its ports are mapped too.

    `ports` is the first and last port to use, None to let the host choose.
    """

    interface: LinkName
    source: IPv4Network
    target: IPv4Network = OWN_ADDRESS
    protocol: Protocol | None = Protocol.BOTH
    ports: tuple[int, int] | None = None

    @property
    def kind(self) -> NatKind:
        """`portmap`, or `map` when ports are left alone."""
        return NatKind.MAP if self.protocol is None else NatKind.PORTMAP

    @property
    def id(self) -> str:
        """The rule's name: twelve hexadecimal digits."""
        return _digest(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return what `rule` reads."""
        body: dict[str, Any] = {"type": self.kind.value, "bridge": str(self.interface), **_nets(self)}
        if self.protocol is not None:
            body["protocol"] = self.protocol.value
        if self.ports is not None:
            body["ports"] = f"{self.ports[0]}:{self.ports[1]}"
        return body


@dataclass(frozen=True, kw_only=True, slots=True)
class BimapRule:
    """`source` and `target` stand for each other on `interface`, in both directions; both are of one size."""

    interface: LinkName
    source: IPv4Network
    target: IPv4Network

    @property
    def kind(self) -> NatKind:
        """Always `bimap`."""
        return NatKind.BIMAP

    @property
    def id(self) -> str:
        """The rule's name: twelve hexadecimal digits."""
        return _digest(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return what `rule` reads."""
        return {"type": self.kind.value, "bridge": str(self.interface), **_nets(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class RedirectRule:
    """What arrives at `interface` for a port of `external` is sent on to a port of `internal`."""

    interface: LinkName
    external: IPv4Network
    external_port: int
    internal: IPv4Address
    internal_port: int
    protocol: Protocol = Protocol.TCP

    @property
    def kind(self) -> NatKind:
        """Always `rdr`."""
        return NatKind.RDR

    @property
    def id(self) -> str:
        """The rule's name: twelve hexadecimal digits."""
        return _digest(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Return what `rule` reads."""
        return {
            "type": self.kind.value,
            "bridge": str(self.interface),
            "external_ip": short(self.external, single="/32" if self.external == OWN_ADDRESS else ""),
            "external_port": self.external_port,
            "internal_ip": str(self.internal),
            "internal_port": self.internal_port,
            "protocol": self.protocol.value,
        }


NatRule = MapRule | BimapRule | RedirectRule


def rule(body: Mapping[str, Any]) -> NatRule:
    """Read a rule: `type`, `bridge` (the interface), and what its type takes. Raises Invalid naming the field."""
    kind = _one_of(NatKind, body.get("type") or NatKind.PORTMAP, field="type")
    _refuse_unknown(kind, body)
    interface = LinkName.parse(body.get("bridge") or "", field="bridge")
    if kind is NatKind.RDR:
        return RedirectRule(
            interface=interface,
            external=_external(body.get("external_ip")),
            external_port=port(body.get("external_port"), field="external_port"),
            internal=host_address(body.get("internal_ip") or "", field="internal_ip"),
            internal_port=port(body.get("internal_port"), field="internal_port"),
            protocol=_one_of(Protocol, body.get("protocol") or Protocol.TCP, field="protocol"),
        )
    source = network(body.get("subnet"), field="subnet")
    if source.network_address.is_unspecified and source.prefixlen:
        raise Invalid("subnet must be a subnet behind the host, such as 10.190.190.0/24", field="subnet")
    if kind is NatKind.BIMAP:
        target = network(body.get("target"), field="target")
        if target != OWN_ADDRESS and target.prefixlen != source.prefixlen:
            raise Invalid(f"target must be as large as subnet: {target} and {source} are not", field="target")
        return BimapRule(interface=interface, source=source, target=target)
    target = OWN_ADDRESS if body.get("target") is None else network(body["target"], field="target")
    if kind is NatKind.MAP:
        return MapRule(interface=interface, source=source, target=target, protocol=None)
    protocol = _one_of(Protocol, body.get("protocol") or Protocol.BOTH, field="protocol")
    return MapRule(
        interface=interface, source=source, target=target, protocol=protocol, ports=_ports(body.get("ports"))
    )


def clash(rules: Iterable[NatRule], new: NatRule) -> NatRule | None:
    """Return the rule there is that would be taken in place of the new one, None when there is none.

    Two redirections of one port, and the same thing said twice; an equal rule is no clash but the rule itself.
    """
    for there in rules:
        if there == new or there.interface != new.interface:
            continue
        if isinstance(there, RedirectRule) and isinstance(new, RedirectRule):
            same_port = there.external_port == new.external_port and there.protocol.meets(new.protocol)
            if same_port and there.external.overlaps(new.external):
                return there
        elif isinstance(there, BimapRule) and isinstance(new, BimapRule):
            own = OWN_ADDRESS in {there.target, new.target}
            if there.source.overlaps(new.source) or (not own and there.target.overlaps(new.target)):
                return there
        elif (
            isinstance(there, MapRule)
            and isinstance(new, MapRule)
            and (there.source, there.protocol) == (new.source, new.protocol)
        ):
            return there
    return None


def network(text: object, *, field: str) -> IPv4Network:
    """Read a network as ipnat(5) writes it: `10/8`, `0/32`, `any`, a bare address as /32. Raises Invalid."""
    try:
        if not isinstance(text, str) or not text:
            raise ValueError(text)
        if text == "any":
            return EVERYWHERE
        address, slash, bits = text.partition("/")
        octets = address.split(".")
        if len(octets) > 4 or (slash and not (bits.isascii() and bits.isdigit())):
            raise ValueError
        whole = ".".join([*octets, *["0"] * (4 - len(octets))])
        return IPv4Network(f"{whole}/{bits if slash else 32}")
    except ValueError:
        raise Invalid(f"{field} is not a network such as 10.190.190.0/24: {str(text)[:80]!r}", field=field) from None


def short(net: IPv4Network, *, single: str = "/32") -> str:
    """Write a network as people do in rules: 0/32, 0/0, else in full; `single` ends a network of one address."""
    address = "0" if net.network_address.is_unspecified else str(net.network_address)
    return f"{address}{single}" if net.prefixlen == 32 else f"{address}/{net.prefixlen}"


_TAKES: Final[Mapping[NatKind, frozenset[str]]] = {
    NatKind.PORTMAP: frozenset({"subnet", "target", "protocol", "ports"}),
    NatKind.MAP: frozenset({"subnet", "target"}),
    NatKind.BIMAP: frozenset({"subnet", "target"}),
    NatKind.RDR: frozenset({"external_ip", "external_port", "internal_ip", "internal_port", "protocol"}),
}


def _refuse_unknown(kind: NatKind, body: Mapping[str, Any]) -> None:
    every = frozenset().union(*_TAKES.values())
    for name, value in body.items():
        if value is not None and name in every and name not in _TAKES[kind]:
            raise Invalid(f"{name} means nothing in a rule of type {kind}", field=name)


def _nets(which: MapRule | BimapRule) -> dict[str, str]:
    return {"subnet": short(which.source), "target": short(which.target)}


def _external(text: object) -> IPv4Network:
    if text is None or text == "":
        raise Invalid("external_ip is missing", field="external_ip")
    return network(text, field="external_ip")


def _ports(text: object) -> tuple[int, int] | None:
    if text is None or text == "auto":
        return None
    first, colon, last = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon or not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        raise Invalid(f"ports must be auto or FIRST:LAST: {str(text)[:80]!r}", field="ports")
    found = port(int(first), field="ports"), port(int(last), field="ports")
    if found[0] > found[1]:
        raise Invalid(f"ports must rise: {text}", field="ports")
    return found


E = TypeVar("E", bound=enum.StrEnum)


def _one_of(kind: type[E], text: object, *, field: str) -> E:
    try:
        return kind(str(text))
    except ValueError:
        names = ", ".join(item.value for item in kind)
        raise Invalid(f"{field} must be one of {names}, not {str(text)[:80]!r}", field=field) from None


def _digest(body: Mapping[str, Any]) -> str:
    text = " ".join(f"{name}={value}" for name, value in body.items())
    return hashlib.sha256(text.encode()).hexdigest()[:12]

"""Links, addresses and routes of the host, and what may be asked of them.

Offers `Link`, `Interface`, `Address`, `Route`, `Forwarding`; the names `BridgeName` and `AddressObject`; and the checks
`subnet`, `host_address`, `port`, `vlan_id`, `mtu` that name the field they refuse. `over`, `holders` and `mac_users`
say who sits on what.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Self

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import LinkName


class LinkClass(enum.StrEnum):
    """What a link is."""

    PHYS = "phys"
    VLAN = "vlan"
    AGGR = "aggr"
    VNIC = "vnic"
    ETHERSTUB = "etherstub"
    IPTUN = "iptun"
    SIMNET = "simnet"
    BRIDGE = "bridge"
    OVERLAY = "overlay"
    MISC = "misc"

    @property
    def carries_vnics(self) -> bool:
        """Whether a VNIC or a VLAN can be made over such a link; over a VLAN or a VNIC none can."""
        return self in {
            LinkClass.PHYS,
            LinkClass.AGGR,
            LinkClass.ETHERSTUB,
            LinkClass.SIMNET,
            LinkClass.OVERLAY,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A data link with all that the host tells of it.

    `over` names the links below (the members, for a bridge), `mtu` is in bytes, `speed` in Mb/s (None where the host
    tells none), `mac` has two digits a byte, `zone` is the running zone that the link is lent to, `bridge` the bridge
    that it is a member of.
    """

    name: str
    kind: LinkClass
    over: tuple[str, ...] = ()
    mtu: int
    state: str
    mac: str | None = None
    speed: int | None = None
    vid: int | None = None
    zone: str | None = None
    bridge: str | None = None


class AddressKind(enum.StrEnum):
    """How an address comes to an interface (ipadm(8), create-addr -T)."""

    STATIC = "static"
    DHCP = "dhcp"
    ADDRCONF = "addrconf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """An IP interface of the global zone; `state` is ok, down, disabled or failed."""

    name: str
    kind: str
    state: str
    persistent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """An address object; `address` is `ADDRESS/PREFIX`, None while a dynamic one has none."""

    name: str
    kind: str
    state: str
    address: str | None
    persistent: bool

    @property
    def interface(self) -> str:
        """The interface that the address is on."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route of the kernel's table; `interface` is None where the table tells none."""

    destination: str
    gateway: str
    flags: str
    interface: str | None

    @property
    def is_default(self) -> bool:
        """Whether everything without a better route goes this way."""
        return self.destination == "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forwarding:
    """Whether packets are forwarded, now and after a reboot."""

    now: bool
    persistent: bool


class BridgeName(str):
    """A bridge's name as dladm(8) takes it: 1 to 30 letters, digits and `_`, no digit at either end."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "name") -> Self:
        """Check the rule; `default` and names beginning with SUNW are the host's own. Raises Invalid naming `field`."""
        good = isinstance(text, str) and len(text) <= 30 and _BRIDGE.fullmatch(text)
        if not good or text == "default" or text.startswith("SUNW"):
            raise Invalid(
                f"{field} is not a bridge name (at most 30 letters, digits and _, beginning and ending without a "
                f"digit, such as lan): {_shown(text)}",
                field=field,
            )
        return cls(text)


class AddressObject(str):
    """The name of an address object: `INTERFACE/NAME`, such as `web0/v4`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "addrobj") -> Self:
        """Accept a link name, a slash, and a letter with letters, digits, `_` and `-` after it. Raises Invalid."""
        link, slash, name = text.partition("/") if isinstance(text, str) else ("", "", "")
        if not slash or len(text) > 63 or not _OBJECT.fullmatch(name):
            raise Invalid(f"{field} is not an address object such as web0/v4: {_shown(text)}", field=field)
        LinkName.parse(link, field=field)
        return cls(text)

    @property
    def interface(self) -> str:
        """The interface that the address is on."""
        return self.partition("/")[0]


def subnet(text: str, *, field: str = "subnet", narrowest: int = 30) -> IPv4Network:
    """Read `ADDRESS/PREFIX` as an IPv4 subnet without host bits, no narrower than asked. Raises Invalid."""
    try:
        if not isinstance(text, str) or "/" not in text:
            raise ValueError
        found = IPv4Network(text, strict=False)
        written = IPv4Address(text.partition("/")[0])
    except ValueError:
        raise Invalid(f"{field} is not a subnet such as 10.190.190.0/24: {_shown(text)}", field=field) from None
    if written != found.network_address:
        raise Invalid(f"{field} has host bits: {text} lies in {found}", field=field)
    if not 8 <= found.prefixlen <= narrowest:
        raise Invalid(f"{field} must have a prefix of 8 to {narrowest}, not {found.prefixlen}", field=field)
    if found.is_multicast or found.is_loopback or found.network_address.is_unspecified or found.is_reserved:
        raise Invalid(f"{field} holds no addresses of hosts: {found}", field=field)
    return found


def host_address(text: str, *, field: str, within: IPv4Network | None = None) -> IPv4Address:
    """Read the IPv4 address of a host, inside a subnet where one is given. Raises Invalid naming `field`."""
    try:
        found = IPv4Address(text if isinstance(text, str) else "")
    except ValueError:
        raise Invalid(f"{field} is not an IPv4 address: {_shown(text)}", field=field) from None
    if found.is_multicast or found.is_loopback or found.is_unspecified or found.is_reserved:
        raise Invalid(f"{field} is no address of a host: {found}", field=field)
    if within is not None:
        if found not in within:
            raise Invalid(f"{field} must be inside {within}: {found}", field=field)
        if within.prefixlen < 31 and found in {within.network_address, within.broadcast_address}:
            raise Invalid(f"{field} is the network's own or broadcast address in {within}: {found}", field=field)
    return found


def static_address(text: str, *, field: str = "address") -> str:
    """Return `ADDRESS/PREFIX` of a host, IPv4 or IPv6, in its usual spelling. Raises Invalid naming `field`."""
    try:
        if not isinstance(text, str) or "/" not in text or "%" in text:
            raise ValueError
        found = ipaddress.ip_interface(text)
    except ValueError:
        raise Invalid(
            f"{field} is not an address with a prefix such as 10.0.0.5/24: {_shown(text)}", field=field
        ) from None
    if isinstance(found, ipaddress.IPv4Interface):
        network = found.network
        if network.prefixlen == 0:
            raise Invalid(f"{field} must have a prefix of 1 to 32: {found}", field=field)
        host_address(str(found.ip), field=field, within=network)
    elif found.network.prefixlen == 0 or found.ip.is_multicast or found.ip.is_unspecified or found.ip.is_loopback:
        raise Invalid(f"{field} is no address of a host: {found}", field=field)
    return str(found)


def port(value: object, *, field: str) -> int:
    """Check a port, 1 to 65535. Raises Invalid naming `field`."""
    return _number(value, field=field, least=1, most=65535, what="a port")


def vlan_id(value: object, *, field: str = "vid") -> int:
    """Check a VLAN's number, 1 to 4094. Raises Invalid naming `field`."""
    return _number(value, field=field, least=1, most=4094, what="a VLAN's number")


def mtu(value: object, *, field: str = "mtu") -> int:
    """Check an MTU in bytes, 576 to 65535. Raises Invalid naming `field`."""
    return _number(value, field=field, least=576, most=65535, what="an MTU")


def over(links: Iterable[Link], name: str) -> tuple[Link, ...]:
    """Return the links that sit on this one: VNICs and VLANs over it, aggregations and bridges that it is in."""
    return tuple(link for link in links if name in link.over)


def holders(links: Iterable[Link], interfaces: Iterable[Interface], name: str) -> tuple[str, ...]:
    """Say who keeps a link from being deleted, each as people would name it; nobody: empty."""
    found = []
    for link in links:
        if name in link.over:
            found.append(f"{link.kind} {link.name}")
        if link.name == name and link.zone is not None:
            found.append(f"zone {link.zone}")
    found += [f"interface {interface.name}" for interface in interfaces if interface.name == name]
    return tuple(found)


def mac_users(links: Iterable[Link], mac: str) -> tuple[str, ...]:
    """Name the links that have this MAC address of their own (a VLAN shares that of the link below it)."""
    return tuple(link.name for link in links if link.mac == mac and link.kind is not LinkClass.VLAN)


_BRIDGE: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_]*[A-Za-z_])?", re.ASCII)
_OBJECT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


def _number(value: object, *, field: str, least: int, most: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(f"{field} must be {what} of {least} to {most}, not {_shown(value)}", field=field)
    return value


def _shown(value: object) -> str:
    return repr(str(value)[:80])

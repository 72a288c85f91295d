"""What the DHCP server gives to whom: `DhcpSubnet`, `Reservation`, `DhcpConfig` and `Lease`.

`DhcpSubnet.from_json` and `Reservation.from_json` check what a request says and name the field that is wrong.
`DhcpConfig.with_subnet`, `with_reservation`, `without_subnet`, `without_reservation` make another configuration and
refuse what does not go together; `Foreign` is what the server is told by others. `next_free` finds an address that
nobody has.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from zoneweaver.domain.errors import Conflict, Invalid, NotFound
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.network import host_address, subnet


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpSubnet:
    """A subnet that is served; addresses from `first` to `last` go to whoever asks."""

    network: IPv4Network
    router: IPv4Address
    first: IPv4Address
    last: IPv4Address
    dns: tuple[IPv4Address, ...] = ()
    authoritative: bool = False
    """Whether this server alone is to be believed: it says no to cards that ask for an address of elsewhere."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> DhcpSubnet:
        """Read `subnet`, `netmask` (or a prefix in `subnet`), `router`, `range_start`, `range_end`, `dns`.

        `authoritative` is optional too. Raises Invalid naming the field.
        """
        network = _network(body.get("subnet"), body.get("netmask"))
        router = host_address(body.get("router") or "", field="router", within=network)
        first = host_address(body.get("range_start") or "", field="range_start", within=network)
        last = host_address(body.get("range_end") or "", field="range_end", within=network)
        if last < first:
            raise Invalid(f"range_end must not come before range_start: {last} is below {first}", field="range_end")
        if first <= router <= last:
            raise Invalid(f"range_start to range_end must not hold the router {router}", field="range_start")
        alone = body.get("authoritative") or False
        if not isinstance(alone, bool):
            raise Invalid("authoritative must be true or false", field="authoritative")
        servers = _servers(body.get("dns"))
        return cls(network=network, router=router, first=first, last=last, dns=servers, authoritative=alone)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "subnet": str(self.network.network_address),
            "netmask": str(self.network.netmask),
            "router": str(self.router),
            "range_start": str(self.first),
            "range_end": str(self.last),
            "dns": [str(server) for server in self.dns],
            "authoritative": self.authoritative,
        }

    def gives(self, address: IPv4Address) -> bool:
        """Say whether the address is one of those given to whoever asks."""
        return self.first <= address <= self.last


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """An address that one card always gets."""

    hostname: str
    mac: MacAddress
    ip: IPv4Address

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Reservation:
        """Read `hostname`, `mac` and `ip`. Raises Invalid naming the field."""
        return cls(
            hostname=hostname(body.get("hostname")),
            mac=MacAddress.parse(body.get("mac") or "", field="mac"),
            ip=host_address(body.get("ip") or "", field="ip"),
        )

    def as_json(self) -> dict[str, str]:
        """Return what `from_json` reads."""
        return {"hostname": self.hostname, "mac": str(self.mac), "ip": str(self.ip)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A host that somebody else told the server about; what was not said is None."""

    hostname: str
    mac: str | None = None
    ip: IPv4Address | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """What the server is told by others: not ours to change, and in the way of what would contradict it."""

    networks: tuple[IPv4Network, ...] = ()
    hosts: tuple[Held, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpConfig:
    """Subnets and reservations, each in the order in which they came."""

    subnets: tuple[DhcpSubnet, ...] = ()
    reservations: tuple[Reservation, ...] = ()

    def serving(self, address: IPv4Address) -> DhcpSubnet | None:
        """Return the subnet that an address lies in."""
        return next((item for item in self.subnets if address in item.network), None)

    def reservation(self, name: str) -> Reservation | None:
        """Return the reservation of this host, upper and lower case alike."""
        return next((item for item in self.reservations if item.hostname.lower() == name.lower()), None)

    def with_subnet(
        self, new: DhcpSubnet, *, replacing: IPv4Network | None = None, foreign: Foreign | None = None
    ) -> DhcpConfig:
        """Serve a subnet too, in the place of the one it replaces (by default the one of the same network).

        Reservations stay as they are. Raises Conflict when it overlaps with another subnet, or when reservations of
        the replaced subnet would lie outside of the new one or on its router; all of them are named.
        """
        old = replacing or new.network
        others = [item for item in self.subnets if item.network != old]
        refuse_overlap([item.network for item in others] + list(foreign.networks if foreign else ()), new.network)
        gone = next((item for item in self.subnets if item.network == old), None)
        if gone is not None:
            outside = [item for item in self.reservations if item.ip in old and not _fits(new, item.ip)]
            if outside:
                raise _stranded(new, outside)
        refuse_router((item for item in self.reservations if item.ip in new.network), new)
        subnets = tuple(new if item.network == old else item for item in self.subnets)
        return replace(self, subnets=subnets if gone is not None else (*self.subnets, new))

    def without_subnet(self, network: IPv4Network) -> DhcpConfig:
        """Serve a subnet no more. Raises NotFound; Conflict when reservations lie in it, which are named."""
        if all(item.network != network for item in self.subnets):
            raise NotFound(f"No DHCP subnet {network}", details={"subnet": str(network)})
        inside = [item.hostname for item in self.reservations if item.ip in network]
        if inside:
            raise Conflict(
                f"DHCP subnet {network} has reservations: {', '.join(inside)}",
                code="in_use",
                details={"field": "subnet", "hosts": inside},
            )
        return replace(self, subnets=tuple(item for item in self.subnets if item.network != network))

    def with_reservation(self, new: Reservation, *, foreign: Foreign | None = None) -> DhcpConfig:
        """Reserve an address too. Raises Conflict and Invalid naming the field."""
        refuse_duplicate((*self.reservations, *(foreign.hosts if foreign else ())), new)
        networks = [item.network for item in self.subnets] + list(foreign.networks if foreign else ())
        if networks:
            around = next((network for network in networks if new.ip in network), None)
            if around is None:
                served = ", ".join(str(network) for network in networks)
                raise Invalid(f"ip must be inside a subnet that is served ({served}): {new.ip}", field="ip")
            host_address(str(new.ip), field="ip", within=around)
        ours = self.serving(new.ip)
        if ours is not None:
            refuse_router([new], ours)
        return replace(self, reservations=(*self.reservations, new))

    def without_reservation(self, name: str) -> DhcpConfig:
        """Take a reservation away. Raises NotFound."""
        gone = self.reservation(name)
        if gone is None:
            raise NotFound(f"No DHCP reservation for {name}", details={"hostname": name})
        return replace(self, reservations=tuple(item for item in self.reservations if item is not gone))


class LeaseState(enum.StrEnum):
    """Where a lease stands (dhcpd.leases(5))."""

    ACTIVE = "active"
    FREE = "free"
    EXPIRED = "expired"
    RELEASED = "released"
    ABANDONED = "abandoned"
    RESET = "reset"
    BACKUP = "backup"
    RESERVED = "reserved"
    BOOTP = "bootp"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """An address that was given to a card; `ends` None means never. Times are UTC."""

    ip: IPv4Address
    mac: str | None
    state: LeaseState
    starts: datetime | None
    ends: datetime | None
    hostname: str | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether somebody has the address at this time; an abandoned one is somebody's whom the server saw."""
        if self.state is LeaseState.ABANDONED:
            return True
        return self.state is LeaseState.ACTIVE and (self.ends is None or self.ends > now)


def hostname(text: object) -> str:
    """Check a host's name: labels of letters, digits, `-` and `_` joined by dots, at most 63. Raises Invalid."""
    if not isinstance(text, str) or len(text) > 63 or not _HOSTNAME.fullmatch(text):
        raise Invalid(f"hostname is not a name such as web01: {str(text or '')[:80]!r}", field="hostname")
    return text


def refuse_overlap(networks: Iterable[IPv4Network], new: IPv4Network, *, field: str = "subnet") -> None:
    """Raise Conflict when a subnet overlaps with one that is served; equal is overlapping."""
    for there in networks:
        if there.overlaps(new):
            raise Conflict(
                f"{field} {new} overlaps with {there}",
                code="overlapping_subnet",
                details={"field": field, "subnet": str(there)},
            )


def refuse_duplicate(there: Iterable[Reservation | Held], new: Reservation) -> None:
    """Raise Conflict when a name, a MAC address or an address is reserved; the field and the holder are named."""
    for item in there:
        for field, mine, theirs in (
            ("hostname", new.hostname.lower(), item.hostname.lower()),
            ("mac", new.mac, item.mac),
            ("ip", new.ip, item.ip),
        ):
            if mine == theirs:
                holder = "" if field == "hostname" else f" for {item.hostname}"
                raise Conflict(
                    f"{field} {getattr(new, field)} is reserved already{holder}",
                    code="reserved",
                    details={"field": field, "hostname": item.hostname},
                )


def refuse_router(reservations: Iterable[Reservation], around: DhcpSubnet) -> None:
    """Raise Conflict when the router's address is reserved for somebody."""
    for item in reservations:
        if item.ip == around.router:
            raise Conflict(
                f"ip {item.ip} of {item.hostname} is the router of {around.network}",
                code="reserved",
                details={"field": "ip", "hostname": item.hostname},
            )


def next_free(around: DhcpSubnet, taken: Iterable[IPv4Address]) -> IPv4Address | None:
    """Return the lowest address that nobody has, None when all are taken.

    Those that the server gives to whoever asks come last, so that a reservation takes none of them without need.
    `taken` are reservations, leases that hold, and addresses of the host.
    """
    gone = {*taken, around.router}
    for wanted in (False, True):
        # The range may be a whole /8, and all of it free: the first hit ends the walk; a taken one costs a look.
        start, end = (around.first, around.last) if wanted else (_first(around.network), _last(around.network))
        number = int(start)
        while number <= int(end):
            address = IPv4Address(number)
            if not wanted and around.gives(address):
                number = int(around.last) + 1
                continue
            if address not in gone:
                return address
            number += 1
    return None


_HOSTNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*", re.ASCII)
_MOST_SERVERS: Final = 8


def _network(text: object, netmask: object) -> IPv4Network:
    if not isinstance(text, str) or not text:
        raise Invalid("subnet is missing", field="subnet")
    if netmask is None:
        return subnet(text)
    try:
        bits = IPv4Network(f"0.0.0.0/{netmask}").prefixlen
        if "." not in str(netmask) or str(IPv4Network(f"0.0.0.0/{bits}").netmask) != netmask:
            raise ValueError
    except ValueError:
        raise Invalid(f"netmask is not one such as 255.255.255.0: {str(netmask)[:80]!r}", field="netmask") from None
    if "/" in text:
        found = subnet(text)
        if found.prefixlen != bits:
            raise Invalid(f"netmask {netmask} is not that of {found}", field="netmask")
        return found
    return subnet(f"{text}/{bits}")


def _servers(items: object) -> tuple[IPv4Address, ...]:
    if items is None:
        return ()
    if isinstance(items, str):
        items = [part.strip() for part in items.split(",")]
    if not isinstance(items, list | tuple) or len(items) > _MOST_SERVERS:
        raise Invalid(f"dns must be at most {_MOST_SERVERS} addresses", field="dns")
    return tuple(host_address(item, field="dns") for item in items)


def _fits(around: DhcpSubnet, address: IPv4Address) -> bool:
    edges = {around.network.network_address, around.network.broadcast_address}
    return address in around.network and address not in edges


def _stranded(new: DhcpSubnet, outside: list[Reservation]) -> Conflict:
    listed = ", ".join(f"{item.hostname} ({item.ip})" for item in outside)
    return Conflict(
        f"subnet {new.network} leaves reservations outside: {listed}",
        code="reservations_outside",
        details={"field": "subnet", "hosts": [item.hostname for item in outside]},
    )


def _first(network: IPv4Network) -> IPv4Address:
    return network.network_address + 1


def _last(network: IPv4Network) -> IPv4Address:
    return network.broadcast_address - 1

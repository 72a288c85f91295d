"""The network that guests are provisioned on: what it shall be, and how far a host has it.

Offers `Wanted` (read from settings and a request by `wanted`), and `Component`, one part as it is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from zoneweaver.domain.dhcp import DhcpSubnet
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import LinkName
from zoneweaver.domain.nat import MapRule
from zoneweaver.domain.network import host_address, subnet

FIELDS = (
    "etherstub_name",
    "host_vnic_name",
    "subnet",
    "host_ip",
    "dhcp_range_start",
    "dhcp_range_end",
    "uplink",
    "dns",
)
"""What a request may say; what it does not say is as the settings have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The network as it shall be: host and guests meet on the etherstub, and the host leads on to its uplink.

    `uplink` None is the interface of the default route; `dns` None is what the host itself asks.
    """

    etherstub: str
    vnic: str
    network: IPv4Network
    host: IPv4Address
    first: IPv4Address
    last: IPv4Address
    uplink: str | None = None
    dns: tuple[IPv4Address, ...] | None = None

    @property
    def address(self) -> str:
        """The host's address with its prefix."""
        return f"{self.host}/{self.network.prefixlen}"

    @property
    def addrobj(self) -> str:
        """The address object that holds it."""
        return f"{self.vnic}/v4"

    def rules(self, uplink: str) -> tuple[MapRule, MapRule]:
        """Return how guests get out: with ports of the host's, and what has none (ping) without."""
        out = LinkName.parse(uplink, field="uplink")
        return (
            MapRule(interface=out, source=self.network),
            MapRule(interface=out, source=self.network, protocol=None),
        )

    def served(self, dns: Sequence[IPv4Address]) -> DhcpSubnet:
        """Return what the DHCP server is told."""
        return DhcpSubnet(
            network=self.network, router=self.host, first=self.first, last=self.last, dns=tuple(dns), authoritative=True
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `wanted` reads."""
        return {
            "etherstub_name": self.etherstub,
            "host_vnic_name": self.vnic,
            "subnet": str(self.network),
            "host_ip": str(self.host),
            "dhcp_range_start": str(self.first),
            "dhcp_range_end": str(self.last),
            "uplink": self.uplink,
            "dns": None if self.dns is None else [str(server) for server in self.dns],
        }


def wanted(body: Mapping[str, Any]) -> Wanted:
    """Read the network. Raises Invalid naming the field."""
    stub = LinkName.parse(body.get("etherstub_name") or "", field="etherstub_name")
    vnic = LinkName.parse(body.get("host_vnic_name") or "", field="host_vnic_name")
    if stub == vnic:
        raise Invalid(f"host_vnic_name must be another name than that of the etherstub: {vnic}", field="host_vnic_name")
    network = subnet(body.get("subnet") or "", narrowest=29)
    host = host_address(body.get("host_ip") or "", field="host_ip", within=network)
    first = host_address(body.get("dhcp_range_start") or "", field="dhcp_range_start", within=network)
    last = host_address(body.get("dhcp_range_end") or "", field="dhcp_range_end", within=network)
    if last < first:
        text = f"dhcp_range_end must not come before dhcp_range_start: {last} is below {first}"
        raise Invalid(text, field="dhcp_range_end")
    if first <= host <= last:
        text = f"dhcp_range_start to dhcp_range_end must not hold the host's own address {host}"
        raise Invalid(text, field="dhcp_range_start")
    uplink, dns = body.get("uplink"), body.get("dns")
    if uplink is not None:
        LinkName.parse(uplink, field="uplink")
        if uplink in {stub, vnic}:
            raise Invalid(f"uplink must lead out of the network: {uplink} does not", field="uplink")
    servers = None if dns is None else tuple(host_address(server, field="dns") for server in dns)
    return Wanted(
        etherstub=stub, vnic=vnic, network=network, host=host, first=first, last=last, uplink=uplink, dns=servers
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What setups have made of it, and so what a teardown takes away; everything else was there before.

    As lines it is a file of the host, a line for each thing; `lines` and `parse` are each other's reverse.
    """

    etherstub: str | None = None
    vnic: str | None = None
    mac: str = ""
    """The address of the VNIC, by which it is known again."""
    address: str | None = None
    """The address object, with the address behind a blank."""
    interface: str | None = None
    """The IP interface that came with the address."""
    rules: tuple[str, ...] = ()
    """Rules of address translation as their file has them."""
    forwarding: tuple[str, ...] = ()
    """Interfaces that forward since then."""
    subnet: str | None = None
    listen: str | None = None
    """The interface that the DHCP server was told to serve."""
    services: tuple[str, ...] = ()
    """Services that were started."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the file."""
        found = [
            ("etherstub", self.etherstub),
            ("vnic", self.vnic and f"{self.vnic} {self.mac}"),
            ("address", self.address),
            ("interface", self.interface),
            *(("rule", rule) for rule in self.rules),
            *(("forwarding", name) for name in self.forwarding),
            ("subnet", self.subnet),
            ("listen", self.listen),
            *(("service", fmri) for fmri in self.services),
        ]
        return tuple(f"{what} {value}" for what, value in found if value)

    @classmethod
    def parse(cls, lines: Sequence[str]) -> Made:
        """Read the lines. Raises ValueError at one that is none of them."""
        told: dict[str, Any] = {}
        for line in lines:
            what, _, value = line.partition(" ")
            if what not in _LINES or not value:
                raise ValueError(line)
            name = _LINES[what]
            if name == "vnic":
                told["vnic"], _, told["mac"] = value.partition(" ")
            elif name in {"rules", "forwarding", "services"}:
                told[name] = (*told.get(name, ()), value)
            else:
                told[name] = value
        return cls(**told)

    def apart(self, wanted: Wanted) -> dict[str, str]:
        """Return what is on record of another network, by the part's name; a second one would take its place."""
        there = {
            "etherstub": (self.etherstub, wanted.etherstub),
            "host_vnic": (self.vnic, wanted.vnic),
            "address": (self.address, f"{wanted.addrobj} {wanted.address}"),
            "dhcp": (self.subnet, str(wanted.network)),
        }
        return {
            name: f"a setup has made {made.replace(' ', ' with ')}, which a teardown must take away first"
            for name, (made, asked) in there.items()
            if made is not None and made != asked
        }

    def joined(self, later: Made) -> Made:
        """Return what both say together: a second setup has made what had gone missing."""
        return Made(
            etherstub=later.etherstub or self.etherstub,
            vnic=later.vnic or self.vnic,
            mac=later.mac if later.vnic else self.mac,
            address=later.address or self.address,
            interface=later.interface or self.interface,
            rules=_union(self.rules, later.rules),
            forwarding=_union(self.forwarding, later.forwarding),
            subnet=later.subnet or self.subnet,
            listen=later.listen or self.listen,
            services=_union(self.services, later.services),
        )


_LINES = {
    "etherstub": "etherstub",
    "vnic": "vnic",
    "address": "address",
    "interface": "interface",
    "rule": "rules",
    "forwarding": "forwarding",
    "subnet": "subnet",
    "listen": "listen",
    "service": "services",
}


def _union(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One part as it is found: whether it is there, what is different about it, and whether a setup made it."""

    name: str
    exists: bool
    difference: str | None = None
    managed: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.exists and self.difference is None

    def as_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "name": self.name,
            "exists": self.exists,
            "ready": self.right,
            "managed": self.managed,
            "difference": self.difference,
            **self.facts,
        }

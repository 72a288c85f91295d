"""What stands in the way of an address that shall be made or deleted, told before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Final

from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.names import GLOBAL_ZONE
from zoneweaver.domain.network import Address, AddressKind, LinkClass, Route
from zoneweaver.host import dhcpd, dladm, ipadm, ipnat, netstat
from zoneweaver.host.managed import ManagedFile
from zoneweaver.operations import addresses, links, translation
from zoneweaver.operations.addresses import Leaving, WantedAddress
from zoneweaver.operations.managed import BLOCK
from zoneweaver.tasks.context import Context

LOOPBACK: Final = "lo0"
"""The interface that the host makes for itself."""


async def placed(ctx: Context, wanted: WantedAddress) -> WantedAddress:
    """Return the address as it will be made. Raises NotFound and Conflict for what stands in the way."""
    name = wanted.interface
    there = {link.link: link for link in await ctx.ask(dladm.show_links())}
    if name not in there:
        raise NotFound(
            f"addrobj: link {name} does not exist", code="no_such_link", details={"field": "addrobj", "link": name}
        )
    if there[name].kind is LinkClass.BRIDGE:
        raise _conflict("addrobj", f"{name} is a bridge's own link, which takes no address", code="wrong_kind")
    joined = [link.link for link in there.values() if link.kind is LinkClass.AGGR and name in link.over]
    if joined:
        raise _conflict("addrobj", f"{name} is part of aggregation {joined[0]}", code="link_busy")
    zone = links.links_of(ctx.files.read_all(), but=GLOBAL_ZONE).get(name)
    if zone is not None:
        raise _conflict("addrobj", f"{name} is a card of zone {zone}", code="link_busy")
    for other in await ctx.ask(ipadm.show_addresses()):
        if other.name == wanted.name:
            raise _conflict("addrobj", f"address {wanted.name} exists already", code="address_exists")
        if wanted.address is not None and _bare(other.address) == _bare(wanted.address):
            text = f"{_bare(wanted.address)} is the host's already, as {other.name}"
            raise _conflict("address", text, code="address_in_use")
    return replace(wanted, plumbed=await addresses.plumbed(ctx, name))


async def leaving(ctx: Context, name: str, *, force: bool, release: bool) -> Leaving:
    """Look at an address that shall go. Raises NotFound, and Conflict naming who needs it, unless forced."""
    every = await ctx.ask(ipadm.show_addresses())
    gone = next((item for item in every if item.name == name), None)
    if gone is None:
        raise NotFound(f"There is no address {name}", code="no_such_address", details={"addrobj": name})
    if gone.interface == LOOPBACK or gone.kind not in set(AddressKind):
        raise Conflict(f"Address {name} ({gone.kind}) is the host's own", code="not_ours")
    beside = [item for item in every if item.interface == gone.interface and item.name != name]
    if not force:
        needed = [
            *_routes(gone, beside, await ctx.ask(netstat.show_routes())),
            *_served(ctx, gone, beside),
            *(() if beside else _translated(ctx, gone.interface)),
        ]
        if needed:
            text = f"Address {name} is used by {', '.join(needed)}: force=true deletes it all the same"
            raise Conflict(text, code="address_busy", details={"used_by": needed})
    return Leaving(name=name, last=not beside, release=release and gone.kind == AddressKind.DHCP.value)


def _routes(gone: Address, beside: Sequence[Address], routes: Iterable[Route]) -> list[str]:
    """Name the routes whose gateway is reached by an address, and by none beside it."""
    return [
        f"route {route.destination} by {route.gateway}"
        for route in routes
        if "G" in route.flags and _reaches(gone, route.gateway) and not any(_reaches(x, route.gateway) for x in beside)
    ]


def _served(ctx: Context, gone: Address, beside: Sequence[Address]) -> list[str]:
    """Name the DHCP subnets that are served by an address, and by none beside it."""
    file = ManagedFile(ctx.host, dhcpd.FILE)
    networks = [
        *(subnet.network for subnet in dhcpd.parse(file.read(BLOCK) or ()).subnets),
        *dhcpd.foreign(file.foreign()).networks,
    ]
    return [
        f"DHCP subnet {network}"
        for network in networks
        if _within(gone, str(network)) and not any(_within(other, str(network)) for other in beside)
    ]


def _translated(ctx: Context, interface: str) -> list[str]:
    """Name the NAT rules of an interface."""
    there = translation.read(ctx)
    return [f"NAT rule `{ipnat.render(rule)}`" for rule in (*there.ours, *there.others) if rule.interface == interface]


def _reaches(address: Address, host: str) -> bool:
    own = _read(address)
    return own is not None and ip_address(host) in own.network


def _within(address: Address, network: str) -> bool:
    own = _read(address)
    return own is not None and own.ip in ip_interface(network).network


def _read(address: Address) -> IPv4Interface | IPv6Interface | None:
    """Return an address as a value; None for one that is not there yet, or has another end instead of a prefix."""
    try:
        return None if address.address is None else ip_interface(address.address)
    except ValueError:
        return None


def _bare(address: str | None) -> str | None:
    """Return an address without its prefix."""
    return None if address is None else address.partition("/")[0]


def _conflict(field: str, text: str, *, code: str) -> Conflict:
    return Conflict(f"{field}: {text}", code=code, details={"field": field})

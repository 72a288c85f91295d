"""The network that guests are provisioned on, as the host has it: part by part, and what setups have made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from zoneweaver.domain.dhcp import DhcpSubnet
from zoneweaver.domain.nat import MapRule, clash
from zoneweaver.domain.network import Address, Interface, Link, LinkClass
from zoneweaver.domain.provisioning_network import Component, Made, Wanted
from zoneweaver.host import ipadm, ipnat, netstat, svcs
from zoneweaver.host.ipnat import Active
from zoneweaver.host.managed import ManagedFile
from zoneweaver.host.svcs import DHCP, IPFILTER, ServiceState
from zoneweaver.host.zonexml import BrokenFile
from zoneweaver.operations import datalinks, dhcp, forwarding, smf, translation
from zoneweaver.operations.dhcp import Served
from zoneweaver.operations.forwarding import Forwards
from zoneweaver.operations.managed import BLOCK
from zoneweaver.operations.translation import Translation
from zoneweaver.tasks.context import Context

RECORD: Final = "/etc/opt/zoneweaver-provisioning-network"
"""The file that says what setups have made: it is on the host, as what it speaks of is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Everything about the host that the network is made of. `made` is None when no setup is remembered."""

    links: Mapping[str, Link]
    interfaces: Mapping[str, Interface]
    addresses: Sequence[Address]
    uplink: str | None
    """The interface of the default route, or the one that was asked for."""
    forwards: Forwards
    translation: Translation
    filter_state: ServiceState | None
    """None when the host has no such service."""
    active: Active
    """What the kernel translates by."""
    served: Served
    listening: tuple[str, ...]
    server_state: ServiceState | None
    record: tuple[str, ...] | None
    made: Made


async def look(ctx: Context, wanted: Wanted) -> Seen:
    """Ask the host for all of it. Raises BrokenFile and Refused."""
    record = recorded(ctx)
    uplink = wanted.uplink
    if uplink is None:
        default = netstat.default_route(await ctx.ask(netstat.show_routes()))
        uplink = None if default is None else default.interface
    server, packet_filter = await _state(ctx, DHCP), await _state(ctx, IPFILTER)
    return Seen(
        links={link.name: link for link in await datalinks.links(ctx, LinkClass.VNIC)},
        interfaces={interface.name: interface for interface in await ctx.ask(ipadm.show_interfaces())},
        addresses=await ctx.ask(ipadm.show_addresses()),
        uplink=uplink,
        forwards=await forwarding.read(ctx),
        translation=translation.read(ctx),
        filter_state=packet_filter,
        active=await ctx.ask(ipnat.active()) if packet_filter is ServiceState.ONLINE else Active(running=False),
        served=dhcp.read(ctx),
        listening=() if server is None else await dhcp.listening(ctx),
        server_state=server,
        record=record,
        made=parsed(record),
    )


async def _state(ctx: Context, fmri: str) -> ServiceState | None:
    return None if await ctx.ask(svcs.find(fmri)) is None else await smf.state(ctx, fmri)


def recorded(ctx: Context) -> tuple[str, ...] | None:
    """Return the lines of the record, or None when there is none. Raises BrokenFile."""
    return ManagedFile(ctx.host, RECORD).read(BLOCK)


def parsed(lines: Sequence[str] | None) -> Made:
    """Read the lines of the record. Raises BrokenFile."""
    try:
        return Made.parse(lines or ())
    except ValueError as error:
        raise BrokenFile(path=RECORD, why=f"no line of a record: {error}") from None


def servers(ctx: Context) -> tuple[IPv4Address, ...]:
    """Return the name servers that the host itself asks, as far as guests can ask them too (resolv.conf(5))."""
    try:
        text = ctx.host.path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            try:
                address = IPv4Address(words[1])
            except ValueError:
                continue
            if not address.is_loopback:
                found.append(address)
    return tuple(found)


def components(wanted: Wanted, seen: Seen) -> list[Component]:
    """Return the parts in the order in which they are made, each with what is different about it."""
    found = [
        _etherstub(wanted, seen),
        _vnic(wanted, seen),
        _address(wanted, seen),
        _nat(wanted, seen),
        *_forwarding(wanted, seen),
        _dhcp(wanted, seen),
        _service("ipfilter", IPFILTER, seen.filter_state, seen),
        _service("dhcp_service", DHCP, seen.server_state, seen),
    ]
    apart = seen.made.apart(wanted)
    return [replace(part, difference=part.difference or apart.get(part.name)) for part in found]


def _etherstub(wanted: Wanted, seen: Seen) -> Component:
    found = seen.links.get(wanted.etherstub)
    difference = None
    if found is not None and found.kind is not LinkClass.ETHERSTUB:
        difference = f"{found.name} is of class {found.kind}, not an etherstub"
    return Component(
        name="etherstub",
        exists=found is not None,
        difference=difference,
        managed=seen.made.etherstub == wanted.etherstub,
        facts={"link": wanted.etherstub},
    )


def _vnic(wanted: Wanted, seen: Seen) -> Component:
    found = seen.links.get(wanted.vnic)
    difference = None
    if found is not None:
        if found.kind is not LinkClass.VNIC:
            difference = f"{found.name} is of class {found.kind}, not a VNIC"
        elif found.over != (wanted.etherstub,):
            difference = f"{found.name} is over {', '.join(found.over) or 'nothing'}, not over {wanted.etherstub}"
        elif found.vid:
            difference = f"{found.name} is in VLAN {found.vid}"
        elif found.zone is not None:
            difference = f"{found.name} is lent to zone {found.zone}"
    return Component(
        name="host_vnic",
        exists=found is not None,
        difference=difference,
        managed=seen.made.vnic == wanted.vnic and (found is None or found.mac == seen.made.mac),
        facts={
            "link": wanted.vnic,
            "over": wanted.etherstub,
            "mac_address": None if found is None else found.mac,
        },
    )


def held(wanted: Wanted, seen: Seen) -> Address | None:
    """Return the address object that holds the host's address on the VNIC, whatever it is called."""
    return next(
        (item for item in seen.addresses if item.interface == wanted.vnic and item.address == wanted.address), None
    )


def _address(wanted: Wanted, seen: Seen) -> Component:
    found = held(wanted, seen)
    difference = None
    if found is None:
        for item in seen.addresses:
            if item.name == wanted.addrobj:
                difference = f"{item.name} is {item.kind} {item.address or 'without an address'}, not {wanted.address}"
            elif item.address is not None and ":" not in item.address:
                there = IPv4Interface(item.address)
                if there.network.overlaps(wanted.network):
                    difference = f"{wanted.network} overlaps with the network of {item.name}, {item.address}"
    return Component(
        name="address",
        exists=found is not None or any(item.name == wanted.addrobj for item in seen.addresses),
        difference=difference,
        managed=seen.made.address == f"{wanted.addrobj} {wanted.address}",
        facts={"addrobj": wanted.addrobj if found is None else found.name, "address": wanted.address},
    )


def missing_rules(wanted: Wanted, seen: Seen) -> list[MapRule]:
    """Return the rules of address translation that are not there."""
    if seen.uplink is None:
        return []
    every = (*seen.translation.ours, *seen.translation.others)
    return [rule for rule in wanted.rules(seen.uplink) if rule not in every]


def _nat(wanted: Wanted, seen: Seen) -> Component:
    facts = {"interface": seen.uplink, "subnet": str(wanted.network)}
    if seen.uplink is None:
        text = "the host has no default route: say which interface leads out (uplink)"
        return Component(name="nat", exists=False, difference=text, facts={**facts, "rules": []})
    wanted_rules = wanted.rules(seen.uplink)
    rules = [ipnat.render(rule) for rule in wanted_rules]
    # While the filter does not run nothing is in force; it loads the file when it starts.
    in_force = not seen.active.running or all(rule in seen.active.rules for rule in wanted_rules)
    missing = missing_rules(wanted, seen)
    every = (*seen.translation.ours, *seen.translation.others)
    clashes = [other for rule in missing if (other := clash(every, rule)) is not None]
    difference = None
    if seen.uplink not in seen.interfaces:
        difference = f"{seen.uplink} is no IP interface"
    elif clashes:
        difference = f"`{ipnat.render(clashes[0])}` would be taken in place of the rule"
    return Component(
        name="nat",
        exists=not missing and in_force,
        difference=difference,
        managed=any(rule in seen.made.rules for rule in rules),
        facts={**facts, "rules": rules},
    )


def _forwarding(wanted: Wanted, seen: Seen) -> list[Component]:
    names = [name for name in (seen.uplink, wanted.vnic) if name is not None]
    return [
        Component(
            name=f"forwarding_{'uplink' if name == seen.uplink else 'host_vnic'}",
            exists=name in seen.forwards.interfaces and seen.forwards.interfaces[name].now,
            managed=name in seen.made.forwarding,
            facts={"interface": name},
        )
        for name in names
    ]


def matches(wanted: Wanted, there: DhcpSubnet) -> bool:
    """Say whether a subnet that is served is the one that shall be; name servers count when they were asked for."""
    same = (there.network, there.router, there.first, there.last) == (
        wanted.network,
        wanted.host,
        wanted.first,
        wanted.last,
    )
    return same and (wanted.dns is None or there.dns == wanted.dns)


def _dhcp(wanted: Wanted, seen: Seen) -> Component:
    found = next((item for item in seen.served.config.subnets if item.network.overlaps(wanted.network)), None)
    foreign = next((item for item in seen.served.foreign.networks if item.overlaps(wanted.network)), None)
    difference = None
    if foreign is not None:
        difference = f"somebody else serves {foreign}"
    elif found is not None and not matches(wanted, found):
        difference = (
            f"{found.network} is served with router {found.router} and range {found.first} to {found.last}, not "
            f"{wanted.network} with {wanted.host} and {wanted.first} to {wanted.last}"
        )
    listens = not seen.listening or wanted.vnic in seen.listening
    return Component(
        name="dhcp",
        exists=found is not None and listens,
        difference=difference,
        managed=seen.made.subnet == str(wanted.network),
        facts={
            "subnet": str(wanted.network),
            "router": str(wanted.host),
            "range_start": str(wanted.first),
            "range_end": str(wanted.last),
            "listen_interface": wanted.vnic,
        },
    )


def _service(name: str, fmri: str, state: ServiceState | None, seen: Seen) -> Component:
    return Component(
        name=name,
        exists=state is ServiceState.ONLINE,
        difference=f"the host has no service {fmri}: is its package installed?" if state is None else None,
        managed=fmri in seen.made.services,
        facts={"service": fmri, "state": None if state is None else state.value},
    )

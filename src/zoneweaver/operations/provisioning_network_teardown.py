"""provisioning_network_teardown: exactly what setups have made, taken away; all of it or nothing.

What was there before a setup, and what somebody has made anew since, is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from zoneweaver.domain import nat
from zoneweaver.domain.datalinks import Datalink
from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.network import AddressKind, LinkClass
from zoneweaver.domain.provisioning_network import Made
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd, ipadm, ipnat
from zoneweaver.host.svcs import DHCP, IPFILTER, ServiceState
from zoneweaver.operations import addresses, datalink_checks, datalinks, dhcp, forwarding, smf, translation
from zoneweaver.operations import provisioning_network as network
from zoneweaver.operations.addresses import WantedAddress
from zoneweaver.operations.dhcp import Serving
from zoneweaver.operations.forwarding import Forwards
from zoneweaver.operations.provisioning_network_setup import write_down
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class ProvisioningNetworkTeardown:
    """Take the network away. No parameters: the record on the host says what there is to take away."""

    kind = Kind.PROVISIONING_NETWORK_TEARDOWN

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See what is there of what was made. Raises NotFound, and Conflict naming who uses it."""
        await ctx.progress(5, "validating")
        record = network.recorded(ctx)
        if not record:
            raise NotFound("No setup of a provisioning network is on record on this host", code="no_setup")
        made = network.parsed(record)
        return {
            "dhcp": await _dhcp(ctx, made),
            "nat": await _nat(ctx, made),
            **await _forwarding(ctx, made),
            "address": await _address(ctx, made),
            "interface": await _bare_interface(ctx, made),
            "links": [link.as_json() for link in await _links(ctx, made)],
            "record": list(record),
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the steps back, from the last that a setup does to the first."""
        steps = []
        if survey["dhcp"] is not None:
            told = survey["dhcp"]
            before = Serving(lines=tuple(told["had"] or ()), listen=tuple(told["before"]))
            after = Serving(lines=tuple(told["lines"]), listen=tuple(told["after"]))
            state = ServiceState(told["state"])
            steps.append(dhcp.change(before, after, had=told["had"], state=state, down=told["down"]))
        if survey["nat"] is not None:
            told = survey["nat"]
            rules = [nat.rule(body) for body in told["rules"]]
            state = ServiceState(told["state"])
            steps.append(translation.change(told["lines"], rules, state=state, down=told["down"]))
        forwards = Forwards.from_json(survey["forwards"])
        steps += [forwarding.change(forwards, name, on=False) for name in survey["forwarding"]]
        if survey["address"] is not None:
            steps.append(addresses.unmake(WantedAddress.from_json(survey["address"])))
        if survey["interface"] is not None:
            steps.append(addresses.unplumb(survey["interface"]))
        steps += [datalinks.unmake(Datalink.from_json(link)) for link in survey["links"]]
        return [*steps, write_down(survey["record"], [])]


async def _dhcp(ctx: Context, made: Made) -> dict[str, Any] | None:
    served, listening = dhcp.read(ctx), await dhcp.listening(ctx)
    config = served.config
    gone = None if made.subnet is None else IPv4Network(made.subnet)
    found = next((item.network for item in config.subnets if gone is not None and item.network.overlaps(gone)), None)
    if found is not None and found != gone:
        text = f"DHCP subnet {gone} is {found} by now: somebody has changed it"
        raise Conflict(text, code="changed", details={"subnet": str(found)})
    if found is not None:
        config = config.without_subnet(found)
    after = tuple(name for name in listening if name != made.listen)
    state = await smf.state(ctx, DHCP)
    last = not config.subnets and not served.foreign.networks
    down = last and state is not ServiceState.DISABLED and (DHCP in made.services or state is ServiceState.ONLINE)
    if config == served.config and after == listening and not down:
        return None
    return {
        "had": None if served.lines is None else list(served.lines),
        "lines": list(dhcpd.render(config)),
        "before": list(listening),
        "after": list(after),
        "state": state.value,
        "down": down,
    }


async def _nat(ctx: Context, made: Made) -> dict[str, Any] | None:
    there = translation.read(ctx)
    rules = [rule for rule in there.ours if ipnat.render(rule) not in made.rules]
    state = await smf.state(ctx, IPFILTER)
    down = IPFILTER in made.services and not rules and not there.foreign and state is not ServiceState.DISABLED
    if len(rules) == len(there.ours) and not down:
        return None
    if state is ServiceState.ONLINE:
        translation.refuse_apart(there, await ctx.ask(ipnat.active()))
    return {
        "lines": None if there.lines is None else list(there.lines),
        "rules": [rule.as_json() for rule in rules],
        "state": state.value,
        "down": down,
    }


async def _forwarding(ctx: Context, made: Made) -> dict[str, Any]:
    before = await forwarding.read(ctx)
    # Also that of an interface that goes: it would take its setting along, and a way back would not have it.
    # When the whole host forwards by now, it is that which an interface follows.
    names = [
        name
        for name in made.forwarding
        if name in before.interfaces and before.interfaces[name].now and not before.host.now
    ]
    return {"forwards": before.as_json(), "forwarding": names}


async def _address(ctx: Context, made: Made) -> dict[str, Any] | None:
    if made.address is None:
        return None
    name, _, address = made.address.partition(" ")
    found = await ctx.ask(ipadm.find_address(name))
    gone = WantedAddress(
        name=name, kind=AddressKind.STATIC, address=address, plumbed=made.interface != name.partition("/")[0]
    )
    if found is None:
        return None
    if not gone.is_met_by(found):
        text = f"Address {name} is {found.kind} {found.address} by now, not {address}: somebody has changed it"
        raise Conflict(text, code="changed", details={"addrobj": name})
    return gone.as_json()


async def _bare_interface(ctx: Context, made: Made) -> str | None:
    """Return the interface that a setup made and that somebody has taken the address from; another address refuses."""
    if made.interface is None or not await addresses.plumbed(ctx, made.interface):
        return None
    there = [item.name for item in await ctx.ask(ipadm.show_addresses()) if item.interface == made.interface]
    ours = (made.address or "").partition(" ")[0]
    others = [f"address {name}" for name in there if name != ours]
    if others:
        text = f"interface {made.interface} is used by {', '.join(others)}"
        raise Conflict(text, code="link_busy", details={"used_by": others})
    return None if ours in there else made.interface


async def _links(ctx: Context, made: Made) -> list[Datalink]:
    """Return the links that are still there as they were made. Raises Conflict for others, and naming users."""
    found = []
    there = await datalinks.links(ctx, LinkClass.VNIC)
    going = [f"vnic {made.vnic}"] if made.vnic is not None else []
    if made.vnic is not None:
        vnic = await datalinks.find(ctx, LinkClass.VNIC, made.vnic)
        if vnic is not None:
            if vnic.mac != made.mac:
                text = f"VNIC {vnic.name} has the address {vnic.mac}, not {made.mac}: somebody has made it anew"
                raise Conflict(text, code="changed", details={"link": vnic.name})
            await datalink_checks.refuse_used(ctx, vnic, there=there, but=[f"interface {made.vnic}"])
            found.append(vnic)
    if made.etherstub is not None:
        stub = await datalinks.find(ctx, LinkClass.ETHERSTUB, made.etherstub)
        if stub is not None:
            await datalink_checks.refuse_used(ctx, stub, there=there, but=going)
            found.append(stub)
    return found

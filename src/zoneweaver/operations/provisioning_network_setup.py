"""provisioning_network_setup: the network that guests are provisioned on, all of it or nothing.

Etherstub, the host's VNIC on it, its address, address translation, forwarding, DHCP. What is there and right is left
alone; what is there and different is refused before anything is touched. What is made is written down on the host
first, so that a teardown takes exactly that away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoneweaver.domain import nat, provisioning_network
from zoneweaver.domain.datalinks import Datalink
from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.network import AddressKind, Link, LinkClass
from zoneweaver.domain.provisioning_network import Component, Made, Wanted
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd, ipnat
from zoneweaver.host.svcs import DHCP, IPFILTER, ServiceState
from zoneweaver.operations import addresses, datalink_checks, datalinks, dhcp, forwarding, translation
from zoneweaver.operations import provisioning_network as network
from zoneweaver.operations.addresses import WantedAddress
from zoneweaver.operations.dhcp import Serving
from zoneweaver.operations.forwarding import Forwards
from zoneweaver.operations.managed import Change
from zoneweaver.operations.provisioning_network import Seen
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ProvisioningNetworkSetup:
    """Make the network. Parameters: `network`, as `domain.provisioning_network.wanted` reads it."""

    kind = Kind.PROVISIONING_NETWORK_SETUP

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See what is there. Raises Conflict with every difference, and what cannot be made."""
        await ctx.progress(5, "validating")
        wanted = provisioning_network.wanted(ctx.params["network"])
        seen = await network.look(ctx, wanted)
        found = network.components(wanted, seen)
        refuse_differences(found)
        ready = {item.name for item in found if item.right}
        assert seen.filter_state is not None  # noqa: S101 - a host without it has just been refused
        if "nat" not in ready or seen.filter_state is not ServiceState.ONLINE:
            translation.refuse_dormant(ctx, seen.filter_state)
            translation.refuse_apart(seen.translation, seen.active)
        if seen.server_state is not ServiceState.ONLINE:
            refuse_sleeping(seen)
        planned = await _planned(ctx, wanted, seen, ready)
        made = seen.made.joined(_made(wanted, seen, planned))
        lines = list(made.lines)
        return {
            **planned,
            "record": {"had": None if seen.record is None else list(seen.record), "lines": lines},
            "ready": len(ready) == len(found),
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the steps for what is missing; none when nothing is."""
        if survey["ready"]:
            return []
        steps = [write_down(survey["record"]["had"], survey["record"]["lines"])]
        steps += [datalinks.make(Datalink.from_json(link)) for link in survey["links"]]
        if survey["address"] is not None:
            steps.append(addresses.make(WantedAddress.from_json(survey["address"])))
        if survey["nat"] is not None:
            rules = [nat.rule(body) for body in survey["nat"]["rules"]]
            steps.append(translation.change(survey["nat"]["lines"], rules, state=ServiceState(survey["nat"]["state"])))
        before = Forwards.from_json(survey["forwards"])
        steps += [forwarding.change(before, name, on=True) for name in survey["forwarding"]]
        if survey["dhcp"] is not None:
            steps.append(_serve(survey["dhcp"]))
        return steps


def refuse_differences(found: Sequence[Component]) -> None:
    """Raise Conflict when something is there and different; all of it is told."""
    differences = {item.name: item.difference for item in found if item.difference is not None}
    if differences:
        raise Conflict(
            f"Something else is in the way: {'; '.join(str(text) for text in differences.values())}",
            code="in_the_way",
            details={"differences": differences},
        )


def refuse_sleeping(seen: Seen) -> None:
    """Raise Conflict when starting the DHCP server would serve a subnet that somebody else has only written down."""
    if seen.served.foreign.networks:
        asleep = [str(item) for item in seen.served.foreign.networks]
        raise Conflict(
            f"The DHCP server is {seen.server_state}, and {', '.join(asleep)} of somebody else's would be served with "
            f"it: look at {dhcpd.FILE}, and enable {DHCP} yourself",
            code="dormant_server",
            details={"subnets": asleep, "service": DHCP},
        )


def write_down(had: Sequence[str] | None, lines: Sequence[str]) -> Step[Context]:
    """Let the record say this (nothing: no record)."""
    edit = Change(path=network.RECORD, before=None if had is None else tuple(had), after=tuple(lines) or None)

    async def do(ctx: Context, _: Outputs) -> None:
        await edit.apply(ctx)

    async def undo(ctx: Context, _: Outputs) -> None:
        await edit.revert(ctx)

    return Step(name="record", do=do, undo=undo, progress=10, status="writing_record", facts=edit.facts)


def _serve(told: Mapping[str, Any]) -> Step[Context]:
    had = told["had"]
    before = Serving(lines=tuple(had or ()), listen=tuple(told["before"]))
    after = Serving(lines=tuple(told["lines"]), listen=tuple(told["after"]))
    return dhcp.change(before, after, had=had, state=ServiceState(told["state"]), up=True)


async def _planned(ctx: Context, wanted: Wanted, seen: Seen, ready: set[str]) -> dict[str, Any]:
    """Return what is to be made, as the survey keeps it."""
    links = await _links(ctx, wanted, seen)
    address = None
    if network.held(wanted, seen) is None:
        address = WantedAddress(
            name=wanted.addrobj,
            kind=AddressKind.STATIC,
            address=wanted.address,
            plumbed=wanted.vnic in seen.interfaces,
        ).as_json()
    rules = None
    if not {"nat", "ipfilter"} <= ready:
        every = [*seen.translation.ours, *network.missing_rules(wanted, seen)]
        had = seen.translation.lines
        rules = {
            "lines": None if had is None else list(had),
            "rules": [rule.as_json() for rule in every],
            "state": seen.filter_state and seen.filter_state.value,
        }
    serving = None
    if not {"dhcp", "dhcp_service"} <= ready:
        config = seen.served.config
        if all(item.network != wanted.network for item in config.subnets):
            dns = network.servers(ctx) if wanted.dns is None else wanted.dns
            config = config.with_subnet(wanted.served(dns), foreign=seen.served.foreign)
        serving = {
            "had": None if seen.served.lines is None else list(seen.served.lines),
            "lines": list(dhcpd.render(config)),
            "before": list(seen.listening),
            "after": list(dhcp.heard(seen.listening, wanted.vnic, seen.served)),
            "state": seen.server_state and seen.server_state.value,
        }
    names = [name for name in (seen.uplink, wanted.vnic) if name is not None]
    return {
        "links": [link.as_json() for link in links],
        "address": address,
        "nat": rules,
        "forwards": seen.forwards.as_json(),
        "forwarding": [
            name for name in names if name not in seen.forwards.interfaces or not seen.forwards.interfaces[name].now
        ],
        "dhcp": serving,
    }


async def _links(ctx: Context, wanted: Wanted, seen: Seen) -> list[Datalink]:
    """Return the links that are missing, in the order in which they can be made."""
    there, found = list(seen.links.values()), []
    if wanted.etherstub not in seen.links:
        stub = Datalink(kind=LinkClass.ETHERSTUB, name=wanted.etherstub)
        found.append(await datalink_checks.placed(ctx, stub, there=there))
        there.append(Link(name=wanted.etherstub, kind=LinkClass.ETHERSTUB, mtu=9000, state="unknown"))
    if wanted.vnic not in seen.links:
        vnic = Datalink(kind=LinkClass.VNIC, name=wanted.vnic, over=(wanted.etherstub,))
        found.append(await datalink_checks.placed(ctx, vnic, there=there))
    return found


def _made(wanted: Wanted, seen: Seen, planned: Mapping[str, Any]) -> Made:
    """Return what this setup will have made."""
    links = {link["kind"]: link for link in planned["links"]}
    vnic = links.get(LinkClass.VNIC.value)
    found = Made(
        etherstub=wanted.etherstub if LinkClass.ETHERSTUB.value in links else None,
        vnic=None if vnic is None else wanted.vnic,
        mac="" if vnic is None else str(vnic["mac"]),
        forwarding=tuple(planned["forwarding"]),
    )
    if planned["address"] is not None:
        plumbed = planned["address"]["plumbed"]
        found = replace(found, address=f"{wanted.addrobj} {wanted.address}", interface=None if plumbed else wanted.vnic)
    services = []
    if planned["nat"] is not None:
        found = replace(found, rules=tuple(ipnat.render(rule) for rule in network.missing_rules(wanted, seen)))
        if seen.filter_state is not ServiceState.ONLINE:
            services.append(IPFILTER)
    if planned["dhcp"] is not None:
        told = planned["dhcp"]
        is_new = all(item.network != wanted.network for item in seen.served.config.subnets)
        found = replace(
            found,
            subnet=str(wanted.network) if is_new else None,
            listen=wanted.vnic if told["before"] != told["after"] else None,
        )
        if seen.server_state is not ServiceState.ONLINE:
            services.append(DHCP)
    return replace(found, services=tuple(services))

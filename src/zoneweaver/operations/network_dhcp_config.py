"""network_dhcp_config: a subnet that the DHCP server serves, and on which interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from zoneweaver.domain.dhcp import DhcpSubnet
from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd, ipadm
from zoneweaver.host.svcs import DHCP, ServiceState
from zoneweaver.operations import dhcp, smf
from zoneweaver.operations.dhcp import Serving
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkDhcpConfig:
    """Serve a subnet.

    Parameters: `subnet`, a `DhcpSubnet` as JSON; `replacing`, the network whose place it takes (or None); `listen`, an
    interface that is served from now on (or None).
    """

    kind = Kind.NETWORK_DHCP_CONFIG

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the subnet goes with what is served. Raises NotFound and Conflict naming what does not."""
        await ctx.progress(5, "validating")
        new, replaced, listen = (
            DhcpSubnet.from_json(ctx.params["subnet"]),
            ctx.params["replacing"],
            ctx.params["listen"],
        )
        there = dhcp.read(ctx)
        old = None if replaced is None else IPv4Network(replaced)
        if old is not None and all(item.network != old for item in there.config.subnets):
            text = f"replacing: there is no DHCP subnet {old}"
            raise NotFound(text, code="no_such_subnet", details={"field": "replacing"})
        if listen is not None:
            await _refuse_deaf(ctx, listen, new.network)
        config = there.config.with_subnet(new, replacing=old, foreign=there.foreign)
        before = await dhcp.listening(ctx)
        after = before if listen is None else dhcp.heard(before, listen, there)
        return {
            "had": None if there.lines is None else list(there.lines),
            "lines": list(dhcpd.render(config)),
            "before": list(before),
            "after": list(after),
            "state": (await smf.state(ctx, DHCP)).value,
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        return [changing(survey)]


def changing(survey: Mapping[str, Any]) -> Step[Context]:
    """Return the step from a survey's `had`, `lines`, `before`, `after` and `state`."""
    had = survey["had"]
    before = Serving(lines=tuple(had or ()), listen=tuple(survey["before"]))
    after = Serving(lines=tuple(survey["lines"]), listen=tuple(survey["after"]))
    return dhcp.change(before, after, had=had, state=ServiceState(survey["state"]))


async def _refuse_deaf(ctx: Context, interface: str, network: IPv4Network) -> None:
    """Raise NotFound for an interface that is not there, and Conflict for one without an address in the subnet."""
    addresses = await ctx.ask(ipadm.show_addresses())
    own = [item.address for item in addresses if item.interface == interface and item.address is not None]
    if not own and all(item.name != interface for item in await ctx.ask(ipadm.show_interfaces())):
        text = f"listen_interface: there is no IP interface {interface}"
        raise NotFound(text, code="no_such_interface", details={"field": "listen_interface"})
    if not any("." in address and IPv4Interface(address).ip in network for address in own):
        text = f"listen_interface: {interface} has no address in {network}, so that nobody there could be served"
        raise Conflict(text, code="no_address", details={"field": "listen_interface"})

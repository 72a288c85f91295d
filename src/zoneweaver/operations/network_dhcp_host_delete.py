"""network_dhcp_host_delete: a reservation taken away; whoever has the address keeps it until the lease ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd
from zoneweaver.host.svcs import DHCP
from zoneweaver.operations import dhcp, smf
from zoneweaver.operations.network_dhcp_config import changing
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkDhcpHostDelete:
    """Take a reservation away. Parameters: `hostname`."""

    kind = Kind.NETWORK_DHCP_HOST_DELETE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the reservation is one of ours. Raises NotFound, and Conflict for one of somebody else's."""
        await ctx.progress(5, "validating")
        name, there = ctx.params["hostname"], dhcp.read(ctx)
        others = [held.hostname.lower() for held in there.foreign.hosts]
        if there.config.reservation(name) is None and name.lower() in others:
            text = f"Reservation {name} was written by somebody else, who must take it away"
            raise Conflict(text, code="not_ours", details={"hostname": name})
        config = there.config.without_reservation(name)
        listen = list(await dhcp.listening(ctx))
        return {
            "had": None if there.lines is None else list(there.lines),
            "lines": list(dhcpd.render(config)),
            "before": listen,
            "after": listen,
            "state": (await smf.state(ctx, DHCP)).value,
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        return [changing(survey)]

"""network_dhcp_host_create: an address that one card always gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.dhcp import Reservation
from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd, ipadm
from zoneweaver.host.svcs import DHCP
from zoneweaver.operations import dhcp, smf
from zoneweaver.operations.network_dhcp_config import changing
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkDhcpHostCreate:
    """Reserve an address. Parameters: `host`, a `Reservation` as JSON."""

    kind = Kind.NETWORK_DHCP_HOST_CREATE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the address is free and served. Raises Conflict and Invalid naming the field."""
        await ctx.progress(5, "validating")
        new, there = Reservation.from_json(ctx.params["host"]), dhcp.read(ctx)
        config = there.config.with_reservation(new, foreign=there.foreign)
        for address in await ctx.ask(ipadm.show_addresses()):
            if address.address is not None and address.address.partition("/")[0] == str(new.ip):
                text = f"ip: {new.ip} is the host's own, as {address.name}"
                raise Conflict(text, code="address_in_use", details={"field": "ip"})
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

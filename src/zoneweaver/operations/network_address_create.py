"""network_address_create: an address object, and its interface where that is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import address_checks, addresses
from zoneweaver.operations.addresses import WantedAddress
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkAddressCreate:
    """Make an address. Parameters: `address`, a `WantedAddress` as JSON."""

    kind = Kind.NETWORK_ADDRESS_CREATE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the address is free and the link can have one. Raises Conflict and NotFound."""
        await ctx.progress(5, "validating")
        wanted = await address_checks.placed(ctx, WantedAddress.from_json(ctx.params["address"]))
        return {"address": wanted.as_json()}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        return [addresses.make(WantedAddress.from_json(survey["address"]))]

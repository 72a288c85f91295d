"""network_address_delete: an address object, and its interface with the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import address_checks, addresses
from zoneweaver.operations.addresses import Leaving
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkAddressDelete:
    """Delete an address. Parameters: `addrobj`; `release`: give a lease back; `force`: also when something needs it."""

    kind = Kind.NETWORK_ADDRESS_DELETE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See what the address is, and whether it is its interface's last. Raises NotFound and Conflict."""
        await ctx.progress(5, "validating")
        asked = ctx.params
        gone = await address_checks.leaving(ctx, asked["addrobj"], force=asked["force"], release=asked["release"])
        return asdict(gone)

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the deletion, and that of the interface."""
        return addresses.delete(Leaving(**survey))

"""network_link_create: an etherstub, a VNIC, a VLAN, a bridge or an aggregation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.datalinks import Datalink
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import datalink_checks, datalinks
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkLinkCreate:
    """Make a link. Parameters: `link`, a `Datalink` as JSON."""

    kind = Kind.NETWORK_LINK_CREATE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the name is free and what the link is over is there. Raises Conflict and NotFound."""
        await ctx.progress(5, "validating")
        wanted = Datalink.from_json(ctx.params["link"])
        made = await datalink_checks.placed(ctx, wanted)
        return {"link": made.as_json()}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        return [datalinks.make(Datalink.from_json(survey["link"]))]

"""network_forwarding: whether the host, or some of its interfaces, forward packets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import forwarding
from zoneweaver.operations.forwarding import Forwards
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkForwarding:
    """Switch forwarding. Parameters: `family`, `enabled`, and `interfaces`; none of these is the host itself."""

    kind = Kind.NETWORK_FORWARDING

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See who forwards now. Raises NotFound for an interface that is not there."""
        await ctx.progress(5, "validating")
        before = await forwarding.read(ctx, ctx.params["family"])
        for number, name in enumerate(ctx.params["interfaces"]):
            if name not in before.interfaces:
                field = f"interfaces[{number}]"
                text = f"{field}: there is no IP interface {name}"
                raise NotFound(text, code="no_such_interface", details={"field": field})
        return before.as_json()

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return a step for each interface, or the one for the host."""
        before, on = Forwards.from_json(survey), bool(ctx.params["enabled"])
        if not ctx.params["interfaces"]:
            return [forwarding.change_host(before, on=on)]
        return [forwarding.change(before, name, on=on) for name in ctx.params["interfaces"]]

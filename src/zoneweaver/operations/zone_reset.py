"""zone_reset: press the guest's reset button; the zone stays up and keeps the configuration it was booted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import bhyvectl
from zoneweaver.operations import power
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneReset:
    """Reset a running zone's guest."""

    kind = Kind.ZONE_RESET

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See that the zone runs. Raises Conflict."""
        zone = str(ctx.zone_name)
        found = await power.state(ctx, zone)
        if found is not ZoneState.RUNNING:
            raise Conflict(f"Zone {zone} is {found.value}: only a running zone can be reset", code="not_running")
        return {"state": found.value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        command = bhyvectl.force_reset(str(ctx.zone_name))

        async def do(ctx: Context, _: Outputs) -> None:
            await ctx.run(command)

        return [Step(name="reset", do=do, progress=20, status="resetting_zone", planned=(command,))]

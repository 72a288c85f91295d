"""zone_start: boot, and see that the zone stays up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zoneadm
from zoneweaver.operations import power
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneStart:
    """Start a zone. Parameters: `grace`, seconds for which it must stay up."""

    kind = Kind.ZONE_START

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See in what state the zone is, so that the way back leads there."""
        return {"state": (await power.state(ctx, str(ctx.zone_name))).value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the one step; undone by a halt, unless the zone was up before."""
        zone = str(ctx.zone_name)
        was_up = ZoneState(survey["state"]).active

        async def do(ctx: Context, _: Outputs) -> None:
            await power.boot(ctx, zone)

        async def undo(ctx: Context, _: Outputs) -> None:
            if not was_up:
                await power.halt(ctx, zone)

        return [
            Step(
                name="boot",
                do=do,
                undo=undo,
                progress=20,
                status="booting_zone",
                planned=(zoneadm.boot(zone),),
                planned_undo=power.halting(zone),
            )
        ]

"""zone_start: boot, and see that the zone stays up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.pipeline import STAGE
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zoneadm
from zoneweaver.operations import attachment, console, power, stages
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneStart:
    """Start a zone.

    Parameters: `grace`, seconds for which it must stay up; `listen`, whether what its console says meanwhile is kept
    for the recipe that comes next; `attach`, the link over which it is given a card before; or `skip`, why there is
    nothing to do.
    """

    kind = Kind.ZONE_START

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """See in what state the zone is, so that the way back leads there."""
        console.HEARD.pop(str(ctx.zone_name), None)
        if await stages.left_out(ctx):
            return stages.NOTHING
        found, over = await power.state(ctx, str(ctx.zone_name)), ctx.params.get("attach")
        if found is ZoneState.RUNNING and STAGE in ctx.metadata:
            if over is not None:
                files = ctx.files
                attachment.refuse_running(ctx.zone, configured=files.read(ctx.zone), booted=files.booted(ctx.zone))
            await stages.skip(ctx, "the zone runs already")
            return stages.NOTHING
        return {"state": found.value, "attach": await attachment.decide(ctx, over)}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the boot, undone by a halt unless the zone was up before, and what comes before it."""
        if not survey:
            return []
        zone = str(ctx.zone_name)
        was_up = ZoneState(survey["state"]).active

        async def do(ctx: Context, _: Outputs) -> None:
            if ctx.params.get("listen"):
                await console.listening(ctx, zone, lambda: power.boot(ctx, zone))
            else:
                await power.boot(ctx, zone)

        async def undo(ctx: Context, _: Outputs) -> None:
            if not was_up:
                await power.halt(ctx, zone)

        attaching = [attachment.attach(zone, survey["attach"])] if survey.get("attach") else []
        return [
            *attaching,
            Step(
                name="boot",
                do=do,
                undo=undo,
                progress=20,
                status="booting_zone",
                planned=(zoneadm.boot(zone),),
                planned_undo=power.halting(zone),
            ),
        ]

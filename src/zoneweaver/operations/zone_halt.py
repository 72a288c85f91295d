"""zone_halt: power off at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import power
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneHalt:
    """Cut a zone's power and halt it."""

    kind = Kind.ZONE_HALT

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See in what state the zone is."""
        return {"state": (await power.state(ctx, str(ctx.zone_name))).value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step; power that was cut stays cut."""
        zone = str(ctx.zone_name)

        async def do(ctx: Context, _: Outputs) -> None:
            await power.halt(ctx, zone)

        return [Step(name="halt", do=do, progress=20, status="halting_zone", planned=power.halting(zone))]

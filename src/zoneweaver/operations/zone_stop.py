"""zone_stop: a clean shutdown of the guest; after the timeout its power is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import power
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneStop:
    """Stop a zone. Parameters: `timeout` (seconds, default 120), `force` (cut the power at once)."""

    kind = Kind.ZONE_STOP

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See in what state the zone is."""
        return {"state": (await power.state(ctx, str(ctx.zone_name))).value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step; a guest that was told to stop cannot be told to forget it, so there is no way back."""
        zone = str(ctx.zone_name)

        async def do(ctx: Context, _: Outputs) -> None:
            if ctx.params.get("force"):
                await power.halt(ctx, zone)
            else:
                await power.shut_down(ctx, zone, seconds=float(ctx.params.get("timeout") or power.STOP_SECONDS))

        return [Step(name="stop", do=do, progress=20, status="stopping_zone")]

"""zone_restart: stop cleanly (power off after the timeout), then boot, so that pending changes take effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import power
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneRestart:
    """Restart a zone. Parameters: `timeout` (seconds, default 120), `force`, `grace`."""

    kind = Kind.ZONE_RESTART

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See in what state the zone is."""
        return {"state": (await power.state(ctx, str(ctx.zone_name))).value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return both steps; a zone that is down when the second fails stays down and the task says why."""
        zone = str(ctx.zone_name)

        async def stop(ctx: Context, _: Outputs) -> None:
            if ctx.params.get("force"):
                await power.halt(ctx, zone)
            else:
                await power.shut_down(ctx, zone, seconds=float(ctx.params.get("timeout") or power.STOP_SECONDS))

        async def start(ctx: Context, _: Outputs) -> None:
            await power.boot(ctx, zone)

        return [
            Step(name="stop", do=stop, progress=20, status="stopping_zone"),
            Step(name="boot", do=start, progress=60, status="booting_zone"),
        ]

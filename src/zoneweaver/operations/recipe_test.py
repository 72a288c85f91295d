"""recipe_test: a recipe played on a running zone; the masked transcript is the task's output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.recipe_values import gather
from zoneweaver.domain.recipes import Recipe, variables
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.guest.player import BOOT_SECONDS, summary
from zoneweaver.host import dladm
from zoneweaver.operations import console, guest_values, power, records
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class RecipeTest:
    """Play a recipe. Parameters: `recipe` (as it was when it was asked for), `variables`, `boot_seconds`.

    What it has done in the guest is not undone: the guest is not ours.
    """

    kind = Kind.RECIPE_TEST

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See that the zone runs, and what is known of its cards. Raises Conflict, NotFound."""
        zone = ctx.zone
        found = await power.state(ctx, zone)
        if found is not ZoneState.RUNNING:
            raise Conflict(f"Zone {zone} is {found.value}: a recipe is tested on a running zone", code="not_running")
        return {"macs": guest_values.macs_of(await ctx.ask(dladm.show_vnics()))}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the one step."""
        recipe = Recipe.from_json(ctx.params["recipe"])

        async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
            zone = ctx.zone
            record = await records.recall(ctx, zone)
            levels = guest_values.levels(
                recipe,
                config=ctx.files.read(zone),
                macs=survey["macs"],
                provisioning=None if record is None else record.provisioning,
                requested=variables(ctx.params.get("variables", {}), field="variables"),
            )
            seconds = float(ctx.params.get("boot_seconds", BOOT_SECONDS))
            played = await console.play(ctx, zone, recipe, gather(levels), boot_seconds=seconds)
            return summary(played)

        return [Step(name="recipe", do=do, progress=5, status="opening_console")]

"""zone_setup: the recipe on the guest's console, unless the guest is set up so far that SSH lets us in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoneweaver.domain.recipe_values import Filled, gather, resolved
from zoneweaver.domain.recipes import Recipe, Wait
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.guest import ssh
from zoneweaver.guest.player import refused, summary
from zoneweaver.host import dladm
from zoneweaver.operations import console, guest_values, guests, stages
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

PROBE_SECONDS: Final = 5.0
"""How long it is tried whether SSH answers already."""


class ZoneSetup:
    """Play the recipe.

    Parameters: `recipe` (as it was when the pipeline was asked for), `configuration`, `access`, `root`; or `skip`. What
    it has done in the guest is not undone: the guest is not ours.
    """

    kind = Kind.ZONE_SETUP

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """See what is known of the zone's cards."""
        if await stages.left_out(ctx):
            return stages.NOTHING
        config = ctx.files.read(ctx.zone)
        return {
            "macs": guest_values.macs_of(await ctx.ask(dladm.show_vnics())),
            "config": None if config is None else config.as_plain(),
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the one step."""
        if not survey:
            return []
        recipe = Recipe.from_json(ctx.params["recipe"])
        access = Access.from_json(ctx.params["access"])
        levels = guest_values.levels(
            recipe,
            config=None if survey["config"] is None else ZoneConfig.from_plain(survey["config"]),
            macs=survey["macs"],
            provisioning=ctx.params["configuration"],
            requested={},
        )
        values = gather(levels)

        async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
            asked = [
                values.fill(step.or_command) for step in recipe.steps if isinstance(step, Wait) and step.or_command
            ]
            played = await console.play_unless(
                ctx, ctx.zone, recipe, values, lambda: _answers(ctx, access, asked, recipe.timeout_seconds)
            )
            if played is None:
                why = f"SSH at {(await guests.target(ctx, access)).host} lets {access.username} in already"
                await stages.skip(ctx, why)
                return {"skipped": why}
            return summary(played)

        facts = {"recipe": recipe.name, "recipe_steps": resolved(recipe, values)}
        return [Step(name="recipe", do=do, progress=5, status="opening_console", facts=facts)]


async def _answers(ctx: Context, access: Access, asked: Sequence[Filled], seconds: float) -> bool:
    """Say whether SSH lets us in at this moment, and what the recipe would wait for is there.

    SSH may be there before: where commands tell what is waited for, they are asked. Raises CommandRefused when one
    tells that it failed.
    """
    identity = access.identity(await stages.tree(ctx, ctx.params["root"]))
    try:
        async with ssh.connect(await guests.target(ctx, access), identity, seconds=PROBE_SECONDS) as made:
            await made.check()
            for command in asked:
                await ctx.say(f"asked instead: {command.shown}\n")
                ran = await made.run(["sh", "-c", command.text], seconds=seconds)
                if ran.exit_status:
                    raise refused(command, ran.exit_status, f"{ran.stdout}{ran.stderr}")
    except (ssh.Unreachable, guests.NoLease) as error:
        await ctx.say(f"the recipe is needed: {error.message}\n")
        return False
    return True

"""zone_wait_ssh: wait until the guest lets us in, and remember the key that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.guest import ssh
from zoneweaver.operations import guests, stages
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneWaitSsh:
    """Wait for SSH.

    Parameters: `access`, `root`, `seconds` for the whole wait, `every` from one attempt to the next; or `skip`.
    """

    kind = Kind.ZONE_WAIT_SSH

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """Nothing needs to be known."""
        return stages.NOTHING if await stages.left_out(ctx) else {"address": ctx.params["access"]["address"]}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the one step."""
        if not survey:
            return []
        access = Access.from_json(ctx.params["access"])

        async def do(ctx: Context, _: Outputs) -> None:
            where = await guests.target(ctx, access)
            identity = access.identity(await stages.tree(ctx, ctx.params["root"]))
            async with ctx.waiting():
                key = await ssh.wait(
                    where,
                    identity,
                    seconds=ctx.params["seconds"],
                    every=ctx.params["every"],
                    tell=lambda text: ctx.journal.line("log", text),
                )
            await guests.remember(ctx, key)
            await ctx.say(f"{access.username} is let in at {where}\n")

        facts = {"address": access.address, "port": access.port, "username": access.username}
        return [Step(name="ssh", do=do, progress=5, status="waiting_for_ssh", facts=facts)]

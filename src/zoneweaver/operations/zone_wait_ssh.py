"""zone_wait_ssh: wait until the guest lets us in, and remember the key that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio

from zoneweaver.domain.tasks import Kind
from zoneweaver.guest import ssh
from zoneweaver.operations import guests, stages
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

LEASE_SECONDS: Final = 1.0
"""From one look for a lease to the next."""


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
            identity = access.identity(await stages.tree(ctx, ctx.params["root"]))
            deadline = anyio.current_time() + ctx.params["seconds"]
            async with ctx.waiting():
                where = await _located(ctx, access, deadline)
                key = await ssh.wait(
                    where,
                    identity,
                    seconds=deadline - anyio.current_time(),
                    every=ctx.params["every"],
                    tell=lambda text: ctx.journal.line("log", text),
                )
            await guests.remember(ctx, key)
            await ctx.say(f"{access.username} is let in at {where}\n")

        facts = {"address": access.address, "port": access.port, "username": access.username}
        return [Step(name="ssh", do=do, progress=5, status="waiting_for_ssh", facts=facts)]


async def _located(ctx: Context, access: Access, deadline: float) -> ssh.Target:
    """Return where the guest is, once it has an address. Raises NoLease at the deadline."""
    told = False
    while True:
        try:
            return await guests.target(ctx, access)
        except guests.NoLease as error:
            if anyio.current_time() + LEASE_SECONDS > deadline:
                raise
            if not told:
                await ctx.say(f"{error.message}\n")
            told = True
        await anyio.sleep(LEASE_SECONDS)

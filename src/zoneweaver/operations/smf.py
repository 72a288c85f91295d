"""Services brought up, down and back to how they were; a command that ends well only means that the way has begun."""

from __future__ import annotations

from typing import Final

import anyio

from zoneweaver.domain.errors import CommandFailed, Failed, Refused
from zoneweaver.host import svcadm, svcs
from zoneweaver.host.command import Command
from zoneweaver.host.svcs import Service, ServiceState
from zoneweaver.tasks.context import Context

SETTLE_SECONDS: Final = 60.0
"""How long a service may be on its way to another state."""

_DOWN: Final = frozenset({ServiceState.DISABLED, ServiceState.UNINITIALIZED})


async def state(ctx: Context, fmri: str) -> ServiceState:
    """Ask where a service stands, once it has settled. Raises Refused when the host has no such service."""
    return (await _settled(ctx, fmri)).state


async def bring_up(ctx: Context, fmri: str, *, anew: bool) -> None:
    """Ensure that a service is online; `anew` also begins one again that is online already. Raises Failed."""
    found = await state(ctx, fmri)
    if found is ServiceState.ONLINE and not anew:
        return
    try:
        await ctx.run(_towards(fmri, found))
    except CommandFailed as error:
        if (await state(ctx, fmri)) is not ServiceState.MAINTENANCE:
            raise
        raise _in_maintenance(fmri) from error
    found = await state(ctx, fmri)
    if found is ServiceState.MAINTENANCE:
        raise _in_maintenance(fmri)
    if found is not ServiceState.ONLINE:
        raise Failed(f"Service {fmri} is {found}, not online: see `svcs -x {fmri}`", code="not_online")


async def bring_down(ctx: Context, fmri: str) -> None:
    """Ensure that a service is disabled. Raises Failed."""
    if await state(ctx, fmri) in _DOWN:
        return
    await ctx.run(svcadm.disable(fmri))
    found = await state(ctx, fmri)
    if found not in _DOWN:
        raise Failed(f"svcadm reported success, but service {fmri} is {found}", code="not_as_meant")


async def bring_back(ctx: Context, fmri: str, before: ServiceState, *, anew: bool) -> None:
    """Ensure that a service is where it was; `anew` lets one that runs read its configuration again."""
    if before in _DOWN:
        await bring_down(ctx, fmri)
    elif before is ServiceState.ONLINE:
        await bring_up(ctx, fmri, anew=anew)
    elif await state(ctx, fmri) is ServiceState.ONLINE:
        # It was enabled and could not run; what it needed is gone again, and it will see so.
        await ctx.run(svcadm.restart(fmri))
        await state(ctx, fmri)


def bringing_up(fmri: str, found: ServiceState, *, anew: bool) -> tuple[Command, ...]:
    """Return the command that `bring_up` runs on an untroubled host."""
    return () if found is ServiceState.ONLINE and not anew else (_towards(fmri, found),)


def bringing_back(fmri: str, before: ServiceState, *, anew: bool) -> tuple[Command, ...]:
    """Return the command that `bring_back` runs on an untroubled host."""
    if before in _DOWN:
        return (svcadm.disable(fmri),)
    return (svcadm.restart(fmri),) if anew or before is not ServiceState.ONLINE else ()


def _towards(fmri: str, found: ServiceState) -> Command:
    if found is ServiceState.ONLINE:
        return svcadm.restart(fmri)
    return svcadm.clear(fmri) if found is ServiceState.MAINTENANCE else svcadm.enable(fmri)


async def _settled(ctx: Context, fmri: str) -> Service:
    deadline = anyio.current_time() + SETTLE_SECONDS
    pause = 0.05
    while True:
        found = await ctx.ask(svcs.find(fmri))
        if found is None:
            raise Refused(f"The host has no service {fmri}: is its package installed?", code="no_such_service")
        if not found.changing or ctx.dry:
            return found
        if anyio.current_time() > deadline:
            text = f"Service {fmri} was still on its way after {SETTLE_SECONDS:g} s: see `svcs -x {fmri}`"
            raise Failed(text, code="not_online")
        async with ctx.waiting():
            await anyio.sleep(pause)
        pause = min(pause * 2, 1.0)


def _in_maintenance(fmri: str) -> Failed:
    return Failed(f"Service {fmri} could not start and is in maintenance: see `svcs -x {fmri}`", code="maintenance")

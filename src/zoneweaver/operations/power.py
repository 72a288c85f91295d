"""Power: what every operation that starts or stops a zone does the same way.

`zoneadm boot` that exits 0 only means that the zone started; the guest may be gone a second later. `zoneadm halt` waits
up to half an hour for a guest that does not listen, so a power-off goes before it (bhyvectl(8)).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from zoneweaver.domain.errors import AgentError, CommandFailed, CommandTimeout, Conflict, Failed, NotFound
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import bhyvectl, zoneadm
from zoneweaver.host.command import Command
from zoneweaver.operations import links, records
from zoneweaver.tasks.context import Context

STOP_SECONDS = 120.0
"""How long a guest may take to shut down before its power is cut, unless told otherwise."""

GRACE_SECONDS = 2.0
"""How long a zone must stay up after its boot to count as started, unless told otherwise."""

POWER_OFF_SECONDS = 30.0
"""Deadline for a zone to fall to installed once its power was cut."""

STRAGGLING_SECONDS = 3.0
"""How long a zone whose stop failed or was cancelled is watched for going down after all."""

TAIL_LINES = 12


def halting(zone: str) -> tuple[Command, ...]:
    """Return the commands that end a running zone at once."""
    return (bhyvectl.force_poweroff(zone), zoneadm.halt(zone))


async def state(ctx: Context, zone: str) -> ZoneState:
    """Ask the host for a zone's state. Raises NotFound."""
    for line in await ctx.ask(zoneadm.list_zones()):
        if line.name == zone:
            return line.state
    raise NotFound("Zone not found", code="zone_not_found")


@asynccontextmanager
async def noting(ctx: Context, zone: str) -> AsyncIterator[None]:
    """Remember in what state the zone is, should the block fail: what it did to the zone cannot be told from that.

    If it went down all the same, its links are settled nevertheless.
    """
    try:
        yield
    except BaseException:
        with anyio.CancelScope(shield=True), contextlib.suppress(AgentError):
            if await links.unsettled(ctx, zone):
                with contextlib.suppress(AgentError):
                    await _wait_stopped(ctx, zone, seconds=STRAGGLING_SECONDS)
                    await links.settle(ctx, zone)
            await note_state(ctx, zone, await state(ctx, zone))
        raise


async def boot(ctx: Context, zone: str) -> None:
    """Boot a zone and see that it stays up. Raises Failed with the tail of the brand's logs when it does not."""
    async with noting(ctx, zone):
        await _boot(ctx, zone)


async def _boot(ctx: Context, zone: str) -> None:
    found = await state(ctx, zone)
    if found is not ZoneState.RUNNING:
        if found not in {ZoneState.INSTALLED, ZoneState.READY}:
            raise Conflict(
                f"Zone {zone} is {found.value}: it must be installed before it can boot", code="not_installed"
            )
        if found is ZoneState.INSTALLED:
            await links.settle(ctx, zone)
        await ctx.run(zoneadm.boot(zone))
    deadline = anyio.current_time() + float(ctx.params.get("grace", GRACE_SECONDS))
    pause = 0.05
    while True:
        found = await state(ctx, zone)
        if found is not ZoneState.RUNNING:
            raise Failed(
                f"Zone {zone} started but did not stay up; it is {found.value} again. {tail(ctx, zone)}".strip(),
                code="did_not_stay_up",
            )
        left = deadline - anyio.current_time()
        if left <= 0:
            break
        async with ctx.waiting():
            await anyio.sleep(min(pause, left))
        pause *= 2
    await note_state(ctx, zone, ZoneState.RUNNING)


async def shut_down(ctx: Context, zone: str, *, seconds: float) -> None:
    """Shut a guest down; when it is not off after `seconds` its power is cut. Ends with the zone installed."""
    async with noting(ctx, zone):
        if await state(ctx, zone) is ZoneState.RUNNING:
            async with ctx.waiting():
                try:
                    await ctx.run(zoneadm.shutdown(zone, timeout=seconds))
                except (CommandFailed, CommandTimeout) as error:
                    await ctx.say(f"the guest did not shut down within {seconds:g} s: {error.message}\n")
        await _halt(ctx, zone)


async def halt(ctx: Context, zone: str) -> None:
    """Cut the power and halt the zone. Ends with the zone installed; raises Failed when it does not get there."""
    async with noting(ctx, zone):
        await _halt(ctx, zone)


async def _halt(ctx: Context, zone: str) -> None:
    found = await state(ctx, zone)
    if found in {ZoneState.CONFIGURED, ZoneState.INCOMPLETE}:
        return
    if found.active:
        power_off, halt_zone = halting(zone)
        if found is ZoneState.RUNNING:
            try:
                await ctx.run(power_off)
            except CommandFailed as error:
                if await state(ctx, zone) is ZoneState.RUNNING:
                    await ctx.say(f"the power could not be cut: {error.message}\n")
        try:
            await ctx.run(halt_zone)
        except CommandFailed:
            if (await state(ctx, zone)).active:
                raise
        await _wait_stopped(ctx, zone, seconds=POWER_OFF_SECONDS)
    await links.settle(ctx, zone)
    await note_state(ctx, zone, ZoneState.INSTALLED)


async def _wait_stopped(ctx: Context, zone: str, *, seconds: float) -> None:
    deadline = anyio.current_time() + seconds
    while (found := await state(ctx, zone)).active:
        if anyio.current_time() > deadline:
            raise Failed(f"Zone {zone} is still {found.value} after it was halted", code="still_running")
        async with ctx.waiting():
            await anyio.sleep(0.1)


async def note_state(ctx: Context, zone: str, found: ZoneState) -> None:
    """Remember the state that a zone was seen in."""
    await records.note(ctx, zone, status=found.value)


def tail(ctx: Context, zone: str) -> str:
    """Return the last lines of the brand's logs, which are the only place where most failed starts are explained."""
    entry = ctx.files.index().get(zone)
    if entry is None:
        return ""
    said: list[str] = []
    for name in ("root/tmp/init.log", "log/zone.log"):
        try:
            text = ctx.host.path(f"{entry.zonepath}/{name}").read_text(errors="replace")
        except OSError:
            continue
        lines = [line for line in text.splitlines() if line.strip()][-TAIL_LINES:]
        if lines:
            said.append(f"{name.rpartition('/')[2]}: {' | '.join(lines)}")
    return " ".join(said)

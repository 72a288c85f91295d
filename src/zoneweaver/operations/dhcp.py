"""The step on the DHCP server: our block in dhcpd.conf, the interfaces it serves, and its service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoneweaver.domain.dhcp import DhcpConfig, Foreign, Lease
from zoneweaver.domain.errors import Failed, Refused
from zoneweaver.host import dhcpd, dhcpd_leases, svcadm, svccfg
from zoneweaver.host.command import Command
from zoneweaver.host.managed import ManagedFile
from zoneweaver.host.svcs import DHCP, ServiceState
from zoneweaver.operations import smf
from zoneweaver.operations.managed import BLOCK, Change
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

PROGRESS: Final = 85


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What dhcpd.conf says: our subnets and reservations (with the lines they stand in), and what others wrote."""

    lines: tuple[str, ...] | None
    config: DhcpConfig
    foreign: Foreign


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """What the server is to be told: the lines of our block, and the interfaces it serves (none: every one)."""

    lines: tuple[str, ...]
    listen: tuple[str, ...]


def read(ctx: Context) -> Served:
    """Read dhcpd.conf. Raises BrokenFile."""
    file = ManagedFile(ctx.host, dhcpd.FILE)
    lines = file.read(BLOCK)
    return Served(lines=lines, config=dhcpd.parse(lines or ()), foreign=dhcpd.foreign(file.foreign()))


def leases(ctx: Context) -> tuple[Lease, ...]:
    """Read the newest lease of every address. Raises BrokenFile."""
    try:
        text = ctx.host.path(dhcpd_leases.FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    return dhcpd_leases.parse(text)


async def listening(ctx: Context) -> tuple[str, ...]:
    """Ask which interfaces the server serves; none means every one that has a subnet."""
    found = await ctx.ask(svccfg.properties(DHCP, dhcpd.LISTEN.partition("/")[0]))
    return tuple(word for value in found.get(dhcpd.LISTEN, ()) for word in value.split())


def heard(before: tuple[str, ...], name: str, served: Served) -> tuple[str, ...]:
    """Return the interfaces that are served when one more is: it alone where it is the first, none where all are.

    A server that was told no interface serves every one that has a subnet; with subnets there already it stays so.
    """
    if name in before:
        return before
    if not before and (served.config.subnets or served.foreign.networks):
        return before
    return (*before, name)


def change(
    before: Serving | None,
    after: Serving,
    *,
    had: Sequence[str] | None,
    state: ServiceState,
    up: bool = False,
    down: bool = False,
    name: str = "DHCP configuration",
) -> Step[Context]:
    """Let the server be told this. A running one is restarted, since it reads its file at its start only.

    `had` is our block before (None: there was none), `before` what belongs to it, where the interfaces are changed too.
    With `up` the service is brought online, with `down` it is disabled. `state` is where it stood before, and comes
    back to when this is undone.
    """
    edit = Change(
        path=dhcpd.FILE,
        before=None if had is None else tuple(had),
        after=after.lines or None,
        check=dhcpd.check,
        complaint=dhcpd.complaint,
    )
    listens = before is not None and before.listen != after.listen
    runs = up or state is ServiceState.ONLINE

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        await edit.apply(ctx)
        try:
            if listens:
                await _listen(ctx, after.listen)
            if down:
                await smf.bring_down(ctx, DHCP)
            elif runs:
                await smf.bring_up(ctx, DHCP, anew=True)
        except Refused as error:  # by now something was touched
            raise Failed(error.message, code=error.code, details=error.details) from error
        return {"listen": list(after.listen)}

    async def undo(ctx: Context, _: Outputs) -> None:
        await edit.revert(ctx)
        if listens and before is not None:
            await _listen(ctx, before.listen)
        if down or runs:
            await smf.bring_back(ctx, DHCP, state, anew=True)

    return Step(
        name=name,
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="configuring_dhcp",
        planned=(*_planned_listen(after.listen if listens else None), *_planned(state, up=up, down=down)),
        planned_undo=(
            *_planned_listen(before.listen if listens and before is not None else None),
            *(smf.bringing_back(DHCP, state, anew=True) if down or runs else ()),
        ),
        facts=edit.facts,
    )


async def _listen(ctx: Context, names: Sequence[str]) -> None:
    """Tell the service; what it is told now may not have been read yet, so that a refresh always follows."""
    setting, refreshing = _planned_listen(names)
    if await listening(ctx) != tuple(names):
        await ctx.run(setting)
        now = await listening(ctx)
        if now != tuple(names):
            text = f"svccfg reported success, but the DHCP server serves {', '.join(now) or 'every interface'}"
            raise Failed(text, code="not_as_meant")
    await ctx.run(refreshing)


def _planned_listen(names: Sequence[str] | None) -> tuple[Command, ...]:
    if names is None:
        return ()
    return (svccfg.set_strings(DHCP, dhcpd.LISTEN, names), svcadm.refresh(DHCP))


def _planned(state: ServiceState, *, up: bool, down: bool) -> tuple[Command, ...]:
    if down:
        return smf.bringing_back(DHCP, ServiceState.DISABLED, anew=False)
    if up or state is ServiceState.ONLINE:
        return smf.bringing_up(DHCP, state, anew=True)
    return ()

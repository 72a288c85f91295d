"""The step on address translation: our block in ipnat.conf, the kernel's rules, and the service that loads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoneweaver.domain.errors import Conflict, Failed, Refused
from zoneweaver.domain.nat import NatRule, clash
from zoneweaver.host import ipnat
from zoneweaver.host.command import Command
from zoneweaver.host.ipnat import Active
from zoneweaver.host.managed import ManagedFile
from zoneweaver.host.svcs import IPFILTER, ServiceState
from zoneweaver.operations import smf
from zoneweaver.operations.managed import BLOCK, Change
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

FILTER_FILES: Final = ("/etc/ipf/ipf.conf", "/etc/ipf/ipf6.conf")
"""What the service brings into force besides when it starts."""

PROGRESS: Final = 70


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """What ipnat.conf says: our rules (with the lines they stand in), the rules of others that we can read."""

    lines: tuple[str, ...] | None
    ours: tuple[NatRule, ...]
    others: tuple[NatRule, ...]
    foreign: tuple[str, ...]
    """Lines of others that say something."""


def read(ctx: Context) -> Translation:
    """Read ipnat.conf. Raises BrokenFile."""
    file = ManagedFile(ctx.host, ipnat.FILE)
    lines = file.read(BLOCK)
    foreign = tuple(line for line in file.foreign().split("\n") if line.partition("#")[0].strip())
    others = tuple(rule for rule in map(ipnat.parse, foreign) if rule is not None)
    return Translation(lines=lines, ours=ipnat.rules(lines or ()), others=others, foreign=foreign)


def refuse_clash(there: Translation, new: NatRule) -> None:
    """Raise Conflict when a rule is there already, or another one would be taken in its place."""
    every = (*there.ours, *there.others)
    if new in every:
        raise Conflict(f"NAT rule {new.id} is there already", code="rule_exists", details={"id": new.id})
    other = clash(every, new)
    if other is not None:
        raise Conflict(
            f"The rule would never be used: `{ipnat.render(other)}` is taken in its place",
            code="rule_exists",
            details={"id": other.id, "rule": ipnat.render(other)},
        )


def refuse_dormant(ctx: Context, state: ServiceState) -> None:
    """Raise Conflict when starting the packet filter would bring rules into force that nobody asked for."""
    if state is ServiceState.ONLINE:
        return
    asleep = [path for path in FILTER_FILES if _says_something(ctx, path)]
    if read(ctx).foreign:
        asleep.append(ipnat.FILE)
    if asleep:
        raise Conflict(
            f"The packet filter is {state}, and {' and '.join(asleep)} of somebody else's would come into force with "
            f"it: look at the rules, and enable {IPFILTER} yourself",
            code="dormant_filter",
            details={"files": asleep, "service": IPFILTER},
        )


def refuse_apart(there: Translation, active: Active) -> None:
    """Raise Conflict when loading the file would do more than was asked for, since others left file and kernel apart.

    A rule that is only in the kernel would be lost, one of others that is only in the file would come into force.
    """
    if not active.running:
        return
    lost = [rule for rule in active.rules if rule not in (*there.ours, *there.others)]
    woken = [rule for rule in there.others if rule not in active.rules]
    unread = [line for line in there.foreign if ipnat.parse(line) is None]
    # The kernel lists in its own words what we cannot read in the file: as many of its lines may stand for those.
    only_kernel = [*map(ipnat.render, lost), *active.others]
    only_file = [*map(ipnat.render, woken), *(() if only_kernel else unread)]
    if len(only_kernel) > len(unread):
        raise _apart(f"`{only_kernel[0]}` is in force, but not in {ipnat.FILE}, and would be lost", only_kernel)
    if only_file:
        raise _apart(f"`{only_file[0]}` is in {ipnat.FILE}, but not in force, and would come into force", only_file)


def _apart(text: str, rules: Sequence[str]) -> Conflict:
    return Conflict(
        f"{text} when the file is loaded: let both say the same", code="rules_apart", details={"rules": list(rules)}
    )


def _says_something(ctx: Context, path: str) -> bool:
    """Say whether a file has rules; one that cannot be read may have any."""
    try:
        text = ctx.host.path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return any(line.partition("#")[0].strip() for line in text.splitlines())


def change(
    before: Sequence[str] | None,
    after: Sequence[NatRule],
    *,
    state: ServiceState,
    down: bool = False,
    name: str = "address translation",
) -> Step[Context]:
    """Let our rules be these. The packet filter is started when it does not run, or stopped with `down`.

    `state` is where its service stood before, and comes back to when this is undone.
    """
    lines = tuple(ipnat.render(rule) for rule in after)
    edit = Change(
        path=ipnat.FILE,
        before=None if before is None else tuple(before),
        after=lines or None,
        check=ipnat.check,
    )

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        await edit.apply(ctx)
        try:
            if down:
                await smf.bring_down(ctx, IPFILTER)
            elif await smf.state(ctx, IPFILTER) is ServiceState.ONLINE:
                await _put(ctx, lines)
            elif lines:
                await smf.bring_up(ctx, IPFILTER, anew=False)
        except Refused as error:  # by now something was touched
            raise Failed(error.message, code=error.code, details=error.details) from error
        return {"rules": [rule.id for rule in after]}

    async def undo(ctx: Context, _: Outputs) -> None:
        await edit.revert(ctx)
        if state is ServiceState.ONLINE:
            await smf.bring_up(ctx, IPFILTER, anew=False)
            await _put(ctx, before or ())
        elif down or lines:
            await smf.bring_back(ctx, IPFILTER, state, anew=False)

    return Step(
        name=name,
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="translating_addresses",
        planned=_planned(state, lines, down=down),
        planned_undo=_planned_undo(state, before, touched=bool(lines)),
        facts=edit.facts,
    )


async def _put(ctx: Context, lines: Sequence[str]) -> None:
    """Let the kernel translate by the file, whose lines these are among others. Raises Failed when it does not."""
    await ctx.run(_load(ctx))
    there = (await ctx.ask(ipnat.active())).rules
    missing = [ipnat.render(rule) for rule in ipnat.rules(lines) if rule not in there]
    if missing:
        text = f"ipnat reported success, but `{missing[0]}` is not in force"
        raise Failed(text, code="not_as_meant")


def _load(ctx: Context) -> Command:
    return ipnat.load() if ctx.host.path(ipnat.FILE).exists() else ipnat.clear()


def _planned(state: ServiceState, lines: Sequence[str], *, down: bool) -> tuple[Command, ...]:
    if down:
        return smf.bringing_back(IPFILTER, ServiceState.DISABLED, anew=False)
    if state is ServiceState.ONLINE:
        return (ipnat.load(),)
    return smf.bringing_up(IPFILTER, state, anew=False) if lines else ()


def _planned_undo(state: ServiceState, before: Sequence[str] | None, *, touched: bool) -> tuple[Command, ...]:
    if state is ServiceState.ONLINE:
        return (ipnat.load() if before else ipnat.clear(),)
    return smf.bringing_back(IPFILTER, state, anew=False) if touched else ()

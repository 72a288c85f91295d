"""Steps on forwarding: of the host with all its interfaces (routeadm), or of one interface (ipadm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.network import Forwarding
from zoneweaver.host import ipadm, routeadm
from zoneweaver.host.command import Command
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

PROGRESS: Final = 75


@dataclass(frozen=True, kw_only=True, slots=True)
class Forwards:
    """Who forwards packets of a family: the host, which stands for every interface, and the interfaces by name."""

    family: str
    host: Forwarding
    interfaces: Mapping[str, Forwarding]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Forwards:
        """Read what `as_json` wrote."""
        return cls(
            family=data["family"],
            host=Forwarding(**data["host"]),
            interfaces={name: Forwarding(**facts) for name, facts in data["interfaces"].items()},
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return asdict(self)

    @property
    def apart(self) -> tuple[str, ...]:
        """The interfaces that were set alone, as far as can be told: a change of the host makes them as all others."""
        return tuple(name for name, own in self.interfaces.items() if own.persistent or own.now != self.host.now)


async def read(ctx: Context, family: str = "ipv4") -> Forwards:
    """Ask the host who forwards packets of a family."""
    return Forwards(
        family=family,
        host=(await ctx.ask(routeadm.show()))[family],
        interfaces=await ctx.ask(ipadm.show_forwarding(family)),
    )


def change_host(before: Forwards, *, on: bool) -> Step[Context]:
    """Let the host forward or not, and every interface with it; the way back sets those apart that were.

    A host that is as wanted already is left alone, and so are the interfaces that are set apart from it.
    """
    wanted = Forwarding(now=on, persistent=on)

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        if (await ctx.ask(routeadm.show()))[before.family] != wanted:
            await ctx.run(routeadm.set_forwarding(before.family, on=on))
            now = (await ctx.ask(routeadm.show()))[before.family]
            if now != wanted:
                raise _not_as_meant(f"{before.family} forwarding of the host", now)
        return {"host": on}

    async def undo(ctx: Context, _: Outputs) -> None:
        now = await read(ctx, before.family)
        if now == before:
            return
        if now.host != before.host:
            await ctx.run(routeadm.set_forwarding(before.family, on=before.host.now))
            now = await read(ctx, before.family)
        for name in before.apart:
            if name in now.interfaces and now.interfaces[name] != before.interfaces[name]:
                await ctx.run(_setting(before, name))

    planned: tuple[Command, ...] = ()
    planned_undo: tuple[Command, ...] = ()
    if before.host != wanted:
        planned = (routeadm.set_forwarding(before.family, on=on),)
        back = routeadm.set_forwarding(before.family, on=before.host.now)
        planned_undo = (back, *(_setting(before, name) for name in before.apart))
    return Step(
        name=f"{before.family} forwarding of the host",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="setting_forwarding",
        planned=planned,
        planned_undo=planned_undo,
    )


def change(before: Forwards, interface: str, *, on: bool) -> Step[Context]:
    """Let one interface forward or not, whatever the host does; the way back leaves it as it was."""
    # An interface that is made by an earlier step begins as the host is.
    own = before.interfaces.get(interface, Forwarding(now=before.host.now, persistent=False))
    there = own.now == on

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        if (await _one(ctx, interface, before.family)).now != on:
            await ctx.run(ipadm.set_forwarding(interface, on=on, family=before.family))
            now = await _one(ctx, interface, before.family)
            if now.now != on:
                raise _not_as_meant(f"{before.family} forwarding of {interface}", now)
        return {"interface": interface, "on": on}

    async def undo(ctx: Context, _: Outputs) -> None:
        found = (await ctx.ask(ipadm.show_forwarding(before.family))).get(interface)
        if found is not None and found != own:
            await ctx.run(_back(before.family, interface, own))

    return Step(
        name=f"{before.family} forwarding of {interface}",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="setting_forwarding",
        planned=() if there else (ipadm.set_forwarding(interface, on=on, family=before.family),),
        planned_undo=() if there else (_back(before.family, interface, own),),
    )


def _setting(before: Forwards, interface: str) -> Command:
    return ipadm.set_forwarding(interface, on=before.interfaces[interface].now, family=before.family)


def _back(family: str, interface: str, own: Forwarding) -> Command:
    # Without a setting of its own an interface does not forward, unless the host does (ipadm(8), reset-ifprop).
    if not own.now:
        return ipadm.reset_forwarding(interface, family=family)
    return ipadm.set_forwarding(interface, on=True, family=family)


async def _one(ctx: Context, interface: str, family: str) -> Forwarding:
    found = (await ctx.ask(ipadm.show_forwarding(family))).get(interface)
    if found is None:
        raise Failed(f"There is no IP interface {interface}", code="no_such_interface")
    return found


def _not_as_meant(what: str, now: Forwarding) -> Failed:
    stands = f"{'on' if now.now else 'off'} now, {'on' if now.persistent else 'off'} after a reboot"
    return Failed(f"The host reported success, but {what} is {stands}", code="not_as_meant")

"""Steps on the host's addresses; an interface comes with its first address and goes with its last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from zoneweaver.domain.errors import CommandFailed, Failed, Refused
from zoneweaver.domain.network import Address, AddressKind
from zoneweaver.host import ipadm
from zoneweaver.host.command import Command
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import NoWayBack, Outputs, Step

PROGRESS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedAddress:
    """An address object: how it gets its address, and which one a static one has (`ADDRESS/PREFIX`).

    `plumbed` says whether the interface was there before, and so outlives the address; `seconds` is how long a lease is
    waited for.
    """

    name: str
    kind: AddressKind
    address: str | None = None
    plumbed: bool = False
    seconds: int = ipadm.DHCP_SECONDS

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WantedAddress:
        """Read what `as_json` wrote."""
        return cls(**{**data, "kind": AddressKind(data["kind"])})

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return {**asdict(self), "kind": self.kind.value}

    @property
    def interface(self) -> str:
        """The interface that the address is on."""
        return self.name.partition("/")[0]

    def is_met_by(self, found: Address) -> bool:
        """Say whether an address object is this one; what a dynamic one got does not count."""
        if found.kind != self.kind.value:
            return False
        return self.kind is not AddressKind.STATIC or found.address == self.address

    def creating(self) -> tuple[Command, ...]:
        """Return the commands that make it."""
        return (ipadm.create_address(self.name, self.kind, address=self.address, seconds=self.seconds),)

    def deleting(self) -> tuple[Command, ...]:
        """Return the commands that take it away."""
        gone = ipadm.delete_address(self.name, release=self.kind is AddressKind.DHCP)
        return (gone,) if self.plumbed else (gone, ipadm.delete_interface(self.interface))


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """An address object that shall go; `last` takes its interface along, `release` gives a lease back."""

    name: str
    last: bool
    release: bool = False

    @property
    def interface(self) -> str:
        """The interface that the address is on."""
        return self.name.partition("/")[0]


def delete(gone: Leaving) -> tuple[Step[Context], ...]:
    """Take an address away for good, and the interface with its last one: what else was set is not given back."""

    async def do(ctx: Context, _: Outputs) -> None:
        if await ctx.ask(ipadm.find_address(gone.name)) is not None:
            await _remove(ctx, gone.name, removal)

    async def undo(ctx: Context, _: Outputs) -> None:
        if await ctx.ask(ipadm.find_address(gone.name)) is None:
            raise NoWayBack(f"Address {gone.name} is gone")

    async def unplumb(ctx: Context, _: Outputs) -> None:
        await _unplumb(ctx, gone.interface)

    removal = ipadm.delete_address(gone.name, release=gone.release)
    pivot: Step[Context] = Step(
        name=f"delete address {gone.name}",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="deleting_address",
        planned=(removal,),
        pivot=True,
    )
    interface: Step[Context] = Step(
        name=f"delete interface {gone.interface}",
        do=unplumb,
        progress=PROGRESS,
        status="deleting_interface",
        planned=(ipadm.delete_interface(gone.interface),),
    )
    return (pivot, interface) if gone.last else (pivot,)


def make(wanted: WantedAddress) -> Step[Context]:
    """Make an address; the way back takes it away, and the interface with it when that was not there before."""
    return Step(
        name=f"create address {wanted.name}",
        do=lambda ctx, _: _ensure(ctx, wanted),
        undo=lambda ctx, _: _ensure_not(ctx, wanted),
        progress=PROGRESS,
        status="creating_address",
        planned=wanted.creating(),
        planned_undo=wanted.deleting(),
    )


def unmake(gone: WantedAddress) -> Step[Context]:
    """Take an address away; the way back makes it again."""

    async def do(ctx: Context, _: Outputs) -> None:
        await _ensure_not(ctx, gone)

    async def undo(ctx: Context, _: Outputs) -> None:
        if await ctx.ask(ipadm.find_address(gone.name)) is None:
            await _create(ctx, gone)

    return Step(
        name=f"delete address {gone.name}",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="deleting_address",
        planned=gone.deleting(),
        planned_undo=gone.creating(),
    )


def unplumb(interface: str) -> Step[Context]:
    """Take IP off a link that has no address; the way back puts it on again."""

    async def do(ctx: Context, _: Outputs) -> None:
        await _unplumb(ctx, interface)

    async def undo(ctx: Context, _: Outputs) -> None:
        if not await plumbed(ctx, interface):
            await ctx.run(ipadm.create_interface(interface))

    return Step(
        name=f"delete interface {interface}",
        do=do,
        undo=undo,
        progress=PROGRESS,
        status="deleting_interface",
        planned=(ipadm.delete_interface(interface),),
        planned_undo=(ipadm.create_interface(interface),),
    )


async def plumbed(ctx: Context, interface: str) -> bool:
    """Say whether the host has IP on a link."""
    return any(item.name == interface for item in await ctx.ask(ipadm.show_interfaces()))


async def _ensure(ctx: Context, wanted: WantedAddress) -> dict[str, Any]:
    found = await ctx.ask(ipadm.find_address(wanted.name))
    if found is not None and not (ctx.resumed and wanted.is_met_by(found)):
        raise Refused(f"Address {wanted.name} exists already; it was left alone", code="address_exists")
    if found is None:
        await _create(ctx, wanted)
        found = await ctx.ask(ipadm.find_address(wanted.name))
        if found is None or not wanted.is_met_by(found):
            why = "there is none" if found is None else f"it is {found.kind} {found.address}"
            raise Failed(f"ipadm reported success, but {wanted.name} is not as meant: {why}", code="not_as_meant")
    return {"addrobj": wanted.name}


async def _create(ctx: Context, wanted: WantedAddress) -> None:
    try:
        if wanted.kind is AddressKind.DHCP:
            async with ctx.waiting():
                await ctx.run(*wanted.creating())
        else:
            await ctx.run(*wanted.creating())
    except CommandFailed as error:
        if ipadm.said_exists(error.stderr) and await ctx.ask(ipadm.find_address(wanted.name)) is None:
            # The interface may have come into being by this very command.
            if not wanted.plumbed:
                await _unplumb(ctx, wanted.interface)
            text = f"Address {wanted.address or wanted.name} is in use already; nothing was changed"
            raise Refused(text, code="address_in_use") from error
        raise


async def _ensure_not(ctx: Context, gone: WantedAddress) -> None:
    found = await ctx.ask(ipadm.find_address(gone.name))
    if found is not None:
        if not gone.is_met_by(found):
            await ctx.say(f"Address {gone.name} is {found.kind} {found.address} by now; it was left alone")
            return
        await _remove(ctx, gone.name, ipadm.delete_address(gone.name, release=gone.kind is AddressKind.DHCP))
    if not gone.plumbed:
        await _unplumb(ctx, gone.interface)


async def _remove(ctx: Context, name: str, removal: Command) -> None:
    """Take an address away; what was reported as failed may be done all the same, and the other way round."""
    try:
        await ctx.run(removal)
    except CommandFailed:
        if await ctx.ask(ipadm.find_address(name)) is not None:
            raise
    else:
        if await ctx.ask(ipadm.find_address(name)) is not None:
            raise Failed(f"ipadm reported success, but address {name} is still there", code="not_as_meant")


async def _unplumb(ctx: Context, interface: str) -> None:
    """Take IP off a link when no address is left on it."""
    if not await plumbed(ctx, interface):
        return
    if any(item.interface == interface for item in await ctx.ask(ipadm.show_addresses())):
        return
    try:
        await ctx.run(ipadm.delete_interface(interface))
    except CommandFailed:
        if await plumbed(ctx, interface):
            raise
    else:
        if await plumbed(ctx, interface):
            text = f"ipadm reported success, but interface {interface} is still there"
            raise Failed(text, code="not_as_meant")

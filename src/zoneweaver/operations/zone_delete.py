"""zone_delete: halt, uninstall, remove the configuration, with `cleanup_datasets` the datasets, then the record.

Uninstalling is the pivot: until it has begun to work everything can be brought back, from then on there is only
forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoneweaver.domain.errors import CommandFailed, Conflict, Failed, NotFound, Refused
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zfs, zoneadm, zonecfg
from zoneweaver.host.command import Command
from zoneweaver.operations import configuration, power, records, snapshots, volumes
from zoneweaver.operations.begun import begun
from zoneweaver.operations.zone_create import state_of
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import NoWayBack, Outputs, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleanup:
    """What a clean-up destroys below a zone's root, and what it keeps, each with the reason."""

    destroy: tuple[str, ...]
    keep: tuple[tuple[str, str], ...]
    whole: bool
    """Whether the root can go as a whole, with one command."""


class ZoneDelete:
    """Delete a zone.

    Parameters: `cleanup_datasets`; `force` (uninstall although volumes lie below the zonepath and go with it); and
    `defaults` (`pool`, `dataset`) for where its root is when no row says so.
    """

    kind = Kind.ZONE_DELETE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Look at the zone and its datasets. Raises NotFound, or Conflict naming what would be lost."""
        await ctx.progress(5, "validating")
        zone = str(ctx.zone_name)
        line = next((line for line in await ctx.ask(zoneadm.list_zones()) if line.name == zone), None)
        record = await records.recall(ctx, zone)
        if line is None and record is None:
            raise NotFound("Zone not found", code="zone_not_found")
        records.refuse_changed(record, ctx.params.get("if_match"))
        # The file says the same as an export and costs no process; only a zone without one is asked about.
        config = None if line is None else ctx.files.read(zone) or await configuration.read(ctx, zone)
        places = ctx.params["defaults"]
        root = volumes.root_of_zone(zone, places["pool"], places["dataset"], record.root_dataset if record else None)
        attached = list(record.attached) if record else []
        cleanup = bool(ctx.params.get("cleanup_datasets"))
        installed = line is not None and line.state is not ZoneState.CONFIGURED
        there: Mapping[str, zfs.Dataset] = {}
        if installed or cleanup:
            there = await ctx.ask(zfs.survey([root], recursive=True, snapshots=True))
        users = volumes.Users.of(ctx.files)
        if installed and config is not None:
            below = await _below(ctx, config.zonepath, there)
            willing = cleanup or bool(ctx.params.get("force"))
            _refuse_loss(below, zone, attached=attached, willing=willing, users=users)
        planned = decide(
            zone,
            root,
            there,
            attached=attached,
            users=users,
            zonepath=config.zonepath if config else None,
        )
        return {
            "state": None if line is None else line.state.value,
            "config": None if config is None else config.as_plain(),
            "uuid": None if zone not in ctx.files.index() else ctx.files.index()[zone].uuid,
            "root": root,
            "attached": attached,
            "destroy": list(planned.destroy) if cleanup else [],
            "keep": [{"dataset": name, "reason": why} for name, why in planned.keep] if cleanup else [],
            "whole": planned.whole,
            "snapshots": await _left_on(ctx, zone, [*attached, *dict(planned.keep)]) if cleanup else [],
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the steps that the survey decided on."""
        zone = str(ctx.zone_name)
        state = None if survey["state"] is None else ZoneState(survey["state"])
        found: list[Step[Context]] = []
        if state is not None and state.active:
            found.append(_halt(zone, survey))
        if state is not None and state is not ZoneState.CONFIGURED:
            found.append(_uninstall(zone, survey))
        if survey["config"] is not None:
            config = ZoneConfig.from_plain(survey["config"])
            found.append(_unconfigure(zone, config, survey, pivot=state is ZoneState.CONFIGURED))
        if ctx.params.get("cleanup_datasets"):
            found.append(_clean_up(zone, survey))
        return [*found, records.forget(zone)]


async def _below(ctx: Context, zonepath: str, there: Mapping[str, zfs.Dataset]) -> Mapping[str, zfs.Dataset]:
    """Return the dataset that is mounted at a zonepath with all below it, wherever on the host it is."""
    holders = [name for name, found in there.items() if found.mountpoint == zonepath]
    if not holders:
        places = await ctx.ask(zfs.mountpoints())
        holders = [name for name, place in places.items() if place == zonepath]
        there = await ctx.ask(zfs.survey(holders, recursive=True, snapshots=True)) if holders else {}
    return {name: found for name, found in there.items() if any(DatasetName(holder).holds(name) for holder in holders)}


def _refuse_loss(
    below: Mapping[str, zfs.Dataset], zone: str, *, attached: Sequence[str], willing: bool, users: volumes.Users
) -> None:
    """Refuse when uninstalling would take along what is to stay: the brand destroys all below the zonepath's dataset.

    One that is willing to lose volumes loses what we made for this zone, and never what was attached to it, what
    another zone uses, or what somebody made below. What was cloned from below would stop the brand half-way.
    """
    holders = [name for name in below if not any(DatasetName(other).holds(name) for other in below if other != name)]
    for name, found in below.items():
        clone = next((clone for clone in found.clones if clone not in below), None)
        if clone is not None:
            raise Conflict(
                f"Zone {zone} cannot be uninstalled: {clone} was cloned from {name}, which would be destroyed",
                code="cloned_below_zonepath",
            )
        brands = found.kind is zfs.DatasetKind.FILESYSTEM and any(
            f"{name}/".startswith(f"{holder}/{own}/") for holder in holders for own in ("root", "ROOT")
        )
        if name in holders or brands or found.kind is zfs.DatasetKind.SNAPSHOT:
            continue
        spared = name in attached or users.user(name, but=zone) is not None
        if not (willing and found.owned_for_zone(zone) and not spared):
            raise Conflict(
                f"Uninstalling zone {zone} would destroy the {found.kind.value} {name}, which lies below its zonepath",
                code="volume_below_zonepath",
            )


def decide(
    zone: str,
    root: str,
    there: Mapping[str, zfs.Dataset],
    *,
    attached: Sequence[str],
    users: volumes.Users,
    zonepath: str | None,
) -> Cleanup:
    """Decide what below the root may be destroyed: what carries this zone's tag and nobody else needs."""
    keep: dict[str, str] = {}
    own: list[str] = []
    datasets = [name for name, found in there.items() if found.kind is not zfs.DatasetKind.SNAPSHOT]
    for name in datasets:
        found = there[name]
        is_zonepath = zonepath is not None and found.mountpoint == zonepath
        user = users.user(name, but=zone)
        untold = users.untold(but=zone)
        if name in attached:
            keep[name] = "it was attached as an existing dataset"
        elif user is not None:
            keep[name] = f"zone {user} uses it"
        elif untold is not None and found.owned_for_zone(zone):
            keep[name] = f"whether another zone uses it cannot be told: {untold}"
        elif not is_zonepath and not found.owned_for_zone(zone):
            keep[name] = "it was not made by this agent for this zone"
        else:
            own.append(name)
    clones = {
        name: tuple(clone for item in there.values() if item.name.startswith(f"{name}@") for clone in item.clones)
        for name in own
    }
    destroy = own
    while True:
        # What is kept keeps what it lies below and what it was cloned from, and so on.
        left = [
            name for name in destroy if not any(kept.startswith(f"{name}/") for kept in datasets if kept not in destroy)
        ]
        for name in left:
            clone = next((clone for clone in clones[name] if clone not in left), None)
            if clone is not None:
                keep[name] = f"{clone} was cloned from it"
        left = [name for name in left if name not in keep]
        if left == destroy:
            break
        destroy = left
    whole = root in destroy and len(destroy) == len(datasets)
    return Cleanup(
        destroy=tuple(sorted(destroy, key=lambda name: (-name.count("/"), name))),
        keep=tuple(sorted(keep.items())),
        whole=whole,
    )


async def _left_on(ctx: Context, zone: str, kept: Sequence[str]) -> list[str]:
    """Return the snapshots of the zone's provisioning that are on datasets which stay."""
    datasets = list(dict.fromkeys(kept))
    names = [*snapshots.of(datasets, snapshots.PRE), *snapshots.of(datasets, snapshots.POST)]
    found = await ctx.ask(zfs.survey(names)) if names else {}
    return [name for name, snapshot in found.items() if snapshot.owned_for_zone(zone) and not snapshot.clones]


def _refuse_another(ctx: Context, zone: str, survey: Mapping[str, Any]) -> None:
    """Raise Refused when the zone of that name is not the one that was surveyed, which may be long ago.

    A zone is known again by its configuration, and by its uuid, which it keeps from its installation to its end.
    """
    entry, config = ctx.files.index().get(zone), ctx.files.read(zone)
    if entry is None or config is None:
        return
    if survey["config"] is None or not config.same_as(ZoneConfig.from_plain(survey["config"])):
        raise Refused(f"Zone {zone} was changed or made anew by somebody else; it was left alone", code="changed")
    if entry.uuid is not None and entry.uuid != survey.get("uuid", entry.uuid):
        raise Refused(f"Zone {zone} was installed anew by somebody else; it was left alone", code="changed")


def _halt(zone: str, survey: Mapping[str, Any]) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        _refuse_another(ctx, zone, survey)
        with begun():
            await power.halt(ctx, zone)

    async def undo(ctx: Context, _: Outputs) -> None:
        async with power.noting(ctx, zone):
            if await power.state(ctx, zone) is ZoneState.INSTALLED:
                _refuse_another(ctx, zone, survey)
                await ctx.run(zoneadm.boot(zone))
        await power.note_state(ctx, zone, await power.state(ctx, zone))

    return Step(
        name="halt",
        do=do,
        undo=undo,
        progress=10,
        status="halting_zone",
        planned=power.halting(zone),
        planned_undo=(zoneadm.boot(zone),),
    )


def _uninstall(zone: str, survey: Mapping[str, Any]) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        if state_of(ctx, zone) in {ZoneState.CONFIGURED, None}:
            return
        _refuse_another(ctx, zone, survey)
        try:
            await ctx.run(zoneadm.uninstall(zone))
        except CommandFailed:
            if state_of(ctx, zone) is not ZoneState.CONFIGURED:  # it may have worked all the same
                raise
        if state_of(ctx, zone) not in {ZoneState.CONFIGURED, None}:
            raise Failed(f"zoneadm uninstall reported success, but zone {zone} is still installed")

    async def undo(ctx: Context, _: Outputs) -> None:
        if state_of(ctx, zone) is not ZoneState.INSTALLED:
            raise NoWayBack(f"Zone {zone} is uninstalled in part")

    return Step(
        name="uninstallation",
        do=do,
        undo=undo,
        progress=40,
        status="uninstalling_zone",
        planned=(zoneadm.uninstall(zone),),
        pivot=True,
    )


def _unconfigure(zone: str, config: ZoneConfig, survey: Mapping[str, Any], *, pivot: bool) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        if zone not in ctx.files.index():
            return
        _refuse_another(ctx, zone, survey)
        if state_of(ctx, zone) is not ZoneState.CONFIGURED:
            raise Refused(f"Zone {zone} was installed by somebody else meanwhile; it was left alone", code="changed")
        async with power.noting(ctx, zone):
            try:
                await ctx.run(zonecfg.delete(zone))
            except CommandFailed:
                if zone in ctx.files.index():  # it may have worked all the same
                    raise
            if zone in ctx.files.index():
                raise Failed(f"zonecfg delete reported success, but zone {zone} is still configured")

    async def undo(ctx: Context, _: Outputs) -> None:
        if zone not in ctx.files.index():
            raise NoWayBack(f"Zone {zone} is not configured any more")
        await configuration.expect(ctx, zone, config)

    return Step(
        name="configuration",
        do=do,
        undo=undo if pivot else None,
        progress=60,
        status="removing_configuration",
        planned=(zonecfg.delete(zone),),
        pivot=pivot,
    )


def _clean_up(zone: str, survey: Mapping[str, Any]) -> Step[Context]:
    root: str = survey["root"]

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        if zone in ctx.files.index():
            raise Failed(f"Zone {zone} was made anew by somebody else; its datasets were left alone", code="changed")
        there = await ctx.ask(zfs.survey([root], recursive=True, snapshots=True))
        found = decide(zone, root, there, attached=survey["attached"], users=volumes.Users.of(ctx.files), zonepath=None)
        for name, why in found.keep:
            if name != root:
                await ctx.say(f"kept {name}: {why}\n")
        for command in _destroying(root, found):
            try:
                await ctx.run(command)
            except CommandFailed as error:
                if not zfs.said_missing(error.stderr):
                    raise
        stays = [*survey["attached"], *dict(found.keep)] if survey.get("snapshots") else []
        for name in await _left_on(ctx, zone, stays):
            await ctx.run(zfs.destroy(name))
        if found.destroy:
            left = await ctx.ask(zfs.survey([root], recursive=True))
            still = next((name for name in found.destroy if name in left), None)
            if still is not None:
                raise Failed(f"zfs reported success, but {still} is still there", code="not_as_meant")
        kept = [{"dataset": name, "reason": why} for name, why in found.keep if name != root or len(found.keep) == 1]
        return {"kept": kept}

    return Step(
        name="datasets",
        do=do,
        progress=80,
        status="destroying_datasets",
        facts={"destroys": survey["destroy"], "keeps": survey["keep"]},
        planned=(
            *_destroying(root, Cleanup(destroy=_after_uninstall(survey), keep=(), whole=survey["whole"])),
            *(zfs.destroy(name) for name in survey.get("snapshots", ())),
        ),
    )


def _after_uninstall(survey: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is left to be destroyed once the brand has destroyed the zonepath."""
    config = survey["config"]
    zonepath = ZoneConfig.from_plain(config).zonepath if config else ""
    own = f"{survey['root']}/{zonepath.rpartition('/')[2]}"
    return tuple(name for name in survey["destroy"] if name != own)


def _destroying(root: str, found: Cleanup) -> tuple[Command, ...]:
    if found.whole:
        return (zfs.destroy(root, recursive=True),)
    return tuple(zfs.destroy(name, recursive=True) for name in found.destroy)

"""zone_provision_rollback: the zone's tree and its disk as they were before the provisioners; the zone runs on after.

The first rollback is the pivot: what came after the snapshot is gone with it, and the rest is carried through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import CommandFailed, Conflict, Failed, NotFound, Refused
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zfs, zoneadm
from zoneweaver.operations import power, snapshots, stages
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import NoWayBack, Outputs, Step


class ZoneProvisionRollback:
    """Go back to before the provisioners. Parameters: `root`, `include_disks`, `grace`."""

    kind = Kind.ZONE_PROVISION_ROLLBACK

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """Find the snapshots. Raises NotFound when there is none, Conflict when others would be lost with it."""
        names = [stages.tree_of(ctx.params["root"])]
        volume = stages.boot_volume(ctx.files.read(ctx.zone)) if ctx.params["include_disks"] else None
        if volume is not None:
            names.append(volume)
        there = await ctx.ask(zfs.survey(names, recursive=True, snapshots=True))
        return {
            "state": (await power.state(ctx, ctx.zone)).value,
            "datasets": find(ctx.zone, names, there),
            "volume": volume,
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the steps that the survey decided on."""
        was_up = ZoneState(survey["state"]).active and survey["volume"] in survey["datasets"]
        backs = [
            _roll_back(name, number, disk=name == survey["volume"]) for number, name in enumerate(survey["datasets"])
        ]
        return [_halt(ctx), *backs, _boot(ctx.zone)] if was_up else backs


def find(zone: str, names: Sequence[str], there: Mapping[str, zfs.Dataset]) -> list[str]:
    """Return the datasets that have our snapshot from before the provisioners.

    Raises NotFound when none has, and Conflict when a later snapshot is not ours, or something was cloned from one.
    """
    found = [name for name in names if _ours(zone, there.get(f"{name}@{snapshots.PRE}"))]
    if not found:
        missing = " or ".join(f"{name}@{snapshots.PRE}" for name in names)
        raise NotFound(f"There is no snapshot {missing} to go back to", code="no_snapshot")
    for name in found:
        taken = [item for item in there if item.startswith(f"{name}@")]
        for later in taken[taken.index(f"{name}@{snapshots.PRE}") + 1 :]:
            if not there[later].owned_for_zone(zone):
                raise Conflict(
                    f"Snapshot {later} was taken later by somebody else and would be lost", code="snapshot_exists"
                )
            if there[later].clones:
                raise Conflict(
                    f"Snapshot {later} would be lost, and {there[later].clones[0]} was cloned from it",
                    code="snapshot_cloned",
                )
    return found


def _ours(zone: str, snapshot: zfs.Dataset | None) -> bool:
    return snapshot is not None and snapshot.owned_for_zone(zone)


def _halt(ctx: Context) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        await power.halt(ctx, ctx.zone)

    async def undo(ctx: Context, _: Outputs) -> None:
        await power.boot(ctx, ctx.zone)

    return Step(
        name="halt",
        do=do,
        undo=undo,
        progress=5,
        status="halting_zone",
        planned=power.halting(ctx.zone),
        planned_undo=(zoneadm.boot(ctx.zone),),
    )


def _roll_back(dataset: str, number: int, *, disk: bool) -> Step[Context]:
    command = zfs.rollback(f"{dataset}@{snapshots.PRE}", destroy_newer=True)

    async def do(ctx: Context, _: Outputs) -> None:
        if disk and (await power.state(ctx, ctx.zone)).active:
            raise Conflict(f"Zone {ctx.zone} was started by somebody else: its disk is in use", code="running")
        try:
            await ctx.run(command)
        except CommandFailed as error:
            if number == 0 and zfs.said_busy(error.stderr):
                raise Refused(f"Dataset {dataset} is in use: {error.message}", code="dataset_busy") from error
            raise
        there = await ctx.ask(zfs.survey([dataset], recursive=True, snapshots=True))
        if [name for name in there if name.startswith(f"{dataset}@")][-1:] != [f"{dataset}@{snapshots.PRE}"]:
            raise Failed(f"zfs reported success, but {dataset} was not rolled back", code="not_as_meant")

    async def undo(_: Context, __: Outputs) -> None:
        raise NoWayBack(f"Dataset {dataset} may have been rolled back already")

    return Step(
        name=f"dataset {dataset}",
        do=do,
        undo=undo if number == 0 else None,
        progress=30 + 20 * number,
        status="rolling_back",
        planned=(command,),
        pivot=number == 0,
    )


def _boot(zone: str) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        await power.boot(ctx, ctx.zone)

    return Step(name="boot", do=do, progress=80, status="booting_zone", planned=(zoneadm.boot(zone),))

"""zfs_create_dataset: the first stage of a pipeline, the zone's own dataset with what its artifact holds.

A tree that is there already is replaced as a whole; until the new one is complete, a snapshot keeps the old one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from anyio import to_thread

from zoneweaver.domain.artifacts import Packing
from zoneweaver.domain.errors import AgentError, CommandFailed, Conflict, Failed, NotFound, Refused
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import archive, zfs
from zoneweaver.host.judge import Contents, Limits
from zoneweaver.operations import snapshots, stages
from zoneweaver.operations.begun import begun
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import NoWayBack, Outputs, Step

T = TypeVar("T")

KEPT: Final = "before-"
"""How the snapshot is called that keeps an old tree, before the id of the task."""


class ZfsCreateDataset:
    """Unpack an artifact.

    Parameters: `root` (the zone's dataset), `artifact` (`path`, `packing`, `sha256`, `filename`) and `limits`
    (`entries`, `unpacked`); or `skip`.
    """

    kind = Kind.ZFS_CREATE_DATASET

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """See whether there is a tree already, and whose it is. Raises NotFound and Conflict."""
        if await stages.left_out(ctx):
            return stages.NOTHING
        root, name = ctx.params["root"], stages.tree_of(ctx.params["root"])
        names = [root, name, f"{name}@{snapshots.PRE}"]
        there = await ctx.ask(zfs.survey(names))
        if root not in there:
            raise NotFound(f"Dataset {root} does not exist", code="no_such_dataset")
        place = there[root].mountpoint
        if place is None or not there[root].mounted:
            raise Conflict(f"Dataset {root} is not mounted: nothing can be unpacked below it", code="not_mounted")
        found, before = there.get(name), there.get(f"{name}@{snapshots.PRE}")
        if found is not None and not found.owned_for_zone(ctx.zone):
            raise Refused(f"Dataset {name} was not made by this agent for this zone", code="dataset_exists")
        if found is not None and (found.mountpoint is None or not found.mounted):
            raise Conflict(f"Dataset {name} is not mounted", code="not_mounted")
        if before is not None:
            snapshots.refuse_strange(ctx.zone, {before.name: before})
        mountpoint = f"{place.rstrip('/')}/provisioning" if found is None else found.mountpoint
        return {"dataset": name, "place": mountpoint, "there": found is not None, "snapshot": before is not None}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the steps that the survey decided on."""
        if not survey:
            return []
        name, place = survey["dataset"], survey["place"]
        if not survey["there"]:
            return [_make(ctx, name), _unpack(ctx, place), _snapshot(ctx, name)]
        kept = f"{name}@{KEPT}{ctx.task_id}"
        return [_keep(ctx, kept), _unpack(ctx, place, kept=kept), _renew(ctx, name, kept, survey["snapshot"])]


def _make(ctx: Context, name: str) -> Step[Context]:
    create = zfs.create_filesystem(name, zfs.Tags(task=ctx.task_id, zone=ctx.zone))
    destroy = zfs.destroy(name, recursive=True)

    async def ours(ctx: Context) -> bool:
        found = (await ctx.ask(zfs.survey([name]))).get(name)
        return found is not None and found.owned_by(ctx.task_id)

    async def do(ctx: Context, _: Outputs) -> None:
        if ctx.resumed and await ours(ctx):
            return
        try:
            await ctx.run(create)
        except CommandFailed as error:
            if zfs.said_exists(error.stderr):
                raise Refused(f"Dataset {name} exists already; it was left alone", code="dataset_exists") from error
            raise
        with begun():
            if not await ours(ctx):
                raise Failed(f"zfs reported success, but there is no dataset {name} of this task", code="not_as_meant")

    async def undo(ctx: Context, _: Outputs) -> None:
        if await ours(ctx):
            await ctx.run(destroy)

    return Step(
        name="dataset",
        do=do,
        undo=undo,
        progress=5,
        status="creating_dataset",
        planned=(create,),
        planned_undo=(destroy,),
    )


def _keep(ctx: Context, kept: str) -> Step[Context]:
    take = zfs.snapshot(kept, zfs.Tags(task=ctx.task_id, zone=ctx.zone))
    destroy = zfs.destroy(kept)

    async def do(ctx: Context, _: Outputs) -> None:
        if kept not in await ctx.ask(zfs.survey([kept])):
            await ctx.run(take)
            await snapshots.expect(ctx, [kept])

    async def undo(ctx: Context, _: Outputs) -> None:
        if kept in await ctx.ask(zfs.survey([kept])):
            await ctx.run(destroy)

    return Step(
        name="old tree",
        do=do,
        undo=undo,
        progress=5,
        status="keeping_old_tree",
        planned=(take,),
        planned_undo=(destroy,),
    )


def _unpack(ctx: Context, place: str, *, kept: str | None = None) -> Step[Context]:
    artifact = ctx.params["artifact"]

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        stop = threading.Event()

        def work() -> Contents:
            return archive.unpack(
                Path(artifact["path"]),
                Packing(artifact["packing"]),
                ctx.host.path(place),
                sha256=artifact["sha256"],
                limits=Limits(**ctx.params["limits"]),
                stop=stop.is_set,
            )

        await ctx.say(f"unpacking {artifact['filename']} into {place}\n")
        with begun():
            try:
                contents = await _stoppable(work, stop)
            except OSError as error:
                raise Failed(
                    f"{artifact['filename']} cannot be unpacked: {error.strerror}: {error.filename}"
                ) from error
        await ctx.say(f"{contents.entries} entries, {contents.unpacked} bytes\n")
        return {"entries": contents.entries, "bytes": contents.unpacked}

    async def undo(ctx: Context, _: Outputs) -> None:
        if kept is not None:  # a new dataset goes as a whole
            if kept not in await ctx.ask(zfs.survey([kept])):
                raise Failed(f"Snapshot {kept} is gone, which kept the old tree")
            await ctx.run(zfs.rollback(kept))

    return Step(
        name="unpacking",
        do=do,
        undo=undo,
        progress=10,
        status="unpacking_artifact",
        facts={"artifact": artifact["filename"], "into": place},
        planned_undo=() if kept is None else (zfs.rollback(kept),),
    )


async def _stoppable(work: Callable[[], T], stop: threading.Event) -> T:
    """Run something that blocks in a thread; cancelled, it is told to stop, and waited for."""
    found: list[T] = []
    failed: list[AgentError | OSError] = []

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stop.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            found.append(await to_thread.run_sync(work))
        except (AgentError, OSError) as error:
            failed.append(error)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return found[0]


def _snapshot(ctx: Context, name: str) -> Step[Context]:
    wanted = f"{name}@{snapshots.PRE}"

    async def do(ctx: Context, _: Outputs) -> None:
        await snapshots.replace(ctx, [wanted])

    async def undo(ctx: Context, _: Outputs) -> None:
        found = (await ctx.ask(zfs.survey([wanted]))).get(wanted)
        if found is not None and found.owned_by(ctx.task_id):
            await ctx.run(zfs.destroy(wanted))

    return Step(
        name="snapshot",
        do=do,
        undo=undo,
        progress=95,
        status="taking_snapshot",
        planned=snapshots.planned(ctx.zone, ctx.task_id, [wanted], []),
        planned_undo=(zfs.destroy(wanted),),
    )


def _renew(ctx: Context, name: str, kept: str, there: bool) -> Step[Context]:
    """Replace the snapshot of the old tree: with it the old tree is gone."""
    wanted = f"{name}@{snapshots.PRE}"

    async def do(ctx: Context, _: Outputs) -> None:
        await snapshots.replace(ctx, [wanted])
        if kept in await ctx.ask(zfs.survey([kept])):
            await ctx.run(zfs.destroy(kept))

    async def undo(ctx: Context, _: Outputs) -> None:
        found = (await ctx.ask(zfs.survey([wanted]))).get(wanted)
        if found is None if there else found is not None:
            raise NoWayBack(f"Snapshot {wanted} is another one already")
        if found is not None and found.owned_by(ctx.task_id):
            raise NoWayBack(f"Snapshot {wanted} is the new tree's already")

    commands = snapshots.planned(ctx.zone, ctx.task_id, [wanted], [wanted] if there else [])
    return Step(
        name="snapshot",
        do=do,
        undo=undo,
        progress=95,
        status="taking_snapshot",
        planned=(*commands, zfs.destroy(kept)),
        pivot=True,
    )

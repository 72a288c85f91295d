"""Snapshots of what a pipeline works on: taken anew by each run, and only those that we took are ever destroyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Conflict, Failed, Refused
from zoneweaver.host import zfs
from zoneweaver.host.command import Command
from zoneweaver.tasks.context import Context

PRE: Final = "pre-provision"
POST: Final = "post-provision"


def of(datasets: Sequence[str], name: str) -> list[str]:
    """Return the snapshots of this name of several datasets."""
    return [f"{dataset}@{name}" for dataset in datasets]


def refuse_strange(zone: str, found: Mapping[str, zfs.Dataset]) -> None:
    """Raise Conflict when a snapshot that is in the way is not ours, or something was cloned from it."""
    for name, snapshot in found.items():
        if not snapshot.owned_for_zone(zone):
            raise Conflict(f"Snapshot {name} was not made by this agent for this zone", code="snapshot_exists")
        if snapshot.clones:
            raise Conflict(
                f"Snapshot {name} cannot be replaced: {snapshot.clones[0]} was cloned from it", code="snapshot_cloned"
            )


async def replace(ctx: Context, names: Sequence[str]) -> None:
    """Take these snapshots; what an earlier task of ours took under the same names goes. May run twice."""
    found = await ctx.ask(zfs.survey(names)) if names else {}
    others = {name: snapshot for name, snapshot in found.items() if not snapshot.owned_by(ctx.task_id)}
    refuse_strange(ctx.zone, others)
    tags = zfs.Tags(task=ctx.task_id, zone=ctx.zone)
    for name in names:
        if name in others:
            await ctx.run(zfs.destroy(name))
        if name not in found or name in others:
            await _take(ctx, name, tags)
    await expect(ctx, names)


async def expect(ctx: Context, names: Sequence[str]) -> None:
    """See that the snapshots that this task took are there. Raises Failed."""
    there = await ctx.ask(zfs.survey(names)) if names else {}
    gone = next((name for name in names if name not in there or not there[name].owned_by(ctx.task_id)), None)
    if gone is not None:
        raise Failed(f"zfs reported success, but there is no snapshot {gone} of this task", code="not_as_meant")


async def _take(ctx: Context, name: str, tags: zfs.Tags) -> None:
    try:
        await ctx.run(zfs.snapshot(name, tags))
    except CommandFailed as error:
        if zfs.said_exists(error.stderr):
            raise Refused(f"Snapshot {name} exists already; it was left alone", code="snapshot_exists") from error
        raise


def planned(zone: str, task_id: str, names: Sequence[str], there: Sequence[str]) -> tuple[Command, ...]:
    """Return the commands of `replace` when those of `there` exist."""
    tags = zfs.Tags(task=task_id, zone=zone)
    return tuple(
        command
        for name in names
        for command in (*((zfs.destroy(name),) if name in there else ()), zfs.snapshot(name, tags))
    )

"""Steps on what is remembered of a zone: its row, which says what we own and what we saw last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.errors import PreconditionFailed
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.store import zones
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


def remember(
    zone: str,
    config: ZoneConfig,
    *,
    root: str,
    attached: Sequence[str],
    tags: Sequence[str],
    notes: str | None,
    provisioning: Mapping[str, Any] | None,
) -> Step[Context]:
    """Write the row of a new zone; the way back forgets it, if it is this task's."""

    async def do(ctx: Context, _: Outputs) -> None:
        record = ZoneRecord(
            name=zone,
            brand=config.brand,
            status=ZoneState.INSTALLED.value,
            zonepath=config.zonepath,
            root_dataset=root,
            configuration=config.as_json(),
            tags=tuple(tags),
            notes=notes,
            provisioning=None if provisioning is None else dict(provisioning),
            attached=tuple(attached),
            created_by_task=ctx.task_id,
            last_seen=datetime.now(UTC),
        )
        await ctx.database.run(lambda c: zones.put(c, record))

    async def undo(ctx: Context, _: Outputs) -> None:
        def forget(c: Connection) -> None:
            there = zones.get(c, zone)
            if there is not None and there.created_by_task == ctx.task_id:
                zones.forget(c, zone)

        await ctx.database.run(forget)

    return Step(name="record", do=do, undo=undo, progress=95, status="creating_database_record")


async def note(ctx: Context, zone: str, **seen: Any) -> None:
    """Update what is remembered of a zone (`status`, `configuration` …); nothing happens when it has no row."""

    def write(c: Connection) -> None:
        there = zones.get(c, zone)
        if there is not None:
            zones.put(c, replace(there, last_seen=datetime.now(UTC), **seen))

    await ctx.database.run(write)


async def recall(ctx: Context, zone: str) -> ZoneRecord | None:
    """Return what is remembered of a zone."""
    return await ctx.database.read(lambda c: zones.get(c, zone))


def etag(record: ZoneRecord) -> str:
    """Return the version of a record as an ETag, without its quotes."""
    return f"{record.name}-{record.version}"


def refuse_changed(record: ZoneRecord | None, if_match: str | None) -> None:
    """Raise PreconditionFailed when an If-Match names another version than the record has."""
    if if_match is None or if_match.strip() == "*":
        return
    versions = {part.strip().removeprefix("W/").strip('"') for part in if_match.split(",")}
    if record is None or etag(record) not in versions:
        raise PreconditionFailed("The zone has changed since that version", details={"etag": record and etag(record)})


def forget(zone: str) -> Step[Context]:
    """Forget a zone that is gone from the host."""

    async def do(ctx: Context, _: Outputs) -> None:
        await ctx.database.run(lambda c: zones.forget(c, zone))

    return Step(name="record", do=do, progress=95, status="removing_database_record")

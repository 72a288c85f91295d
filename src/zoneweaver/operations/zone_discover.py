"""zone_discover: what the host has against what we remember; reconciling is normal work, not repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.host import zoneadm
from zoneweaver.host.zoneadm import ZoneLine
from zoneweaver.operations import links
from zoneweaver.store import zones
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks import history
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

GONE = "not_found"
"""The status of a record whose zone the host does not have."""


class ZoneDiscover:
    """Look at every zone of the host once: one process, and only the configurations that changed are read."""

    kind = Kind.ZONE_DISCOVER

    async def survey(self, ctx: Context) -> dict[str, Any]:  # noqa: ARG002
        """Nothing is decided beforehand."""
        return {}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""

        async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
            return await reconcile(ctx)

        return [Step(name="look", do=do, progress=20, status="discovering", planned=(zoneadm.list_zones().command,))]


async def reconcile(ctx: Context) -> dict[str, Any]:
    """Bring what we remember into line with the host, and say how many zones were found, new, changed and gone."""
    lines = await ctx.ask(zoneadm.list_zones())
    configs = ctx.files.read_all()

    def write(c: Connection) -> tuple[dict[str, Any], list[str]]:
        busy = set(history.current(c))
        known = {record.name: record for record in zones.every(c)}
        counts = {"found": len(lines), "new": 0, "changed": 0, "orphaned": 0}
        stopped = []
        for line in lines:
            before = known.pop(line.name, None)
            if line.name in busy:
                continue
            after = _seen(before, line, configs.get(line.name))
            if before is None or replace(after, last_seen=before.last_seen) != before:
                counts["new" if before is None else "changed"] += 1
                zones.put(c, after)
            if before is not None and before.unsettled and not line.state.active:
                stopped.append(line.name)
        for name, record in known.items():
            if name not in busy and not record.is_orphaned:
                counts["orphaned"] += 1
                zones.put(c, replace(record, is_orphaned=True, status=GONE))
        zones.seen(c, [line.name for line in lines], datetime.now(UTC))
        return counts, stopped

    counts, stopped = await ctx.database.run(write)
    for name in stopped:
        await links.settle(ctx, name)
    return counts


def _seen(before: ZoneRecord | None, line: ZoneLine, config: ZoneConfig | None) -> ZoneRecord:
    shown = None if config is None else config.as_json()
    if before is None:
        return ZoneRecord(
            name=line.name,
            brand=line.brand,
            status=line.state.value,
            zonepath=line.zonepath,
            configuration=shown or {},
            auto_discovered=True,
            last_seen=datetime.now(UTC),
        )
    return replace(
        before,
        brand=line.brand or before.brand,
        status=line.state.value,
        zonepath=line.zonepath or before.zonepath,
        configuration=before.configuration if shown is None else shown,
        is_orphaned=False,
    )

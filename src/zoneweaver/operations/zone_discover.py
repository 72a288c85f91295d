"""zone_discover: what the host has against what we remember; reconciling is normal work, not repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
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

    def __init__(self) -> None:
        self._shown: dict[str, tuple[ZoneConfig, dict[str, Any]]] = {}

    async def survey(self, ctx: Context) -> dict[str, Any]:  # noqa: ARG002
        """Nothing is decided beforehand."""
        return {}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""

        async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
            return await self.reconcile(ctx)

        return [Step(name="look", do=do, progress=20, status="discovering", planned=(zoneadm.list_zones().command,))]

    async def reconcile(self, ctx: Context) -> dict[str, Any]:
        """Bring what we remember into line with the host; see the function."""
        return await reconcile(ctx, self._show)

    def _show(self, name: str, config: ZoneConfig) -> dict[str, Any]:
        """Return the configuration as JSON, made once for each: files that did not change give the same object."""
        kept = self._shown.get(name)
        if kept is None or kept[0] is not config:
            kept = self._shown[name] = (config, config.as_json())
        return kept[1]


async def reconcile(
    ctx: Context, show: Callable[[str, ZoneConfig], dict[str, Any]] = lambda _, config: config.as_json()
) -> dict[str, Any]:
    """Bring what we remember into line with the host, and say how many zones were found, new, changed and gone.

    What we remember is read first and the host asked after it: a zone that tasks worked on in between is theirs, and
    is left to the next look.
    """

    def remembered(c: Connection) -> tuple[dict[str, ZoneRecord], frozenset[str]]:
        return {record.name: record for record in zones.every(c)}, frozenset(history.current(c))

    known, busy = await ctx.database.read(remembered)
    lines = await ctx.ask(zoneadm.list_zones())

    def compare() -> dict[str, ZoneRecord]:
        configs = ctx.files.read_all()
        shown = {name: show(name, config) for name, config in configs.items()}
        found = {line.name: _seen(known.get(line.name), line, shown.get(line.name)) for line in lines}
        gone = {name: _gone(known[name]) for name in known.keys() - found.keys()}
        return {
            name: after for name, after in (found | gone).items() if name not in busy and after is not known.get(name)
        }

    different = await anyio.to_thread.run_sync(compare)
    counts = {"found": len(lines), "new": 0, "changed": 0, "orphaned": 0}

    def write(c: Connection) -> None:
        working = history.current(c)
        for name, after in different.items():
            before = known.get(name)
            if name in working or zones.get(c, name) != before:
                continue
            counts["new" if before is None else "orphaned" if after.is_orphaned else "changed"] += 1
            zones.put(c, after)
        zones.seen(c, [line.name for line in lines], datetime.now(UTC))

    await ctx.database.run(write)
    for line in lines:
        before = known.get(line.name)
        if before is not None and before.unsettled and line.name not in busy and not line.state.active:
            await links.settle(ctx, line.name)
    return counts


def _seen(before: ZoneRecord | None, line: ZoneLine, shown: dict[str, Any] | None) -> ZoneRecord:
    """Return what is to be remembered; `before` itself when nothing is different."""
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
    brand, zonepath = line.brand or before.brand, line.zonepath or before.zonepath
    configuration = before.configuration if shown is None else shown
    after = (brand, line.state.value, zonepath, configuration, False)
    if after == (before.brand, before.status, before.zonepath, before.configuration, before.is_orphaned):
        return before
    return replace(
        before,
        brand=brand,
        status=line.state.value,
        zonepath=zonepath,
        configuration=configuration,
        is_orphaned=False,
    )


def _gone(before: ZoneRecord) -> ZoneRecord:
    return before if before.is_orphaned else replace(before, is_orphaned=True, status=GONE)

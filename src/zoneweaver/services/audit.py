"""The audit trail: who asked for what, from where, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from zoneweaver.services.callers import Caller
from zoneweaver.store import audit as stored
from zoneweaver.store.audit import AuditEntry
from zoneweaver.store.database import Database

STRANGERS_PER_SECOND: Final = 5
"""How many requests without a good key are written down per second; more would be a way to fill the disk."""


def entry(caller: Caller, action: str, status: int, *, target: str | None = None, **details: Any) -> AuditEntry:
    """Make the row that tells what a caller asked for and how it was answered."""
    return AuditEntry(
        action=action,
        method=caller.method,
        path=caller.path,
        status=status,
        target=target,
        key_id=caller.key_id,
        key_name=caller.name or None,
        source=caller.address or None,
        details={**details, "request_id": caller.request_id} if caller.request_id else details,
    )


@dataclass(kw_only=True, slots=True)
class Trail:
    """Writes and reads the trail."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    _second: int = 0
    _written: int = 0
    _left_out: int = 0

    async def write(self, row: AuditEntry) -> None:
        """Write a row of its own, for requests that were refused or changed nothing in the database."""
        if row.key_id is None:
            second = int(self.clock())
            if second != self._second:
                self._second, self._written = second, 0
            if self._written >= STRANGERS_PER_SECOND:
                self._left_out += 1
                return
            self._written += 1
            if self._left_out:
                row = replace(row, details={**row.details, "left_out_before": self._left_out})
                self._left_out = 0
        await self.database.run(lambda c: stored.add(c, row))

    async def page(
        self,
        *,
        limit: int,
        offset: int,
        target: str | None = None,
        action: str | None = None,
        key_id: str | None = None,
        since: datetime | None = None,
    ) -> dict[str, Any]:
        """Return a page of the trail, the newest first."""
        rows, total = await self.database.read(
            lambda c: stored.page(
                c, limit=limit, offset=offset, target=target, action=action, key_id=key_id, since=since
            )
        )
        return {"audit": [row.as_json() for row in rows], "total": total}

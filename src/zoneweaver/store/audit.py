"""Who asked for what, from where, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from zoneweaver.domain.tasks import stamp
from zoneweaver.store import tables, transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One request that wanted to change something. `status` is the HTTP status that it was answered with."""

    action: str
    method: str
    path: str
    status: int
    target: str | None = None
    key_id: str | None = None
    key_name: str | None = None
    source: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as the API shows it."""
        return {
            "id": self.id,
            "at": stamp(self.at),
            "key_id": self.key_id,
            "key_name": self.key_name,
            "source": self.source,
            "method": self.method,
            "path": self.path,
            "action": self.action,
            "target": self.target,
            "status": self.status,
            "details": dict(self.details),
        }


_A = tables.audit.c
_INSERT: Final = insert(tables.audit)
_EXPIRE: Final = delete(tables.audit).where(
    _A.seq.in_(select(_A.seq).where(_A.at < bindparam("before")).order_by(_A.at).limit(bindparam("most")))
)


def add(c: Connection, entry: AuditEntry) -> None:
    """Write an entry; its moment and number are given here."""
    c.execute(
        _INSERT,
        {
            "at": transaction.now(c),
            "key_id": entry.key_id,
            "key_name": entry.key_name,
            "source": entry.source,
            "method": entry.method,
            "path": entry.path,
            "action": entry.action,
            "target": entry.target,
            "status": entry.status,
            "details": transaction.plain(entry.details),
        },
    )


def page(
    c: Connection,
    *,
    limit: int = 100,
    offset: int = 0,
    target: str | None = None,
    action: str | None = None,
    key_id: str | None = None,
    since: datetime | None = None,
) -> tuple[tuple[AuditEntry, ...], int]:
    """Return a page, the newest first, and how many entries match."""
    wanted = {"target": target, "action": action, "key_id": key_id}
    conditions = [tables.audit.c[name] == value for name, value in wanted.items() if value is not None]
    if since is not None:
        conditions.append(_A.at >= since)
    total = c.execute(select(func.count()).select_from(tables.audit).where(*conditions)).scalar_one()
    rows = c.execute(select(tables.audit).where(*conditions).order_by(_A.seq.desc()).limit(limit).offset(offset))
    entries = []
    for row in rows.mappings():
        values = {**row, "id": row["seq"], "details": json.loads(row["details"])}
        values.pop("seq")
        entries.append(AuditEntry(**values))
    return tuple(entries), int(total)


def purge(c: Connection, *, before: datetime, most: int = 1000) -> int:
    """Remove up to `most` entries from before this moment; return how many."""
    return int(c.execute(_EXPIRE, {"before": before, "most": most}).rowcount)

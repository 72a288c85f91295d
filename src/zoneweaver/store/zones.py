"""What we remember of zones. The host is the truth; a record says what was asked, what we own and what we saw last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, insert, select, update

from zoneweaver.domain.errors import NotFound
from zoneweaver.store import provisionings, tables, transaction
from zoneweaver.store.transaction import Note

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneRecord:
    """One zone. `configuration` is shown to people and holds no secret; `provisioning` may."""

    name: str
    brand: str
    status: str
    zonepath: str
    root_dataset: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    notes: str | None = None
    provisioning: Mapping[str, Any] | None = None
    attached: tuple[str, ...] = ()
    """Datasets that were given as `existing_dataset`: never destroyed with the zone."""
    unsettled: Mapping[str, Any] = field(default_factory=dict)
    """VNICs to be put right once the running zone has stopped (operations/links.py)."""
    created_by_task: str | None = None
    is_orphaned: bool = False
    auto_discovered: bool = False
    last_seen: datetime | None = None
    created_at: datetime = _EPOCH
    """Set by the first `put`."""
    updated_at: datetime = _EPOCH
    """Set by every `put`."""
    version: int = 0
    """Counted up by every `put` that changes something."""


class _Keep:
    """Stands for a value that is not given, where None is one."""


KEEP: Final = _Keep()

_Z = tables.zones.c
_COLUMNS: Final = tuple(column.name for column in _Z)
_ALL: Final = select(tables.zones).order_by(_Z.name)
_ONE: Final = select(tables.zones).where(_Z.name == bindparam("key"))
_INSERT: Final = insert(tables.zones)
_UPDATE: Final = update(tables.zones).where(_Z.name == bindparam("key"))
_NAMES: Final[BindParameter[str]] = bindparam("names", expanding=True)
_SEEN: Final = update(tables.zones).where(_Z.name.in_(_NAMES)).values(last_seen=bindparam("last_seen"))
_DELETE: Final = delete(tables.zones).where(_Z.name == bindparam("key"))


def get(c: Connection, name: str) -> ZoneRecord | None:
    """Return the record, or None."""
    row = c.execute(_ONE, {"key": name}).one_or_none()
    return None if row is None else _record(c, row)


def every(c: Connection) -> tuple[ZoneRecord, ...]:
    """Return all records by name."""
    return tuple(_record(c, row) for row in c.execute(_ALL))


def put(c: Connection, record: ZoneRecord) -> ZoneRecord:
    """Insert or replace the record and return it as it is kept.

    `created_at` stays, `version` is counted up unless nothing but `last_seen` changed.
    """
    old = get(c, record.name)
    moment = transaction.now(c)
    created = old.created_at if old is not None else (moment if record.created_at == _EPOCH else record.created_at)
    kept = replace(record, created_at=created, updated_at=moment, version=1 if old is None else old.version + 1)
    if old is None:
        c.execute(_INSERT, _row(c, kept))
    else:
        if replace(kept, updated_at=old.updated_at, version=old.version, last_seen=old.last_seen) == old:
            kept = replace(kept, updated_at=old.updated_at, version=old.version)
            if kept.last_seen != old.last_seen:
                c.execute(_UPDATE, {"key": kept.name, "last_seen": kept.last_seen})
            return kept
        c.execute(_UPDATE, {"key": kept.name, **_row(c, kept)})
    _tell(c, kept.name, {"name": kept.name, "brand": kept.brand, "status": kept.status, "version": kept.version})
    return kept


def seen(c: Connection, names: Sequence[str], moment: datetime) -> None:
    """Note that the host had these zones; nobody is told, since nothing else has changed."""
    for start in range(0, len(names), 500):
        c.execute(_SEEN, {"names": list(names[start : start + 500]), "last_seen": moment})


def forget(c: Connection, name: str) -> bool:
    """Remove the record; say whether there was one."""
    gone = c.execute(_DELETE, {"key": name}).rowcount > 0
    provisionings.forget(c, name)
    if gone:
        _tell(c, name, {"name": name, "forgotten": True})
    return gone


def annotate(
    c: Connection,
    name: str,
    *,
    tags: Sequence[str] | _Keep = KEEP,
    notes: str | _Keep | None = KEEP,
    provisioning: Mapping[str, Any] | _Keep | None = KEEP,
) -> ZoneRecord:
    """Change what people say about a zone; what is not given stays. Raises NotFound."""
    record = get(c, name)
    if record is None:
        raise NotFound("Zone not found", details={"zone": name})
    if not isinstance(tags, _Keep):
        record = replace(record, tags=tuple(tags))
    if not isinstance(notes, _Keep):
        record = replace(record, notes=notes)
    if not isinstance(provisioning, _Keep):
        record = replace(record, provisioning=provisioning)
    return put(c, record)


def _tell(c: Connection, name: str, data: Mapping[str, Any]) -> None:
    transaction.tell(c, Note(topics=("zones", f"zone:{name}"), kind="zone", key=name, data=data))


def _row(c: Connection, record: ZoneRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "brand": record.brand,
        "status": record.status,
        "zonepath": record.zonepath,
        "root_dataset": record.root_dataset,
        "configuration": transaction.plain(record.configuration),
        "tags": json.dumps(list(record.tags)),
        "notes": record.notes,
        "provisioning": None if record.provisioning is None else transaction.seal(c).dumps(record.provisioning),
        "attached": json.dumps(list(record.attached)),
        "unsettled": json.dumps(dict(record.unsettled)),
        "created_by_task": record.created_by_task,
        "is_orphaned": int(record.is_orphaned),
        "auto_discovered": int(record.auto_discovered),
        "last_seen": record.last_seen,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "version": record.version,
    }


def _record(c: Connection, row: Row[Any]) -> ZoneRecord:
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    sealed = values["provisioning"]
    values |= {
        "configuration": json.loads(values["configuration"]),
        "tags": tuple(json.loads(values["tags"])),
        "provisioning": None if sealed is None else transaction.seal(c).loads(sealed),
        "attached": tuple(json.loads(values["attached"])),
        "unsettled": json.loads(values["unsettled"]),
        "is_orphaned": bool(values["is_orphaned"]),
        "auto_discovered": bool(values["auto_discovered"]),
    }
    return ZoneRecord(**values)

"""What is remembered of the provisioning of zones: the last pipeline, and when one succeeded last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from zoneweaver.store import tables, transaction

_P = tables.provisionings.c
_GET: Final = select(_P.task_id, _P.provisioned_at).where(_P.zone_name == bindparam("key"))
_INSERT: Final = insert(tables.provisionings)
_BEGIN: Final = update(tables.provisionings).where(_P.zone_name == bindparam("key"))
_DONE: Final = (
    update(tables.provisionings).where(_P.zone_name == bindparam("key")).values(provisioned_at=bindparam("moment"))
)
_DELETE: Final = delete(tables.provisionings).where(_P.zone_name == bindparam("key"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Provisioned:
    """The task of a zone's last pipeline, and when a pipeline of it was through last."""

    task_id: str
    provisioned_at: datetime | None = None


def get(c: Connection, zone: str) -> Provisioned | None:
    """Return what is remembered of a zone, or None."""
    row = c.execute(_GET, {"key": zone}).one_or_none()
    return None if row is None else Provisioned(task_id=row.task_id, provisioned_at=row.provisioned_at)


def begin(c: Connection, zone: str, task_id: str) -> None:
    """Note a zone's new pipeline; when the last one succeeded stays."""
    if c.execute(_BEGIN, {"key": zone, "task_id": task_id}).rowcount == 0:
        c.execute(_INSERT, {"zone_name": zone, "task_id": task_id})


def done(c: Connection, zone: str) -> None:
    """Note that a zone's pipeline is through, now."""
    c.execute(_DONE, {"key": zone, "moment": transaction.now(c)})


def forget(c: Connection, zone: str) -> None:
    """Forget a zone that is gone."""
    c.execute(_DELETE, {"key": zone})

"""Task rows as values, and telling of their changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, literal_column

from zoneweaver.domain.tasks import Status, Task
from zoneweaver.store import tables, transaction
from zoneweaver.store.transaction import Note

T: Final = tables.tasks.c

SHOWN: Final = (
    T.id, T.zone_name, T.operation, T.status, T.priority, T.created_by, T.depends_on, T.parent_task_id,
    T.error_message, T.created_at, T.started_at, T.completed_at, T.updated_at, T.metadata, T.progress_percent,
    T.progress_info, T.cancel_requested,
)  # fmt: skip
"""What a `Task` is made of."""


def said(value: str | int) -> Any:
    """Return a constant as SQL text: a partial index is only used where its condition stands in the statement."""
    return literal_column(f"'{value}'" if isinstance(value, str) else str(value))


PENDING: Final = said(Status.PENDING.value)
RUNNING: Final = said(Status.RUNNING.value)
OPEN: Final = T.status.in_([PENDING, RUNNING])
ENDED: Final = T.status.in_([said(status.value) for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)])
NO: Final = said(0)
YES: Final = said(1)


def task_of(row: Mapping[Any, Any]) -> Task:
    """Make the task of a row that has (at least) the columns `SHOWN`."""
    return Task(
        id=row["id"],
        zone_name=row["zone_name"],
        operation=row["operation"],
        status=Status(row["status"]),
        priority=row["priority"],
        created_by=row["created_by"],
        depends_on=row["depends_on"],
        parent_task_id=row["parent_task_id"],
        error_message=row["error_message"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        updated_at=row["updated_at"],
        metadata=json.loads(row["metadata"]),
        progress_percent=row["progress_percent"],
        progress_info=json.loads(row["progress_info"]),
        cancel_requested=bool(row["cancel_requested"]),
    )


def changed_note(task: Task) -> Note:
    """Return what listeners hear of a changed task."""
    topics = ["tasks", f"task:{task.id}"]
    if task.zone_name is not None:
        topics.append(f"zone:{task.zone_name}")
    data = {**task.as_json(), "cancel_requested": task.cancel_requested}
    return Note(topics=tuple(topics), kind="task", key=task.id, data=data)


def changed(c: Connection, row: Mapping[Any, Any]) -> Task:
    """Return the task of a row that was just written, and have the change published after the commit."""
    task = task_of(row)
    transaction.tell(c, changed_note(task))
    return task

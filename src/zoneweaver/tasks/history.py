"""Looking at tasks: pages, counts, logs and output; and forgetting what has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, delete, func, or_, select

from zoneweaver.domain.secret import masked
from zoneweaver.domain.tasks import Status, Task, stamp
from zoneweaver.store import tables, transaction
from zoneweaver.tasks import queue
from zoneweaver.tasks.rows import ENDED, OPEN, RUNNING, SHOWN, T, task_of
from zoneweaver.tasks.saga import Entry, Event

TERMINAL: Final = tuple(status for status in Status if status.terminal)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which tasks a page shows; what is None does not matter."""

    status: Status | None = None
    zone_name: str | None = None
    operation: str | None = None
    operation_ne: str | None = None
    parent_task_id: str | None = None
    min_priority: int | None = None
    since: datetime | None = None
    """Changed at or after this moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some of the tasks that match, and how many match; `running_count` is that of all tasks."""

    tasks: tuple[Task, ...]
    total: int
    running_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedStep:
    """A line of a task's intent log as people see it, secrets masked."""

    step: str
    event: Event
    data: Any
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the line as the API shows it."""
        return {"step": self.step, "event": self.event.value, "data": self.data, "timestamp": stamp(self.at)}


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputLine:
    """A piece of a task's output with its moment."""

    stream: str
    data: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the piece as the API shows it."""
        return {"stream": self.stream, "data": self.data, "timestamp": stamp(self.at)}


_S: Final = tables.task_steps.c
_O: Final = tables.task_output.c
_KEY: Final[BindParameter[str]] = bindparam("key")
_RUNNING: Final = (
    select(func.count()).select_from(tables.tasks).where(OPEN, T.status == RUNNING)  # OPEN leads to its index
)
_COUNTS: Final = tuple(
    select(T.status, func.count()).where(part).group_by(T.status) for part in (OPEN, ENDED)
)  # each from its own index
_STEPS: Final = select(_S.step, _S.event, _S.data, _S.at).where(_S.task_id == _KEY).order_by(_S.seq)
_OUTPUT: Final = select(_O.stream, _O.data, _O.at).where(_O.task_id == _KEY).order_by(_O.seq).limit(bindparam("most"))
_OUTPUT_SIZE: Final = select(func.coalesce(func.sum(func.length(_O.data)), 0)).where(_O.task_id == _KEY)
_CURRENT: Final = select(*SHOWN).where(OPEN, T.status == RUNNING, T.summary == 0, T.zone_name.is_not(None))
_PARENT: Final = tables.tasks.alias("parent")
_IDS: Final[BindParameter[str]] = bindparam("ids", expanding=True)
_FORGET: Final = (
    delete(tables.task_steps).where(_S.task_id.in_(_IDS)),
    delete(tables.task_output).where(_O.task_id.in_(_IDS)),
    delete(tables.tasks).where(T.id.in_(_IDS)),
)


def page(c: Connection, wanted: Wanted, *, limit: int = 50, offset: int = 0, newest_first: bool = True) -> Page:
    """Return a page in the order in which tasks came."""
    conditions = _conditions(wanted)
    order: ColumnElement[Any] = T.seq
    if wanted.since is not None or (wanted.status is not None and not wanted.status.terminal):
        order = T.seq + 0  # or SQLite walks through all tasks in order, instead of sorting a few
    query = select(*SHOWN).where(*conditions).order_by(order.desc() if newest_first else order)
    rows = c.execute(query.limit(limit).offset(offset)).mappings().all()
    if len(rows) < limit and offset == 0:
        total = len(rows)
    else:
        total = c.execute(select(func.count()).select_from(tables.tasks).where(*conditions)).scalar_one()
    return Page(tasks=tuple(task_of(row) for row in rows), total=total, running_count=c.execute(_RUNNING).scalar_one())


def stats(c: Connection) -> dict[str, int]:
    """Return how many tasks are in each state, and `total`."""
    counts = {status.value: 0 for status in Status}
    for part in _COUNTS:
        counts |= {row[0]: row[1] for row in c.execute(part)}
    return {**counts, "total": sum(counts.values())}


def current(c: Connection) -> dict[str, Task]:
    """Return the running task of every zone that has one."""
    return {row["zone_name"]: task_of(row) for row in c.execute(_CURRENT).mappings()}


def steps(c: Connection, task_id: str) -> tuple[LoggedStep, ...]:
    """Return a task's intent log, secrets masked. Raises NotFound."""
    queue.get(c, task_id)
    seal = transaction.seal(c)
    return tuple(
        LoggedStep(
            step=row.step, event=Event(row.event), data=masked(None if row.data is None else seal.loads(row.data)),
            at=row.at,
        )
        for row in c.execute(_STEPS, {"key": task_id})
    )  # fmt: skip


def entries(c: Connection, task_id: str) -> list[Entry]:
    """Return a task's intent log for the saga that carries on, secrets and all."""
    seal = transaction.seal(c)
    return [
        Entry(step=row.step, event=Event(row.event), data=None if row.data is None else seal.loads(row.data))
        for row in c.execute(_STEPS, {"key": task_id})
    ]


def output(c: Connection, task_id: str, *, most: int = 100_000) -> tuple[OutputLine, ...]:
    """Return a task's output from its beginning. Raises NotFound."""
    queue.get(c, task_id)
    rows = c.execute(_OUTPUT, {"key": task_id, "most": most})
    return tuple(OutputLine(stream=row.stream, data=row.data, at=row.at) for row in rows)


def output_size(c: Connection, task_id: str) -> int:
    """Return how many characters of output a task has."""
    return int(c.execute(_OUTPUT_SIZE, {"key": task_id}).scalar_one())


def purge(
    c: Connection, *, before: datetime | None = None, statuses: Sequence[Status] = TERMINAL, most: int = 500
) -> int:
    """Forget up to `most` ended tasks (last changed before this moment) with their logs; return how many.

    Children stay for as long as their parent has not ended. Call it until it returns 0: each call is a short
    transaction, so that others get their turn.
    """
    conditions: list[ColumnElement[bool]] = [T.status.in_([status.value for status in statuses if status.terminal])]
    if before is not None:
        conditions.append(T.updated_at < before)
    orphan = or_(
        T.parent_task_id.is_(None),
        ~select(_PARENT.c.id)
        .where(_PARENT.c.id == T.parent_task_id, _PARENT.c.status.in_([Status.PENDING.value, Status.RUNNING.value]))
        .exists(),
    )
    query = select(T.id).where(*conditions, orphan).order_by(T.updated_at).limit(most)
    ids = list(c.execute(query).scalars())
    if ids:
        for statement in _FORGET:
            c.execute(statement, {"ids": ids})
    return len(ids)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status is not None:
        conditions += [T.status == wanted.status.value, ENDED if wanted.status.terminal else OPEN]
    if wanted.zone_name is not None:
        conditions.append(T.zone_name == wanted.zone_name)
    if wanted.operation is not None:
        conditions.append(T.operation == wanted.operation)
    if wanted.operation_ne is not None:
        conditions.append(T.operation != wanted.operation_ne)
    if wanted.parent_task_id is not None:
        conditions.append(T.parent_task_id == wanted.parent_task_id)
    if wanted.min_priority is not None:
        conditions.append(T.priority >= wanted.min_priority)
    if wanted.since is not None:
        conditions.append(T.updated_at >= wanted.since)
    return conditions

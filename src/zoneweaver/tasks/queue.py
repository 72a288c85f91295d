"""The queue: what a task's row may become, each change one function inside a transaction.

The order is priority, then the sequence in which tasks came; no clock takes part. That two tasks of a zone never run
at once is what the claim sees to and what a unique index makes certain.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from zoneweaver.domain.errors import AgentError, Conflict, Invalid, NotFound
from zoneweaver.domain.tasks import PRIORITIES, Kind, NewTask, Status, Task
from zoneweaver.store import transaction
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Note
from zoneweaver.tasks import statements as sql
from zoneweaver.tasks.rows import changed, changed_note, task_of
from zoneweaver.tasks.saga import Entry

DEPENDENCY_FAILED: Final = "Dependency failed"


class LostTask(AgentError):
    """The task is no longer this owner's: another agent took it over, or it has ended."""

    code = "lost_task"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A task that is now running and ours. `attempt` counts from 1; more means that somebody died over it."""

    task: Task
    sealed: str
    """Its parameters as they are kept: one that cannot be read any more must not stop the queue."""
    attempt: int

    def params(self, seal: Seal) -> Mapping[str, Any]:
        """Return the parameters, secrets as `Secret`. Raises Unsealable."""
        params: Mapping[str, Any] = seal.loads(self.sealed)
        return params


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A piece of a task's output: `stream` is stdout, stderr, command or log."""

    stream: str
    data: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a task is; `info["status"]` is the word that people read."""

    percent: int
    info: Mapping[str, Any] = field(default_factory=dict)


def find(c: Connection, task_id: str) -> Task | None:
    """Return the task, or None."""
    row = c.execute(sql.GET, {"key": task_id}).mappings().one_or_none()
    return None if row is None else task_of(row)


def get(c: Connection, task_id: str) -> Task:
    """Return the task. Raises NotFound."""
    return task_of(_row(c, task_id))


def params(c: Connection, task_id: str) -> Mapping[str, Any]:
    """Return what a task was given, secrets as `Secret`. Raises NotFound and Unsealable."""
    row = c.execute(sql.PARAMS, {"key": task_id}).scalar_one_or_none()
    if row is None:
        raise NotFound("Task not found", details={"task_id": task_id})
    found: Mapping[str, Any] = transaction.seal(c).loads(row)
    return found


def active(c: Connection, zone_name: str) -> tuple[Task, ...]:
    """Return what is pending or running for a zone, in the order in which it came."""
    return tuple(task_of(row) for row in c.execute(sql.ACTIVE, {"zone": zone_name}).mappings())


def chains(c: Connection, zone_name: str) -> tuple[Task, ...]:
    """Return the summaries of a zone that are pending or running, in the order in which they came."""
    return tuple(task_of(row) for row in c.execute(sql.SUMMARIES, {"zone": zone_name}).mappings())


def enqueue(c: Connection, new: NewTask) -> Task:
    """Queue a task; once the transaction is committed it survives everything.

    A task that others name as `parent_task_id` before it runs becomes a summary: it runs nothing itself and ends as
    its children do. Raises Invalid for an unknown `depends_on` or parent, Conflict for a
    parent that has ended and for a second creation of a zone.
    """
    ready, doomed = True, False
    if new.depends_on is not None:
        dependency = find(c, new.depends_on)
        if dependency is None:
            raise Invalid(f"Task {new.depends_on} is unknown", field="depends_on")
        ready = dependency.status is Status.COMPLETED
        doomed = dependency.status.terminal and not ready
    if new.parent_task_id is not None:
        parent = find(c, new.parent_task_id)
        if parent is None:
            raise Invalid(f"Task {new.parent_task_id} is unknown", field="parent_task_id")
        if parent.status.terminal:
            raise Conflict(f"Task {parent.id} has ended already", code="task_ended")
        if new.depends_on == parent.id:
            raise Invalid("A task cannot depend on its own parent", field="depends_on")
        c.execute(sql.BECOME_PARENT, {"key": new.parent_task_id})
    moment = transaction.now(c)
    row = {
        "id": new.id,
        "zone_name": new.zone_name,
        "operation": new.kind.value,
        "status": Status.PENDING.value,
        "priority": PRIORITIES[new.kind] if new.priority is None else new.priority,
        "created_by": new.created_by,
        "depends_on": new.depends_on,
        "parent_task_id": new.parent_task_id,
        "ready": int(ready),
        "params": transaction.seal(c).dumps(new.params),
        "metadata": transaction.plain(new.metadata),
        "progress_info": "{}",
        "created_at": moment,
        "updated_at": moment,
    }
    task = changed(c, c.execute(sql.INSERT, row).mappings().one())
    return _end_pending(c, task.id, DEPENDENCY_FAILED, "dependency_failed") if doomed else task


def claim(c: Connection, owner: str, *, kinds: Sequence[str], limit: int = 1) -> list[Claimed]:
    """Take up to `limit` tasks that may run now and make them running, the most urgent first."""
    claimed: list[Claimed] = []
    while len(claimed) < limit:
        number = c.execute(sql.NEXT, {"kinds": list(kinds)}).scalar_one_or_none()
        if number is None:
            break
        values = {"number": number, "who": owner, "moment": transaction.now(c)}
        claimed.append(_claimed(c, c.execute(sql.CLAIM, values).mappings().one()))
    return claimed


def take_over(c: Connection, owner: str, *, dead: Sequence[str] | None = None) -> list[Claimed]:
    """Make the running tasks of dead owners (None: of everybody else) ours, in the order in which they came."""
    values: dict[str, Any] = {"who": owner}
    if dead is not None:
        values["dead"] = list(dead)
    rows = c.execute(sql.TAKE_OVER if dead is None else sql.TAKE_OVER_FROM, values).mappings().all()
    for buried in dead or ():
        c.execute(sql.BURY, {"key": buried})
    return [_claimed(c, row) for row in sorted(rows, key=lambda row: row["seq"])]


def resume(c: Connection, task_id: str, owner: str) -> Claimed:
    """Take up a task of our own again that was set aside. Raises LostTask."""
    row = c.execute(sql.RESUME, {"key": task_id, "who": owner}).mappings().one_or_none()
    if row is None:
        raise LostTask(f"Task {task_id} is no longer run by this agent")
    return _claimed(c, row)


def held(c: Connection, owner: str) -> list[str]:
    """Return the ids of the tasks that an owner runs, in the order in which they came."""
    return list(c.execute(sql.HELD_BY, {"who": owner}).scalars())


def beat(c: Connection, owner: str) -> dict[str, int]:
    """Show that the owner lives; return the count of everybody who holds a running task (0 for one without a count).

    Whoever sees a count stand still for longer than a lease, by a clock that only runs forwards, knows that its owner
    is dead; moments are never compared between hosts.
    """
    if c.execute(sql.BEAT, {"key": owner}).rowcount == 0:
        c.execute(sql.BORN, {"id": owner, "beat": 1})
    beats = {row.id: row.beat for row in c.execute(sql.BEATS)}
    return {holder: beats.get(holder, 0) for holder in c.execute(sql.HOLDERS).scalars() if holder is not None}


def bury(c: Connection, owner: str) -> None:
    """Forget an owner that has ended in good order."""
    c.execute(sql.BURY, {"key": owner})


def record(
    c: Connection,
    task_id: str,
    owner: str,
    *,
    entries: Sequence[Entry] = (),
    lines: Sequence[Line] = (),
    progress: Sequence[Progress] = (),
) -> bool:
    """Write what a running task has to say: its log, output and progress; return whether it shall be cancelled.

    The last progress is the one that is kept; those before it are heard of by whoever listens. Raises LostTask when the
    task is not ours any more.
    """
    moment = transaction.now(c)
    if not progress:
        cancelled = c.execute(sql.HELD, {"key": task_id, "who": owner}).scalar_one_or_none()
        if cancelled is None:
            raise LostTask(f"Task {task_id} is no longer run by this agent")
    else:
        values: dict[str, Any] = {"percent": progress[-1].percent, "info": transaction.plain(progress[-1].info)}
        row = (
            c.execute(sql.PROGRESS, {"key": task_id, "who": owner, "moment": moment, **values}).mappings().one_or_none()
        )
        if row is None:
            raise LostTask(f"Task {task_id} is no longer run by this agent")
        task = task_of(row)
        for stage in progress:
            passed = replace(task, progress_percent=stage.percent, progress_info=dict(stage.info))
            transaction.tell(c, changed_note(passed))
        cancelled = task.cancel_requested
    if entries:
        sealed = transaction.seal(c)
        c.execute(
            sql.STEP,
            [
                {
                    "task_id": task_id,
                    "step": entry.step,
                    "event": entry.event.value,
                    "data": None if entry.data is None else sealed.dumps(entry.data),
                    "at": moment,
                }
                for entry in entries
            ],
        )
    if lines:
        c.execute(
            sql.OUTPUT,
            [{"task_id": task_id, "stream": line.stream, "data": line.data, "at": moment} for line in lines],
        )
        for line in lines:
            data = {"task_id": task_id, "stream": line.stream, "data": line.data, "timestamp": moment}
            transaction.tell(c, Note(topics=(f"task:{task_id}",), kind="output", key=task_id, data=data))
    return bool(cancelled)


def finish(
    c: Connection,
    task_id: str,
    owner: str,
    *,
    status: Status,
    progress: Progress,
    error: str | None = None,
    code: str | None = None,
) -> Task:
    """End a running task, and settle what waits for it. Raises LostTask."""
    values: dict[str, Any] = {"key": task_id, "who": owner, "new_status": status.value, "error": error, "code": code}
    values |= {"percent": progress.percent, "info": transaction.plain(progress.info), "moment": transaction.now(c)}
    row = c.execute(sql.FINISH, values).mappings().one_or_none()
    if row is None:
        raise LostTask(f"Task {task_id} is no longer run by this agent")
    task = changed(c, row)
    _settle(c, task)
    return task


def cancel(c: Connection, task_id: str, *, by: str | None = None) -> Task:
    """Cancel the task and return it as it is now. Raises NotFound, and Conflict when it has ended.

    A pending task ends at once; a running one is asked to (`cancel_requested`) and unwinds; a summary ends with its
    children.
    """
    row = _row(c, task_id)
    task = task_of(row)
    if task.status.terminal:
        raise Conflict(f"Task is already {task.status.value}", code="task_ended", details={"status": task.status.value})
    if row["summary"]:
        changed(c, c.execute(sql.ASK_TO_CANCEL, {"key": task_id, "moment": transaction.now(c)}).mappings().one())
        _cancel_children(c, task_id, by)
        return get(c, task_id)
    if task.status is Status.PENDING:
        return _end_pending(c, task_id, _said_cancelled(by), "cancelled")
    return changed(c, c.execute(sql.ASK_TO_CANCEL, {"key": task_id, "moment": transaction.now(c)}).mappings().one())


def retry(
    c: Connection, task_id: str, *, created_by: str, new_id: Callable[[], str] = lambda: str(uuid.uuid4())
) -> tuple[Task, ...]:
    """Queue a failed or cancelled task anew; the first task returned replaces `task_id`.

    With it go those that were cancelled because they depend on it, and with a summary its children that did not
    complete. Raises NotFound, and Conflict when the task is in another state or something newer stands in the way.
    """
    row = _row(c, task_id)
    if Status(row["status"]) not in {Status.FAILED, Status.CANCELLED}:
        raise Conflict(
            f"Only failed or cancelled tasks can be retried; this one is {row['status']}",
            code="not_retryable",
            details={"status": row["status"]},
        )
    old_ids = [task_id]
    if row["summary"]:
        old_ids += c.execute(sql.PARTS, {"key": task_id}).scalars()
    for old in old_ids:
        old_ids += [found for found in c.execute(sql.FOLLOWERS, {"key": old}).scalars() if found not in old_ids]
    renamed: dict[str, str] = {}
    return tuple(_copy(c, old, renamed, created_by, new_id()) for old in old_ids)


def _copy(c: Connection, old_id: str, renamed: dict[str, str], created_by: str, new_id: str) -> Task:
    old = c.execute(sql.COPY, {"key": old_id}).mappings().one()
    renamed[old_id] = new_id
    moment = transaction.now(c)
    depends_on = renamed.get(old["depends_on"], old["depends_on"])
    dependency = None if depends_on is None else find(c, depends_on)
    if dependency is not None and dependency.status in {Status.FAILED, Status.CANCELLED}:
        raise Conflict(
            f"Task {old_id} depends on task {dependency.id}, which is {dependency.status.value}: retry that one",
            code="not_retryable",
            details={"depends_on": dependency.id},
        )
    if old["operation"] == Kind.ZONE_CREATE.value:
        for other in active(c, old["zone_name"]):
            if other.operation == old["operation"]:
                raise Conflict(
                    f"Zone {other.zone_name} is already being created by task {other.id}",
                    code="zone_exists",
                    details={"zone": other.zone_name, "task_id": other.id},
                )
    kept = {name: old[name] for name in ("zone_name", "operation", "priority", "summary", "params")}
    fresh = {
        "id": new_id,
        "status": Status.PENDING.value,
        "created_by": created_by,
        "depends_on": None if dependency is None else depends_on,
        "parent_task_id": renamed.get(old["parent_task_id"]),
        "ready": int(dependency is None or dependency.status is Status.COMPLETED),
        "metadata": transaction.plain({**json.loads(old["metadata"]), "retry_of": old_id}),
        "progress_info": "{}",
        "created_at": moment,
        "updated_at": moment,
    }
    return changed(c, c.execute(sql.INSERT, kept | fresh).mappings().one())


def _row(c: Connection, task_id: str) -> Mapping[Any, Any]:
    row = c.execute(sql.GET, {"key": task_id}).mappings().one_or_none()
    if row is None:
        raise NotFound("Task not found", details={"task_id": task_id})
    return row


def _claimed(c: Connection, row: Mapping[Any, Any]) -> Claimed:
    task = changed(c, row)
    if task.parent_task_id is not None:
        _sum_up(c, task.parent_task_id)
    return Claimed(task=task, sealed=row["params"], attempt=row["attempt"])


def _said_cancelled(by: str | None) -> str:
    return "Cancelled" if by is None else f"Cancelled by {by}"


def _end_pending(c: Connection, task_id: str, error: str, code: str) -> Task:
    values = {"key": task_id, "error": error, "code": code, "moment": transaction.now(c)}
    task = changed(c, c.execute(sql.END_PENDING, values).mappings().one())
    _settle(c, task)
    return task


def _cancel_children(c: Connection, parent_id: str, by: str | None) -> None:
    for child in list(c.execute(sql.CHILDREN, {"key": parent_id}).scalars()):
        if not get(c, child).status.terminal:  # a sibling's end may have ended it
            cancel(c, child, by=by)


def _settle(c: Connection, task: Task) -> None:
    """After a task has ended: let its dependants go on or end them, and sum up its parent."""
    if task.status is Status.COMPLETED:
        for row in c.execute(sql.READY, {"key": task.id, "moment": transaction.now(c)}).mappings().all():
            changed(c, row)
    else:
        for dependant, summary in c.execute(sql.DEPENDANTS, {"key": task.id}).all():
            if get(c, dependant).status.terminal:  # the end of another one has ended it
                continue
            if summary:
                _cancel_children(c, dependant, None)
            else:
                _end_pending(c, dependant, DEPENDENCY_FAILED, "dependency_failed")
    if task.parent_task_id is not None:
        _sum_up(c, task.parent_task_id)


def _sum_up(c: Connection, parent_id: str) -> None:
    """Make a summary say what its children are."""
    row = _row(c, parent_id)
    parent = task_of(row)
    if not row["summary"] or parent.status.terminal:
        return
    counts: dict[Status, int] = {}
    progress = 0
    for status, count, percent in c.execute(sql.SUM, {"key": parent_id}):
        counts[Status(status)] = count
        progress += 100 * count if Status(status) is Status.COMPLETED else int(percent)
    status = summed(counts)
    moment = transaction.now(c)
    percent = progress // max(1, sum(counts.values()))
    if status is parent.status and percent == parent.progress_percent:
        return
    values = {
        "key": parent_id,
        "new_status": status.value,
        "percent": percent,
        "error": "A task of this chain failed" if status is Status.FAILED else None,
        "started": None if status is Status.PENDING else moment,
        "completed": moment if status.terminal else None,
        "moment": moment,
    }
    parent = changed(c, c.execute(sql.SUMMED, values).mappings().one())
    if parent.status.terminal:
        _settle(c, parent)
    elif parent.parent_task_id is not None:
        _sum_up(c, parent.parent_task_id)


def summed(counts: Mapping[Status, int]) -> Status:
    """Return what a parent is when so many of its children are in each state."""
    total = sum(counts.values())
    if counts.get(Status.PENDING, 0) == total:
        return Status.PENDING
    if counts.get(Status.PENDING, 0) or counts.get(Status.RUNNING, 0):
        return Status.RUNNING
    if counts.get(Status.FAILED, 0):
        return Status.FAILED
    return Status.CANCELLED if counts.get(Status.CANCELLED, 0) else Status.COMPLETED

"""Tasks: looking at them, following them live, cancelling, retrying, forgetting."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from zoneweaver.domain.errors import Invalid, TooMany
from zoneweaver.domain.tasks import Status, Task, stamp
from zoneweaver.services.audit import entry
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import Proposal
from zoneweaver.store import audit
from zoneweaver.store.database import Database
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.events import DROPPED, MISSED, Events
from zoneweaver.tasks.history import Wanted

MOST_SUBSCRIBERS: Final = 500

_POSITION: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)/(\d{1,9})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened to a task: `kind` is output, task, status or dropped."""

    kind: str
    data: Mapping[str, Any]
    position: str | None = None
    """Where to go on after a break; only output moves it."""


@dataclass(kw_only=True, slots=True)
class Tasks:
    """Everything that can be asked about tasks."""

    database: Database
    events: Events
    slots: int = 5
    most_subscribers: int = MOST_SUBSCRIBERS

    async def page(self, wanted: Wanted, *, limit: int, offset: int, newest_first: bool) -> dict[str, Any]:
        """Return `{tasks, running_count, total}`."""
        page = await self.database.read(
            lambda c: history.page(c, wanted, limit=limit, offset=offset, newest_first=newest_first)
        )
        return {
            "tasks": [task.as_json() for task in page.tasks],
            "running_count": page.running_count,
            "total": page.total,
        }

    async def get(self, task_id: str) -> dict[str, Any]:
        """Return a task's row. Raises NotFound."""
        return (await self.database.read(lambda c: queue.get(c, task_id))).as_json()

    async def output(self, task_id: str) -> dict[str, Any]:
        """Return what a task's commands and steps wrote. Raises NotFound."""
        task, lines = await self.database.read(lambda c: (queue.get(c, task_id), history.output(c, task_id)))
        return {"task_id": task_id, "status": task.status.value, "output": [line.as_json() for line in lines]}

    async def steps(self, task_id: str) -> dict[str, Any]:
        """Return a task's intent log. Raises NotFound."""
        task, steps = await self.database.read(lambda c: (queue.get(c, task_id), history.steps(c, task_id)))
        return {"task_id": task_id, "status": task.status.value, "steps": [step.as_json() for step in steps]}

    async def stats(self) -> dict[str, Any]:
        """Return how many tasks are in each state."""
        counts = await self.database.read(history.stats)
        return {
            **{f"{status.value}_tasks": counts[status.value] for status in Status},
            "total_tasks": counts["total"],
            "max_concurrent_tasks": self.slots,
            "task_processor_running": True,
        }

    async def cancel(self, task_id: str, caller: Caller) -> dict[str, Any]:
        """Cancel a task: a pending one ends at once, a running one stops and unwinds. Raises NotFound and Conflict."""

        def write(c: Connection) -> Task:
            task = queue.cancel(c, task_id, by=caller.name)
            audit.add(c, entry(caller, "task.cancel", 200, target=task_id, zone=task.zone_name))
            return task

        task = await self.database.run(write)
        return {
            "success": True,
            "task_id": task_id,
            "status": task.status.value,
            "was_running": task.status is Status.RUNNING,
            "message": "Task cancelled successfully"
            if task.status is Status.CANCELLED
            else "Task is being cancelled; what it did is undone",
        }

    async def retry(self, task_id: str, caller: Caller) -> Proposal:
        """Propose to queue a failed or cancelled task anew; its submission raises NotFound and Conflict."""

        def write(c: Connection) -> dict[str, Any]:
            made = queue.retry(c, task_id, created_by=caller.name)
            first = made[0]
            return {
                "success": True,
                "task_id": first.id,
                "zone_name": first.zone_name,
                "operation": first.operation,
                "status": first.status.value,
                "message": "Task queued again",
                "retry_of": task_id,
                "task_ids": [task.id for task in made],
            }

        return Proposal(body={}, guard=write)

    async def forget_ended(self, caller: Caller) -> dict[str, Any]:
        """Forget every task that has ended, with its log and output."""
        count = 0
        while gone := await self.database.run(history.purge):
            count += gone
        await self.database.run(lambda c: audit.add(c, entry(caller, "task.purge", 200, deleted=count)))
        return {
            "success": True,
            "message": f"Deleted {count} completed/failed/cancelled tasks",
            "deleted_count": count,
        }

    def check_room(self) -> None:
        """Raise TooMany when no further listener is taken."""
        if len(self.events) >= self.most_subscribers:
            raise TooMany(f"{self.most_subscribers} event streams are open already")

    async def check_follow(self, task_id: str, after: str | None) -> None:
        """Raise what following this task would raise: NotFound, Invalid, TooMany."""
        _position(after)
        self.check_room()
        await self.database.read(lambda c: queue.get(c, task_id))

    async def follow(self, task_id: str, after: str | None = None) -> AsyncGenerator[Moment, None]:
        """Yield a task's row, its output so far, and then everything as it happens, until it has ended.

        `after` is the position of the last output that was seen.
        """
        seen = _position(after)
        with self.events.subscribe([f"task:{task_id}"]) as subscription:
            task, lines = await self.database.read(lambda c: (queue.get(c, task_id), history.output(c, task_id)))
            now = Moment(kind="task", data=task.as_json())
            if not task.status.terminal:
                yield now
            count = _Count()
            pieces = [(count.next(str(stamp(line.at))), line) for line in lines]
            known = [position for position, _ in pieces]
            # The order is that of the rows: the clock may have been put back between two of them.
            skipped = known.index(seen) + 1 if seen in known else sum(position <= seen for position in known)
            for position, line in pieces[skipped:]:
                yield _output(task_id, line.as_json(), position)
            covered = {moment for moment, _ in known}
            if task.status.terminal:
                yield now  # last: whoever waits for the end leaves here
            status, changed = task.status, stamp(task.updated_at) or ""
            while not status.terminal:
                batch = await subscription.batch()
                if not batch:
                    return
                for event in batch:
                    if event.kind in {DROPPED, MISSED}:
                        yield Moment(kind=event.kind, data=event.data)
                    elif event.kind == "task" and (
                        event.data["updatedAt"] > changed or Status(event.data["status"]).terminal
                    ):
                        status = Status(event.data["status"])
                        yield Moment(kind="task", data=event.data)
                    elif event.kind == "output" and (moment := str(stamp(event.data["timestamp"]))) not in covered:
                        yield _output(task_id, {**event.data, "timestamp": moment}, count.next(moment))
                if batch[-1].kind == DROPPED:
                    return
            yield Moment(kind="status", data={"type": "status", "task_id": task_id, "status": status.value})


Position = tuple[str, int]
"""The moment of a piece of output, and which of those of that moment it is."""


class _Count:
    """Numbers pieces of output within their moment: a moment is one transaction, so that its pieces stay together."""

    __slots__ = ("moment", "number")

    def __init__(self) -> None:
        self.moment = ""
        self.number = 0

    def next(self, moment: str) -> Position:
        self.number = self.number + 1 if moment == self.moment else 0
        self.moment = moment
        return moment, self.number


def _position(text: str | None) -> Position:
    """Read a position as it was given out. Raises Invalid."""
    if text is None:
        return "", -1
    match = _POSITION.fullmatch(text)
    if match is None:
        raise Invalid("Last-Event-ID is none that this stream gave out", field="Last-Event-ID")
    return match.group(1), int(match.group(2))


def _output(task_id: str, line: Mapping[str, Any], position: Position) -> Moment:
    data = {
        "type": "output",
        "task_id": task_id,
        "stream": line["stream"],
        "data": line["data"],
        "timestamp": line["timestamp"],
    }
    return Moment(kind="output", data=data, position=f"{position[0]}/{position[1]}")

"""Who runs tasks: takes what may run, leads each through its saga, and carries on what a dead agent left.

Nothing here looks at the clock to decide who is alive. On SQLite the file is held by one agent, so whatever runs at
start is a dead one's. On PostgreSQL every agent counts up, and a count that stands still for a lease is a dead one's.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import anyio
import structlog
from anyio.abc import TaskGroup
from sqlalchemy import Connection

from zoneweaver.domain.errors import AgentError, Conflict
from zoneweaver.domain.tasks import Kind, Status, Task
from zoneweaver.host import script
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store import audit, idempotency, transaction
from zoneweaver.store.database import Database
from zoneweaver.store.transaction import Leaps, Note
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.context import Hosting
from zoneweaver.tasks.events import Events
from zoneweaver.tasks.guard import Guard
from zoneweaver.tasks.journal import Journal, SetAside
from zoneweaver.tasks.leading import Leader, ending
from zoneweaver.tasks.operation import Operation
from zoneweaver.tasks.queue import Claimed, LostTask, Progress
from zoneweaver.tasks.rows import changed_note
from zoneweaver.tasks.saga import Outcome
from zoneweaver.tasks.slots import Slots

T = TypeVar("T")

SLOTS: Final = 5
LEASE_SECONDS: Final = 15.0
POLL_SECONDS: Final = 5.0
"""How often the engine looks for what nobody told it of."""

OUTPUT_LIMIT: Final = 1024 * 1024
STOP_SECONDS: Final = 10.0
"""How long a step may take to end by itself when the agent stops."""

GUARD_SECONDS: Final = 600.0
"""How long a dead agent's command may take to end before it is killed."""

FLUSH_SECONDS: Final = 0.02
"""How long output and progress wait for more of their kind."""

HOUSEKEEPING_SECONDS: Final = 600.0

MOST_FORGOTTEN: Final = 100
"""Rows in one transaction of housekeeping."""

GIVE_UP_SECONDS: Final = 5.0
"""Between two attempts to end a task that broke the engine's hands."""

log = structlog.get_logger()


class Engine:
    """Runs tasks while its `async with` block lasts."""

    def __init__(
        self,
        *,
        database: Database,
        host: Hosting,
        files: ConfigFiles,
        operations: Mapping[Kind, Operation],
        events: Events,
        slots: int = SLOTS,
        lease_seconds: float = LEASE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        output_limit: int = OUTPUT_LIMIT,
        stop_seconds: float = STOP_SECONDS,
        guard_seconds: float = GUARD_SECONDS,
        retention: timedelta | None = timedelta(days=30),
        audit_retention: timedelta | None = timedelta(days=365),
    ) -> None:
        self.owner = uuid4().hex
        self._database = database
        self._host = host
        self._operations = {kind.value: operation for kind, operation in operations.items()}
        self._events = events
        self._lease = lease_seconds
        self._poll = poll_seconds
        self._output_limit = output_limit
        self._stop_seconds = stop_seconds
        self._retention = retention
        self._audit_retention = audit_retention
        self._leaps = Leaps()
        self._work = anyio.Event()
        self._slots = Slots(slots, self.wake)
        self._leader = Leader(
            database=database,
            host=host,
            files=files,
            operations=self._operations,
            lent=self._slots.lent,
            guard_seconds=guard_seconds,
        )
        self._journals: dict[str, Journal] = {}
        self._held: set[str] = set()
        """Tasks that have a worker, from the moment of the claim."""
        self._unsure = False
        """Whether a commit may have been kept whose answer never came."""
        self._asked: set[str] = set()
        self._dirty: set[Journal] = set()
        self._something_dirty = anyio.Event()
        self._stopping = anyio.Event()
        self._one_ended = anyio.Event()
        self._beats: dict[str, tuple[int, float]] = {}
        self._alone = False
        self._stack: AsyncExitStack | None = None
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        """Take over what a dead agent left, and begin. Raises Conflict when another agent holds the database."""
        self._alone = self._database.hold_alone()
        script.clear(self._host.scratch)
        Guard.clear(self._host.scratch)
        stack = AsyncExitStack()
        self._group = await stack.enter_async_context(anyio.create_task_group())
        self._stack = stack
        self._database.listeners.append(self._heard)
        self._group.start_soon(self._claim_for_ever)
        self._group.start_soon(self._flush_for_ever)
        self._group.start_soon(self._keep_house)
        if not self._alone:
            self._group.start_soon(self._show_life)
            await stack.enter_async_context(self._database.hearing(self._heard_from_others))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Stop; tasks that have not ended are carried on by the next agent."""
        assert self._stack is not None and self._group is not None  # noqa: S101, PT018 - entered
        with anyio.CancelScope(shield=True):
            await self.stop()
        self._group.cancel_scope.cancel()
        try:
            return await self._stack.__aexit__(kind, error, trace)
        finally:
            self._database.listeners.remove(self._heard)
            if not self._alone:
                with anyio.CancelScope(shield=True):
                    await self._quietly(lambda c: queue.bury(c, self.owner))

    @property
    def running(self) -> frozenset[str]:
        """The ids of the tasks that are at work here."""
        return frozenset(self._journals)

    @property
    def slots(self) -> int:
        """How many tasks may work at once."""
        return self._slots.size

    def wake(self) -> None:
        """Look for work now."""
        self._work.set()

    async def cancel(self, task_id: str, *, by: str | None = None) -> Task:
        """Cancel a task wherever it is; a running one goes on unwinding. Raises NotFound and Conflict."""
        return await self._database.run(lambda c: queue.cancel(c, task_id, by=by))

    async def stop(self) -> None:
        """Take no more work, let steps under way come to their end for a moment, and set every task aside."""
        self._stopping.set()
        for journal in self._journals.values():
            journal.stopping = True
        with anyio.move_on_after(self._stop_seconds):
            await self._nothing_at_work()
        for journal in self._journals.values():
            journal.scope.cancel()
        await self._nothing_at_work()

    async def _nothing_at_work(self) -> None:
        while self._journals:
            if self._one_ended.is_set():
                self._one_ended = anyio.Event()
            await self._one_ended.wait()

    # What others tell

    def _heard(self, notes: Sequence[Note]) -> None:
        """Act on what a transaction of this process changed."""
        self._events.heard(notes)
        for note in notes:
            if note.kind == "task":
                self._consider(note.key, note.data)

    def _consider(self, task_id: str, data: Mapping[str, Any]) -> None:
        if data["status"] == Status.PENDING:
            self.wake()
        elif data["status"] != Status.RUNNING:
            self._asked.discard(task_id)
        elif data.get("cancel_requested"):
            journal = self._journals.get(task_id)
            if journal is None:
                self._asked.add(task_id)  # claimed a moment ago, or another agent's
            elif not journal.cancelled:
                journal.cancel()

    async def _heard_from_others(self, keys: Sequence[tuple[str, str]]) -> None:
        """Act on what another agent changed; it names things, what they are is read."""
        for kind, key in keys:
            if kind == "task":
                task = await self._database.read(lambda c, key=key: queue.find(c, key))  # type: ignore[misc]
                if task is not None:
                    self._heard([changed_note(task)])
            elif kind == "zone":
                self._events.publish(("zones", f"zone:{key}"), "zone", {"name": key})
        self.wake()

    # Taking work

    async def _claim_for_ever(self) -> None:
        if self._alone:
            await self._adopt(None)
        while not self._stopping.is_set():
            self._work = anyio.Event()
            if self._unsure:
                await self._find_astray()
            free = self._slots.take_all()
            claimed = await self._claim(free) if free else []
            for one in claimed:
                self._start(one)
            self._slots.put_back(free - len(claimed))
            with anyio.move_on_after(self._poll):
                await self._work.wait()

    async def _claim(self, limit: int) -> list[Claimed]:
        try:
            return await self._database.run(
                lambda c: queue.claim(c, self.owner, kinds=tuple(self._operations), limit=limit), quiet=True
            )
        except Conflict as conflict:
            log.warning("a claim met another one", error=conflict.message)
        except AgentError as error:
            self._unsure = True
            log.warning("no task can be claimed", error=error.message)
        return []

    async def _find_astray(self) -> None:
        """Give workers to tasks that are ours without our knowing.

        A database that goes away in the middle of a commit may have kept it: then it says that a claim failed, and
        later that it was made.
        """
        self._unsure = False
        ours = await self._quietly(lambda c: queue.held(c, self.owner))
        if ours is None:
            self._unsure = True
            return
        # Whatever the writer answered before this, its asker knows by now.
        for task_id in [one for one in ours if one not in self._held]:
            try:
                claimed = await self._database.run(lambda c, key=task_id: queue.resume(c, key, self.owner))  # type: ignore[misc]
            except LostTask:
                continue
            except AgentError as error:
                self._unsure = True
                log.warning("a task waits for its worker", task_id=task_id, error=error.message)
                continue
            log.warning("found astray", task_id=task_id)
            self._slots.free -= 1
            self._start(claimed)

    async def _adopt(self, dead: Sequence[str] | None) -> None:
        """Carry on the tasks of dead agents (None: of every other)."""
        while not self._stopping.is_set():
            try:
                adopted = await self._database.run(lambda c: queue.take_over(c, self.owner, dead=dead))
            except AgentError as error:
                self._unsure = True
                log.warning("tasks of a dead agent wait", error=error.message)
                await anyio.sleep(1)
                continue
            for claimed in adopted:
                log.info("carrying on", task_id=claimed.task.id, zone=claimed.task.zone_name, attempt=claimed.attempt)
                self._slots.free -= 1
                self._start(claimed)
            return

    def _start(self, claimed: Claimed) -> None:
        """Give the task a worker; it has a slot already."""
        assert self._group is not None  # noqa: S101 - entered
        self._held.add(claimed.task.id)
        self._group.start_soon(self._work_on, claimed)

    # One task

    async def _work_on(self, claimed: Claimed) -> None:
        """Run a task, and after it whatever the same transaction could claim."""
        following: Claimed | None = claimed
        while following is not None:
            at_work = following.task
            self._held.add(at_work.id)
            try:
                with structlog.contextvars.bound_contextvars(task_id=at_work.id, zone=at_work.zone_name):
                    following = await self._carry_out(following)
            finally:
                self._held.discard(at_work.id)
        self._slots.give()

    async def _carry_out(self, claimed: Claimed) -> Claimed | None:
        """Bring a task to its end; return the next one for this worker."""
        guard = Guard(self._host.scratch, claimed.task.id)
        while True:
            journal = Journal(
                self._database, claimed, self.owner, output_limit=self._output_limit, dirty=self._mark_dirty
            )
            journal.stopping = self._stopping.is_set()
            journal.cancelled = journal.cancelled or claimed.task.id in self._asked
            self._journals[claimed.task.id] = journal
            try:
                outcome = await self._leader.lead(claimed, journal, guard)
                following = await self._end(claimed, journal, outcome)
            except LostTask as lost:
                self._unsure = True  # its end may have been kept although the database said that it was not
                log.warning("lost", error=lost.message)
                return None
            except SetAside:
                self._unsure = True
            except Exception as error:
                log.exception("a task broke the engine's hands")
                await self._give_up(claimed, error)
                return None
            else:
                guard.forget()
                return following
            finally:
                guard.release()
                self._journals.pop(claimed.task.id, None)
                self._dirty.discard(journal)
                self._one_ended.set()
            log.warning("set aside", stopping=self._stopping.is_set())
            resumed = await self._take_up_again(claimed)
            if resumed is None:
                return None
            claimed = resumed

    async def _give_up(self, claimed: Claimed, error: Exception) -> None:
        """End a task that cannot even be recorded, as soon as the database can be written; else the next agent does."""
        end = ending(
            Outcome(ok=False, error=f"{type(error).__name__}: {error}", code="unexpected"), Progress(percent=0)
        )
        while True:
            try:
                await self._database.run(
                    lambda c: queue.finish(
                        c, claimed.task.id, self.owner, status=end.status, progress=end.progress, error=end.error
                    )
                )
            except LostTask:
                return
            except Exception as again:  # noqa: BLE001 - one task must not take the agent with it
                log.warning("a task that broke cannot be ended yet", error=str(again))
            else:
                return
            with anyio.move_on_after(GIVE_UP_SECONDS):
                await self._stopping.wait()
                return

    async def _take_up_again(self, claimed: Claimed) -> Claimed | None:
        """Wait until the database can be written again; None when the agent stops or the task is not ours any more."""
        while not self._stopping.is_set():
            with anyio.move_on_after(1):
                await self._stopping.wait()
                return None
            try:
                return await self._database.run(lambda c: queue.resume(c, claimed.task.id, self.owner))
            except LostTask:
                return None
            except AgentError as error:
                log.warning("waiting for the database", error=error.message)
        return None

    async def _end(self, claimed: Claimed, journal: Journal, outcome: Outcome) -> Claimed | None:
        """Write the end of a task and claim what its slot can do next; other free slots get theirs too."""
        end = ending(outcome, journal.shown)
        if end.status is not Status.COMPLETED:
            log.info(
                "a task did not complete", operation=claimed.task.operation, status=end.status.value, error=end.error
            )
        busy = self._stopping.is_set() or self._slots.free < 0 or self._slots.wanted_back
        wanted = 0 if busy else 1 + self._slots.take_all()
        following: list[Claimed] = []

        def write(c: Connection) -> list[Claimed]:
            queue.finish(
                c,
                claimed.task.id,
                self.owner,
                status=end.status,
                progress=end.progress,
                error=end.error,
                code=end.code,
            )
            return queue.claim(c, self.owner, kinds=tuple(self._operations), limit=wanted) if wanted else []

        try:
            following = await journal.close(write)
        finally:
            self._slots.put_back(max(0, wanted - 1) - max(0, len(following) - 1))
        for one in following[1:]:
            self._start(one)
        return following[0] if following else None

    # Background

    def _mark_dirty(self, journal: Journal) -> None:
        self._dirty.add(journal)
        self._something_dirty.set()

    async def _flush_for_ever(self) -> None:
        assert self._group is not None  # noqa: S101 - entered
        while True:
            await self._something_dirty.wait()
            await anyio.sleep(FLUSH_SECONDS)
            self._something_dirty = anyio.Event()
            journals, self._dirty = self._dirty, set()
            if len(journals) == 1:
                await self._flush(journals.pop())
                continue
            async with anyio.create_task_group() as group:  # together they share a commit
                for journal in journals:
                    group.start_soon(self._flush, journal)

    async def _flush(self, journal: Journal) -> None:
        try:
            await journal.flush()
        except (LostTask, SetAside):
            journal.scope.cancel()
        except AgentError as error:
            log.warning("output was lost", error=error.message)

    async def _show_life(self) -> None:
        """Count up, carry on the tasks of those who do not any more, and let go of what others took from us."""
        while True:
            shown = await self._quietly(lambda c: (queue.beat(c, self.owner), queue.held(c, self.owner)))
            moment = time.monotonic()
            if shown is not None:
                beats, ours = shown
                for task_id, journal in self._journals.items():
                    if task_id not in ours:
                        log.warning("another agent took over", task_id=task_id)
                        journal.scope.cancel()
                self._beats = {
                    owner: self._beats[owner] if self._beats.get(owner, (None, 0.0))[0] == count else (count, moment)
                    for owner, count in beats.items()
                    if owner != self.owner
                }
                dead = [owner for owner, (_, seen) in self._beats.items() if moment - seen > self._lease]
                if dead:
                    await self._adopt(dead)
            await anyio.sleep(self._lease / 4)

    async def _keep_house(self) -> None:
        """Forget what is old, in short transactions; notice what other processes write."""
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + HOUSEKEEPING_SECONDS
                await self._purge()
            try:
                await self._database.look()
            except AgentError as error:
                log.warning("the database is away", error=error.message)
            await anyio.sleep(self._poll)

    async def _purge(self) -> None:
        moment = await self._quietly(transaction.now)
        if moment is None:
            return
        if self._leaps.lately(moment):
            log.warning("the host's clock leapt ahead: nothing old is forgotten for a day")
            return
        await self._quietly(idempotency.purge)
        for retention, purge in ((self._retention, history.purge), (self._audit_retention, audit.purge)):
            purged: int | None = 1
            while purged and retention is not None:
                # Counted from the moment that was judged: the clock may leap in between.
                purged = await self._quietly(functools.partial(_forget, purge, moment - retention))

    async def _quietly(self, fn: Callable[[Connection], T]) -> T | None:
        """Write, or leave it for the next time when the database is away."""
        try:
            return await self._database.run(fn)
        except AgentError as error:
            log.warning("the database is away", error=error.message)
            return None


def _forget(purge: Callable[..., int], before: datetime, c: Connection) -> int:
    return purge(c, before=before, most=MOST_FORGOTTEN)

"""The one thread that writes. Functions that wait at the same time share a commit, and so a wait for the disk.

Each function has a savepoint of its own: one that raises leaves no trace, and the others are not disturbed. A caller
gets its answer after the commit, never before.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from zoneweaver.domain.errors import Unavailable
from zoneweaver.store import transaction
from zoneweaver.store.refusals import translated
from zoneweaver.store.transaction import Note

MOST_AT_ONCE: Final = 64
"""Functions in one commit; more would make the first wait for the last."""


class Job:
    """A function that waits for its turn, then its result or error."""

    __slots__ = ("done", "error", "fn", "future", "loop", "notes", "quiet", "result")

    def __init__(
        self, fn: Callable[[Connection], Any], loop: asyncio.AbstractEventLoop | None, *, quiet: bool = False
    ) -> None:
        self.fn = fn
        self.quiet = quiet
        self.loop = loop
        self.future: asyncio.Future[Any] | None = None if loop is None else loop.create_future()
        self.done: threading.Event | None = threading.Event() if loop is None else None
        self.result: Any = None
        self.error: BaseException | None = None
        self.notes: list[Note] = []

    def settle(self) -> None:
        """Give the caller what came of it; in the caller's loop."""
        if self.future is not None and not self.future.done():
            if self.error is None:
                self.future.set_result(self.result)
            else:
                self.future.set_exception(self.error)
                self.error = None  # no cycle between the frame and its own error
        if self.done is not None:
            self.done.set()


class Writer:
    """The thread, its connection, and the functions that wait for it."""

    def __init__(
        self,
        engine: Engine,
        *,
        begun: Callable[[Connection], None],
        before_commit: Callable[[Connection, Sequence[Note]], None],
        committed: Callable[[Sequence[Note]], None],
    ) -> None:
        self._engine = engine
        self._begun = begun
        self._before_commit = before_commit
        self._committed = committed
        self._waiting: deque[Job] = deque()
        self._something = threading.Condition()
        self._closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name="database-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue the function. Raises Unavailable when the database is closed."""
        with self._something:
            if self._closed:
                raise Unavailable("the database is closed", code="database_unavailable")
            self._waiting.append(job)
            self._something.notify()

    def close(self) -> None:
        """Finish what waits and end the thread."""
        with self._something:
            self._closed = True
            self._something.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._something:
                while not self._waiting and not self._closed:
                    self._something.wait()
                jobs = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            if not jobs:
                self._drop()
                return
            self._attempt(jobs)
            self._answer(jobs)

    def _attempt(self, jobs: Sequence[Job]) -> None:
        try:
            self._transaction(jobs)
        except BaseException as error:  # noqa: BLE001 - whatever it was, every caller must hear of it
            told = translated(error)
            for job in jobs:
                job.error, job.notes = job.error or told, []
            if isinstance(error, SQLAlchemyError):
                self._drop()

    def _transaction(self, jobs: Sequence[Job]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        c = self._connection
        with c.begin():
            self._begun(c)
            for job in jobs:
                self._carry_out(c, job)
            self._before_commit(c, [note for job in jobs for note in job.notes])
            _still_open(c)

    def _carry_out(self, c: Connection, job: Job) -> None:
        # Said by hand: begin_nested() compiles a statement with a name of its own for each savepoint.
        notes = transaction.facts(c).notes = []
        c.exec_driver_sql("SAVEPOINT job")
        try:
            job.result = job.fn(c)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            job.error = translated(error)
            if isinstance(error, SQLAlchemyError):
                _still_open(c)
            c.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        else:
            job.notes = notes
        c.exec_driver_sql("RELEASE SAVEPOINT job")

    def _drop(self) -> None:
        """Forget a connection of which we no longer know the state; the next transaction makes a new one."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    def _answer(self, jobs: Sequence[Job]) -> None:
        notes = [note for job in jobs for note in job.notes]
        written = bool(notes) or any(job.error is None and not job.quiet for job in jobs)
        first = True
        for loop in {id(job.loop): job.loop for job in jobs}.values():
            mine = [job for job in jobs if job.loop is loop]

            def settle(mine: Sequence[Job] = mine, tell: bool = first and written) -> None:
                if tell:
                    self._committed(notes)
                for job in mine:
                    job.settle()

            first = False
            if loop is None:
                settle()
            else:
                try:
                    loop.call_soon_threadsafe(settle)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    settle()


def _still_open(c: Connection) -> None:
    """Raise when the database rolled the transaction back by itself (disk full, connection lost)."""
    driver = c.connection.driver_connection
    if c.invalidated or not getattr(driver, "in_transaction", True):
        raise Unavailable("database: the transaction was rolled back", code="database_unavailable")

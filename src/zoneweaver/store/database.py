"""The one door to the database: one transaction is one function, run in a thread.

SQLite (a file, WAL, every commit on the disk before it is answered) or PostgreSQL. Writing goes through one thread,
reading through a few of its own, so that readers never wait for a writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import anyio
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from zoneweaver.domain.errors import AgentError, Conflict, Invalid, Unavailable
from zoneweaver.store import schema, transaction
from zoneweaver.store.listening import Listener
from zoneweaver.store.refusals import translated
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Clock, Facts, Note
from zoneweaver.store.writer import Job, Writer

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another process's before the caller is told that the database is locked."""

READERS: Final = 3

CHANNEL: Final = "zoneweaver"
"""PostgreSQL's NOTIFY channel: other agents on the same database hear of changes."""

LIVENESS: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's options for a server that vanishes without a word: it is noticed in half a minute, and not in hours."""

_WRITERS_TURN: Final = text("SELECT pg_advisory_xact_lock(7761636)")
"""One writer at a time on PostgreSQL as on SQLite: row locks taken in any order cannot then wait for each other."""

_NOTIFY: Final = text(f"SELECT pg_notify('{CHANNEL}', :payload)")
_DATA_VERSION: Final = text("PRAGMA data_version")

log = logging.getLogger(__name__)

Heard = Callable[[Sequence[Note]], None]


class Database:
    """An open database. Make one with `open`; close it when done."""

    def __init__(self, url: URL, seal: Seal, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.url = url
        self.seal = seal
        self.clock = Clock(clock)
        self.sqlite = url.get_backend_name() == "sqlite"
        self.identity = os.urandom(8).hex()
        """Tells this opening from any other, in notifications."""
        self.revision = 0
        """Counts commits, ours and (where we notice) those of other processes; equal means nothing changed."""
        self.listeners: list[Heard] = []
        """Called in the event loop after each commit, with what was told inside it."""
        self._alone: int | None = None
        self._data_version: int | None = None
        self._write_engine = self._engine(writing=True)
        self._read_engine = self._engine(writing=False)
        self._writer: Writer | None = None
        self._readers: ThreadPoolExecutor | None = None

    @classmethod
    def open(cls, url: str, seal: Seal, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Self:
        """Open the database and bring its schema to the present (seconds). Raises Invalid, Unavailable, Failed."""
        try:
            parsed = make_url(url)
        except SQLAlchemyError as error:
            raise Invalid("database.url is not a database URL", field="database.url") from error
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
            raise Invalid("database.url must name a SQLite file or a PostgreSQL database", field="database.url")
        else:
            _make_private(Path(parsed.database))
        database = cls(parsed, seal, clock=clock)
        try:
            schema.bring_up(database._write_engine, parsed)
            database._start()
        except BaseException as error:
            database.close()
            raise translated(error) from error
        return database

    async def run(self, fn: Callable[[Connection], T], *, quiet: bool = False) -> T:
        """Run the function in a write transaction and return its result once that is durable.

        A cancellation does not interrupt it: what has begun is finished and known. With `quiet` it only counts as a
        change (`revision`) when it tells of one. Raises what the function raises (nothing is written then), Conflict
        for a unique violation, Unavailable when the database cannot be written.
        """
        result: T = await self._submit(Job(fn, asyncio.get_running_loop(), quiet=quiet))
        return result

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run the function in a transaction that only reads. Raises Unavailable when the database cannot be read."""
        if self._readers is None:
            raise Unavailable("the database is closed", code="database_unavailable")
        answer = asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, fn)
        with anyio.CancelScope(shield=True):
            await answer
        return answer.result()

    def run_now(self, fn: Callable[[Connection], T]) -> T:
        """Do as `run`, for programs without an event loop; blocks."""
        job = Job(fn, None)
        self._open_writer().submit(job)
        assert job.done is not None  # noqa: S101 - there is no loop
        job.done.wait()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def read_now(self, fn: Callable[[Connection], T]) -> T:
        """Do as `read`, for programs without an event loop; blocks."""
        try:
            with self._read_engine.connect() as c:
                return fn(c)
        except SQLAlchemyError as error:
            raise translated(error) from error

    async def look(self) -> None:
        """Notice what another process wrote to the SQLite file since our last transaction (`revision` counts up)."""
        if self.sqlite:
            await self._submit(Job(_nothing, asyncio.get_running_loop(), quiet=True))

    @asynccontextmanager
    async def hearing(self, heard: Callable[[Sequence[tuple[str, str]]], Awaitable[None]]) -> AsyncIterator[None]:
        """Tell what other agents change, as (kind, key), while the block lasts; an empty list means anything.

        Only on PostgreSQL; a SQLite file has one agent. `revision` counts up with each.
        """
        loop = asyncio.get_running_loop()
        send, receive = anyio.create_memory_object_stream[Sequence[tuple[str, str]]](1000)

        def note(keys: Sequence[tuple[str, str]]) -> None:
            self.revision += 1
            with contextlib.suppress(anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
                send.send_nowait(keys)

        def told(sender: str, keys: list[tuple[str, str]]) -> None:
            if sender != self.identity:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(note, keys)

        async def pass_on() -> None:
            async for keys in receive:
                try:
                    await heard(keys)
                except AgentError as error:
                    log.warning("what another agent changed could not be read: %s", error.message)

        if self.sqlite:
            yield
            return
        listener = Listener(self.url, CHANNEL, told, options=LIVENESS)
        try:
            async with send, receive, anyio.create_task_group() as group:
                group.start_soon(pass_on)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await loop.run_in_executor(None, listener.close)

    def hold_alone(self) -> bool:
        """Take this database for this process until it ends: True on SQLite, whose file only one agent may work on.

        False on PostgreSQL, where other agents may live. Raises Conflict when another agent holds it.
        """
        if not self.sqlite or self.url.database is None:
            return False
        if self._alone is None:
            path = Path(f"{self.url.database}.lock")
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(handle)
                raise Conflict(f"another agent already works with {self.url.database}", code="not_alone") from error
            self._alone = handle
        return True

    def close(self) -> None:
        """Finish what waits, end the threads and close all connections; blocks for as long as that takes."""
        if self._writer is not None:
            self._writer.close()
        if self._readers is not None:
            self._readers.shutdown(wait=True)
            self._readers = None
        self._write_engine.dispose()
        self._read_engine.dispose()
        if self._alone is not None:
            os.close(self._alone)
            self._alone = None

    def _start(self) -> None:
        self._writer = Writer(
            self._write_engine, begun=self._begun, before_commit=self._before_commit, committed=self._committed
        )
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-reader")

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise Unavailable("the database is closed", code="database_unavailable")
        return self._writer

    async def _submit(self, job: Job) -> Any:
        self._open_writer().submit(job)
        assert job.future is not None  # noqa: S101 - there is a loop
        with anyio.CancelScope(shield=True):
            await job.future
        return job.future.result()

    def _begun(self, c: Connection) -> None:
        """Count what other processes wrote before our transaction began."""
        if self.sqlite:
            version = int(c.execute(_DATA_VERSION).scalar_one())
            if self._data_version not in {None, version}:
                self.revision += 1
            self._data_version = version

    def _committed(self, notes: Sequence[Note]) -> None:
        self.revision += 1
        for listener in self.listeners:
            try:
                listener(notes)
            except Exception:  # what is committed is committed, whoever stumbles over the news
                log.exception("a listener broke")

    def _before_commit(self, c: Connection, notes: Sequence[Note]) -> None:
        if notes and not self.sqlite:
            c.execute(_NOTIFY, {"payload": transaction.announcement(self.identity, notes)})

    def _engine(self, *, writing: bool) -> Engine:
        facts = Facts(seal=self.seal, clock=self.clock)
        if self.sqlite:
            engine = create_engine(
                self.url,
                pool_size=1 if writing else READERS,
                max_overflow=0 if writing else 2,
                connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "cached_statements": 256},
            )
            event.listen(engine, "begin", _begin_immediate if writing else _begin)
        else:
            options = f"-c lock_timeout={int(BUSY_SECONDS * 1000)} -c idle_in_transaction_session_timeout=15000"
            engine = create_engine(
                self.url,
                pool_size=1 if writing else READERS,
                max_overflow=1,
                pool_pre_ping=not writing,
                connect_args={"options": options, "application_name": "zoneweaver", **LIVENESS},
            )
            event.listen(engine, "begin", _take_turn if writing else _begin_read_only)

        @event.listens_for(engine, "connect")
        def connected(connection: Any, record: Any) -> None:
            transaction.furnish(record.info, facts if writing else Facts(seal=self.seal, clock=self.clock))
            if self.sqlite:
                cursor = connection.cursor()
                cursor.execute("PRAGMA journal_mode=WAL")
                cursor.execute("PRAGMA synchronous=FULL")
                if not writing:
                    cursor.execute("PRAGMA query_only=1")
                cursor.close()

        return engine


def _nothing(c: Connection) -> None:
    """Write nothing."""


def _begin_immediate(c: Connection) -> None:
    c.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(c: Connection) -> None:
    c.exec_driver_sql("BEGIN")


def _take_turn(c: Connection) -> None:
    c.execute(_WRITERS_TURN)


def _begin_read_only(c: Connection) -> None:
    c.exec_driver_sql("SET TRANSACTION READ ONLY")


def _make_private(path: Path) -> None:
    """Make the file (0600) before SQLite would make it readable to others; its -wal and -shm take after it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"database: {path}: {error.strerror}", code="database_unavailable") from error

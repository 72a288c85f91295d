"""The one door to the database."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import Connection, text

from zoneweaver.domain.errors import Conflict, Invalid, NotFound, Unavailable
from zoneweaver.domain.keys import Scope
from zoneweaver.store import database as module
from zoneweaver.store import keys, transaction
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Clock, Leaps, Note


def _name_key(name: str):
    def write(c: Connection) -> str:
        return keys.create(c, name=name, description="", scope=Scope.READ)[0].id

    return write


def _note(key: str) -> Note:
    return Note(topics=("zones",), kind="zone", key=key, data={})


async def test_what_is_written_is_read(database: Database) -> None:
    """A committed write is seen by the next read."""
    key_id = await database.run(_name_key("a"))
    assert [key.id for key in await database.read(keys.every)] == [key_id]


async def test_an_error_leaves_no_trace(database: Database) -> None:
    """A function that raises writes nothing, its error arrives, and its notes are not published."""
    told: list[Note] = []
    database.listeners.append(told.extend)

    def broken(c: Connection) -> None:
        _name_key("a")(c)
        transaction.tell(c, _note("a"))
        raise LookupError("no")

    with pytest.raises(LookupError):
        await database.run(broken)
    assert await database.read(keys.count) == 0
    assert told == []


async def test_functions_that_share_a_commit_do_not_disturb_each_other(database: Database) -> None:
    """Of many functions at once, those that raise are undone alone and the others are kept."""
    answers: list[str] = []
    gate = threading.Event()

    async def one(number: int) -> None:
        def write(c: Connection) -> None:
            gate.wait(5)
            _name_key(str(number))(c)
            if number % 3 == 0:
                raise LookupError(str(number))

        try:
            await database.run(write)
        except LookupError as error:
            answers.append(f"error {error}")
        else:
            answers.append(f"ok {number}")

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(one, number)
        await anyio.lowlevel.checkpoint()
        gate.set()
    names = {key.name for key in await database.read(keys.every)}
    assert names == {str(number) for number in range(30) if number % 3}
    assert len(answers) == 30


async def test_notes_are_told_after_the_commit(database: Database) -> None:
    """A listener hears of a change when others can read it, and before the writer goes on."""
    heard: list[tuple[str, int]] = []
    database.listeners.append(lambda notes: heard.extend((note.key, database.read_now(keys.count)) for note in notes))

    def write(c: Connection) -> None:
        _name_key("a")(c)
        transaction.tell(c, _note("a"))

    before = database.revision
    await database.run(write)
    assert heard == [("a", 1)]
    assert database.revision > before


async def test_a_unique_violation_is_a_conflict_that_names_the_constraint(database: Database) -> None:
    """Both databases tell the name of the index that was violated."""

    def twice(c: Connection) -> None:
        for _ in range(2):
            c.execute(text("INSERT INTO owners (id, beat) VALUES ('a', 1)"))

    with pytest.raises(Conflict) as raised:
        await database.run(twice)
    assert raised.value.details["constraint"] in {"pk_owners", "owners_pkey"}


async def test_a_read_cannot_write(database: Database) -> None:
    """A function given to `read` that writes is refused by the database."""
    with pytest.raises(Exception, match=r"(?i)read.?only"):
        await database.read(_name_key("a"))
    assert await database.read(keys.count) == 0


async def test_what_tells_of_no_change_can_be_quiet(database: Database) -> None:
    """A quiet transaction counts as a change only when it tells of one."""
    before = database.revision
    await database.run(lambda c: None, quiet=True)
    assert database.revision == before
    await database.run(lambda c: transaction.tell(c, _note("a")), quiet=True)
    assert database.revision > before


@pytest.mark.parametrize("word", ["a\0b", "half \ud83d of a pair", "whole \U0001f600", ""])
async def test_text_that_a_database_cannot_keep(database: Database, word: str) -> None:
    """Such characters are replaced, on the way in and when something is looked for; everything else is kept."""
    kept = word.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    key_id = await database.run(_name_key(word))
    assert (await database.read(lambda c: keys.get(c, key_id))).name == kept
    with pytest.raises(NotFound):
        await database.read(lambda c: keys.get(c, word))


async def test_a_cancelled_caller_does_not_interrupt_a_write(database: Database) -> None:
    """What has begun is finished: after a cancellation the write is there."""
    began, go_on = threading.Event(), threading.Event()

    def write(c: Connection) -> None:
        began.set()
        go_on.wait(5)
        _name_key("a")(c)

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(database.run, write)
            await anyio.to_thread.run_sync(began.wait)
            scope.cancel()
            go_on.set()
    assert await database.read(keys.count) == 1


async def test_a_locked_file_is_unavailable_and_then_works(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the file, writing raises Unavailable and reading works; then all is well again."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        await database.run(_name_key("a"))
    assert await database.read(keys.count) == 0
    other.execute("ROLLBACK")
    await database.run(_name_key("a"))
    assert await database.read(keys.count) == 1
    other.close()
    database.close()


async def test_a_lost_connection_is_made_anew(postgres_database: str, tmp_path: Path) -> None:
    """When the server ends the writer's connection, one write is Unavailable and the next one works."""
    database = Database.open(postgres_database, Seal.load(tmp_path))
    await database.run(_name_key("a"))
    pid = await database.run(lambda c: c.execute(text("SELECT pg_backend_pid()")).scalar_one())
    await database.read(lambda c: c.execute(text(f"SELECT pg_terminate_backend({pid})")).scalar_one())
    with pytest.raises(Unavailable):
        await database.run(_name_key("b"))
    await database.run(_name_key("c"))
    assert {key.name for key in await database.read(keys.every)} == {"a", "c"}
    database.close()


@pytest.mark.parametrize(
    "sentence", ["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET statement_timeout = 1"]
)
async def test_a_server_that_refuses_for_now_is_unavailable(
    postgres_database: str, tmp_path: Path, sentence: str
) -> None:
    """A server that only reads (a standby), or gives a statement up, is away and not broken."""
    database = Database.open(postgres_database, Seal.load(tmp_path))
    await database.run(lambda c: c.execute(text(sentence)) and None)

    def write(c: Connection) -> None:
        c.execute(text("SELECT pg_sleep(0.05)"))
        _name_key("a")(c)

    with pytest.raises(Unavailable):
        await database.run(write)
    database.close()


async def test_a_transaction_that_the_database_gave_up_is_not_taken_for_done(sqlite_url: str, tmp_path: Path) -> None:
    """When SQLite rolls back by itself in the middle, the others of that commit hear of it."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))

    def gives_up(c: Connection) -> None:
        c.connection.driver_connection.execute("ROLLBACK")  # type: ignore[union-attr]

    with pytest.raises(Unavailable):
        await database.run(gives_up)
    await database.run(_name_key("a"))
    assert await database.read(keys.count) == 1
    database.close()


async def test_what_another_process_writes_is_noticed(sqlite_url: str, tmp_path: Path) -> None:
    """`revision` counts up when another connection wrote to the file, and stays when nobody did."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    await database.run(_name_key("a"))
    await database.look()
    before = database.revision
    await database.look()
    assert database.revision == before
    with sqlite3.connect(tmp_path / "agent.db") as other:
        other.execute("DELETE FROM api_keys")
    other.close()
    await database.look()
    assert database.revision > before
    database.close()


async def test_another_agent_is_heard(postgres_database: str, tmp_path: Path) -> None:
    """On PostgreSQL one agent hears which things another one changed, and nothing of its own changes."""
    one, two = (Database.open(postgres_database, Seal.load(tmp_path)) for _ in range(2))
    heard: list[tuple[str, str]] = []
    ready, done = anyio.Event(), anyio.Event()

    async def hear(changes: Sequence[tuple[str, str]]) -> None:
        ready.set()
        heard.extend(changes)
        if ("zone", "b") in heard:
            done.set()

    with anyio.fail_after(10):
        async with one.hearing(hear):
            await ready.wait()
            await one.run(lambda c: transaction.tell(c, _note("a")))
            await two.run(lambda c: transaction.tell(c, _note("b")))
            await done.wait()
    assert heard == [("zone", "b")]
    one.close()
    two.close()


async def test_a_listener_comes_back(postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server ends the listening connection, a new one is made, and whoever listens looks at everything."""
    monkeypatch.setattr("zoneweaver.store.listening.RETRY_SECONDS", 0.05)
    database = Database.open(postgres_database, Seal.load(tmp_path))
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    times: list[Sequence[tuple[str, str]]] = []
    first, second = anyio.Event(), anyio.Event()

    async def hear(changes: Sequence[tuple[str, str]]) -> None:
        times.append(changes)
        (second if first.is_set() else first).set()

    with anyio.fail_after(20):
        async with database.hearing(hear):
            await first.wait()
            await database.run(lambda c: c.execute(text(ended)).all())
            await second.wait()
    assert times == [[], []]
    database.close()


def test_the_file_is_private(sqlite_url: str, tmp_path: Path) -> None:
    """Database, write-ahead log and shared memory are readable by their owner alone."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    database.run_now(_name_key("a"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("agent.db*")}
    database.close()
    assert {"agent.db", "agent.db-wal", "agent.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_one_agent_holds_a_file(sqlite_url: str, tmp_path: Path) -> None:
    """A second holder of the same SQLite file is refused until the first one closes."""
    one, two = (Database.open(sqlite_url, Seal.load(tmp_path)) for _ in range(2))
    assert one.hold_alone()
    assert one.hold_alone()
    with pytest.raises(Conflict, match=r"agent\.db"):
        two.hold_alone()
    one.close()
    assert two.hold_alone()
    two.close()


def test_every_commit_is_on_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    """Both connections use WAL, and the writer waits for the disk at each commit."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    pragmas = database.run_now(
        lambda c: [c.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous")]
    )
    database.close()
    assert pragmas == ["wal", 2]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", ""])
def test_urls_that_are_no_database_of_ours(url: str, tmp_path: Path) -> None:
    """A URL that is neither a SQLite file nor PostgreSQL is refused with the name of the setting."""
    with pytest.raises(Invalid, match=r"database\.url"):
        Database.open(url, Seal.load(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be made is Unavailable and named."""
    with pytest.raises(Unavailable, match="agent"):
        Database.open(f"sqlite:///{tmp_path}/missing/agent.db", Seal.load(tmp_path))


async def test_a_closed_database_says_so(sqlite_url: str, tmp_path: Path) -> None:
    """After `close` both doors raise Unavailable."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    database.close()
    with pytest.raises(Unavailable):
        await database.run(keys.count)
    with pytest.raises(Unavailable):
        await database.read(keys.count)


def test_the_clock_never_runs_backwards() -> None:
    """Moments always grow, whatever the host's clock does."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    readings = iter([start, start - timedelta(hours=5), start, start + timedelta(days=1), start])
    clock = Clock(lambda: next(readings))
    moments = [clock.now() for _ in range(5)]
    assert moments == sorted(set(moments))
    assert moments[3] == start + timedelta(days=1)


def test_a_clock_that_was_grossly_wrong_is_followed_back() -> None:
    """Nobody must wait for years until keys and tasks bear the right moment again."""
    right = datetime(2026, 1, 1, tzinfo=UTC)
    readings = iter([right, right + timedelta(days=9000), right, right])
    clock = Clock(lambda: next(readings))
    moments = [clock.now() for _ in range(4)]
    assert moments[2] == right
    assert moments[3] > right


def test_a_leap_is_remembered_for_a_day() -> None:
    """Ahead by more than a day compared with a clock that counts, and only ahead; afterwards it is trusted again."""
    counted = 0.0
    leaps = Leaps(lambda: counted)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert not leaps.lately(moment)
    counted, moment = counted + 600, moment + timedelta(seconds=600)
    assert not leaps.lately(moment)
    counted, moment = counted + 600, moment + timedelta(days=400)
    assert leaps.lately(moment)
    counted, moment = counted + 600, moment - timedelta(days=400)
    assert leaps.lately(moment)
    counted, moment = counted + 86400, moment + timedelta(days=1)
    assert not leaps.lately(moment)


def test_an_agent_without_postgresql_does_not_load_its_driver(tmp_path: Path) -> None:
    """Opening and writing a SQLite database imports neither Alembic, psycopg and its dialect nor cryptography."""
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store import keys
database = Database.open("sqlite:///{tmp_path}/agent.db", Seal.load(Path({str(tmp_path)!r})))
database.run_now(keys.count)
database.close()
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"alembic", "psycopg", "cryptography", "mako"}}))
print([name for name in sys.modules if name.startswith("sqlalchemy.dialects.postgresql")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]

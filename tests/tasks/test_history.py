"""Looking at tasks, and forgetting them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.tasks.works import KINDS

from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.store import transaction
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.history import Wanted
from zoneweaver.tasks.queue import Line, Progress
from zoneweaver.tasks.saga import Entry, Event


def add(database: Database, *ids: str, kind: Kind = Kind.DEMO, zone: str | None = None, **facts: Any) -> None:
    for task_id in ids:
        database.run_now(lambda c, i=task_id: queue.enqueue(c, NewTask(id=i, kind=kind, zone_name=zone, **facts)))  # type: ignore[misc]


def end(database: Database, count: int = 1, status: Status = Status.COMPLETED) -> list[str]:
    """Run as many tasks to their end."""
    ended = []
    for _ in range(count):
        (one,) = database.run_now(lambda c: queue.claim(c, "me", kinds=KINDS))
        task_id = one.task.id
        database.run_now(
            lambda c, i=task_id: queue.finish(c, i, "me", status=status, progress=Progress(percent=100))  # type: ignore[misc]
        )
        ended.append(task_id)
    return ended


def ids(database: Database, wanted: Wanted, **window: Any) -> tuple[list[str], int]:
    page = database.read_now(lambda c: history.page(c, wanted, **window))
    return [task.id for task in page.tasks], page.total


def test_pages(database: Database) -> None:
    """Pages follow the order of coming, either way, and count all."""
    add(database, *"abcde")
    assert ids(database, Wanted(), limit=2) == (["e", "d"], 5)
    assert ids(database, Wanted(), limit=2, offset=4) == (["a"], 5)
    assert ids(database, Wanted(), limit=2, newest_first=False) == (["a", "b"], 5)
    assert ids(database, Wanted(), offset=9) == ([], 5)


def test_filters(database: Database) -> None:
    """Every filter alone and some together."""
    add(database, "p")
    add(database, "a", zone="web", parent_task_id="p")
    add(database, "b", kind=Kind.ZONE_DELETE, zone="web")
    add(database, "c", kind=Kind.ZONE_START, zone="db")
    end(database)
    cases = {
        Wanted(status=Status.COMPLETED): ["b"],
        Wanted(status=Status.PENDING): ["c", "a", "p"],
        Wanted(status=Status.RUNNING): [],
        Wanted(zone_name="web"): ["b", "a"],
        Wanted(operation="zone_start"): ["c"],
        Wanted(operation_ne="demo"): ["c", "b"],
        Wanted(parent_task_id="p"): ["a"],
        Wanted(min_priority=60): ["c", "b"],
        Wanted(zone_name="web", status=Status.PENDING): ["a"],
    }
    for wanted, found in cases.items():
        assert ids(database, wanted) == (found, len(found)), wanted


def test_since_finds_what_changed(database: Database) -> None:
    """`since` finds tasks that changed at or after a moment, also old ones, and nothing when nothing did."""
    add(database, *"abc")
    moment = database.read_now(lambda c: queue.get(c, "c")).updated_at
    assert ids(database, Wanted(since=moment)) == (["c"], 1)
    end(database)
    assert ids(database, Wanted(since=moment)) == (["c", "a"], 2)
    later = database.run_now(transaction.now)
    assert ids(database, Wanted(since=later)) == ([], 0)


def test_counts(database: Database) -> None:
    """Stats count every state; a page tells how many run in all; `current` knows the running task of each zone."""
    add(database, "a", "b", "c", "d", zone="web")
    end(database)
    end(database, status=Status.FAILED)
    database.run_now(lambda c: queue.claim(c, "me", kinds=KINDS))
    assert database.read_now(history.stats) == {
        "pending": 1,
        "running": 1,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
        "total": 4,
    }
    page = database.read_now(lambda c: history.page(c, Wanted(status=Status.FAILED)))
    assert page.running_count == 1
    assert {zone: task.id for zone, task in database.read_now(history.current).items()} == {"web": "c"}
    assert [task.id for task in database.read_now(lambda c: queue.active(c, "web"))] == ["c", "d"]


def test_logs_and_output(database: Database) -> None:
    """The log shows masked to people and whole to the saga; output comes in order; unknown tasks are not found."""
    add(database, "a", "b")
    database.run_now(lambda c: queue.claim(c, "me", kinds=KINDS, limit=2))
    entries = [
        Entry(step="s", event=Event.STARTED),
        Entry(step="s", event=Event.DONE, data={"password": Secret("x")}),
    ]
    lines = [Line(stream="stdout", data="one\n"), Line(stream="stderr", data="two\n")]
    database.run_now(lambda c: queue.record(c, "a", "me", entries=entries, lines=lines))
    shown = database.read_now(lambda c: history.steps(c, "a"))
    assert [line.as_json()["data"] for line in shown] == [None, {"password": MASK}]
    assert database.read_now(lambda c: history.entries(c, "a")) == entries
    output = database.read_now(lambda c: history.output(c, "a"))
    assert [(line.as_json()["stream"], line.data) for line in output] == [("stdout", "one\n"), ("stderr", "two\n")]
    assert database.read_now(lambda c: history.output_size(c, "a")) == 8
    assert database.read_now(lambda c: history.output(c, "b")) == ()
    for look in (history.steps, history.output):
        with pytest.raises(NotFound):
            database.read_now(lambda c, look=look: look(c, "ghost"))  # type: ignore[misc]


def test_purging(database: Database) -> None:
    """Ended tasks go, the oldest first and a few at a time; what is open stays, with the children of open parents."""
    add(database, *"abc")
    end(database, 3)
    add(database, "p")
    add(database, "x", "y", parent_task_id="p")
    end(database)
    assert database.run_now(lambda c: history.purge(c, most=2)) == 2
    assert ids(database, Wanted(status=Status.COMPLETED))[0] == ["x", "c"]
    assert database.run_now(history.purge) == 1
    assert database.run_now(history.purge) == 0
    end(database)
    assert database.run_now(history.purge) == 3
    assert database.read_now(history.stats)["total"] == 0


def test_purging_by_age_and_state(database: Database) -> None:
    """Only what is old enough and in one of the given states goes."""
    add(database, *"abc")
    end(database, 1)
    moment = database.run_now(transaction.now)
    end(database, 1, Status.FAILED)
    assert database.run_now(lambda c: history.purge(c, before=moment - timedelta(days=1))) == 0
    assert database.run_now(lambda c: history.purge(c, statuses=[Status.FAILED])) == 1
    assert database.run_now(lambda c: history.purge(c, before=moment)) == 1
    assert ids(database, Wanted()) == (["c"], 1)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(status=Status.FAILED), "ix_tasks_ended"),
        (Wanted(status=Status.PENDING), "ix_tasks_open"),
        (Wanted(zone_name="web"), "ix_tasks_zone"),
        (Wanted(parent_task_id="p"), "ix_tasks_parent"),
    ],
)
def test_pages_use_indexes(sqlite_url: str, tmp_path: Path, wanted: Wanted, index: str) -> None:
    """A filtered page does not walk through every task that there ever was."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    seen: list[str] = []

    def look(c: Any) -> None:
        driver = c.connection.driver_connection
        driver.set_trace_callback(seen.append)
        history.page(c, wanted, limit=1)
        driver.set_trace_callback(None)
        statement = next(one for one in seen if "FROM tasks" in one)
        seen[:] = [row.detail for row in c.execute(text("EXPLAIN QUERY PLAN " + statement.replace(":", "\\:")))]

    database.read_now(look)
    database.close()
    assert any(index in line for line in seen), seen

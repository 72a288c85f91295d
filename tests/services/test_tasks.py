"""Following a task: every piece of output once and in order, whenever one begins to listen."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given, strategies
from sqlalchemy import Connection

from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.services.tasks import Moment, Tasks
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks import queue
from zoneweaver.tasks.events import Events
from zoneweaver.tasks.queue import Line, Progress

OWNER = "tests"


async def begun(database: Database) -> str:
    """Queue a task and make it run."""
    new = NewTask(id=str(uuid.uuid4()), kind=Kind.ZONE_START, zone_name=f"z{uuid.uuid4().hex}")

    def write(c: Connection) -> None:
        queue.enqueue(c, new)
        queue.claim(c, OWNER, kinds=[Kind.ZONE_START.value])

    await database.run(write)
    return new.id


async def work(database: Database, task_id: str, batches: Sequence[int]) -> None:
    """Write so many pieces at once, again and again, then end."""
    number = 0
    for size in batches:
        lines = [Line(stream="stdout", data=str(number + index)) for index in range(size)]
        number += size
        await database.run(lambda c, lines=lines: queue.record(c, task_id, OWNER, lines=lines))  # type: ignore[misc]
    await database.run(
        lambda c: queue.finish(c, task_id, OWNER, status=Status.COMPLETED, progress=Progress(percent=100))
    )


async def heard(tasks: Tasks, task_id: str, *, begin_after: int, leave_after: int) -> list[Moment]:
    """Listen; leave after so many pieces of output and come back with the last position, until the end."""
    await anyio.sleep(begin_after * 0.0005)
    said: list[Moment] = []
    position: str | None = None
    while True:
        count = 0
        async with aclosing(tasks.follow(task_id, position)) as moments:
            async for moment in moments:
                said.append(moment)
                position = moment.position or position
                count += moment.kind == "output"
                if count == leave_after:
                    break
            else:
                return said


@given(
    batches=strategies.lists(strategies.integers(1, 4), max_size=8),
    begin_after=strategies.integers(0, 6),
    leave_after=strategies.integers(1, 9),
)
def test_nothing_is_lost_or_heard_twice(batches: list[int], begin_after: int, leave_after: int) -> None:
    """However the writing, the beginning and the breaks fall together."""

    async def play() -> None:
        async with anyio.TemporaryDirectory() as folder:
            database = Database.open(f"sqlite:///{folder}/agent.db", Seal.load(Path(folder)))
            events = Events()
            database.listeners.append(events.heard)
            try:
                tasks = Tasks(database=database, events=events)
                task_id = await begun(database)
                with anyio.fail_after(20):
                    async with anyio.create_task_group() as group:
                        group.start_soon(work, database, task_id, batches)
                        said = await heard(tasks, task_id, begin_after=begin_after, leave_after=leave_after)
            finally:
                database.close()
        output = [moment.data["data"] for moment in said if moment.kind == "output"]
        assert output == [str(number) for number in range(sum(batches))]
        assert (said[-1].kind, said[-1].data["status"]) == ("status", "completed")
        assert [moment.data["status"] for moment in said if moment.kind == "task"][-1] == "completed"

    anyio.run(play)


@pytest.mark.anyio
async def test_a_clock_that_is_put_back_hides_nothing(tmp_path: Path) -> None:
    """Output and the end are heard by who listens, and by who comes back, although their moments lie before."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    database = Database.open(f"sqlite:///{tmp_path}/agent.db", Seal.load(tmp_path), clock=lambda: moment)
    events = Events()
    database.listeners.append(events.heard)
    tasks = Tasks(database=database, events=events)
    task_id = await begun(database)
    await database.run(lambda c: queue.record(c, task_id, OWNER, lines=[Line(stream="stdout", data="0")]))
    heard_first = anyio.Event()
    said: list[Moment] = []

    async def listen() -> None:
        async with aclosing(tasks.follow(task_id)) as moments:
            async for one in moments:
                said.append(one)
                if one.kind == "output":
                    heard_first.set()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await heard_first.wait()
            moment -= timedelta(days=40)
            await database.run(lambda c: queue.record(c, task_id, OWNER, lines=[Line(stream="stdout", data="1")]))
            await database.run(
                lambda c: queue.finish(c, task_id, OWNER, status=Status.COMPLETED, progress=Progress(percent=100))
            )
    output = [one for one in said if one.kind == "output"]
    assert [one.data["data"] for one in output] == ["0", "1"]
    assert (said[-1].kind, said[-1].data["status"]) == ("status", "completed")
    async with aclosing(tasks.follow(task_id, output[0].position)) as moments:
        again = [one.data["data"] async for one in moments if one.kind == "output"]
    assert again == ["1"]
    database.close()

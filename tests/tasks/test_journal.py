"""What a running task writes, and what must not follow when that fails."""

from __future__ import annotations

import contextlib

import anyio
import anyio.lowlevel
import pytest
from tests.tasks.works import KINDS, put

from zoneweaver.store.database import Database
from zoneweaver.tasks import queue
from zoneweaver.tasks.journal import Journal
from zoneweaver.tasks.queue import LostTask
from zoneweaver.tasks.saga import Entry, Event


async def test_an_intention_that_another_writer_failed_to_write_is_not_taken_for_written(database: Database) -> None:
    """Whoever takes the entries to the database and fails there: the step that they announce does not run."""
    await put(database, "t")
    (claimed,) = await database.run(lambda c: queue.claim(c, "me", kinds=KINDS))
    journal = Journal(database, claimed, "me", output_limit=1000, dirty=lambda _: None)
    await database.run(lambda c: queue.take_over(c, "another"))

    async def in_the_background() -> None:
        with contextlib.suppress(LostTask):
            await journal.flush()

    async with anyio.create_task_group() as group:
        journal.line("stdout", "x")
        group.start_soon(in_the_background)
        group.start_soon(in_the_background)
        await anyio.lowlevel.checkpoint()
        with pytest.raises(LostTask):
            await journal.append(Entry(step="c", event=Event.STARTED))
    with pytest.raises(LostTask):
        await journal.close(lambda _: None)

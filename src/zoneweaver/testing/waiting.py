"""Waiting for a state, with a deadline and a report of what was seen instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from zoneweaver.domain.tasks import Task
from zoneweaver.store.database import Database
from zoneweaver.store.transaction import Note
from zoneweaver.tasks import queue

T = TypeVar("T")

DEADLINE_SECONDS = 20.0


async def until(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], *, what: str, seconds: float = DEADLINE_SECONDS
) -> T:
    """Look again and again until what is seen is good; return it. Raises AssertionError with the last thing seen."""
    seen: list[T] = []
    with anyio.move_on_after(seconds):
        while True:
            seen[:] = [await look()]
            if good(seen[0]):
                return seen[0]
            await anyio.sleep(0.01)
    raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {seen[0] if seen else 'nothing'}")


async def ended(database: Database, task_id: str, *, seconds: float = DEADLINE_SECONDS) -> Task:
    """Wait until the task has ended, and return it. Raises AssertionError with the task as it was last."""
    news = anyio.Event()

    def heard(notes: Sequence[Note]) -> None:
        if any(note.key == task_id for note in notes):
            news.set()

    database.listeners.append(heard)
    task: Task | None = None
    try:
        with anyio.move_on_after(seconds):
            while True:
                news = anyio.Event()
                task = await database.read(lambda c: queue.get(c, task_id))
                if task.status.terminal:
                    return task
                with anyio.move_on_after(0.5):  # another process may have ended it
                    await news.wait()
    finally:
        database.listeners.remove(heard)
    raise AssertionError(f"the task has not ended within {seconds:g} s: {task}")

"""Random walks through the queue: whatever is asked in whatever order, the promises hold."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from tests.tasks.works import KINDS

from zoneweaver.domain.errors import Conflict, Invalid
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks import queue
from zoneweaver.tasks.queue import Progress

number = st.integers(0, 8)
maybe = st.none() | number
actions = st.lists(
    st.one_of(
        st.tuples(st.just("enqueue"), st.sampled_from(["web", "db", None]), maybe, maybe, st.sampled_from([20, 60])),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.just("finish"), number, st.sampled_from([Status.COMPLETED, Status.FAILED, Status.CANCELLED])),
        st.tuples(st.just("cancel"), number),
        st.tuples(st.just("retry"), number),
    ),
    max_size=30,
)


class Undone(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database for walks, each of which is rolled back."""
    folder: Path = tmp_path_factory.mktemp("walks")
    opened = Database.open(f"sqlite:///{folder}/agent.db", Seal.load(folder))
    yield opened
    opened.close()


@given(walk=actions)
def test_walks(memory: Database, walk: Sequence[tuple[Any, ...]]) -> None:
    """Zones stay exclusive, dependants follow, parents sum up and the most urgent is claimed, after every action."""

    def all_of_it(c: Connection) -> None:
        ids: list[str] = []
        for action in walk:
            with contextlib.suppress(Conflict, Invalid), c.begin_nested():
                step(c, ids, *action)
            check(c)
        raise Undone

    with pytest.raises(Undone):
        memory.run_now(all_of_it)


def step(c: Connection, ids: list[str], what: str, *facts: Any) -> None:
    if what == "enqueue":
        zone, depends_on, parent, priority = facts
        new = NewTask(
            id=f"t{len(ids)}",
            kind=Kind.DEMO,
            zone_name=zone,
            depends_on=pick(ids, depends_on),
            parent_task_id=pick(ids, parent),
            priority=priority,
        )
        queue.enqueue(c, new)
        ids.append(new.id)
    elif what == "claim":
        wanted = eligible(c)
        claimed = queue.claim(c, "me", kinds=KINDS, limit=facts[0])
        assert [one.task.id for one in claimed] == wanted[: facts[0]]
    elif ids:
        task_id = ids[facts[0] % len(ids)]
        if what == "cancel":
            queue.cancel(c, task_id)
        elif what == "retry":
            fresh = (f"t{count}" for count in itertools.count(len(ids)))
            ids += [task.id for task in queue.retry(c, task_id, created_by="me", new_id=lambda: next(fresh))]
        elif queue.get(c, task_id).status is Status.RUNNING:
            with contextlib.suppress(queue.LostTask):  # a summary is nobody's
                queue.finish(c, task_id, "me", status=facts[1], progress=Progress(percent=100))


def pick(ids: Sequence[str], place: int | None) -> str | None:
    return ids[place % len(ids)] if ids and place is not None else None


def rows(c: Connection) -> dict[str, Any]:
    return {row.id: row for row in c.execute(text("SELECT * FROM tasks ORDER BY seq"))}


def eligible(c: Connection) -> list[str]:
    """What the next claims should be, worked out the slow way."""
    tasks = rows(c)
    busy = {row.zone_name for row in tasks.values() if row.status == "running" and not row.summary}
    found = []
    for row in sorted(tasks.values(), key=lambda row: (-row.priority, row.seq)):
        waits = row.depends_on is not None and tasks[row.depends_on].status != "completed"
        if (
            row.status == "pending"
            and not row.summary
            and not waits
            and (row.zone_name is None or row.zone_name not in busy)
        ):
            found.append(row.id)
            busy.add(row.zone_name)
    return found


def check(c: Connection) -> None:
    tasks = rows(c)
    zones = [row.zone_name for row in tasks.values() if row.status == "running" and not row.summary and row.zone_name]
    assert len(zones) == len(set(zones))
    for row in tasks.values():
        dependency = tasks.get(row.depends_on)
        if row.status == "pending" and dependency is not None and not row.summary:
            assert dependency.status not in {"failed", "cancelled"}
            assert row.ready == (dependency.status == "completed")
        if row.summary:
            children = [Status(child.status) for child in tasks.values() if child.parent_task_id == row.id]
            counts = {status: children.count(status) for status in children}
            assert row.status == queue.summed(counts)
        assert (row.completed_at is not None) == Status(row.status).terminal
        assert (row.owner is not None) == (row.status == "running" and not row.summary)

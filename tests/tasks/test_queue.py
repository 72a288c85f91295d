"""The queue: order, exclusivity, dependencies, summaries, cancellation, retry."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from zoneweaver.domain.errors import Conflict, Invalid, NotFound
from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.domain.tasks import Kind, NewTask, Status, Task
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Note
from zoneweaver.tasks import history, queue, statements
from zoneweaver.tasks.queue import Line, LostTask, Progress
from zoneweaver.tasks.saga import Entry, Event

KINDS = tuple(kind.value for kind in Kind)
NOTHING = Progress(percent=0)


def new(task_id: str, kind: Kind = Kind.DEMO, zone: str | None = None, **facts: Any) -> NewTask:
    return NewTask(id=task_id, kind=kind, zone_name=zone, **facts)


def add(database: Database, *tasks: NewTask) -> None:
    database.run_now(lambda c: [queue.enqueue(c, task) for task in tasks])


def claim(database: Database, limit: int = 1, owner: str = "me") -> list[str]:
    return [one.task.id for one in database.run_now(lambda c: queue.claim(c, owner, kinds=KINDS, limit=limit))]


def finish(database: Database, task_id: str, status: Status = Status.COMPLETED, owner: str = "me") -> Task:
    error = None if status is Status.COMPLETED else "broken"
    return database.run_now(lambda c: queue.finish(c, task_id, owner, status=status, progress=NOTHING, error=error))


def cancel(database: Database, task_id: str) -> Task:
    return database.run_now(lambda c: queue.cancel(c, task_id, by="alice"))


def get(database: Database, task_id: str) -> Task:
    return database.read_now(lambda c: queue.get(c, task_id))


def statuses(database: Database, *ids: str) -> list[str]:
    return [get(database, task_id).status.value for task_id in ids]


def test_the_most_urgent_first_then_in_the_order_of_coming(database: Database) -> None:
    """Priority decides, then the sequence."""
    add(database, new("a", priority=20), new("b", priority=60), new("c", priority=60), new("d", Kind.ZONE_DELETE))
    assert claim(database, 10) == ["d", "b", "c", "a"]


def test_a_clock_that_jumps_does_not_change_the_order(database_url: str, tmp_path: Path) -> None:
    """Tasks run in the order in which they came even when the clock ran backwards in between."""
    start = datetime(2026, 6, 1, tzinfo=UTC)
    jumps = itertools.cycle([start, start - timedelta(days=400), start + timedelta(days=900)])
    database = Database.open(database_url, Seal.load(tmp_path), clock=lambda: next(jumps))
    add(database, *(new(str(number)) for number in range(9)))
    assert claim(database, 20) == [str(number) for number in range(9)]
    page = database.read_now(lambda c: history.page(c, history.Wanted(), newest_first=False))
    assert [task.id for task in page.tasks] == [str(number) for number in range(9)]
    database.close()


def test_parameters_come_back_and_secrets_are_sealed(database: Database) -> None:
    """The engine gets the parameters with secrets as secrets; the row shows neither them nor those in the metadata."""
    params = {"password": Secret("geheim"), "n": 1}
    add(database, new("a", params=params, metadata={"password": Secret("geheim"), "why": "x"}))
    (claimed,) = database.run_now(lambda c: queue.claim(c, "me", kinds=KINDS))
    assert claimed.params(database.seal) == params
    assert claimed.task.metadata == {"password": MASK, "why": "x"}
    row = database.read_now(lambda c: str(c.execute(text("SELECT * FROM tasks")).one()))
    assert "geheim" not in row


def test_one_running_task_per_zone(database: Database) -> None:
    """A second task of a zone waits for the first one; other zones and tasks without a zone do not."""
    add(database, new("a", zone="web"), new("b", zone="web"), new("c", zone="db"), new("d"), new("e"))
    assert claim(database, 10) == ["a", "c", "d", "e"]
    assert claim(database, 10) == []
    finish(database, "a")
    assert claim(database, 10) == ["b"]


def test_the_index_refuses_what_the_claim_would_never_do(database: Database) -> None:
    """Two running rows of one zone cannot be written, whoever tries."""
    add(database, new("a", zone="web"), new("b", zone="web"))
    with pytest.raises(Conflict) as raised:
        database.run_now(lambda c: c.execute(text("UPDATE tasks SET status = 'running'")))
    assert raised.value.details["constraint"] == "uq_tasks_running_zone"


def test_one_creation_of_a_zone_at_a_time(database: Database) -> None:
    """A second zone_create of a name is refused while the first one waits or runs, and not afterwards."""
    add(database, new("a", Kind.ZONE_CREATE, "web"))
    with pytest.raises(Conflict) as raised:
        add(database, new("b", Kind.ZONE_CREATE, "web"))
    assert raised.value.details["constraint"] == "uq_tasks_creating_zone"
    add(database, new("c", Kind.ZONE_CREATE, "db"))
    claim(database)
    finish(database, "a", Status.FAILED)
    add(database, new("d", Kind.ZONE_CREATE, "web"))


def test_only_known_kinds_are_claimed(database: Database) -> None:
    """A task that this engine cannot do stays for one that can."""
    add(database, new("a", Kind.ZONE_DELETE, "web"), new("b"))
    assert [one.task.id for one in database.run_now(lambda c: queue.claim(c, "me", kinds=["demo"], limit=5))] == ["b"]


def test_eight_claimers_never_overlap(database_url: str, tmp_path: Path) -> None:
    """Eight claimers with connections of their own never run two tasks of a zone at once, nor one task twice."""
    first = Database.open(database_url, Seal.load(tmp_path))
    zones = [f"z{number}" for number in range(4)]
    tasks = [new(f"{zone}-{number}", zone=zone) for number in range(20) for zone in zones]
    add(first, *tasks)
    at_work: dict[str, int] = dict.fromkeys(zones, 0)
    done: list[str] = []
    lock = threading.Lock()
    wrong: list[str] = []

    def work(number: int) -> None:
        database = Database.open(database_url, Seal.load(tmp_path))
        owner = f"owner{number}"
        while len(done) < len(tasks):
            for claimed in database.run_now(lambda c: queue.claim(c, owner, kinds=KINDS, limit=2)):
                task = claimed.task
                assert task.zone_name is not None
                with lock:
                    at_work[task.zone_name] += 1
                    if at_work[task.zone_name] > 1:
                        wrong.append(task.id)
                with lock:
                    at_work[task.zone_name] -= 1
                    done.append(task.id)
                finish(database, task.id, owner=owner)
        database.close()

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, number) for number in range(8)]:
            future.result(timeout=60)
    first.close()
    assert wrong == []
    assert sorted(done) == sorted(task.id for task in tasks)


def test_a_dependant_waits_and_then_runs(database: Database) -> None:
    """A task runs only when the one that it depends on is completed."""
    add(database, new("a"), new("b", depends_on="a"), new("c", depends_on="b"))
    assert claim(database, 10) == ["a"]
    finish(database, "a")
    assert claim(database, 10) == ["b"]
    add(database, new("d", depends_on="a"))
    assert claim(database, 10) == ["d"]


@pytest.mark.parametrize("how", [Status.FAILED, Status.CANCELLED])
def test_dependants_of_what_did_not_complete_are_cancelled(database: Database, how: Status) -> None:
    """The whole chain behind a failed or cancelled task is cancelled, also a link that is added later."""
    add(database, new("a"), new("b", depends_on="a"), new("c", depends_on="b"), new("x"))
    claim(database)
    finish(database, "a", how)
    add(database, new("d", depends_on="c"))
    assert statuses(database, "b", "c", "d", "x") == ["cancelled", "cancelled", "cancelled", "pending"]
    assert {get(database, task).error_message for task in "bcd"} == {"Dependency failed"}


def test_an_unknown_dependency_or_parent_is_refused(database: Database) -> None:
    """A task cannot wait for one that does not exist."""
    with pytest.raises(Invalid, match="ghost"):
        add(database, new("a", depends_on="ghost"))
    with pytest.raises(Invalid, match="ghost"):
        add(database, new("a", parent_task_id="ghost"))
    with pytest.raises(Invalid, match="own parent"):
        add(database, new("p"), new("a", parent_task_id="p", depends_on="p"))
    assert database.read_now(history.stats)["total"] == 0


def test_a_parent_that_has_ended_gets_no_children(database: Database) -> None:
    """What was summed up stays as it is."""
    add(database, new("p"))
    cancel(database, "p")
    with pytest.raises(Conflict, match="ended"):
        add(database, new("a", parent_task_id="p"))


def chain(database: Database) -> None:
    """A parent with three links that depend on one another."""
    add(
        database,
        new("p", zone="web"),
        new("a", zone="web", parent_task_id="p"),
        new("b", zone="web", parent_task_id="p", depends_on="a"),
        new("c", zone="web", parent_task_id="p", depends_on="b"),
    )


def test_a_parent_runs_nothing_and_sums_up(database: Database) -> None:
    """A parent is pending, running and completed as its children are, and never claimed itself."""
    chain(database)
    seen = [get(database, "p").status.value]
    for child in "abc":
        assert claim(database, 10) == [child]
        seen.append(get(database, "p").status.value)
        finish(database, child)
    parent = get(database, "p")
    assert seen == ["pending", "running", "running", "running"]
    assert (parent.status, parent.progress_percent) == (Status.COMPLETED, 100)
    assert parent.started_at is not None
    assert parent.completed_at is not None


def test_a_parent_of_a_failed_child_has_failed(database: Database) -> None:
    """When a child fails, the rest of its chain is cancelled and the parent has failed."""
    chain(database)
    claim(database)
    finish(database, "a", Status.FAILED)
    assert statuses(database, "a", "b", "c", "p") == ["failed", "cancelled", "cancelled", "failed"]


def test_cancelling_a_parent(database: Database) -> None:
    """Cancelling a parent cancels what waits and asks what runs; it is cancelled when the last child has ended."""
    chain(database)
    claim(database)
    parent = cancel(database, "p")
    assert (parent.status, parent.cancel_requested) == (Status.RUNNING, True)
    assert statuses(database, "b", "c") == ["cancelled", "cancelled"]
    assert get(database, "a").cancel_requested
    finish(database, "a", Status.CANCELLED)
    assert get(database, "p").status is Status.CANCELLED


def test_cancelling_a_parent_that_has_not_begun(database: Database) -> None:
    """All children and the parent are cancelled at once."""
    chain(database)
    assert cancel(database, "p").status is Status.CANCELLED
    assert statuses(database, "a", "b", "c") == ["cancelled"] * 3


@given(counts=st.dictionaries(st.sampled_from(list(Status)), st.integers(1, 3), min_size=1))
def test_what_a_parent_is(counts: dict[Status, int]) -> None:
    """Open while a child is open; else failed before cancelled before completed."""
    summed = queue.summed(counts)
    if counts.keys() & {Status.PENDING, Status.RUNNING}:
        assert summed is (Status.PENDING if counts.keys() == {Status.PENDING} else Status.RUNNING)
    else:
        order = [Status.FAILED, Status.CANCELLED, Status.COMPLETED]
        assert summed is next(status for status in order if status in counts)


def test_cancelling_what_waits(database: Database) -> None:
    """A pending task is cancelled at once, with who did it, and so are its dependants."""
    add(database, new("a"), new("b", depends_on="a"))
    task = cancel(database, "a")
    assert (task.status, task.error_message) == (Status.CANCELLED, "Cancelled by alice")
    assert task.completed_at is not None
    assert statuses(database, "b") == ["cancelled"]
    assert claim(database) == []


def test_cancelling_what_runs_only_asks(database: Database) -> None:
    """A running task is asked to; whoever writes for it learns of it."""
    add(database, new("a"))
    claim(database)
    task = cancel(database, "a")
    assert (task.status, task.cancel_requested) == (Status.RUNNING, True)
    assert database.run_now(lambda c: queue.record(c, "a", "me", lines=[Line(stream="log", data="x")])) is True


@pytest.mark.parametrize("how", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
def test_cancelling_what_has_ended(database: Database, how: Status) -> None:
    """An ended task cannot be cancelled, and an unknown one is not found."""
    add(database, new("a"))
    claim(database)
    finish(database, "a", how)
    with pytest.raises(Conflict, match=how.value):
        cancel(database, "a")
    with pytest.raises(NotFound):
        cancel(database, "ghost")


def retry(database: Database, task_id: str) -> tuple[Task, ...]:
    ids = (f"r{number}" for number in itertools.count(1))
    return database.run_now(lambda c: queue.retry(c, task_id, created_by="bob", new_id=lambda: next(ids)))


def test_retrying_queues_the_same_again(database: Database) -> None:
    """A failed task comes again with its parameters, and with what was cancelled because of it."""
    add(database, new("a", zone="web", params={"s": Secret("x")}, priority=7), new("b", depends_on="a"))
    add(database, new("c", depends_on="b"))
    claim(database)
    finish(database, "a", Status.FAILED)
    again = retry(database, "a")
    assert [(task.id, task.depends_on, task.metadata["retry_of"]) for task in again] == [
        ("r1", None, "a"),
        ("r2", "r1", "b"),
        ("r3", "r2", "c"),
    ]
    assert (again[0].priority, again[0].created_by) == (7, "bob")
    (claimed,) = database.run_now(lambda c: queue.claim(c, "me", kinds=KINDS, limit=5))
    assert claimed.params(database.seal) == {"s": Secret("x")}
    finish(database, "r1")
    assert claim(database) == ["r2"]


def test_retrying_a_parent(database: Database) -> None:
    """A chain that failed in the middle goes on from there: what was completed is not done again."""
    chain(database)
    claim(database)
    finish(database, "a")
    claim(database)
    finish(database, "b", Status.FAILED)
    again = retry(database, "p")
    assert [(task.metadata["retry_of"], task.parent_task_id) for task in again] == [
        ("p", None),
        ("b", "r1"),
        ("c", "r1"),
    ]
    for child in ("r2", "r3"):
        assert claim(database, 5) == [child]
        finish(database, child)
    assert get(database, "r1").status is Status.COMPLETED


def test_what_cannot_be_retried(database: Database) -> None:
    """Only failed and cancelled tasks are retried; a zone that is being created anew already is a conflict."""
    add(database, new("a", Kind.ZONE_CREATE, "web"))
    with pytest.raises(Conflict, match="pending"):
        retry(database, "a")
    cancel(database, "a")
    retry(database, "a")
    with pytest.raises(Conflict):
        retry(database, "a")
    with pytest.raises(NotFound):
        retry(database, "ghost")


def test_retrying_a_creation_while_another_one_is_under_way(database: Database) -> None:
    """It is refused in words, with the task that stands in the way."""
    add(database, new("a", Kind.ZONE_CREATE, "web"))
    claim(database)
    finish(database, "a", Status.FAILED)
    add(database, new("b", Kind.ZONE_CREATE, "web"))
    with pytest.raises(Conflict, match="Zone web is already being created by task b"):
        retry(database, "a")
    assert database.read_now(history.stats)["total"] == 2


def test_an_end_that_ends_others_on_its_way(database: Database) -> None:
    """A summary and its part that wait for the same task are both ended by its failure, each once."""
    add(database, new("a"), new("p", depends_on="a"), new("q", depends_on="a", parent_task_id="p"))
    assert claim(database) == ["a"]
    assert finish(database, "a", Status.FAILED).status is Status.FAILED
    assert statuses(database, "a", "p", "q") == ["failed", "cancelled", "cancelled"]


def test_retrying_what_hangs_on_a_failed_task(database: Database) -> None:
    """A dependant cannot be retried without what it depends on; the answer names that."""
    add(database, new("a"), new("b", depends_on="a"))
    cancel(database, "a")
    with pytest.raises(Conflict, match="task a, which is cancelled"):
        retry(database, "b")


def test_a_dead_owner_is_succeeded(database: Database) -> None:
    """Running tasks of a dead owner become the successor's, who alone can write for them then."""
    add(database, new("a"), new("b"), new("c"))
    claim(database, 2, owner="dead")
    claim(database, 1, owner="alive")
    taken = database.run_now(lambda c: queue.take_over(c, "heir", dead=["dead"]))
    assert [(one.task.id, one.attempt) for one in taken] == [("a", 2), ("b", 2)]
    entry = Entry(step="s", event=Event.STARTED)
    for lost in (
        lambda c: queue.record(c, "a", "dead", entries=[entry]),
        lambda c: queue.record(c, "a", "dead", progress=[NOTHING]),
        lambda c: queue.finish(c, "a", "dead", status=Status.COMPLETED, progress=NOTHING),
        lambda c: queue.resume(c, "a", "dead"),
    ):
        with pytest.raises(LostTask):
            database.run_now(lost)
    database.run_now(lambda c: queue.record(c, "a", "heir", entries=[entry]))
    assert database.read_now(lambda c: history.entries(c, "a")) == [entry]


def test_taking_over_from_everybody(database: Database) -> None:
    """Who is alone takes over all that runs, and nothing twice."""
    add(database, new("a"), new("b"))
    claim(database, 1, owner="x")
    claim(database, 1, owner="y")
    assert [one.task.id for one in database.run_now(lambda c: queue.take_over(c, "me"))] == ["a", "b"]
    assert database.run_now(lambda c: queue.take_over(c, "me")) == []


def test_beats_count_up(database: Database) -> None:
    """Every beat counts; who holds a running task without ever having beaten counts 0."""
    add(database, new("a"), new("b"))
    claim(database, 1, owner="x")
    claim(database, 1, owner="y")
    database.run_now(lambda c: queue.beat(c, "y"))
    assert database.run_now(lambda c: queue.beat(c, "y")) == {"x": 0, "y": 2}
    database.run_now(lambda c: queue.bury(c, "y"))
    assert database.run_now(lambda c: queue.beat(c, "z")) == {"x": 0, "y": 0}


def test_every_change_is_told(database: Database) -> None:
    """Each change of a task is published with the row as it then is, to all, to its own topic and to its zone's."""
    told: list[Note] = []
    database.listeners.append(told.extend)
    add(database, new("a", zone="web"))
    claim(database)
    finish(database, "a")
    assert [note.data["status"] for note in told] == ["pending", "running", "completed"]
    assert {note.topics for note in told} == {("tasks", "task:a", "zone:web")}
    assert told[-1].data == {**get(database, "a").as_json(), "cancel_requested": False}


def test_the_claim_uses_its_index(sqlite_url: str, tmp_path: Path) -> None:
    """The claim walks through the index of what can run, and looks up zones by index: finished tasks cost nothing."""
    database = Database.open(sqlite_url, Seal.load(tmp_path))

    query = statements.NEXT.params(kinds=["demo"])
    statement = query.compile(database._read_engine, compile_kwargs={"literal_binds": True}).string
    plan = database.read_now(
        lambda c: "\n".join(row.detail for row in c.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
    )
    database.close()
    assert "ix_tasks_claim" in plan
    assert "uq_tasks_running_zone" in plan
    assert "TEMP B-TREE" not in plan

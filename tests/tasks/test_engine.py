"""The engine: tasks run, fail, are cancelled, stop with the agent and are carried on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection, text
from tests.tasks.works import KINDS, Making, World, engine_for, put

from zoneweaver.domain.errors import Conflict, Failed, Unavailable
from zoneweaver.domain.secret import Secret
from zoneweaver.domain.tasks import Kind, NewTask, Status, Task
from zoneweaver.host.command import Command
from zoneweaver.store import audit
from zoneweaver.store import database as database_module
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Note
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.engine import Engine
from zoneweaver.tasks.events import Events
from zoneweaver.tasks.saga import Entry, Event, Outputs, Step
from zoneweaver.testing import ScriptedHost, ended, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def world() -> World:
    return World()


async def get(database: Database, task_id: str) -> Task:
    return await database.read(lambda c: queue.get(c, task_id))


async def logged(database: Database, task_id: str) -> list[tuple[str, str]]:
    return [(line.step, line.event.value) for line in await database.read(lambda c: history.steps(c, task_id))]


async def test_a_task_runs_to_its_end(database: Database, world: World, tmp_path: Path) -> None:
    """Every step is done in order, the log tells of it, the row is completed, the output is there."""
    async with engine_for(database, world, tmp_path):
        await put(database, "t", things=["a", "b"])
        task = await ended(database, "t")
    assert (task.status, task.progress_percent, task.progress_info) == (Status.COMPLETED, 100, {"status": "completed"})
    assert world.made == ["a", "b"]
    assert await logged(database, "t") == [
        ("survey", "done"),
        ("a", "started"),
        ("a", "done"),
        ("b", "started"),
        ("b", "done"),
    ]
    output = await database.read(lambda c: history.output(c, "t"))
    assert "".join(line.data for line in output) == "making a\nmaking b\n"


async def test_what_was_queued_before_the_start_runs(database: Database, world: World, tmp_path: Path) -> None:
    """Pending tasks wait for the engine."""
    await put(database, "t")
    async with engine_for(database, world, tmp_path):
        assert (await ended(database, "t")).status is Status.COMPLETED


async def test_a_failure_unwinds(database: Database, world: World, tmp_path: Path) -> None:
    """When a step fails, what was done is undone, and the row says what and where."""
    async with engine_for(database, world, tmp_path):
        await put(database, "t", fails="b")
        task = await ended(database, "t")
    assert task.status is Status.FAILED
    assert task.error_message == "RuntimeError: b broke"
    assert task.progress_info == {"status": "failed", "failed_at": "b", "code": "unexpected"}
    assert world.made == []
    assert world.happened == ["survey", "do a", "do b", "undo b", "undo a"]


async def test_an_undo_that_fails_is_named(database: Database, world: World, tmp_path: Path) -> None:
    """The other ways back are gone all the same, and the task names what is stuck."""
    async with engine_for(database, world, tmp_path):
        await put(database, "t", fails="c", stuck="b")
        task = await ended(database, "t")
    assert world.made == ["b"]
    assert task.status is Status.FAILED
    assert task.progress_info["stuck"] == ["b"]
    assert task.error_message is not None
    assert task.error_message.endswith("b")


async def test_a_survey_that_fails_ends_the_task(database: Database, world: World, tmp_path: Path) -> None:
    """Nothing was changed, so nothing is undone."""
    async with engine_for(database, world, tmp_path):
        await put(database, "t", survey_fails=True)
        task = await ended(database, "t")
    assert (task.status, task.error_message) == (Status.FAILED, "LookupError: nothing to see")
    assert world.happened == ["survey"]


async def test_cancelling_a_running_task(database: Database, world: World, tmp_path: Path) -> None:
    """The step under way is interrupted and everything is undone; the task is cancelled."""
    async with engine_for(database, world, tmp_path) as engine:
        await put(database, "t", gated=["b"])
        await world.at("b").wait()
        assert (await engine.cancel("t")).cancel_requested
        task = await ended(database, "t")
    assert (task.status, task.error_message) == (Status.CANCELLED, "Cancelled")
    assert world.made == []


async def test_cancelling_in_the_moment_of_the_claim(database: Database, world: World, tmp_path: Path) -> None:
    """A cancellation that comes between the claim and the first step is not lost, even in a survey that never ends."""
    asked: list[str] = []

    def cancel_at_once(notes: Sequence[Note]) -> None:
        for note in notes:
            if note.kind == "task" and note.data["status"] == "running" and not asked:
                asked.append(note.key)
                group.start_soon(database.run, lambda c: queue.cancel(c, "t"))

    async with anyio.create_task_group() as group:
        database.listeners.append(cancel_at_once)
        async with engine_for(database, world, tmp_path):
            await put(database, "t", survey_waits=True)
            assert (await ended(database, "t")).status is Status.CANCELLED


async def test_odd_characters(database: Database, world: World, tmp_path: Path) -> None:
    """Output and errors with characters that no database keeps do not hinder a task from ending."""

    class Odd(Making):
        def steps(self, ctx: Context, survey: object) -> list[Step[Context]]:
            async def do(context: Context, outputs: Outputs) -> dict[str, str]:
                await context.say("a\0b \ud83d")
                await context.progress(5, "odd", word="\0")
                raise RuntimeError("broke\0 \ud83d")

            return [Step(name="odd", do=do)]

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Odd(world)}):
        await put(database, "t", word="\0\ud83d")
        task = await ended(database, "t")
    assert (task.status, task.error_message) == (Status.FAILED, "RuntimeError: broke\ufffd ?")


async def test_a_task_that_cannot_be_recorded_ends(database: Database, world: World, tmp_path: Path) -> None:
    """What goes wrong in the engine's own hands fails that task, and the others run."""

    class Odd(Making):
        def steps(self, ctx: Context, survey: object) -> list[Step[Context]]:
            async def do(context: Context, outputs: Outputs) -> object:
                return object()

            return [Step(name="odd", do=do)]

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Odd(world)}):
        await put(database, "t")
        task = await ended(database, "t")
        assert task.status is Status.FAILED
        assert task.error_message is not None
        assert "object" in task.error_message
        await put(database, "u", survey_fails=True)
        assert (await ended(database, "u")).status is Status.FAILED


async def test_cancelling_in_the_survey(database: Database, world: World, tmp_path: Path) -> None:
    """A task that is still looking around is simply cancelled."""
    async with engine_for(database, world, tmp_path) as engine:
        await put(database, "t", survey_waits=True)
        await world.at("survey").wait()
        await engine.cancel("t")
        task = await ended(database, "t")
    assert task.status is Status.CANCELLED
    assert world.happened == ["survey"]


async def test_a_cancelled_task_with_something_stuck_has_failed(
    database: Database, world: World, tmp_path: Path
) -> None:
    """Cancelled means clean; what is not clean has failed."""
    async with engine_for(database, world, tmp_path) as engine:
        await put(database, "t", gated=["b"], stuck="a")
        await world.at("b").wait()
        await engine.cancel("t")
        task = await ended(database, "t")
    assert task.status is Status.FAILED
    assert task.progress_info["stuck"] == ["a"]


async def test_slots(database: Database, world: World, tmp_path: Path) -> None:
    """No more tasks work at once than there are slots; the next one starts when one ends."""
    async with engine_for(database, world, tmp_path, slots=2) as engine:
        for name in "xyz":
            await put(database, name, things=[name], gated=[name])
        await world.at("x").wait()
        await world.at("y").wait()
        assert engine.running == {"x", "y"}
        assert (await get(database, "z")).status is Status.PENDING
        world.gate("y").set()
        await world.at("z").wait()
        world.gate("x").set()
        world.gate("z").set()
        for name in "xyz":
            assert (await ended(database, name)).status is Status.COMPLETED


async def test_a_task_that_waits_lends_its_slot(database: Database, world: World, tmp_path: Path) -> None:
    """While a task only waits another one works in its place; afterwards it gets a place again."""
    async with engine_for(database, world, tmp_path, slots=1):
        await put(database, "long", things=["long"], lends=["long"])
        await world.at("long").wait()
        await put(database, "short", things=["short"], gated=["short"])
        await world.at("short").wait()
        world.gate("long").set()
        await put(database, "later", things=["later"])
        world.gate("short").set()
        for name in ("long", "short", "later"):
            assert (await ended(database, name)).status is Status.COMPLETED
    assert world.happened.index("do later") > world.happened.index("do short")


async def test_a_task_that_waits_can_be_cancelled(database: Database, world: World, tmp_path: Path) -> None:
    """Cancelling while the slot is lent unwinds at once, also when no slot is free."""
    async with engine_for(database, world, tmp_path, slots=1) as engine:
        await put(database, "long", things=["long"], lends=["long"])
        await world.at("long").wait()
        await put(database, "short", things=["short"], gated=["short"])
        await world.at("short").wait()
        await engine.cancel("long")
        assert (await ended(database, "long")).status is Status.CANCELLED
        world.gate("short").set()
        assert (await ended(database, "short")).status is Status.COMPLETED
        await put(database, "next", things=["next"])
        assert (await ended(database, "next")).status is Status.COMPLETED


async def test_a_task_that_waited_goes_on_at_once_when_a_slot_is_free(
    database: Database, world: World, tmp_path: Path
) -> None:
    """With nobody in its place, a task has its slot back without asking."""
    async with engine_for(database, world, tmp_path, slots=1):
        for name in ("one", "two"):
            await put(database, name, things=[name], lends=[name])
            await world.at(name).wait()
            world.gate(name).set()
            assert (await ended(database, name)).status is Status.COMPLETED


async def test_a_task_that_another_took_is_let_go(database: Database, world: World, tmp_path: Path) -> None:
    """Who is taken for dead and is not writes nothing more for the task, undoes nothing, and works on others."""
    async with engine_for(database, world, tmp_path, slots=1) as engine:
        await put(database, "t", gated=["b"])
        await world.at("b").wait()
        await database.run(lambda c: queue.take_over(c, "another"))
        before = await logged(database, "t")
        world.gate("b").set()
        await put(database, "u", things=["u"])
        assert (await ended(database, "u")).status is Status.COMPLETED
        assert engine.running == frozenset()
    assert await logged(database, "t") == before
    assert world.made == ["a", "b", "u"]
    assert (await get(database, "t")).status is Status.RUNNING


async def test_output_of_a_task_that_another_took(database: Database, world: World, tmp_path: Path) -> None:
    """A step that talks for a task which is no longer its agent's is interrupted."""
    interrupted = anyio.Event()

    class Talking(Making):
        def steps(self, ctx: Context, survey: object) -> list[Step[Context]]:
            async def do(context: Context, outputs: Outputs) -> None:
                try:
                    await self.world.wait_at("begun")
                    await context.say("still here")
                    await anyio.sleep_forever()
                finally:
                    interrupted.set()

            return [Step(name="talk", do=do)]

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Talking(world)}):
        await put(database, "t")
        await world.at("begun").wait()
        await database.run(lambda c: queue.take_over(c, "another"))
        world.gate("begun").set()
        with anyio.fail_after(20):
            await interrupted.wait()
    assert (await get(database, "t")).status is Status.RUNNING


async def test_many_tasks_of_few_zones(database: Database, world: World, tmp_path: Path) -> None:
    """Tasks of a zone run one after another in the order in which they came, zones side by side, none is forgotten."""
    at_work: set[str] = set()
    order: dict[str, list[str]] = {}

    class Watching(Making):
        async def survey(self, ctx: Context) -> dict[str, list[str]]:
            assert ctx.zone not in at_work
            at_work.add(ctx.zone)
            order.setdefault(ctx.zone, []).append(ctx.task_id)
            await anyio.lowlevel.checkpoint()
            at_work.remove(ctx.zone)
            return {"things": []}

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Watching(world)}):
        ids = [(f"{number:02}-{zone}", zone) for number in range(12) for zone in ("web", "db", "ci")]
        for task_id, zone in ids:
            await put(database, task_id, zone)
        for task_id, _ in ids:
            assert (await ended(database, task_id)).status is Status.COMPLETED
    assert all(tasks == sorted(tasks) and len(tasks) == 12 for tasks in order.values())


async def test_a_chain_runs(database: Database, world: World, tmp_path: Path) -> None:
    """Dependants start by themselves, and the parent sums up."""

    def chain(c: object) -> None:
        for task in (
            NewTask(id="p", kind=Kind.DEMO, zone_name="web"),
            NewTask(id="1", kind=Kind.DEMO, zone_name="web", parent_task_id="p", params={"things": ["a"]}),
            NewTask(
                id="2", kind=Kind.DEMO, zone_name="web", parent_task_id="p", depends_on="1", params={"things": ["b"]}
            ),
        ):
            queue.enqueue(c, task)  # type: ignore[arg-type]

    async with engine_for(database, world, tmp_path):
        await database.run(chain)
        assert (await ended(database, "p")).status is Status.COMPLETED
    assert world.made == ["a", "b"]


async def test_stopping_sets_tasks_aside(database: Database, world: World, tmp_path: Path) -> None:
    """When the agent stops, a task stays as it is, and the next agent does the interrupted step again."""
    async with engine_for(database, world, tmp_path):
        await put(database, "t", gated=["b"])
        await world.at("b").wait()
    assert (await get(database, "t")).status is Status.RUNNING
    assert "undo a" not in world.happened
    world.gate("b").set()
    async with engine_for(database, world, tmp_path, lease_seconds=0.2):
        task = await ended(database, "t")
    assert task.status is Status.COMPLETED
    assert world.happened == ["survey", "do a", "do b", "do b", "do c"]


async def test_stopping_lets_a_step_end(database: Database, world: World, tmp_path: Path) -> None:
    """A step that ends by itself within the time for it is not done again."""
    async with anyio.create_task_group() as group, engine_for(database, world, tmp_path, stop_seconds=10) as engine:
        await put(database, "t", gated=["b"])
        await world.at("b").wait()
        group.start_soon(engine.stop)
        await anyio.lowlevel.checkpoint()
        world.gate("b").set()
    assert (await logged(database, "t"))[-1] == ("b", "done")
    async with engine_for(database, world, tmp_path, lease_seconds=0.2):
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert world.happened == ["survey", "do a", "do b", "do c"]


async def test_the_end_of_the_agent_is_no_cancellation(database: Database, world: World, tmp_path: Path) -> None:
    """An agent that is torn down from outside undoes nothing."""
    with anyio.CancelScope() as scope:
        async with engine_for(database, world, tmp_path):
            await put(database, "t", gated=["b"])
            await world.at("b").wait()
            scope.cancel()
    assert (await get(database, "t")).status is Status.RUNNING
    assert world.made == ["a", "b"]


async def test_an_unwinding_is_carried_on(database: Database, world: World, tmp_path: Path) -> None:
    """A task whose log ends in the middle of the way back goes on walking back."""
    await put(database, "t")
    world.made = ["a", "b"]
    await database.run(lambda c: queue.claim(c, "dead", kinds=KINDS))
    entries = [
        Entry(step="survey", event=Event.DONE, data={"things": ["a", "b"]}),
        Entry(step="a", event=Event.STARTED),
        Entry(step="a", event=Event.DONE),
        Entry(step="b", event=Event.STARTED),
        Entry(step="b", event=Event.FAILED, data={"error": "broke", "code": "x", "cancelled": False}),
        Entry(step="b", event=Event.UNDO_STARTED),
    ]
    await database.run(lambda c: queue.record(c, "t", "dead", entries=entries))
    async with engine_for(database, world, tmp_path, lease_seconds=0.2):
        task = await ended(database, "t")
    assert (task.status, task.error_message) == (Status.FAILED, "broke")
    assert world.happened == ["undo b", "undo a"]
    assert world.made == []


async def test_a_task_cancelled_while_nobody_lived(database: Database, world: World, tmp_path: Path) -> None:
    """A cancellation that came while the agent was dead is done when the next one begins."""
    await put(database, "t")
    world.made = ["a"]
    await database.run(lambda c: queue.claim(c, "dead", kinds=KINDS))
    entries = [
        Entry(step="survey", event=Event.DONE, data={"things": ["a", "b"]}),
        Entry(step="a", event=Event.STARTED),
    ]
    await database.run(lambda c: queue.record(c, "t", "dead", entries=entries))
    await database.run(lambda c: queue.cancel(c, "t"))
    async with engine_for(database, world, tmp_path, lease_seconds=0.2):
        task = await ended(database, "t")
    assert task.status is Status.CANCELLED
    assert world.made == []


async def test_progress_is_heard_step_by_step(database: Database, world: World, tmp_path: Path) -> None:
    """Listeners hear of every step's progress and of the end."""
    events = Events()
    with events.subscribe(["task:t"]) as subscription:
        async with engine_for(database, world, tmp_path, events=events):
            await put(database, "t", things=["a", "b"])
            await ended(database, "t")
        heard = [event for event in subscription.taken() if event.kind == "task"]
    assert [(event.data["progress_percent"], event.data["progress_info"].get("status")) for event in heard] == [
        (0, None),
        (0, None),
        (0, "making_a"),
        (10, "making_b"),
        (100, "completed"),
    ]


async def test_output_is_bounded(database: Database, world: World, tmp_path: Path) -> None:
    """A task that talks too much is cut, once, with a line that says so."""

    class Talking(Making):
        def steps(self, ctx: Context, survey: object) -> list[Step[Context]]:
            async def do(context: Context, outputs: Outputs) -> None:
                for _ in range(100):
                    await context.say("x" * 49)

            return [Step(name="talk", do=do)]

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Talking(world)}, output_limit=1000):
        await put(database, "t")
        await ended(database, "t")
    output = await database.read(lambda c: history.output(c, "t"))
    text_ = "".join(line.data for line in output)
    assert len(text_) < 1100
    assert text_.count("[output is longer") == 1


async def test_commands_are_shown_with_their_output(database: Database, world: World, tmp_path: Path) -> None:
    """A command's line goes to the output before what it says."""
    host = ScriptedHost(tmp_path, {("zfs", "list"): "rpool\n"})

    class Asking(Making):
        def steps(self, ctx: Context, survey: object) -> list[Step[Context]]:
            async def do(context: Context, outputs: Outputs) -> str:
                return (await context.run(Command(argv=("zfs", "list", "a b")))).stdout

            return [Step(name="ask", do=do)]

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Asking(world)}, host=host):
        await put(database, "t")
        assert (await ended(database, "t")).status is Status.COMPLETED
    output = await database.read(lambda c: history.output(c, "t"))
    assert [(line.stream, line.data) for line in output] == [("command", "zfs list 'a b'\n"), ("stdout", "rpool\n")]


async def test_a_survey_that_is_no_json_fails_at_once(database: Database, world: World, tmp_path: Path) -> None:
    """What could not be carried on after a death is refused in the first run already."""

    class Odd(Making):
        async def survey(self, ctx: Context) -> dict[str, object]:
            return {"things": {1, 2}}

    async with engine_for(database, world, tmp_path, operations={Kind.DEMO: Odd(world)}):
        await put(database, "t")
        task = await ended(database, "t")
    assert task.status is Status.FAILED
    assert task.error_message is not None
    assert "set" in task.error_message


async def test_parameters_that_cannot_be_unsealed_fail_the_task_alone(
    database: Database, world: World, tmp_path: Path
) -> None:
    """A lost key file fails the tasks that need it, and the queue goes on."""
    await put(database, "t", password=Secret("x"))
    (tmp_path / "seal.keys").unlink()
    lost = Database.open(database.url.render_as_string(hide_password=False), Seal.load(tmp_path))
    async with engine_for(lost, world, tmp_path):
        await put(lost, "u", things=["a"])
        assert (
            await ended(lost, "t")
        ).error_message == f"Unsealable: {tmp_path}/seal.keys is missing: sealed values cannot be read"
        assert (await ended(lost, "u")).status is Status.COMPLETED
    lost.close()


async def test_a_running_task_of_an_unknown_kind(database: Database, world: World, tmp_path: Path) -> None:
    """What an agent of another version left running, and this one does not know, fails with its name."""
    await database.run(lambda c: queue.enqueue(c, NewTask(id="t", kind=Kind.ZONE_RESET, zone_name="web")))
    await database.run(lambda c: queue.claim(c, "dead", kinds=KINDS))
    async with engine_for(database, world, tmp_path, lease_seconds=0.2):
        task = await ended(database, "t")
    assert task.error_message == "This agent knows no operation zone_reset"


async def test_a_locked_database_only_delays(
    sqlite_url: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the file a task waits with its next step; then it goes on to its end."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None, check_same_thread=False)
    async with engine_for(database, world, tmp_path):
        await put(database, "t", gated=["a"])
        await world.at("a").wait()
        other.execute("BEGIN IMMEDIATE")
        world.gate("a").set()
        with pytest.raises(Unavailable):  # behind the task's own attempt, in the same queue
            await database.run(history.stats)
        assert "do b" not in world.happened
        other.execute("ROLLBACK")
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert world.happened == ["survey", "do a", "do b", "do c"]
    other.close()
    database.close()


async def test_a_database_that_stays_away_sets_the_task_aside(
    sqlite_url: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After too long a wait the task is set aside; it is carried on from its log when the database is back."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.02)
    monkeypatch.setattr("zoneweaver.tasks.journal.PATIENCE_SECONDS", 0.1)
    database = Database.open(sqlite_url, Seal.load(tmp_path))
    other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
    async with engine_for(database, world, tmp_path) as engine:
        await put(database, "t", gated=["a"])
        await world.at("a").wait()
        other.execute("BEGIN IMMEDIATE")
        world.gate("a").set()

        async def running() -> frozenset[str]:
            return engine.running

        await until(running, lambda ids: not ids, what="the task is set aside")
        other.execute("ROLLBACK")
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert world.happened == ["survey", "do a", "do a", "do b", "do c"]
    other.close()
    database.close()


async def test_two_engines_share_a_queue(postgres_database: str, world: World, tmp_path: Path) -> None:
    """Two agents on one PostgreSQL database run each task once; what one queues or cancels the other hears."""
    one, two = (Database.open(postgres_database, Seal.load(tmp_path)) for _ in range(2))
    async with engine_for(one, world, tmp_path, poll_seconds=60, slots=1) as first:
        await put(one, "x", things=["x"], gated=["x"])
        await world.at("x").wait()
        async with engine_for(two, world, tmp_path, poll_seconds=60):
            await put(one, "y", things=["y"])
            assert (await ended(one, "y")).status is Status.COMPLETED
            await until(
                lambda: two.read(lambda c: queue.get(c, "x")), lambda task: task.status is Status.RUNNING, what="x runs"
            )
            await two.run(lambda c: queue.cancel(c, "x"))
            assert (await ended(two, "x")).status is Status.CANCELLED
        assert first.running == frozenset()
    assert sorted(world.happened) == ["do x", "do y", "survey", "survey", "undo x"]
    one.close()
    two.close()


async def test_a_silent_step_ends_when_another_took_its_task(
    postgres_database: str, world: World, tmp_path: Path
) -> None:
    """An agent that was taken for dead lets go of its task with the next sign of life, though the step says nothing."""
    database = Database.open(postgres_database, Seal.load(tmp_path))
    async with engine_for(database, world, tmp_path, lease_seconds=0.4, poll_seconds=60) as engine:
        await put(database, "t", gated=["a"])
        await world.at("a").wait()
        await database.run(
            lambda c: c.execute(text("UPDATE tasks SET owner = 'another'")) and queue.beat(c, "another"), quiet=True
        )

        async def running() -> frozenset[str]:
            return engine.running

        await until(running, lambda ids: not ids, what="the task is let go")
    assert world.happened[:2] == ["survey", "do a"]
    assert not any(word.startswith("undo") for word in world.happened)
    database.close()


class Answerless(Database):
    """A database that goes away in the moment of a commit, which it keeps."""

    def goes_away(self, result: object) -> bool:
        """Say whether the answer is lost; the test puts another one here."""
        return False

    async def run(self, fn: Callable[[Connection], Any], *, quiet: bool = False) -> Any:
        """Write, and perhaps say that it could not be done."""
        result = await super().run(fn, quiet=quiet)
        if self.goes_away(result):
            raise Unavailable("server closed the connection unexpectedly")
        return result


@pytest.mark.parametrize("which", [0, 1], ids=["the first claim", "an end with the next claim"])
async def test_a_claim_whose_answer_is_lost_is_found(sqlite_url: str, world: World, tmp_path: Path, which: int) -> None:
    """A task that a lost commit made ours runs, once, although nobody was told that it is ours."""
    database = Answerless.open(sqlite_url, Seal.load(tmp_path))
    claims: list[object] = []

    def goes_away(result: object) -> bool:
        if not (isinstance(result, list) and result and isinstance(result[0], queue.Claimed)):
            return False
        claims.append(result)
        return len(claims) == which + 1

    database.goes_away = goes_away  # type: ignore[method-assign]
    await put(database, "t", zone="web", things=["t"])
    await put(database, "u", zone="web", things=["u"])
    async with engine_for(database, world, tmp_path, poll_seconds=0.05, slots=1):
        assert (await ended(database, "t")).status is Status.COMPLETED
        assert (await ended(database, "u")).status is Status.COMPLETED
    assert world.happened == ["survey", "do t", "survey", "do u"]
    database.close()


async def test_a_database_that_does_not_serve_keeps_the_agent_up(sqlite_url: str, world: World, tmp_path: Path) -> None:
    """Whatever a database says for a while, the engine goes on asking."""
    database = Answerless.open(sqlite_url, Seal.load(tmp_path))
    refused: list[object] = []

    def refuses(result: object) -> bool:
        if len(refused) < 6:
            refused.append(result)
            raise Failed("database: something odd", code="database")
        return False

    await put(database, "t")
    database.goes_away = refuses  # type: ignore[method-assign]
    async with engine_for(database, world, tmp_path, poll_seconds=0.05):
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert len(refused) == 6
    database.close()


async def test_who_lives_is_not_succeeded(postgres_database: str, world: World, tmp_path: Path) -> None:
    """A task that runs for longer than a lease stays with its agent, for as long as that one shows life."""
    one, two = (Database.open(postgres_database, Seal.load(tmp_path)) for _ in range(2))
    async with engine_for(one, world, tmp_path, lease_seconds=0.4) as first:
        await put(one, "x", things=["x"], gated=["x"])
        await world.at("x").wait()
        async with engine_for(two, world, tmp_path, lease_seconds=0.4) as second:
            beats = text("SELECT min(beat) FROM owners")

            async def beaten() -> int:
                return await two.read(lambda c: int(c.execute(beats).scalar_one()))

            start = await beaten()
            await until(beaten, lambda now: now >= start + 10, what="both show life for two leases")
            assert second.running == frozenset()
            assert first.running == {"x"}
        world.gate("x").set()
        assert (await ended(one, "x")).status is Status.COMPLETED
    one.close()
    two.close()


async def test_a_second_agent_on_a_file_is_refused(sqlite_url: str, world: World, tmp_path: Path) -> None:
    """Only one engine works on a SQLite file."""
    one, two = (Database.open(sqlite_url, Seal.load(tmp_path)) for _ in range(2))
    async with engine_for(one, world, tmp_path):
        with pytest.raises(Conflict):
            async with engine_for(two, world, tmp_path):
                pass
    one.close()
    two.close()


async def test_a_jumping_clock_breaks_nothing(database_url: str, world: World, tmp_path: Path) -> None:
    """With a clock that jumps by years in both directions, tasks run once, in order, and nobody is taken for dead."""
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    database = Database.open(database_url, Seal.load(tmp_path), clock=lambda: moment[0])
    async with engine_for(database, world, tmp_path, slots=1, lease_seconds=0.4):
        await put(database, "x", things=["x"], gated=["x"])
        await world.at("x").wait()
        for years in (5, -5, 20):
            moment[0] += timedelta(days=365 * years)
            await put(database, f"t{years}", things=[f"t{years}"])
        world.gate("x").set()
        for name in ("x", "t5", "t-5", "t20"):
            assert (await ended(database, name)).status is Status.COMPLETED
    assert world.made == ["x", "t5", "t-5", "t20"]
    database.close()


async def test_old_tasks_are_forgotten(database: Database, world: World, tmp_path: Path) -> None:
    """What ended before the retention goes with its log and output when the engine keeps house."""
    await put(database, "old", things=["a"])
    async with engine_for(database, world, tmp_path, retention=None):
        await ended(database, "old")
    await database.run(lambda c: c.execute(text("UPDATE tasks SET updated_at = '2020-01-01T00:00:00.000000Z'")))
    await put(database, "new", things=["b"])
    async with engine_for(database, world, tmp_path, retention=timedelta(days=30)):
        await ended(database, "new")
        await until(
            lambda: database.read(lambda c: queue.find(c, "old")), lambda task: task is None, what="old is gone"
        )
    left = await database.read(
        lambda c: [
            c.execute(text(f"SELECT count(*) FROM {table} WHERE task_id = 'old'")).scalar_one()
            for table in ("task_steps", "task_output")
        ]
    )
    assert left == [0, 0]


async def test_old_rows_of_the_trail_are_forgotten(database: Database, world: World, tmp_path: Path) -> None:
    """The audit trail has a retention of its own; what is younger stays."""
    row = audit.AuditEntry(action="zone.create", method="POST", path="/zones", status=202, target="old")
    await database.run(lambda c: audit.add(c, row))
    await database.run(lambda c: c.execute(text("UPDATE audit SET at = '2020-01-01T00:00:00.000000Z'")) and None)
    await database.run(lambda c: audit.add(c, replace(row, target="new")))

    async def targets() -> list[str | None]:
        return [entry.target for entry in (await database.read(audit.page))[0]]

    async with engine_for(database, world, tmp_path, audit_retention=timedelta(days=365)):
        await until(targets, lambda found: found == ["new"], what="the old row is forgotten")


async def test_a_clock_that_leaps_ahead_has_nothing_forgotten(
    sqlite_url: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is suddenly a year ahead is not believed when it comes to what is old."""
    monkeypatch.setattr("zoneweaver.tasks.engine.HOUSEKEEPING_SECONDS", 0.0)
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    rounds = 0

    class Looked(Database):
        async def look(self) -> None:
            nonlocal rounds
            rounds += 1
            await super().look()

    async def looked() -> int:
        return rounds

    database = Looked.open(sqlite_url, Seal.load(tmp_path), clock=lambda: moment)
    async with engine_for(database, world, tmp_path, retention=timedelta(days=30), poll_seconds=0.01):
        await put(database, "t")
        assert (await ended(database, "t")).status is Status.COMPLETED
        moment += timedelta(days=365)
        start = rounds
        await until(looked, lambda count: count > start + 3, what="the engine keeps house")
        assert (await get(database, "t")).status is Status.COMPLETED
    database.close()


async def test_the_engine_stops_while_idle(database: Database, world: World, tmp_path: Path) -> None:
    """An engine without work ends at once and leaves no owner behind."""
    async with engine_for(database, world, tmp_path) as engine:
        assert isinstance(engine, Engine)
        assert engine.slots == 5
    assert await database.read(lambda c: c.execute(text("SELECT count(*) FROM owners")).scalar_one()) == 0

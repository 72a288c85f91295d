"""Sagas: what is written when, and where it goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from zoneweaver.domain.errors import Failed, Refused
from zoneweaver.tasks.saga import FORWARD_ATTEMPTS, Entry, Event, NoWayBack, Outputs, Step, run
from zoneweaver.testing import MemoryLog

pytestmark = pytest.mark.anyio

Said = list[str]


def step(name: str, *, fails: Callable[[Said], Exception | None] | None = None, **facts: Any) -> Step[Said]:
    """A step that says what it does."""

    async def do(said: Said, outputs: Outputs) -> str:
        said.append(name)
        error = fails(said) if fails else None
        if error is not None:
            raise error
        return f"{name} is done"

    async def undo(said: Said, outputs: Outputs) -> None:
        said.append(f"-{name}")

    return Step(name=name, do=do, undo=facts.pop("undo", undo), **facts)


def always(error: Exception) -> Callable[[Said], Exception]:
    return lambda _said: error


def times(count: int, name: str, error: Exception) -> Callable[[Said], Exception | None]:
    return lambda said: error if said.count(name) <= count else None


async def no_way_back(said: Said, outputs: Outputs) -> None:
    raise NoWayBack("gone")


def events(log: MemoryLog) -> list[str]:
    return [f"{entry.step} {entry.event.value}" for entry in log.written]


async def test_every_step_is_written_before_and_after() -> None:
    """The log has an intention and an outcome for each step, and the outputs are handed on."""
    seen: dict[str, Any] = {}

    async def look(said: Said, outputs: Outputs) -> None:
        seen.update(outputs)

    log = MemoryLog()
    outcome = await run([step("a"), Step(name="b", do=look)], [], log)
    assert outcome.ok
    assert seen == {"a": "a is done"}
    assert events(log) == ["a started", "a done", "b started", "b done"]


async def test_a_failure_undoes_what_may_have_happened() -> None:
    """The failing step is undone too, a refused one is not."""
    said: Said = []
    outcome = await run([step("a"), step("b", fails=always(Failed("no", code="x")))], said, MemoryLog())
    assert (outcome.ok, outcome.failed_at, outcome.error, outcome.code) == (False, "b", "no", "x")
    assert said == ["a", "b", "-b", "-a"]
    said.clear()
    outcome = await run([step("a"), step("b", fails=always(Refused("no")))], said, MemoryLog())
    assert (outcome.failed_at, outcome.code) == ("b", "refused")
    assert said == ["a", "b", "-a"]


async def test_an_undo_that_fails_does_not_stop_the_others() -> None:
    """Every way back is tried; those that failed are named."""

    async def sticks(said: Said, outputs: Outputs) -> None:
        raise OSError("stuck")

    said: Said = []
    steps = [step("a"), step("b", undo=sticks), step("c", fails=always(Failed("no")))]
    log = MemoryLog()
    outcome = await run(steps, said, log)
    assert outcome.stuck == ("b",)
    assert said == ["a", "b", "c", "-c", "-a"]
    assert "b undo_failed" in events(log)


async def test_a_cancellation_between_steps() -> None:
    """A cancellation that comes while no step runs is written as such and unwinds."""
    said: Said = []
    log = MemoryLog()
    with anyio.CancelScope() as scope:

        async def cancels(said: Said, outputs: Outputs) -> None:
            scope.cancel()

        outcome = await run([step("a"), Step(name="b", do=cancels), step("c")], said, log)
    assert (outcome.cancelled, outcome.failed_at) == (True, None)
    assert said == ["a", "-a"]
    assert "- failed" in events(log)


async def test_a_cancellation_does_not_reach_the_way_back() -> None:
    """However often it is asked, the way back is walked to its end."""
    said: Said = []

    async def slow(said: Said, outputs: Outputs) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        said.append("-slow")

    with anyio.CancelScope() as scope:

        async def waits(said: Said, outputs: Outputs) -> None:
            scope.cancel()
            await anyio.sleep_forever()

        steps = [Step(name="slow", do=step("slow").do, undo=slow), Step(name="b", do=waits)]
        outcome = await run(steps, said, MemoryLog())
    assert outcome.cancelled
    assert said == ["slow", "-slow"]


async def test_beyond_the_pivot_only_forwards() -> None:
    """A step that fails after a done pivot is tried again; nothing is undone."""
    said: Said = []
    steps = [step("a"), step("p", pivot=True), step("c", fails=times(2, "c", Failed("later")))]
    outcome = await run(steps, said, MemoryLog())
    assert outcome.ok
    assert said == ["a", "p", "c", "c", "c"]


async def test_a_pivot_that_had_begun_turns_the_way_back_round() -> None:
    """When the way back meets a pivot that cannot return, steps that were undone are done again, and it goes on."""
    said: Said = []
    steps = [
        step("a"),
        step("p", pivot=True, undo=no_way_back, fails=times(1, "p", Failed("half"))),
        step("c"),
    ]
    log = MemoryLog()
    outcome = await run(steps, said, log)
    assert outcome.ok
    assert said == ["a", "p", "p", "c"]
    assert "p forward" in events(log)


async def test_a_pivot_that_did_nothing_is_walked_over() -> None:
    """A pivot that failed before it began to work is undone like any other step."""
    said: Said = []
    outcome = await run([step("a"), step("p", pivot=True, fails=always(Failed("no")))], said, MemoryLog())
    assert not outcome.ok
    assert said == ["a", "p", "-p", "-a"]


async def test_forwards_is_not_for_ever() -> None:
    """Beyond the pivot a step that goes on failing is given up, with all that is not done named."""
    said: Said = []
    steps = [step("p", pivot=True), step("c", fails=always(Failed("never"))), step("d")]
    outcome = await run(steps, said, MemoryLog())
    assert (outcome.ok, outcome.failed_at, outcome.stuck) == (False, "c", ("c", "d"))
    assert said.count("c") == FORWARD_ATTEMPTS


async def test_a_cancellation_beyond_the_pivot_interrupts_only_the_step() -> None:
    """The interrupted step is done again, and the saga comes to its good end."""
    said: Said = []
    with anyio.CancelScope() as scope:

        async def once(said: Said, outputs: Outputs) -> None:
            said.append("c")
            if said.count("c") == 1:
                scope.cancel()
                await anyio.sleep_forever()

        outcome = await run([step("p", pivot=True), Step(name="c", do=once), step("d")], said, MemoryLog())
    assert outcome.ok
    assert said == ["p", "c", "c", "d"]


def log_of(*written: str) -> MemoryLog:
    entries = []
    for text in written:
        name, _, event = text.partition(" ")
        data = {"error": "no", "code": "x", "cancelled": False} if event == "failed" else None
        entries.append(Entry(step=name, event=Event(event), data=data))
    return MemoryLog(entries)


@pytest.mark.parametrize(
    ("written", "then"),
    [
        ([], ["a", "b"]),
        (["a started"], ["a", "b"]),
        (["a started", "a done"], ["b"]),
        (["a started", "a done", "b started"], ["b"]),
        (["a started", "a done", "b started", "b done"], []),
        (["a started", "a done", "b started", "b failed"], ["-b", "-a"]),
        (["a started", "a done", "b started", "b failed", "b undo_started"], ["-b", "-a"]),
        (["a started", "a done", "b started", "b failed", "b undo_started", "b undone"], ["-a"]),
        (["a started", "a done", "b started", "b refused"], ["-a"]),
        (["a started", "a done", "- failed"], ["-a"]),
        (["a started", "a done", "b started", "b failed", "b undo_started", "b undo_failed"], ["-b", "-a"]),
    ],
)
async def test_it_goes_on_where_the_log_ends(written: list[str], then: list[str]) -> None:
    """What is done is not done again, what has only begun is, and a way back is walked on."""
    said: Said = []
    await run([step("a"), step("b")], said, log_of(*written))
    assert said == then


async def test_it_goes_on_beyond_a_pivot() -> None:
    """A log that says that the pivot was passed is carried on forwards, whatever failed afterwards."""
    for written in (
        ["p started", "p done", "c started", "c failed"],
        ["p started", "p failed", "p undo_started", "p forward"],
    ):
        said: Said = []
        outcome = await run([step("p", pivot=True, undo=no_way_back), step("c")], said, log_of(*written))
        assert outcome.ok
        assert "c" in said
        assert not any(word.startswith("-") for word in said)


async def test_a_log_that_cannot_be_written_stops_the_saga() -> None:
    """When the intention cannot be written, the step is not begun and nothing is undone."""

    class Broken(MemoryLog):
        async def append(self, entry: Entry) -> None:
            if entry.step == "b":
                raise OSError("disk full")
            await super().append(entry)

    said: Said = []
    with pytest.raises(OSError, match="disk full"):
        await run([step("a"), step("b")], said, Broken())
    assert said == ["a"]


async def test_begun_is_told() -> None:
    """Who wants to show progress hears of each step as it begins."""
    heard: list[str] = []

    async def begun(one: Step[Said]) -> None:
        heard.append(one.name)

    waiting: Awaitable[Any] = run([step("a"), step("b")], [], MemoryLog(), begun=begun)
    await waiting
    assert heard == ["a", "b"]

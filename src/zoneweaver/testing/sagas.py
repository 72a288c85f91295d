"""What every saga must stand: each step twice, a failure, a cancellation and a death anywhere.

A test says how a fresh world is made; the checks run the saga in as many worlds as there are places to go wrong. In
the end the world is as before (clean) or as after an undisturbed run (complete), never between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import anyio

from zoneweaver.domain.errors import Failed, Refused
from zoneweaver.tasks.saga import Do, NoWayBack, Outcome, Outputs, Step, run
from zoneweaver.testing.logs import Killed, MemoryLog, through_json

C = TypeVar("C")

MOST_DEATHS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial(Generic[C]):
    """A fresh world with a saga to run in it. `state` returns a value that equals another when the worlds are alike."""

    steps: Sequence[Step[C]]
    context: C
    state: Callable[[], Any]


Make = Callable[[], Awaitable[Trial[C]]]
"""Makes the same fresh world each time."""


async def check_saga(make: Make[C]) -> None:
    """Run every check below."""
    await check_twice(make)
    await check_unwinding(make)
    await check_cancelling(make)
    await check_death(make)


async def check_twice(make: Make[C]) -> None:
    """Check that each step does the same when it runs again, and so does each way back."""
    trial = await make()
    clean = trial.state()
    outputs: dict[str, Any] = {}
    for step in trial.steps:
        first = through_json(await step.do(trial.context, outputs))
        once = trial.state()
        second = through_json(await step.do(trial.context, outputs))
        _same(trial.state(), once, f"{step.name} changed something when it ran again")
        _same(second, first, f"{step.name} answered something else when it ran again")
        outputs[step.name] = second
    for step in reversed(trial.steps):
        if step.undo is None:
            continue
        try:
            await step.undo(trial.context, outputs)
        except NoWayBack:
            assert step.pivot, f"{step.name} is no pivot, but shows no way back"  # noqa: S101
            return
        once = trial.state()
        await step.undo(trial.context, outputs)
        _same(trial.state(), once, f"the way back of {step.name} changed something when it ran again")
    _same(trial.state(), clean, "the ways back, one after the other, left something")


async def check_unwinding(make: Make[C]) -> None:
    """Check that a failure after a step's work, or a refusal before it, leaves no trace, wherever it comes."""
    clean, complete, names = await _undisturbed(make)
    for number, name in enumerate(names):
        for said, break_it in (("failed", _fails_after), ("refused", _refuses)):
            trial = await make()
            outcome = await run(_with(trial.steps, number, break_it), trial.context, MemoryLog())
            _ended(trial, outcome, clean, complete, f"after {name} {said}")


async def check_cancelling(make: Make[C]) -> None:
    """Check that a cancellation at any await of a step leaves no trace, or everything beyond a pivot."""
    clean, complete, names = await _undisturbed(make)
    for number, name in enumerate(names):
        place = 0
        reached = True
        while reached:
            place += 1
            trial = await make()
            with anyio.CancelScope() as scope:
                interruption = _Interruption(scope, place)
                steps = _with(trial.steps, number, interruption.within)
                outcome = await run(steps, trial.context, MemoryLog())
            reached = interruption.happened
            _ended(trial, outcome, clean, complete, f"after a cancellation at await {place} of {name}")


async def check_death(make: Make[C]) -> None:
    """Check that a death around any log write, of a run that succeeds or fails anywhere, is carried on to an end."""
    _, _, names = await _undisturbed(make)
    await check_deaths(make, (None, *range(len(names))))


async def check_deaths(make: Make[C], failing: Sequence[int | None]) -> None:
    """Check deaths around any log write of these runs alone: None is one that succeeds, a number the step that fails.

    For sagas of many steps, whose runs are too many for a test; a negative number counts from the last step.
    """
    clean, complete, names = await _undisturbed(make)
    for number in (None if place is None else range(len(names))[place] for place in failing):
        what = "" if number is None else f" of a run in which {names[number]} fails"
        for lost in (False, True):
            for write in range(1, MOST_DEATHS):
                trial = await make()
                steps = trial.steps if number is None else _with(trial.steps, number, _fails_after)
                log = MemoryLog(die_at=write, lost=lost)
                try:
                    outcome = await run(steps, trial.context, log)
                    died = False
                except Killed:
                    outcome = await run(steps, trial.context, MemoryLog(log.written))
                    died = True
                _ended(trial, outcome, clean, complete, f"after a death at log write {write}{what}")
                if not died:
                    break


async def _undisturbed(make: Make[C]) -> tuple[Any, Any, tuple[str, ...]]:
    trial = await make()
    clean = trial.state()
    outcome = await run(trial.steps, trial.context, MemoryLog())
    assert outcome.ok, f"the saga does not even end well undisturbed: {outcome}"  # noqa: S101
    return clean, trial.state(), tuple(step.name for step in trial.steps)


def _with(steps: Sequence[Step[C]], number: int, change: Callable[[Do[C]], Do[C]]) -> Sequence[Step[C]]:
    return [replace(step, do=change(step.do)) if place == number else step for place, step in enumerate(steps)]


def _fails_after(do: Do[C]) -> Do[C]:
    """Fail once after the work is done: a step beyond a pivot succeeds when it is tried again."""
    done = 0

    async def failing(context: C, outputs: Outputs) -> Any:
        nonlocal done
        done += 1
        output = await do(context, outputs)
        if done == 1:
            raise Failed("broken by the check")
        return output

    return failing


def _refuses(do: Do[C]) -> Do[C]:
    asked = 0

    async def refusing(context: C, outputs: Outputs) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Refused("refused by the check")
        return await do(context, outputs)

    return refusing


class _Interruption:
    """Cancels a scope when a coroutine suspends for the n-th time."""

    def __init__(self, scope: anyio.CancelScope, place: int) -> None:
        self._scope = scope
        self._left = place
        self.happened = False

    def within(self, do: Do[C]) -> Do[C]:
        async def interrupted(context: C, outputs: Outputs) -> Any:
            return await _Stepped(do(context, outputs), self._suspended)

        return interrupted

    def _suspended(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.happened = True
            self._scope.cancel()


class _Stepped:
    """Awaits something, telling of each suspension."""

    def __init__(self, awaited: Awaitable[Any], suspended: Callable[[], None]) -> None:
        self._awaited = awaited
        self._suspended = suspended

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._awaited.__await__()
        sent: Any = None
        thrown: BaseException | None = None
        while True:
            try:
                waited = next(inner) if thrown is None else inner.throw(thrown)
            except StopIteration as end:
                return end.value
            self._suspended()
            thrown = None
            try:
                sent = yield waited
            except BaseException as error:  # noqa: BLE001 - it belongs inside
                thrown = error
            assert sent is None  # noqa: S101 - asyncio sends nothing


def _ended(trial: Trial[C], outcome: Outcome, clean: Any, complete: Any, when: str) -> None:
    assert not outcome.stuck, f"{when}: stuck at {', '.join(outcome.stuck)}: {outcome.error}"  # noqa: S101
    if outcome.ok:
        _same(trial.state(), complete, f"{when}: it says that it ended well, but the world is not complete")
    else:
        _same(trial.state(), clean, f"{when}: something is left")


def _same(found: Any, wanted: Any, what: str) -> None:
    if isinstance(found, dict) and isinstance(wanted, dict):  # show only where they part
        differing = {key for key in {*found, *wanted} if found.get(key) != wanted.get(key)}
        found = {key: value for key, value in found.items() if key in differing}
        wanted = {key: value for key, value in wanted.items() if key in differing}
    assert found == wanted, f"{what}\n  is:        {found}\n  should be: {wanted}"  # noqa: S101

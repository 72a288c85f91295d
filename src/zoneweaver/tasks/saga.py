"""Sagas: a task as a list of steps, each with a way back, remembered in an intent log.

Before a step the log says `started`, after it what came of it. A failure walks back over everything that may have
happened, except what the host refused before touching anything. A pivot is the step from which there is no way back
(data is gone): once it has begun to work, the saga goes forward, step by step, until it is through.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import anyio

from zoneweaver.domain.errors import AgentError, Cancelled, Failed, Refused

C = TypeVar("C")

Outputs = Mapping[str, Any]
Do = Callable[[C, Outputs], Awaitable[Any]]
Undo = Callable[[C, Outputs], Awaitable[None]]

FORWARD_ATTEMPTS = 4
"""How often a step beyond the pivot is tried before the task gives up and names it."""

BETWEEN_STEPS = "-"
"""The name under which the log keeps a cancellation that came while no step was running."""


class NoWayBack(Failed):
    """Raised by the undo of a pivot: it has begun to work, and only going on makes sense."""

    code = "no_way_back"


class Event(enum.StrEnum):
    """What the intent log can say of a step."""

    STARTED = "started"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNDO_STARTED = "undo_started"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"
    FORWARD = "forward"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of the intent log; `data` is a step's output, or `{"error", "code", "cancelled"}`."""

    step: str
    event: Event
    data: Any = None


class SagaLog(Protocol):
    """Where a saga remembers: the task_steps table, or a list in tests. An append is durable when it returns."""

    async def entries(self) -> Sequence[Entry]:
        """Return what was written, in order."""
        ...

    async def append(self, entry: Entry) -> None:
        """Write one line."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Step(Generic[C]):
    """One step. `do` ensures (it may run twice), `undo` ensures not (it may run twice, or with nothing there)."""

    name: str
    do: Do[C]
    undo: Undo[C] | None = None
    progress: int | None = None
    """Percent that the task reports when the step begins."""
    status: str | None = None
    """`progress_info.status` while the step runs."""
    planned: tuple[Any, ...] = ()
    """The host commands that `do` runs on an untroubled host, for `?dry_run=true`."""
    planned_undo: tuple[Any, ...] = ()
    pivot: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a person should know of the step beforehand; shown in plans beside its commands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a saga ended. `stuck` names the steps whose undo failed, or that could not be finished: look there."""

    ok: bool
    outputs: Outputs = field(default_factory=dict)
    failed_at: str | None = None
    error: str | None = None
    code: str | None = None
    cancelled: bool = False
    stuck: tuple[str, ...] = ()


Begun = Callable[[Step[C]], Awaitable[None]]
"""Told when a step begins, so that progress can be shown."""


@dataclass(slots=True)
class _Run(Generic[C]):
    """A saga under way; everything here is a fold over the log."""

    steps: Sequence[Step[C]]
    context: C
    log: SagaLog
    begun: Begun[C] | None
    outputs: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Event] = field(default_factory=dict)
    failure: tuple[str, dict[str, Any]] | None = None
    forward: bool = False
    interrupted: bool = False

    def failed(self) -> bool:
        return self.failure is not None

    def fold(self, entry: Entry) -> None:
        self.last[entry.step] = entry.event
        if entry.event is Event.DONE:
            self.outputs[entry.step] = entry.data
            if any(step.pivot and step.name == entry.step for step in self.steps):
                self.forward = True
        elif entry.event in {Event.FAILED, Event.REFUSED} and not self.forward:
            self.failure = (entry.step, entry.data or {})
        elif entry.event is Event.FORWARD:
            self.failure, self.forward = None, True

    async def write(self, step: str, event: Event, data: Any = None) -> None:
        entry = Entry(step=step, event=event, data=data)
        with anyio.CancelScope(shield=True):
            await self.log.append(entry)
        self.fold(entry)

    async def carry_out(self) -> Outcome:
        while True:
            if not self.failed():
                given_up = await self.go_on()
                if not self.failed():
                    return Outcome(ok=True, outputs=self.outputs) if given_up is None else given_up
            stuck_steps = await self.walk_back()
            if self.failure is None:  # the pivot had begun: forward again
                continue
            step, data = self.failure
            return Outcome(
                ok=False,
                outputs=self.outputs,
                failed_at=None if step == BETWEEN_STEPS else step,
                error=data.get("error", "failed"),
                code=data.get("code"),
                cancelled=bool(data.get("cancelled")),
                stuck=stuck_steps,
            )

    async def go_on(self) -> Outcome | None:
        """Do the steps that are not done. Returns an outcome only when it gave up beyond the pivot."""
        for step in self.steps:
            if self.last.get(step.name) is Event.DONE:
                continue
            attempts = 0
            while True:
                with anyio.CancelScope(shield=self.forward and self.interrupted):
                    facts = await self.attempt(step)
                if facts is None:
                    break
                attempts += 0 if facts["cancelled"] else 1
                if not self.forward:
                    return None  # `failure` is set
                if attempts >= FORWARD_ATTEMPTS:
                    return Outcome(
                        ok=False,
                        outputs=self.outputs,
                        failed_at=step.name,
                        error=facts["error"],
                        code=facts["code"],
                        stuck=tuple(item.name for item in self.steps if self.last.get(item.name) is not Event.DONE),
                    )
        return None

    async def attempt(self, step: Step[C]) -> dict[str, Any] | None:
        """Run one step once; return the facts of its failure, or None when it is done."""
        if not self.forward:
            try:
                await anyio.lowlevel.checkpoint_if_cancelled()
            except anyio.get_cancelled_exc_class():
                self.interrupted = True
                facts = explain(Cancelled("Cancelled"))
                await self.write(BETWEEN_STEPS, Event.FAILED, facts)
                return facts
        await self.write(step.name, Event.STARTED)
        try:
            if self.begun is not None:
                await self.begun(step)
            output = await step.do(self.context, self.outputs)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the way back is the same
            facts = explain(error)
            await self.write(step.name, Event.REFUSED if isinstance(error, Refused) else Event.FAILED, facts)
            return facts
        except anyio.get_cancelled_exc_class():
            self.interrupted = True
            facts = explain(Cancelled("Cancelled"))
            await self.write(step.name, Event.FAILED, facts)
            return facts
        await self.write(step.name, Event.DONE, output)
        return None

    async def walk_back(self) -> tuple[str, ...]:
        """Undo, from the end, whatever may have happened. Clears `failure` when a pivot shows no way back."""
        stuck: list[str] = []
        with anyio.CancelScope(shield=True):
            for step in reversed(self.steps):
                if step.undo is None or self.last.get(step.name) in {None, Event.REFUSED, Event.UNDONE}:
                    continue
                await self.write(step.name, Event.UNDO_STARTED)
                try:
                    await step.undo(self.context, self.outputs)
                except NoWayBack:
                    await self.write(step.name, Event.FORWARD)
                    return ()
                except Exception as error:  # noqa: BLE001 - one undo that fails must not stop the others
                    stuck.append(step.name)
                    await self.write(step.name, Event.UNDO_FAILED, explain(error))
                else:
                    await self.write(step.name, Event.UNDONE)
        return tuple(stuck)


def explain(error: BaseException) -> dict[str, Any]:
    """Return the facts of an error as the log keeps them; errors of ours speak for themselves."""
    if isinstance(error, AgentError):
        return {"error": error.message, "code": error.code, "cancelled": isinstance(error, Cancelled)}
    return {"error": f"{type(error).__name__}: {error}", "code": "unexpected", "cancelled": False}


async def run(steps: Sequence[Step[C]], context: C, log: SagaLog, *, begun: Begun[C] | None = None) -> Outcome:
    """Run the steps, or carry on from where the log ends; returns when the saga is through, forwards or backwards.

    The caller's cancel scope is what stops a saga: the step inside is interrupted (its process group dies) and the
    saga unwinds; beyond a pivot a cancellation only interrupts the step, which is then done again.
    """
    saga = _Run(steps=steps, context=context, log=log, begun=begun)
    for entry in await log.entries():
        saga.fold(entry)
    return await saga.carry_out()

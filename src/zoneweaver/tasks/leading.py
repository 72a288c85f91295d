"""Leading one task: wait for what a dead agent left, survey, saga; whatever happens is an outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio
import structlog

from zoneweaver.domain.errors import AgentError, Cancelled, Failed, Unavailable
from zoneweaver.domain.tasks import Status
from zoneweaver.host import script
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Unsealable
from zoneweaver.tasks import saga
from zoneweaver.tasks.context import Context, Hosting
from zoneweaver.tasks.guard import Guard
from zoneweaver.tasks.journal import Journal, SetAside
from zoneweaver.tasks.operation import SURVEY, Operation
from zoneweaver.tasks.queue import Claimed, Progress
from zoneweaver.tasks.saga import Entry, Event, Outcome

log = structlog.get_logger()

KILLED_SECONDS = 10.0
"""How long a killed process may take to be gone."""


class StillRunning(Failed):
    """A command of a dead agent could not be ended, so that nothing of its task may be touched."""

    code = "command_still_running"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a task's row ends."""

    status: Status
    progress: Progress
    error: str | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Leader:
    """What leading a task takes; `lent` gives a task's slot away while it only waits."""

    database: Database
    host: Hosting
    files: ConfigFiles
    operations: Mapping[str, Operation]
    lent: Callable[[], AbstractAsyncContextManager[None]]
    guard_seconds: float

    async def lead(self, claimed: Claimed, journal: Journal, guard: Guard) -> Outcome:
        """Lead the task through survey and saga. Raises SetAside and LostTask; everything else is an outcome."""
        operation = self.operations.get(claimed.task.operation)
        if operation is None:
            return _failed(Failed(f"This agent knows no operation {claimed.task.operation}", code="unknown_operation"))
        try:
            params = claimed.params(self.database.seal)
            await journal.read()
            if claimed.attempt > 1:
                await self._wait_for_the_dead(journal, guard)
        except Unavailable as error:
            raise SetAside from error
        except (Unsealable, AgentError, OSError) as error:
            return _failed(error, stuck=_touched(await journal.entries()))
        context = Context(
            task_id=claimed.task.id,
            zone_name=claimed.task.zone_name,
            params=params,
            created_by=claimed.task.created_by,
            metadata=claimed.task.metadata,
            attempt=claimed.attempt,
            host=self.host,
            database=self.database,
            files=self.files,
            guard=guard.handle,
            journal=journal,
            release=self.lent,
        )
        outcome: Outcome | None = None
        with journal.scope:
            if journal.cancelled:
                journal.scope.cancel()
            outcome = await self._survey_and_run(operation, context, journal)
        if outcome is None:  # interrupted in the survey: nothing has been changed
            if not journal.cancelled:
                raise SetAside
            return _failed(Cancelled("Cancelled"))
        return outcome

    async def _survey_and_run(self, operation: Operation, context: Context, journal: Journal) -> Outcome:
        entries = await journal.entries()
        surveys = [entry.data for entry in entries if entry.step == SURVEY and entry.event is Event.DONE]
        try:
            if surveys:
                survey = surveys[-1]
            else:
                seal = self.database.seal
                survey = seal.loads(seal.dumps(await operation.survey(context)))
                await journal.append(Entry(step=SURVEY, event=Event.DONE, data=survey))
            steps = operation.steps(context, survey)
        except SetAside:
            raise
        except Exception as error:
            if not isinstance(error, AgentError):
                log.exception("the survey broke")
            return _failed(error, stuck=_touched(entries))
        journal.expect(steps)
        return await saga.run(steps, context, journal)

    async def _wait_for_the_dead(self, journal: Journal, guard: Guard) -> None:
        """Return when no command of an earlier attempt lives. Raises StillRunning when one cannot be ended."""
        deadline, pause = time.monotonic() + self.guard_seconds, 0.02
        killed = False
        while not guard.take():
            if journal.stopping:
                raise SetAside
            if not killed and (journal.cancelled or time.monotonic() > deadline):
                killed = True
                log.warning("killing what a dead agent left", processes=guard.kill_holders())
                deadline = time.monotonic() + KILLED_SECONDS
            elif killed and time.monotonic() > deadline:
                raise StillRunning("A command that a dead agent started is still running and cannot be ended")
            journal.progress(None, {"status": "waiting_for_command"})
            with anyio.CancelScope(shield=True):
                await anyio.sleep(pause)
            pause = min(2 * pause, 1.0)
        script.clear(self.host.scratch)


def ending(outcome: Outcome, shown: Progress) -> Ending:
    """Return the end that a task's row gets; what is stuck or left is named, and the facts that were told last stay."""
    told = {name: value for name, value in shown.info.items() if name != "status"}
    if outcome.ok:
        return Ending(status=Status.COMPLETED, progress=Progress(percent=100, info={**told, "status": "completed"}))
    status = Status.CANCELLED if outcome.cancelled and not outcome.stuck else Status.FAILED
    facts = {"failed_at": outcome.failed_at, "code": outcome.code, "stuck": list(outcome.stuck)}
    info = {**told, "status": status.value, **{name: value for name, value in facts.items() if value}}
    error = outcome.error
    if outcome.stuck:
        error = f"{error}; look at what is left of: {', '.join(outcome.stuck)}"
    return Ending(status=status, progress=Progress(percent=shown.percent, info=info), error=error, code=outcome.code)


def _failed(error: Exception, *, stuck: tuple[str, ...] = ()) -> Outcome:
    facts = saga.explain(error)
    return Outcome(ok=False, error=facts["error"], code=facts["code"], cancelled=facts["cancelled"], stuck=stuck)


def _touched(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the steps that have left something, when nobody can say any more how to undo them."""
    last = {entry.step: entry.event for entry in entries}
    return tuple(
        step
        for step, event in last.items()
        if step not in {SURVEY, saga.BETWEEN_STEPS} and event not in {Event.UNDONE, Event.REFUSED}
    )

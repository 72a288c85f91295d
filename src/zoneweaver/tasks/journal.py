"""What a running task writes: its intent log, output and progress, in as few transactions as are honest.

An intention (`started`, `undo_started`, `forward`) is on the disk before the step runs. An outcome may wait for the
next intention or for the end of the task: when the agent dies in between, the step is run again, which is what every
step must be able to do anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import anyio
from sqlalchemy import Connection

from zoneweaver.domain.errors import Unavailable
from zoneweaver.store.database import Database
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.queue import Line, Progress
from zoneweaver.tasks.saga import Entry, Event, Step

INTENTIONS: Final = frozenset({Event.STARTED, Event.UNDO_STARTED, Event.FORWARD})

PATIENCE_SECONDS: Final = 60.0
"""How long a task waits for a database that cannot be written before it is set aside, to be carried on later."""

LONGEST_PIECE: Final = 32 * 1024
"""Characters of output that are put together in one row."""


MOST_STAGES: Final = 32
"""Stages of progress between two writes that listeners hear of; a task that tells more tells too much."""


class SetAside(Exception):
    """The agent stops, or the database is away: the task stays as its log says, and is carried on later."""


class Journal:
    """The journal of one task at work. Everything here happens in the event loop."""

    def __init__(
        self,
        database: Database,
        claimed: queue.Claimed,
        owner: str,
        *,
        output_limit: int,
        dirty: Callable[[Journal], None],
    ) -> None:
        self._database = database
        self._task_id = claimed.task.id
        self._owner = owner
        self._fresh = claimed.attempt == 1
        self._limit = output_limit
        self._written = 0
        self._dirty = dirty
        self._log: list[Entry] = []
        self._entries: list[Entry] = []
        self._lines: list[Line] = []
        self._progress: list[Progress] = []
        self._at_start: dict[str, Progress] = {}
        self._one_at_a_time = anyio.Lock()
        self._broken: Exception | None = None
        """Why something could not be written: it must not be followed by anything, whoever noticed it first."""
        self.shown = Progress(percent=claimed.task.progress_percent, info=claimed.task.progress_info)
        self.stopping = False
        """Set when the agent stops: the next intention is not written any more."""
        self.cancelled = claimed.task.cancel_requested
        """Whether somebody asked for the task to be cancelled; any other cancellation is the agent's own end."""
        self.scope = anyio.CancelScope()
        """The saga runs inside it."""

    def cancel(self) -> None:
        """Interrupt the saga because somebody asked for it."""
        self.cancelled = True
        self.scope.cancel()

    async def read(self) -> None:
        """Read what earlier attempts wrote; a first attempt has nothing to read."""
        if not self._fresh:
            self._log, self._written = await self._database.read(
                lambda c: (history.entries(c, self._task_id), history.output_size(c, self._task_id))
            )

    def expect(self, steps: Sequence[Step[Context]]) -> None:
        """Learn what progress each step means, to write it together with the step's start."""
        percent = self.shown.percent
        for step in steps:
            percent = percent if step.progress is None else step.progress
            self._at_start[step.name] = Progress(percent=percent, info={"status": step.status or step.name})

    async def entries(self) -> Sequence[Entry]:
        """Return the intent log."""
        return list(self._log)

    async def append(self, entry: Entry) -> None:
        """Write to the intent log. Raises SetAside and LostTask."""
        cancelled = entry.event is Event.FAILED and bool((entry.data or {}).get("cancelled"))
        if cancelled and not self.cancelled:
            raise SetAside
        self._log.append(entry)
        if self.stopping and entry.event in INTENTIONS:
            await self.flush()
            raise SetAside
        self._entries.append(entry)
        if entry.event is Event.STARTED and entry.step in self._at_start:
            self._show(self._at_start[entry.step])
        if entry.event in INTENTIONS:
            await self.flush()

    def line(self, stream: str, data: str) -> None:
        """Add a piece of output; beyond the limit it is dropped, with one line that says so."""
        if self._written > self._limit or not data:
            return
        room = self._limit - self._written
        self._written += len(data)
        last = self._lines[-1] if self._lines else None
        if last is not None and last.stream == stream and len(last.data) + len(data) <= LONGEST_PIECE:
            self._lines[-1] = Line(stream=stream, data=last.data + data[:room])
        elif room:
            self._lines.append(Line(stream=stream, data=data[:room]))
        if len(data) > room:
            self._lines.append(Line(stream="log", data=f"[output is longer than {self._limit} characters]\n"))
        self._dirty(self)

    def progress(self, percent: int | None, info: Mapping[str, Any]) -> None:
        """Set the progress; None keeps the percentage."""
        self._show(Progress(percent=self.shown.percent if percent is None else percent, info=info))
        self._dirty(self)

    async def flush(self) -> None:
        """Write what waits; returns when it is durable. Raises SetAside and LostTask."""
        async with self._one_at_a_time:
            if self._broken is not None:
                raise self._broken
            entries, lines, progress = self._take()
            if not (entries or lines or progress):
                return

            def write(c: Connection) -> bool:
                return queue.record(c, self._task_id, self._owner, entries=entries, lines=lines, progress=progress)

            try:
                asked_to_stop = await self._insist(write)
            except Exception as error:
                if entries or isinstance(error, queue.LostTask | SetAside):
                    self._broken = error
                raise
            if asked_to_stop and not self.cancelled:
                self.cancel()

    async def close(self, ending: Callable[[Connection], Any]) -> Any:
        """Write what waits and the end of the task in one transaction. Raises SetAside and LostTask."""
        async with self._one_at_a_time:
            if self._broken is not None:
                raise self._broken
            entries, lines, progress = self._take()

            def write(c: Connection) -> Any:
                if entries or lines or progress:
                    queue.record(c, self._task_id, self._owner, entries=entries, lines=lines, progress=progress)
                return ending(c)

            return await self._insist(write)

    def _show(self, progress: Progress) -> None:
        if progress != self.shown:
            self.shown = progress
            self._progress = [*self._progress[1 - MOST_STAGES :], progress]

    def _take(self) -> tuple[list[Entry], list[Line], list[Progress]]:
        taken = self._entries, self._lines, self._progress
        self._entries, self._lines, self._progress = [], [], []
        return taken

    async def _insist(self, write: Callable[[Connection], Any]) -> Any:
        """Write, trying again while the database is away. Raises SetAside when patience or the agent's time is out."""
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.1
        while True:
            try:
                return await self._database.run(write)
            except Unavailable as error:
                if self.stopping or time.monotonic() > deadline:
                    raise SetAside from error
            with anyio.CancelScope(shield=True):
                await anyio.sleep(pause)
            pause = min(2 * pause, 2.0)

"""What a step is given: its task, the host, the database, and a place to say how it goes."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from zoneweaver.domain.errors import Refused
from zoneweaver.host.command import Command, Completed, Query
from zoneweaver.host.terminal import Terminal
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store.database import Database

T = TypeVar("T")


class Hosting(Protocol):
    """What tasks need of a host."""

    @property
    def scratch(self) -> Path:
        """A folder of the agent's own."""
        ...

    async def run(
        self, command: Command, *, heard: Callable[[str, str], None] | None = None, guard: int | None = None
    ) -> Completed:
        """Run a command; tell its output as it comes, let it inherit `guard`."""
        ...

    async def ask(self, query: Query[T]) -> T:
        """Ask and parse the answer."""
        ...

    def attach(self, command: Command, *, guard: int | None = None) -> AbstractAsyncContextManager[Terminal]:
        """Run a command at a terminal for the length of a block; let it inherit `guard`."""
        ...

    def path(self, absolute: str) -> Path:
        """Return where a path of the host is."""
        ...


class Journal(Protocol):
    """Where a context writes output and progress; the engine's is durable within a moment."""

    def line(self, stream: str, data: str) -> None:
        """Add a piece of output."""
        ...

    def progress(self, percent: int | None, info: Mapping[str, Any]) -> None:
        """Set the progress; None keeps the percentage."""
        ...


class Silence:
    """A journal for plans: nothing is kept."""

    def line(self, stream: str, data: str) -> None:
        """Drop it."""

    def progress(self, percent: int | None, info: Mapping[str, Any]) -> None:
        """Drop it."""


def _no_guard() -> None:
    """Plans run nothing that could outlive them."""


@asynccontextmanager
async def _no_slot() -> AsyncIterator[None]:
    yield


@dataclass(kw_only=True, slots=True)
class Context:
    """One task at work. `params` is all that was asked, secrets as `Secret`."""

    task_id: str
    zone_name: str | None
    params: Mapping[str, Any]
    host: Hosting
    database: Database
    files: ConfigFiles
    created_by: str = "system"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    dry: bool = False
    """Whether this is a plan: asking is allowed, changing is refused."""
    attempt: int = 1
    """Which time the task is begun; more than 1 after a death."""
    guard: Callable[[], int | None] = _no_guard
    """Gives the file descriptor that commands inherit; its lock tells whether any of them still lives."""
    journal: Journal = field(default_factory=Silence)
    release: Callable[[], AbstractAsyncContextManager[None]] = _no_slot

    @property
    def resumed(self) -> bool:
        """Whether the task is carried on after a death, so that its steps may have been done in part."""
        return self.attempt > 1

    @property
    def zone(self) -> str:
        """The zone's name, for operations that always have one."""
        if self.zone_name is None:
            raise Refused("This task names no zone")
        return self.zone_name

    async def run(self, command: Command, *, heard: Callable[[str, str], None] | None = None) -> Completed:
        """Run a command that may change the host; its line and output go to the task's output, or to `heard`.

        Raises CommandFailed, CommandTimeout, CommandMissing; Refused in a plan, when the command changes something.
        """
        if self.dry and command.changes:
            raise Refused(f"{command.argv[0]} changes the host, which a plan does not")
        self.journal.line("command", spoken(command))
        return await self.host.run(command, heard=heard or self.journal.line, guard=self.guard())

    async def ask(self, query: Query[T]) -> T:
        """Ask the host; the answer does not go to the task's output. Raises as `run` does, and Unparseable."""
        return await self.host.ask(query)

    def attach(self, command: Command) -> AbstractAsyncContextManager[Terminal]:
        """Run a command at a terminal for the length of a block; its line goes to the task's output.

        Raises CommandMissing; Refused in a plan.
        """
        if self.dry:
            raise Refused(f"{command.argv[0]} is not run for a plan")
        self.journal.line("command", spoken(command))
        return self.host.attach(command, guard=self.guard())

    async def say(self, text: str, stream: str = "log") -> None:
        """Add a line to the task's output."""
        self.journal.line(stream, text if text.endswith("\n") else f"{text}\n")

    async def progress(self, percent: int | None, status: str | None = None, **info: Any) -> None:
        """Set the task's progress; `status` is the word in `progress_info`, None keeps the percentage."""
        self.journal.progress(percent, info if status is None else {"status": status, **info})

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Give the slot to other tasks while this one only waits; it is taken back at the end of the block."""
        return self.release()


def spoken(command: Command) -> str:
    """Return the line that shows a command in a task's output, secrets masked."""
    shown = command.shown()
    words = " ".join(shlex.quote(word) for word in shown["argv"])
    if "pipe_to" in shown:
        words += " | " + " ".join(shlex.quote(word) for word in shown["pipe_to"])
    script = "".join(f"  {line}\n" for line in shown.get("script", ()))
    return f"{words}\n{script}"

"""A host that answers by script, for tests that want no processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, TypeVar

import anyio

from zoneweaver.domain.errors import AgentError, CommandFailed, CommandMissing
from zoneweaver.host.command import Command, Completed, Query
from zoneweaver.host.terminal import Terminal

T = TypeVar("T")

Answer = str | AgentError | Callable[[Command], Awaitable[str]]
"""What a command prints, the error it ends with, or a function that returns the one or raises the other."""


class ScriptedHost:
    """Answers each command by the longest script entry that its argv begins with; remembers what was said."""

    def __init__(self, root: Path, answers: dict[tuple[str, ...], Answer] | None = None) -> None:
        self.root: Final = root
        self.scratch: Final = root / "scratch"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.answers = dict(answers or {})
        self.said: list[Command] = []

    def path(self, absolute: str) -> Path:
        """Return where a path of the host is."""
        return self.root / absolute.lstrip("/")

    async def run(
        self,
        command: Command,
        *,
        heard: Callable[[str, str], None] | None = None,
        guard: int | None = None,  # noqa: ARG002 - nothing outlives a script
    ) -> Completed:
        """Answer by the script. Raises CommandFailed (exit 127) for what it does not know.

        A failure by the script whose exit status the command takes for an answer is one.
        """
        self.said.append(command)
        await anyio.lowlevel.checkpoint()
        begins = [entry for entry in self.answers if command.argv[: len(entry)] == entry]
        if not begins:
            raise CommandFailed(argv=command.argv, exit_status=127, stderr="not in the script")
        answer = self.answers[max(begins, key=len)]
        try:
            if isinstance(answer, AgentError):
                raise answer
            text = answer if isinstance(answer, str) else await answer(command)
        except CommandFailed as failed:
            if failed.exit_status not in command.ok:
                raise
            return Completed(
                argv=command.argv, exit_status=failed.exit_status, stdout="", stderr=failed.stderr, seconds=0.0
            )
        if heard is not None and text:
            heard("stdout", text)
        return Completed(argv=command.argv, exit_status=0, stdout=text, stderr="", seconds=0.0)

    def attach(
        self,
        command: Command,
        *,
        guard: int | None = None,  # noqa: ARG002 - nothing outlives a script
    ) -> AbstractAsyncContextManager[Terminal]:
        """Raise CommandMissing: nobody sits at a script's terminal."""
        self.said.append(command)
        raise CommandMissing(command=command.argv[0], reason="not in the script")

    async def ask(self, query: Query[T]) -> T:
        """Answer by the script and parse."""
        return query.parse(await self.run(query.command))

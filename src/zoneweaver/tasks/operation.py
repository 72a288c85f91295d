"""What the engine asks of an operation: look first, then say the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from zoneweaver.domain.tasks import Kind
from zoneweaver.host.command import Command
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step

Survey = Mapping[str, Any]
"""What a survey found: JSON-like (it goes through the intent log), secrets as `Secret`."""

SURVEY: str = "survey"
"""The step under which the log keeps the survey's answer."""


class Operation(Protocol):
    """One kind of task. It holds no state: all that it knows is in the context, the survey and the host."""

    kind: Kind

    async def survey(self, ctx: Context) -> Survey:
        """Ask what the steps need to know, and change nothing; what it raises ends the task with nothing to undo.

        Asked once per task: when a task is carried on after a death, the answer comes from the log.
        """
        ...

    def steps(self, ctx: Context, survey: Survey) -> Sequence[Step[Context]]:
        """Say the steps. Pure: the same context and survey give the same steps, also in another process."""
        ...


async def plan(operation: Operation, ctx: Context) -> list[dict[str, Any]]:
    """Survey, and return the plan as `?dry_run=true` shows it: per step the commands and the way back, masked.

    `commands` and `undo` are argv lists; a pipe is two of them. `scripts` are what commands are given to read: the word
    `{script}` in an argv stands for the file's path.
    """
    found = await operation.survey(ctx)
    return [_shown(step) for step in operation.steps(ctx, found)]


def _shown(step: Step[Context]) -> dict[str, Any]:
    commands: Sequence[Command] = step.planned
    undo: Sequence[Command] = step.planned_undo
    shown: dict[str, Any] = {
        "step": step.name,
        "commands": [argv for command in commands for argv in _argvs(command)],
        "undo": [argv for command in undo for argv in _argvs(command)],
        **step.facts,
    }
    scripts = [command.script.shown() for command in commands if command.script is not None]
    if scripts:
        shown["scripts"] = scripts
    return shown


def _argvs(command: Command) -> list[list[str]]:
    return [list(command.argv)] if command.pipe_to is None else [list(command.argv), list(command.pipe_to)]

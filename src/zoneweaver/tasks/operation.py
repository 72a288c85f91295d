"""What the engine asks of an operation: look first, then say the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from zoneweaver.domain.secret import masked
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
    """Survey, and return the plan as `?dry_run=true` shows it: per step the commands and the way back, masked."""
    found = await operation.survey(ctx)
    return [
        {"step": step.name, "commands": _shown(step.planned), "undo": _shown(step.planned_undo)}
        for step in operation.steps(ctx, found)
    ]


def _shown(planned: Sequence[Any]) -> list[Any]:
    """Show a plain command as its argv, one with a script or a pipe as an object, anything else as it is."""
    shown: list[Any] = []
    for item in planned:
        if not isinstance(item, Command):
            shown.append(masked(item))
            continue
        whole = item.shown()
        shown.append(whole["argv"] if len(whole) == 1 else whole)
    return shown

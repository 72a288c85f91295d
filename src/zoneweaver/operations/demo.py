"""demo: a saga that waits until it is told to go on, to try cancellation, death and recovery by hand.

Each of its steps makes a file `demo-<task>-<n>` in the host's /tmp and waits for `demo-<task>-go-<n>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from zoneweaver.domain.tasks import Kind
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class Demo:
    """Wait, step by step. Parameters: `steps` (how many, default 1)."""

    kind = Kind.DEMO

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Decide how many steps there are."""
        return {"steps": int(ctx.params.get("steps", 1))}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the steps."""
        return [_step(number, survey["steps"]) for number in range(survey["steps"])]


def _step(number: int, count: int) -> Step[Context]:
    def files(ctx: Context) -> tuple[Path, Path]:
        place = ctx.host.path("/tmp")  # noqa: S108 - of the host, by agreement with whoever tries this
        return place / f"demo-{ctx.task_id}-{number}", place / f"demo-{ctx.task_id}-go-{number}"

    async def do(ctx: Context, _: Outputs) -> None:
        here, go_on = files(ctx)
        here.touch()
        async with ctx.waiting():
            while not go_on.exists():  # noqa: ASYNC110 - a file is what a person can make by hand
                await anyio.sleep(0.05)

    async def undo(ctx: Context, _: Outputs) -> None:
        for path in files(ctx):
            path.unlink(missing_ok=True)

    return Step(name=f"wait {number}", do=do, undo=undo, progress=100 * number // count, status="waiting")

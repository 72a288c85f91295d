"""Operations and an engine for tests: what a task does is said by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from zoneweaver.domain.tasks import Kind, NewTask
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store.database import Database
from zoneweaver.tasks import queue
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.engine import Engine
from zoneweaver.tasks.events import Events
from zoneweaver.tasks.saga import Outputs, Step
from zoneweaver.testing import ScriptedHost

KINDS = tuple(kind.value for kind in Kind)

Work = Callable[[Context], Awaitable[Any]]


@dataclass
class World:
    """What steps have made, and where each one waits."""

    made: list[str] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)
    gates: dict[str, anyio.Event] = field(default_factory=dict)
    reached: dict[str, anyio.Event] = field(default_factory=dict)

    def gate(self, name: str) -> anyio.Event:
        return self.gates.setdefault(name, anyio.Event())

    def at(self, name: str) -> anyio.Event:
        return self.reached.setdefault(name, anyio.Event())

    async def wait_at(self, name: str) -> None:
        """Say that a step is here, and stay until the gate opens."""
        self.at(name).set()
        await self.gate(name).wait()


class Making:
    """Makes `params["things"]`, one a step; waits in those of `gated`, fails at `fails`, cannot undo `stuck`."""

    kind = Kind.DEMO

    def __init__(self, world: World) -> None:
        self.world = world

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        self.world.happened.append("survey")
        if ctx.params.get("survey_fails"):
            raise LookupError("nothing to see")
        if ctx.params.get("survey_waits"):
            await self.world.wait_at("survey")
        return {"things": list(ctx.params.get("things", ["a", "b", "c"]))}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        return [self._step(name, number) for number, name in enumerate(survey["things"])]

    def _step(self, name: str, number: int) -> Step[Context]:
        async def do(ctx: Context, outputs: Outputs) -> dict[str, Any]:
            self.world.happened.append(f"do {name}")
            if name not in self.world.made:
                self.world.made.append(name)
            await ctx.say(f"making {name}")
            if name in ctx.params.get("lends", ()):
                async with ctx.waiting():
                    await self.world.wait_at(name)
            elif name in ctx.params.get("gated", ()):
                await self.world.wait_at(name)
            if name == ctx.params.get("fails"):
                raise RuntimeError(f"{name} broke")
            return {"made": name}

        async def undo(ctx: Context, outputs: Outputs) -> None:
            self.world.happened.append(f"undo {name}")
            if name == ctx.params.get("stuck"):
                raise RuntimeError(f"{name} sticks")
            if name in self.world.made:
                self.world.made.remove(name)

        return Step(name=name, do=do, undo=undo, progress=10 * number, status=f"making_{name}")


@asynccontextmanager
async def engine_for(database: Database, world: World, folder: Path, **settings: Any) -> AsyncIterator[Engine]:
    """An engine at work on this database."""
    host = settings.pop("host", None) or ScriptedHost(folder)
    operations = settings.pop("operations", None) or {Kind.DEMO: Making(world)}
    events = settings.pop("events", None) or Events()
    async with Engine(
        database=database,
        host=host,
        files=ConfigFiles(host),
        operations=operations,
        events=events,
        **({"stop_seconds": 0.2} | settings),
    ) as engine:
        yield engine


async def put(database: Database, task_id: str, zone: str | None = None, **facts: Any) -> None:
    """Queue a demo task; unknown facts are its parameters."""
    known = {name: facts.pop(name) for name in ("depends_on", "parent_task_id", "priority") if name in facts}
    task = NewTask(id=task_id, kind=Kind.DEMO, zone_name=zone, params=facts, **known)
    await database.run(lambda c: queue.enqueue(c, task))

"""An agent that tests kill: `python -m tests.tasks.mortal URL FOLDER enqueue|work [COUNT]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from tests.tasks.works import World, engine_for

from zoneweaver.domain.tasks import Kind, NewTask
from zoneweaver.host.command import Command
from zoneweaver.host.run import Host
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks import queue
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

HOLD = "echo $$ > {folder}/pid; while [ ! -e {folder}/go ]; do sleep 0.02; done; touch {folder}/over"


class Files:
    """Makes a file per step in `folder/<task>/`; `hold` runs a command that ends when the file `go` is there."""

    kind = Kind.DEMO

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def survey(self, ctx: Context) -> dict[str, Any]:
        return {"steps": ctx.params.get("steps", 4)}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        return [self._step(ctx, number) for number in range(survey["steps"])]

    def _step(self, ctx: Context, number: int) -> Step[Context]:
        path = self.folder / "made" / f"{ctx.task_id}-{number}"

        async def do(context: Context, outputs: Outputs) -> dict[str, str]:
            path.parent.mkdir(exist_ok=True)
            with path.open("a") as file:
                file.write(f"over: {(self.folder / 'over').exists()}\n")
            if context.params.get("hold") == number and context.attempt == 1:
                await context.run(Command(argv=("sh", "-c", HOLD.format(folder=self.folder)), changes=True))
            await anyio.sleep(context.params.get("nap", 0))
            if context.params.get("fails") == number:
                raise RuntimeError("broken")
            return {"path": str(path)}

        async def undo(context: Context, outputs: Outputs) -> None:
            await anyio.sleep(context.params.get("nap", 0))
            path.unlink(missing_ok=True)

        return Step(name=f"file {number}", do=do, undo=undo)


def hosting(folder: Path) -> Host:
    return Host(root=folder, command_path=("/bin", "/usr/bin"), scratch=folder / "scratch")


def tasks(count: int) -> list[NewTask]:
    """Tasks of three zones, every fourth of which fails."""
    return [
        NewTask(
            id=f"t{number}",
            kind=Kind.DEMO,
            zone_name=f"z{number % 3}",
            params={"nap": 0.01, "fails": 2 if number % 4 == 3 else None},
        )
        for number in range(count)
    ]


async def enqueue(database: Database, count: int) -> None:
    """Queue one task after the other and say so when each is acknowledged."""
    for task in tasks(count):
        await database.run(lambda c, task=task: queue.enqueue(c, task))  # type: ignore[misc]
        print(task.id, flush=True)


async def main(url: str, folder: Path, what: str, count: int) -> None:
    database = Database.open(url, Seal.load(folder))
    if what == "enqueue":
        await enqueue(database, count)
        return
    works = {Kind.DEMO: Files(folder)}
    async with engine_for(database, World(), folder, operations=works, host=hosting(folder), lease_seconds=0.5):
        print("ready", flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)

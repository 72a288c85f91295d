"""The queue alone: tasks that do nothing, each enqueued, claimed, logged and ended on the disk.

`python -m bench.task_queue FOLDER TASKS ROUNDS FINISHED` is the process that is measured.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Connection

from bench.figure import Effort, Row, at_least, at_most, quantile
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.transaction import Note
from zoneweaver.tasks import queue
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.engine import Engine
from zoneweaver.tasks.events import Events
from zoneweaver.tasks.saga import Outputs, Step

CALLERS = 8

_ENDED = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
INSERT INTO tasks (id, zone_name, operation, status, priority, created_by, created_at, started_at, completed_at,
                   updated_at, params, metadata, progress_percent, progress_info)
SELECT printf('%08x-0000-4000-8000-%012x', n, n), 'zone' || (n % 200), 'zone_modify',
       CASE n % 10 WHEN 0 THEN 'failed' ELSE 'completed' END, 60, 'bench', m, m, m, m,
       '{}', '{}', 100, '{"status":"completed"}'
FROM (SELECT n, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-' || (n / 20000.0) || ' days') AS m FROM number)
"""


class Nothing:
    """An operation of one step that does nothing."""

    kind = Kind.DEMO

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Note that the task is ours now."""
        self.begun[ctx.task_id] = time.perf_counter()
        return {}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the step."""

        async def do(ctx: Context, _: Outputs) -> None:
            """Do nothing."""

        return [Step(name="nothing", do=do)]


def measure(effort: Effort) -> list[Row]:
    """Measure with an empty table, and with very many ended tasks in it."""
    rows = []
    for finished in (0, effort.finished):
        with tempfile.TemporaryDirectory(prefix="zw-bench-") as folder:
            words = [folder, str(effort.tasks), str(5 * effort.rounds), str(finished)]
            done = subprocess.run(
                [sys.executable, "-m", "bench.task_queue", *words], capture_output=True, text=True, check=True
            )
        seen = json.loads(done.stdout)
        what = "queue" if not finished else f"queue, {finished} ended tasks"
        rows.append(at_least(f"{what}: tasks that do nothing", 300, seen["per_second"], "tasks/s", seen["said"]))
        said = f"median {quantile(seen['claims'], 0.5):.1f} ms"
        rows.append(at_most(f"{what}: queued → begun, p99", 10, quantile(seen["claims"], 0.99), "ms", said))
    return rows


async def _measure(folder: str, tasks: int, rounds: int, finished: int) -> dict[str, Any]:
    database = Database.open(f"sqlite:///{folder}/queue.db", Seal.load(Path(folder)))
    try:
        if finished:
            _fill(f"{folder}/queue.db", finished)
        synchronous = await database.run(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar_one())
        if synchronous != 2:  # FULL
            raise RuntimeError("the database does not wait for the disk")
        nothing, host = Nothing(), Host(scratch=Path(folder))
        engine = Engine(
            database=database,
            host=host,
            files=ConfigFiles(host),
            operations={Kind.DEMO: nothing},
            events=Events(),
            retention=None,
        )
        async with engine:
            await _complete(database, min(20, tasks))
            seconds = await _complete(database, tasks)
            claims = [await _claimed(database, nothing) for _ in range(rounds)]
    finally:
        database.close()
    return {
        "per_second": tasks / seconds,
        "said": f"{tasks} tasks by {CALLERS} callers, a transaction each, synchronous=FULL",
        "claims": claims,
    }


def _fill(path: str, count: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(_ENDED, (count,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _complete(database: Database, count: int) -> float:
    """Queue tasks, and return the seconds until all have completed."""
    missing = {str(uuid.uuid4()) for _ in range(count)}
    waiting, over = list(missing), anyio.Event()

    def heard(notes: Sequence[Note]) -> None:
        for note in notes:
            if note.kind == "task" and note.data["status"] == Status.COMPLETED:
                missing.discard(note.key)
        if not missing:
            over.set()

    async def ask() -> None:
        while waiting:
            await _queue(database, waiting.pop())

    database.listeners.append(heard)
    began = time.perf_counter()
    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for _ in range(CALLERS):
                group.start_soon(ask)
        await over.wait()
    database.listeners.remove(heard)
    return time.perf_counter() - began


async def _claimed(database: Database, nothing: Nothing) -> float:
    """Queue one task while nothing else happens; return the milliseconds from there to its beginning."""
    task_id = str(uuid.uuid4())
    await _queue(database, task_id)
    queued = time.perf_counter()
    with anyio.fail_after(10):
        while (await database.read(lambda c: queue.get(c, task_id))).status is not Status.COMPLETED:  # noqa: ASYNC110
            await anyio.sleep(0.002)
    return (nothing.begun[task_id] - queued) * 1000


async def _queue(database: Database, task_id: str) -> None:
    def write(c: Connection) -> None:
        queue.enqueue(c, NewTask(id=task_id, kind=Kind.DEMO, zone_name=None))

    await database.run(write)


def main(folder: str, *numbers: str) -> None:
    """Measure here, and print what was seen."""
    tasks, rounds, finished = map(int, numbers)
    print(json.dumps(anyio.run(_measure, folder, tasks, rounds, finished)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Agents that are killed: what was acknowledged stays, what was running is carried on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.tasks.mortal import Files, hosting, tasks
from tests.tasks.works import World, engine_for, put

from zoneweaver.domain.tasks import Kind, Status
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.history import Wanted
from zoneweaver.testing import ended, until

pytestmark = pytest.mark.anyio

HOUSE = Path(__file__).parents[2]


@contextmanager
def mortal(url: str, folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """An agent in a process of its own, killed at the end of the block at the latest."""
    agent = subprocess.Popen(
        [sys.executable, "-m", "tests.tasks.mortal", url, str(folder), *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HOUSE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HOUSE / "src"), str(HOUSE)])},
    )
    with agent:
        try:
            yield agent
        finally:
            agent.kill()


def line(agent: subprocess.Popen[str]) -> str:
    assert agent.stdout is not None
    return agent.stdout.readline().strip()


@asynccontextmanager
async def heir(database: Database, folder: Path, **settings: Any) -> AsyncIterator[None]:
    """The next agent, in this process."""
    works = {Kind.DEMO: Files(folder)}
    async with engine_for(
        database, World(), folder, operations=works, host=hosting(folder), lease_seconds=0.5, **settings
    ):
        yield


async def exists(path: Path) -> bool:
    return await anyio.Path(path).exists()


def test_what_was_acknowledged_is_there(database_url: str, tmp_path: Path) -> None:
    """Every task whose queueing was answered before a SIGKILL is in the database."""
    with mortal(database_url, tmp_path, "enqueue", "100000") as agent:
        acknowledged = [line(agent) for _ in range(60)]
        agent.kill()
        assert agent.stdout is not None
        acknowledged += agent.stdout.read().split()
    database = Database.open(database_url, Seal.load(tmp_path))
    there = database.read_now(lambda c: {task.id for task in history.page(c, Wanted(), limit=200_000).tasks})
    database.close()
    assert len(acknowledged) >= 60
    assert set(acknowledged) - there == set()


async def test_a_running_task_is_carried_on_when_its_command_is_gone(database: Database, tmp_path: Path) -> None:
    """After a SIGKILL the interrupted step is done again, but not before the dead agent's command has ended."""
    await put(database, "t", hold=2)
    with mortal(database.url.render_as_string(hide_password=False), tmp_path, "work") as agent:
        await until(lambda: exists(tmp_path / "pid"), bool, what="the command runs")
        agent.kill()
    async with heir(database, tmp_path):

        async def info() -> object:
            return (await database.read(lambda c: queue.get(c, "t"))).progress_info.get("status")

        await until(info, lambda status: status == "waiting_for_command", what="the heir waits")
        (tmp_path / "go").touch()
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert (tmp_path / "made" / "t-2").read_text() == "over: False\nover: True\n"
    assert (tmp_path / "made" / "t-1").read_text() == "over: False\n"
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_command_that_does_not_end_is_killed(database: Database, tmp_path: Path) -> None:
    """A dead agent's command that outstays its time is killed, and the task goes on."""
    await put(database, "t", hold=1)
    with mortal(database.url.render_as_string(hide_password=False), tmp_path, "work") as agent:
        await until(lambda: exists(tmp_path / "pid"), bool, what="the command runs")
        agent.kill()
    async with heir(database, tmp_path, guard_seconds=0.1):
        assert (await ended(database, "t")).status is Status.COMPLETED
    assert not (tmp_path / "over").exists()
    pid = (tmp_path / "pid").read_text().strip()
    shown = await anyio.run_process(["ps", "-o", "s=", "-p", pid], check=False)
    assert shown.stdout.strip() in {b"", b"Z"}  # nobody may be there to bury it


async def test_cancelling_kills_a_dead_agents_command(database: Database, tmp_path: Path) -> None:
    """Who cancels does not wait for what a dead agent left."""
    await put(database, "t", hold=1)
    with mortal(database.url.render_as_string(hide_password=False), tmp_path, "work") as agent:
        await until(lambda: exists(tmp_path / "pid"), bool, what="the command runs")
        agent.kill()
    await database.run(lambda c: queue.cancel(c, "t"))
    async with heir(database, tmp_path):
        assert (await ended(database, "t")).status is Status.CANCELLED
    assert list((tmp_path / "made").iterdir()) == []


async def test_killed_again_and_again(database: Database, tmp_path: Path) -> None:
    """However often agents are killed, every task ends: complete with all its files, or failed with none."""
    url = database.url.render_as_string(hide_password=False)
    await database.run(lambda c: [queue.enqueue(c, task) for task in tasks(24)])

    async def finished() -> int:
        counts = await database.read(history.stats)
        return counts["completed"] + counts["failed"]

    for more in (2, 7, 13):
        with mortal(url, tmp_path, "work") as agent:
            assert await anyio.to_thread.run_sync(line, agent) == "ready"
            await until(finished, lambda count, more=more: count >= more, what=f"{more} tasks have ended")  # type: ignore[misc]
            agent.send_signal(signal.SIGKILL)
    async with heir(database, tmp_path):
        ends = [await ended(database, f"t{number}") for number in range(24)]
    wanted = ["failed" if number % 4 == 3 else "completed" for number in range(24)]
    assert [task.status.value for task in ends] == wanted
    files = {path.name for path in (tmp_path / "made").iterdir()}
    assert files == {f"t{number}-{step}" for number in range(24) for step in range(4) if number % 4 != 3}

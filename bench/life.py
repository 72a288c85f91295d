"""The agent's own life: how long a start takes, how much memory it needs, how soon it is back after a crash."""

from __future__ import annotations

import shutil
import signal
import time

from bench.figure import Effort, Row, at_most, median, told
from bench.lab import Bench, bench, create_body

IDLE_SECONDS = 1.0


def starting(effort: Effort) -> list[Row]:
    """Start and end the agent: the very first time, when everything is made, and then again."""
    first, again, fresh, idle = [], [], [], []
    with bench(start=False) as made:
        made.start()
        made.stop()  # the interpreter has compiled everything now
        for _ in range(effort.starts):
            shutil.rmtree(made.home)
            first.append(made.start())
            time.sleep(IDLE_SECONDS)
            fresh.append(made.memory())
            made.stop()
        for _ in range(effort.starts):
            again.append(made.start())
            time.sleep(IDLE_SECONDS)
            idle.append(made.memory())
            made.stop()
    return [
        at_most("start → first answer", 1.5, median(again), "s", f"slowest {max(again):.2f} s"),
        at_most("very first start → first answer", 1.5, median(first), "s", f"slowest {max(first):.2f} s"),
        at_most("memory, idle", 90, max(idle), "MB"),
        at_most("memory, idle after the very first start", 90, max(fresh), "MB"),
    ]


def crash(effort: Effort) -> list[Row]:
    """Kill the agent in the middle of a creation, start it again, and wait for the creation's end."""
    taken, starts = [], []
    with bench() as made:
        for turn in range(effort.starts):
            started, whole = _crash(made, f"crash{turn}")
            starts.append(started)
            taken.append(whole)
    said = f"of which {median(starts):.2f} s until the agent answers; {effort.starts} crashes"
    return [told("SIGKILL in a create, start → its end", median(taken), "s", said)]


def _crash(made: Bench, name: str) -> tuple[float, float]:
    """Return the seconds of the start and those until the task had ended."""
    before = len(made.ran())
    with made.connection() as connection:
        task = connection.queue("POST", "/zones", create_body(name))
        deadline = time.perf_counter() + 10
        while not any(line["argv"][:2] == ["zfs", "create"] for line in made.ran()[before:]):
            if time.perf_counter() > deadline:
                raise TimeoutError("the creation did not begin")
        made.stop(signal.SIGKILL)
    began = time.perf_counter()
    started = made.start()
    with made.connection() as connection:
        while (row := connection.get(f"/tasks/{task}"))["status"] in {"pending", "running"}:
            if time.perf_counter() - began > 30:
                raise TimeoutError(f"the creation did not end: {row}")
            time.sleep(0.005)
    return started, time.perf_counter() - began

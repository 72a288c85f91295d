"""Creating zones: how long one takes and what of it is ours, many at once, and one after the other for a while."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from bench import instant
from bench.figure import Effort, Row, at_least, at_most, median, quantile, told
from bench.instant import NoCompiler
from bench.lab import Bench, bench, create_body

WARMING = 3
AT_ONCE = 5
"""Creations that are kept under way for the sustained rate: as many as the agent works on by default."""


def lab(effort: Effort) -> list[Row]:
    """POST /zones with a new boot volume until it is completed, with the lab host's commands."""
    with bench() as made:
        walls, inside, commands, used = _one_by_one(made, effort.rounds)
    what = "POST /zones → completed, lab commands"
    said = f"p95 {quantile(walls, 0.95):.0f} ms; {commands} commands, {median(inside):.0f} ms inside them; {used}"
    return [at_most(what, 200, median(walls), "ms", said)]


def at_once(effort: Effort) -> list[Row]:
    """Many creations at the same moment, with the lab host's commands."""
    with bench() as made, made.connection() as connection:
        _one_by_one(made, 1)
        listener = made.listener()
        began = time.perf_counter()
        tasks = {connection.queue("POST", "/zones", create_body(f"burst{n}")) for n in range(effort.burst)}
        queued = time.perf_counter() - began
        ends = listener.ends(tasks)
        seconds = max(moment for moment, _ in ends.values()) - began
    _all_completed(ends.values())
    said = f"all were queued after {queued * 1000:.0f} ms"
    return [at_most(f"{effort.burst} creates at once, lab commands", 2, seconds, "s", said)]


def instantly(effort: Effort) -> list[Row]:
    """The same with commands that return at once, so that what is left is ours."""
    try:
        with bench(start=False) as made, instant.serving(made.world, made.folder) as commands:
            made.commands = str(commands)
            made.start()
            made.settle(0)
            walls, inside, count, used = _one_by_one(made, effort.rounds)
            own = [wall - within for wall, within in zip(walls, inside, strict=True)]
            sustained = _sustained(made, effort)
    except NoCompiler as error:
        return [told("POST /zones → completed, instant commands", float("nan"), "ms", str(error))]
    what = "POST /zones → completed, instant commands"
    return [
        at_most(what, 70, median(walls), "ms", f"p95 {quantile(walls, 0.95):.0f} ms; {count} commands; {used}"),
        at_most(f"{what}: our own share", 40, median(own), "ms", f"{median(inside):.1f} ms inside the commands"),
        sustained,
    ]


def _one_by_one(made: Bench, rounds: int) -> tuple[list[float], list[float], int, str]:
    """Create zones one after the other: milliseconds of each, those inside commands, commands of one; what it used."""
    walls, inside, count, used = [], [], 0, 0.0
    listener = made.listener()
    with made.connection() as connection:
        for turn in range(WARMING + rounds):
            if turn == WARMING:
                used = made.processor()
            before = len(made.ran())
            began = time.perf_counter()
            task = connection.queue("POST", "/zones", create_body(f"new{turn}"))
            ends = listener.ends({task})
            _all_completed(ends.values())
            if turn >= WARMING:
                ran = made.ran()[before:]
                walls.append((ends[task][0] - began) * 1000)
                inside.append(sum(line["ms"] for line in ran))
                count = len(ran)
    used = (made.processor() - used) / rounds * 1000
    return walls, inside, count, f"{used:.0f} ms of processor time"


def _sustained(made: Bench, effort: Effort) -> Row:
    """Keep some creations under way for a while, and count those that complete."""
    listener = made.listener()
    with made.connection() as connection:
        number = 0
        waiting: set[str] = set()
        began = time.perf_counter()
        ended = 0
        last = began
        while time.perf_counter() - began < effort.seconds or waiting:
            while len(waiting) < 2 * AT_ONCE and time.perf_counter() - began < effort.seconds:
                waiting.add(connection.queue("POST", "/zones", create_body(f"more{number}")))
                number += 1
            last, event = listener.wait(
                lambda event: event.get("id") in waiting and event.get("status") in {"completed", "failed", "cancelled"}
            )
            _all_completed([(last, event)])
            waiting.discard(event["id"])
            ended += 1
    return at_least("creates one after the other, instant commands", 20, ended / (last - began), "creates/s")


def _all_completed(ends: Iterable[tuple[float, Mapping[str, Any]]]) -> None:
    for _, event in ends:
        if event["status"] != "completed":
            raise RuntimeError(f"a task did not complete: {event}")

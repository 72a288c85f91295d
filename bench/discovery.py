"""A look at the host on which nothing has changed."""

from __future__ import annotations

import time

from bench.figure import Effort, Row, at_most, exactly, median, quantile
from bench.lab import bench


def measure(effort: Effort) -> list[Row]:
    """POST /zones/discover until it is completed, with a thousand zones that are as they were."""
    walls, inside, commands = [], [], []
    with bench(zones=effort.many_zones) as made, made.connection() as connection:
        listener = made.listener()
        for _ in range(max(2, effort.rounds // 2)):
            before, began = len(made.ran()), time.perf_counter()
            task = connection.queue("POST", "/zones/discover")
            moment, event = listener.ends({task})[task]
            if event["status"] != "completed":
                raise RuntimeError(f"the look at the host failed: {event}")
            ran = made.ran()[before:]
            walls.append((moment - began) * 1000)
            inside.append(sum(line["ms"] for line in ran))
            commands.append(len(ran))
    what = f"discovery, {effort.many_zones} unchanged zones"
    said = f"p95 {quantile(walls, 0.95):.0f} ms; {median(inside):.0f} ms inside the command"
    return [
        at_most(what, 100, median(walls), "ms", said),
        exactly(f"{what}: host commands", 1, max(commands), "commands"),
    ]

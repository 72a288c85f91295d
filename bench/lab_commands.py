"""What the lab host's own commands take, since they are a part of many other figures."""

from __future__ import annotations

import subprocess
import tempfile
import time

from bench.figure import Effort, Row, median, told
from labhost.world import World

COMMANDS = (
    ("zoneadm", "list", "-cp"),
    ("zfs", "list", "-Hp"),
    ("dladm", "show-link", "-p", "-o", "link"),
)


def measure(effort: Effort) -> list[Row]:
    """Start each command again and again, one after the other."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="zw-bench-") as folder:
        world = World.create(f"{folder}/lab")
        for command in COMMANDS:
            taken = []
            for _ in range(effort.rounds):
                began = time.perf_counter()
                subprocess.run([f"{world.path}/bin/{command[0]}", *command[1:]], check=True, stdout=subprocess.DEVNULL)
                taken.append((time.perf_counter() - began) * 1000)
            rows.append(told(f"lab host: {' '.join(command)}", median(taken), "ms"))
    return rows

"""How long one command of the lab host takes, from start to exit, in milliseconds (median)."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time

from labhost.world import World

COMMANDS = (
    ("zoneadm", "list", "-cp"),
    ("zfs", "list", "-Hp"),
    ("dladm", "show-link", "-p", "-o", "link"),
    ("ipadm", "show-addr"),
    ("svcs", "-a"),
)
TIMES = 30


def measure() -> dict[str, float]:
    """Start each command many times, one after the other."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        world = World.create(f"{folder}/lab")
        for command in COMMANDS:
            taken = []
            for _ in range(TIMES):
                begun = time.perf_counter()
                subprocess.run([f"{world.path}/bin/{command[0]}", *command[1:]], check=True, stdout=subprocess.DEVNULL)
                taken.append((time.perf_counter() - begun) * 1000)
            results[f"{' '.join(command)} (ms)"] = statistics.median(taken)
    return results

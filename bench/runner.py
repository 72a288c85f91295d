"""What running a host command costs beyond the command itself."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from bench.figure import Effort, Row, at_most, median, told
from zoneweaver.host.command import Command
from zoneweaver.host.run import Host


def measure(effort: Effort) -> list[Row]:
    """Run `true` through the runner and without it, in a process as large as the agent."""
    import zoneweaver.agent  # noqa: F401, PLC0415 - the size of a process has its part in what a start costs

    with tempfile.TemporaryDirectory(prefix="zw-bench-") as folder:
        host = Host(command_path=("/usr/bin", "/bin"), scratch=Path(folder))
        walls, processor = asyncio.run(_through(host, effort.commands))
    bare = []
    for _ in range(effort.commands):
        began = time.perf_counter()
        subprocess.run([_true()], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        bare.append((time.perf_counter() - began) * 1000)
    spawned = []
    for _ in range(effort.commands):
        began = time.perf_counter()
        os.waitpid(os.posix_spawn(_true(), [_true()], {}), 0)
        spawned.append((time.perf_counter() - began) * 1000)
    said = f"subprocess.run {median(bare):.2f} ms, bare posix_spawn {median(spawned):.2f} ms"
    return [
        at_most("runner: own processor time a command", 3, processor, "ms"),
        told("runner: `true` from start to end", median(walls), "ms", said),
        told("runner: more than a bare process", median(walls) - median(spawned), "ms"),
    ]


def _true() -> str:
    return "/usr/bin/true" if Path("/usr/bin/true").exists() else "/bin/true"


async def _through(host: Host, count: int) -> tuple[list[float], float]:
    command = Command(argv=("true",))
    for _ in range(5):
        await host.run(command)
    walls = []
    used = _processor()
    for _ in range(count):
        began = time.perf_counter()
        await host.run(command)
        walls.append((time.perf_counter() - began) * 1000)
    return walls, (_processor() - used) / count * 1000


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

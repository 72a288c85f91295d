"""The journal of a world: one line for each command that was started."""

from __future__ import annotations

import os
import time

from labhost import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World


def record(world: World, *, started: float, argv: list[str], code: int | None, fault: str | None) -> None:
    """Append one command; `code` is None for one that was ordered to hang or to die."""
    line = jsontext.dumps(
        {
            "t": round(started, 6),
            "ms": round((time.time() - started) * 1000, 2),
            "argv": argv,
            "exit": code,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "fault": fault,
        }
    )
    try:
        number = os.open(f"{world.path}/journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        return  # the host was deleted meanwhile
    # One write in append mode: lines of parallel commands do not mix.
    try:
        os.write(number, line.encode() + b"\n")
    finally:
        os.close(number)


def read(world: World) -> list[dict[str, Any]]:
    """Return all commands recorded so far, in the order of their end."""
    try:
        with open(f"{world.path}/journal.jsonl", encoding="utf-8") as file:
            return [jsontext.loads(line) for line in file if line.strip()]
    except FileNotFoundError:
        return []

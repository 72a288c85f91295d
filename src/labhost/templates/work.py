"""The programs that make a template: run to their end, told of, and ended with whoever started them."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque

from labhost import machine
from labhost.templates.cache import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = 12  # last lines of a program that failed
_TOLD_EVERY = 5.0  # seconds between two words about a program's course
# Whatever becomes of us, the program does not live on, where the kernel can see to that; nor, `alone`, does anything
# that it started: its processes and mounts are in namespaces of their own.
_FOLLOWS = ("setpriv", "--pdeathsig", "KILL")
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--")


def need(*programs: str) -> None:
    """Raise TemplateError when a program is not installed."""
    missing = [program for program in programs if machine.find(program) is None]
    if missing:
        raise TemplateError(f"there is no {', no '.join(missing)} on this machine: run tools/guests install")


def run(argv: list[str], say: Callable[[str], None], *, log: str = "", alone: bool = False) -> None:
    """Run a program; what it says goes to the log, now and then to `say`.

    Raises TemplateError with its last words.
    """
    began = told = time.monotonic()
    last: deque[str] = deque(maxlen=_KEPT)
    ahead = (*(_FOLLOWS if machine.find(_FOLLOWS[0]) else ()), *(_ALONE if alone else ()))
    try:
        process = subprocess.Popen(
            [*ahead, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", env={**machine.environment(), "LC_ALL": "C"},
        )  # fmt: skip
    except FileNotFoundError as problem:
        raise TemplateError(f"there is no {problem.filename} on this machine: run tools/guests install") from None
    try:
        with open(log or os.devnull, "a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(argv)}\n")
            for line in process.stdout or ():
                file.write(line)
                last.append(line.rstrip())
                now = time.monotonic()
                if now - told > _TOLD_EVERY and line.strip():
                    told = now
                    say(f"{now - began:4.0f} s: {line.strip()[:90]}")
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    if code != 0:
        words = "\n  ".join(each for each in last if each)
        raise TemplateError(f"{argv[0]} ended with {code}:\n  {words}" + (f"\n(all of it: {log})" if log else ""))

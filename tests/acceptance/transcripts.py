"""Transcripts in documents: every ```console block is typed into a shell and must answer as it stands there.

A line that begins with `$ ` is typed; it goes on over the next lines until bash takes it as a whole. What follows is
what it prints: `…` stands for anything in a line, alone on a line for any lines, and widths of columns and times do not
matter. A last line such as `[1]` is its exit status. What is not to be run stands in an ```sh block.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\d+\.\d+ s\b")
STATUS = re.compile(r"\[(\d+)\]")
DEADLINE = 60.0


@dataclass
class Typed:
    """A command, with what it shall print and how it shall end."""

    command: str
    wanted: list[str] = field(default_factory=list)
    status: int = 0


def commands(page: Path) -> list[Typed]:
    """Return the commands of a page in their order."""
    found: list[Typed] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Typed(line[2:]))
            elif not found[-1].wanted and not whole(found[-1].command):
                found[-1].command += f"\n{line}"
            elif ending := STATUS.fullmatch(line):
                found[-1].status = int(ending.group(1))
            else:
                found[-1].wanted.append(line)
    return found


def whole(command: str) -> bool:
    """Say whether bash would begin to run it."""
    return subprocess.run(["bash", "-n"], input=command, text=True, capture_output=True, check=False).returncode == 0


def plain(line: str) -> str:
    """Return a line without what differs from run to run."""
    return re.sub(r"\s+", " ", SECONDS.sub("N s", line)).strip()


def waits(line: str) -> bool:
    """Say whether a line tells that a task has not begun yet: whoever asks at once may see that, or come too late."""
    return line.endswith("Waiting for its turn")


def difference(wanted: Sequence[str], said: Sequence[str]) -> str | None:
    """Return the first line that was not said where it should have been; None when all is as wanted."""
    place, anywhere = 0, False
    for line in wanted:
        if line.strip() == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in plain(line).split("…")))
        rest = range(place, len(said)) if anywhere else range(place, min(place + 1, len(said)))
        hit = next((index for index in rest if pattern.fullmatch(said[index])), None)
        if hit is None:
            return line
        place, anywhere = hit + 1, False
    return None if anywhere or place == len(said) else f"nothing, instead of {said[place]!r}"


class Shell:
    """A bash in which one command after the other is typed; variables and functions last."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._end = f"--{os.urandom(8).hex()}"
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def type(self, command: str) -> tuple[str, int]:
        """Type a command and return what it printed and its exit status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        too_late = threading.Timer(DEADLINE, self._process.kill)
        too_late.start()
        try:
            self._process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %d\\n' {self._end} $?\n")
            self._process.stdin.flush()
            said: list[str] = []
            for line in self._process.stdout:
                if line.startswith(self._end):
                    text = "".join(said)
                    return text.removesuffix("\n"), int(line.split()[1])
                said.append(line)
        finally:
            too_late.cancel()
        raise AssertionError(f"{command}: no end in {DEADLINE} s\n{''.join(said)}")

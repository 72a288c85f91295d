"""A host command as a value: what will be said, for how long, and whether it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from zoneweaver.domain.secret import Secret, Text, masked

T_co = TypeVar("T_co", covariant=True)

READ_SECONDS = 60.0
"""Deadline for a command that only asks."""

CHANGE_SECONDS = 600.0
"""Deadline for a command that changes something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFile:
    """A file that the runner writes (0600, in its own folder) before the command starts and removes after it.

    The command's argv holds `InputFile.PLACE` where the path goes. Content may hold secrets.
    """

    lines: tuple[tuple[Text, ...], ...]

    def text(self) -> str:
        """Return the content with secrets revealed, for writing."""
        return "".join(
            "".join(part.reveal() if isinstance(part, Secret) else part for part in line) + "\n" for line in self.lines
        )

    def shown(self) -> list[str]:
        """Return the lines with secrets masked, for plans and logs."""
        return ["".join(str(part) for part in line) for line in self.lines]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One process to be run on the host: no shell, argv as it is (without pfexec, which the runner adds)."""

    argv: tuple[str, ...]
    changes: bool = False
    timeout: float = READ_SECONDS
    script: InputFile | None = None
    stdin: bytes | None = None
    ok: frozenset[int] = field(default_factory=lambda: frozenset({0}))
    pipe_to: tuple[str, ...] | None = None
    """argv of a second process that reads the first one's output (zfs send | zfs recv); both must end well."""

    def shown(self) -> dict[str, Any]:
        """Return the command as plans show it: argv, and the script that it is given, secrets masked."""
        shown: dict[str, Any] = {"argv": list(self.argv)}
        if self.pipe_to:
            shown["pipe_to"] = list(self.pipe_to)
        if self.script is not None:
            shown["script"] = masked(self.script.shown())
        return shown


SCRIPT_PLACE = "{script}"
"""Stands in argv where the path of the command's script goes, alone or after an `@`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """What a process answered. Output is bounded; `truncated` says whether something was dropped."""

    argv: tuple[str, ...]
    exit_status: int
    stdout: str
    stderr: str
    seconds: float
    truncated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Query(Generic[T_co]):
    """A command that only asks, with the pure function that reads its answer."""

    command: Command
    parse: Callable[[Completed], T_co]

"""Variables from a command line: `--set NAME=VALUE`, and a file for those that nobody else shall see."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoneweaver.cli import zone_file
from zoneweaver.cli.entry import UsageError


def given(words: Iterable[str], file: Path | None = None) -> dict[str, Any]:
    """Return a file's variables with those of the words over them. Raises UsageError."""
    found: dict[str, Any] = {} if file is None else zone_file.read(file)
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--set wants NAME=VALUE, not {word}")
        found[name] = value
    return found

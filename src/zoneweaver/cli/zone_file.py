"""A request's body from a JSON or YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoneweaver.cli.entry import UsageError


def read(path: Path) -> dict[str, Any]:
    """Return the object that the file holds."""
    import yaml  # noqa: PLC0415  # only where a file is given; JSON is YAML

    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeError) as problem:
        raise UsageError(f"{path} is neither JSON nor YAML: {problem}") from problem
    if not isinstance(value, dict):
        raise UsageError(f"{path} does not hold an object")
    return value

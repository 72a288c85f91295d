"""The parsable output of dladm(8) and ipadm(8): fields joined by colons, colons and backslashes in them escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoneweaver.domain.errors import Unparseable
from zoneweaver.host.command import Completed


def rows(completed: Completed, names: Sequence[str]) -> list[Mapping[str, str]]:
    """Return the lines as mappings of these field names. Raises Unparseable at a line of another shape.

    With a single field the commands escape nothing, so the line is the value.
    """
    found: list[Mapping[str, str]] = []
    for line in completed.stdout.splitlines():
        fields = [line] if len(names) == 1 else fields_of(line)
        if fields is None or len(fields) != len(names):
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}")
        found.append(dict(zip(names, fields, strict=True)))
    return found


def fields_of(line: str) -> list[str] | None:
    """Split a line with several fields; None when a backslash stands where it means nothing."""
    fields = [""]
    chars = iter(line)
    for char in chars:
        if char == "\\":
            escaped = next(chars, None)
            if escaped not in {":", "\\"}:
                return None
            fields[-1] += escaped
        elif char == ":":
            fields.append("")
        else:
            fields[-1] += char
    return fields

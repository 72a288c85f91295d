"""How things are said to people: aligned columns, colours on a terminal only, and nothing that could steer it."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
_MEANINGS: Final = {
    "running": "green",
    "completed": "green",
    "failed": "red",
    "incomplete": "red",
    "pending": "yellow",
    "cancelled": "yellow",
    "configured": "yellow",
    "shutting_down": "yellow",
    "down": "yellow",
    "ready": "green",
    "missing": "yellow",
    "different": "red",
}
NARROWEST: Final = 24
"""The last column of a table is wrapped down to this many characters before a table becomes a list of records."""


def colours(stream: TextIO | None = None) -> bool:
    """Say whether colours may be used: a terminal, and neither NO_COLOR nor TERM=dumb forbids it."""
    out = stream or sys.stdout
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, colour: str | None, stream: TextIO | None = None) -> str:
    """Return the text in a colour (red, green, yellow, cyan, dim, bold) where colours are used."""
    if colour is None or not colours(stream):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def harmless(text: str, *, lines: bool = False) -> str:
    """Return the text with control characters shown instead of obeyed (newlines and tabs kept when `lines`)."""
    kept = {"\n", "\t"} if lines else set()
    return "".join(
        char if char in kept or unicodedata.category(char) not in {"Cc", "Cf", "Zl", "Zp", "Cs"} else _visible(char)
        for char in text
    )


def _visible(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def put(text: str) -> None:
    """Print to stdout exactly, with a newline at the end if there is none."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """Print lines for people to stdout."""
    sys.stdout.write(harmless(text, lines=True) + "\n")


def note(text: str) -> None:
    """Print a remark to stderr, so that stdout holds the answer alone."""
    sys.stdout.flush()
    sys.stderr.write(harmless(text, lines=True) + "\n")
    sys.stderr.flush()


def error(sentence: str) -> None:
    """Print what went wrong to stderr."""
    sys.stdout.flush()
    head = coloured("Error:", "red", sys.stderr)
    sys.stderr.write(f"{head} {harmless(sentence, lines=True)}\n")
    sys.stderr.flush()


def agreed(question: str) -> bool:
    """Ask on stderr, and say whether the answer on stdin is yes."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def width() -> int | None:
    """Return the terminal's width in columns, or None when stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def cell(value: Any) -> str:
    """Write a JSON value as people read it: nothing as -, yes and no, lists with commas."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={cell(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return harmless(str(value))


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "") -> None:
    """Print rows in aligned columns, never cut.

    When a terminal is too narrow the last column is wrapped, or each row is printed as a record.
    """
    texts = [[cell(value) for value in row] for row in rows]
    if not texts:
        if empty:
            note(empty)
        return
    widths = [max(columns_of(line[index]) for line in [list(headings), *texts]) for index in range(len(headings))]
    before_last = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = width()
    if room is not None and before_last + widths[-1] > room:
        if room - before_last < min(NARROWEST, widths[-1]):
            for number, line in enumerate(texts):
                if number:
                    say()
                record(dict(zip((heading.capitalize() for heading in headings), line, strict=True)))
            return
    else:
        room = None
    _line([coloured(heading, "dim") for heading in headings], list(headings), widths)
    for line in texts:
        last = textwrap.wrap(line[-1], room - before_last) if room is not None else [line[-1]]
        first = [*line[:-1], (last or [""])[0]]
        _line([coloured(text, _MEANINGS.get(text)) for text in first], first, widths)
        for more in last[1:]:
            sys.stdout.write(" " * before_last + more + "\n")


def _line(shown: Sequence[str], plain: Sequence[str], widths: Sequence[int]) -> None:
    cells = [text + " " * (wanted - columns_of(bare)) for text, bare, wanted in zip(shown, plain, widths, strict=True)]
    sys.stdout.write("  ".join(cells).rstrip() + "\n")


def record(values: Mapping[str, Any], *, indent: str = "") -> None:
    """Print names and values under each other; lists of things get a line for each, things in things are indented."""
    plain = {name: value for name, value in values.items() if not _nested(value)}
    longest = max((columns_of(name) for name in plain), default=0)
    for name, value in values.items():
        if not _nested(value):
            text = cell(value)
            padded = name + " " * (longest - columns_of(name))
            sys.stdout.write(f"{indent}{coloured(padded, 'dim')}  {coloured(text, _MEANINGS.get(text))}\n")
            continue
        sys.stdout.write(f"{indent}{coloured(name, 'dim')}\n")
        if isinstance(value, Mapping):
            record(value, indent=indent + "  ")
        else:
            for item in value:
                sys.stdout.write(f"{indent}  {cell(item)}\n")


def _nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)

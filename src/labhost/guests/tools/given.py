"""What the commands of a guest read: standard input, or the files that are named."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from labhost.guests.shell import Shell, Streams, Wait


def typed(streams: Streams) -> Generator[Wait, Any, str]:
    """Return all of standard input, typed up to ^D where it is the terminal."""
    if streams.given is not None:
        return streams.given
    lines: list[str] = []
    while True:
        line = yield ("line", True)
        if line is None:
            return "".join(lines)
        lines.append(line + "\n")


def inputs(shell: Shell, argv: list[str], streams: Streams) -> Generator[Wait, Any, list[tuple[str, str]]]:
    """Return (name, text) of the files named, of standard input without any; missing ones are complained about."""
    names = [word for word in argv[1:] if word == "-" or not word.startswith("-")]
    if not names:
        return [("-", (yield from typed(streams)))]
    found = []
    for name in names:
        if name == "-":
            found.append(("-", (yield from typed(streams))))
            continue
        try:
            found.append((name, shell.disk.read(shell.path(name))))
        except OSError as problem:
            streams.err(f"{argv[0]}: {name}: {problem.strerror}\n")
    return found


def wanted(argv: list[str]) -> int:
    return len([word for word in argv[1:] if word == "-" or not word.startswith("-")]) or 1

"""Marked blocks in a text that belongs to others: pure functions on the text.

A block is the lines between `# zoneweaver begin NAME` and `# zoneweaver end NAME`. Offers `read`, `names`, `foreign`
and `put`. Whatever stands outside of the block is kept byte by byte. What was added so that there could be a block (the
file itself, a newline that the last line lacked) is noted in its first line and goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from zoneweaver.host.zonexml import BrokenFile


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    name: str
    lines: tuple[str, ...]
    made: frozenset[str] = frozenset()

    def text(self) -> str:
        made = "".join(f" +{what}" for what in sorted(self.made))
        return "".join(
            f"{line}\n"
            for line in (f"# zoneweaver begin {self.name}{made}", *self.lines, f"# zoneweaver end {self.name}")
        )


def read(text: str | None, name: str, *, path: str = "file") -> tuple[str, ...] | None:
    """Return the lines of a block; None when there is no such block, or no file. Raises BrokenFile."""
    found = {part.name: part.lines for part in _parts(text or "", path) if isinstance(part, _Block)}
    return found.get(name)


def names(text: str | None, *, path: str = "file") -> tuple[str, ...]:
    """Return the names of the blocks in their order. Raises BrokenFile."""
    return tuple(part.name for part in _parts(text or "", path) if isinstance(part, _Block))


def foreign(text: str | None, *, path: str = "file") -> str:
    """Return what belongs to others: the text without the blocks. Raises BrokenFile."""
    return "".join(part for part in _parts(text or "", path) if isinstance(part, str))


def put(text: str | None, name: str, lines: Sequence[str] | None, *, path: str = "file") -> str | None:
    """Return the text with a block of these lines, at its place or at the end; without it when there are no lines.

    None stands for a file that is not there. Raises BrokenFile, and ValueError for lines that cannot stand in a block.
    """
    for line in lines or ():
        if "\n" in line or _MARK.fullmatch(line):
            raise ValueError(line)
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    parts = list(_parts(text or "", path))
    place = next((n for n, part in enumerate(parts) if isinstance(part, _Block) and part.name == name), None)
    if place is not None:
        there = parts[place]
        assert isinstance(there, _Block)  # noqa: S101 - that is how the place was found
        if lines:
            parts[place] = replace(there, lines=tuple(lines))
        elif not _take_out(parts, place, there):
            return None
        return _joined(parts)
    if not lines:
        return text
    made = set()
    if text is None:
        made.add("file")
    if parts and isinstance(last := parts[-1], str) and not last.endswith("\n"):
        parts[-1] = f"{last}\n"
        made.add("newline")
    parts.append(_Block(name=name, lines=tuple(lines), made=frozenset(made)))
    return _joined(parts)


_NAME: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_MARK: Final = re.compile(r"# zoneweaver (begin|end) ([a-z][a-z0-9-]*)((?: \+(?:file|newline))*)", re.ASCII)


def _take_out(parts: list[str | _Block], place: int, gone: _Block) -> bool:
    """Take a block out, and what was made for it; False when the file was made for it and is of no more use."""
    del parts[place]
    following = parts[place] if place < len(parts) else None
    if "newline" in gone.made and place > 0:
        before = parts[place - 1]
        if following is None and isinstance(before, str):
            parts[place - 1] = before.removesuffix("\n")
        elif isinstance(following, _Block):
            parts[place] = replace(following, made=following.made | {"newline"})
    if "file" in gone.made:
        if not parts:
            return False
        heir = next((n for n, part in enumerate(parts) if isinstance(part, _Block)), None)
        if heir is not None:
            block = parts[heir]
            assert isinstance(block, _Block)  # noqa: S101
            parts[heir] = replace(block, made=block.made | {"file"})
    return True


def _joined(parts: Sequence[str | _Block]) -> str:
    return "".join(part if isinstance(part, str) else part.text() for part in parts)


def _parts(text: str, path: str) -> Iterator[str | _Block]:
    """Tell foreign text and blocks apart, in their order."""
    aside: list[str] = []
    inside: list[str] | None = None
    begun, made, seen = "", frozenset[str](), set[str]()
    for number, line in enumerate(_lines(text), start=1):
        # The last line of a file may lack its newline; one of ours never does.
        mark = _MARK.fullmatch(line[:-1]) if line.endswith("\n") else None
        if mark is None:
            (aside if inside is None else inside).append(line)
            continue
        word, name = mark[1], mark[2]
        if word == "begin":
            if inside is not None or name in seen:
                raise BrokenFile(path=path, why=f"line {number}: a block {name} begins where none may begin")
            if aside:
                yield "".join(aside)
            aside, inside, begun = [], [], name
            made = frozenset(what.removeprefix("+") for what in mark[3].split())
        else:
            if inside is None or name != begun:
                raise BrokenFile(path=path, why=f"line {number}: a block {name} ends that did not begin")
            yield _Block(name=name, lines=tuple(item[:-1] for item in inside), made=made)
            seen.add(name)
            inside = None
    if inside is not None:
        raise BrokenFile(path=path, why=f"block {begun} does not end")
    if aside:
        yield "".join(aside)


def _lines(text: str) -> list[str]:
    """Split at newlines alone and keep them: other ends of lines are part of somebody's text."""
    pieces = text.split("\n")
    return [f"{piece}\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])

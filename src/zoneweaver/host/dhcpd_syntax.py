"""The language of dhcpd.conf(5) and dhcpd.leases(5): statements of words, with statements in braces behind them.

Offers `statements(text)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zoneweaver.host.zonexml import BrokenFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """Words, and the statements in the braces behind them (None: it ended with a semicolon); strings are unquoted."""

    words: tuple[str, ...]
    body: tuple[Statement, ...] | None = None
    line: int = 0


def statements(text: str, *, path: str = "dhcpd.conf", may_be_cut_off: bool = False) -> tuple[Statement, ...]:
    """Read a whole text. Raises BrokenFile with the line, unless the end alone is missing and may be."""
    found: list[Statement] = []
    tokens = _tokens(text)
    try:
        while (one := _statement(tokens, path)) is not None:
            found.append(one)
    except _CutOff:
        if not may_be_cut_off:
            raise BrokenFile(path=path, why="ends in the middle of a statement") from None
    return tuple(found)


class _CutOff(Exception):
    """The text ended where it may not."""


_Token = tuple[str, bool, int]
"""What it says, whether it is punctuation, and its line."""


def _statement(tokens: Iterator[_Token], path: str, *, inside: bool = False) -> Statement | None:
    """Read one; None at the end of the text, or of the braces when inside of some."""
    words: list[str] = []
    line = 0
    for text, special, number in tokens:
        line = line or number
        if not special:
            words.append(text)
        elif text == ";":
            if words:
                return Statement(words=tuple(words), line=line)
            line = 0
        elif text == "{" and _begins_record(words):
            words += _record(tokens)
        elif text == "{":
            body: list[Statement] = []
            while (one := _statement(tokens, path, inside=True)) is not None:
                body.append(one)
            return Statement(words=tuple(words), body=tuple(body), line=line)
        else:
            if words or not inside:
                raise BrokenFile(path=path, why=f"line {number}: a brace closes what did not open")
            return None
    if words or inside:
        raise _CutOff
    return None


def _begins_record(words: Sequence[str]) -> bool:
    """Say whether braces behind these words hold a record of types: `option x code 7 = { integer 8, text };`."""
    return bool(words) and (words[-1].endswith("=") or words[-2:] == ["array", "of"])


def _record(tokens: Iterator[_Token]) -> Iterator[str]:
    for text, special, _ in tokens:
        if special and text == "}":
            return
        yield text
    raise _CutOff


def _tokens(text: str) -> Iterator[_Token]:
    line, place = 1, 0
    while place < len(text):
        char = text[place]
        if char == "\n":
            line += 1
            place += 1
        elif char.isspace() or char == ",":
            place += 1
        elif char == "#":
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif char in ";{}":
            yield char, True, line
            place += 1
        elif char == '"':
            string, place = _string(text, place + 1)
            yield string, False, line
            line += string.count("\n")
        else:
            end = place
            while end < len(text) and not text[end].isspace() and text[end] not in ';{},"#':
                end += 1
            yield text[place:end], False, line
            place = end


def _string(text: str, place: int) -> tuple[str, int]:
    """Read to the closing quote; what a backslash stands before is kept as it is written."""
    begun = place
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text[place] == '"':
            return text[begun:place], place + 1
        else:
            place += 1
    raise _CutOff

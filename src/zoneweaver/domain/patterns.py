"""Patterns: what is waited for on a console, as literal text or as a regular expression within one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

from zoneweaver.domain.errors import Invalid

LONGEST: Final = 200
"""Characters of a pattern."""

LONGEST_LINE: Final = 4096
"""A line without an end is taken as ended after so many characters, so that a search has bounds."""

_WRITTEN: Final = re.compile(r"/(.+)/(i?)", re.DOTALL)
_LOOKS_AHEAD: Final = re.compile(r"\$|\\[ZzbB]|\(\?(?:=|!|>)|[*+?}]\+")
"""What can make a match of a text end when more text follows."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """What is waited for. `/…/` is a regular expression, `/…/i` one without regard to case, the rest is literal."""

    text: str
    regex: bool = False
    ignore_case: bool = False

    @classmethod
    def parse(cls, value: Any, *, field: str, regex: bool = False) -> Self:
        """Read a pattern as people write it; `regex` says that the text is one without slashes. Raises Invalid."""
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
            raise Invalid(f"{field} must be text of 1 to {LONGEST} characters", field=field)
        written = _WRITTEN.fullmatch(value)
        if not regex and written is None:
            return cls(text=value)
        source = value if written is None else written[1]
        pattern = cls(text=source, regex=True, ignore_case=written is not None and bool(written[2]))
        try:
            compiled = pattern.compiled
        except (re.error, OverflowError, RecursionError) as error:
            raise Invalid(f"{field} is not a regular expression: {error}", field=field) from None
        if compiled.search("") is not None:
            raise Invalid(f"{field} matches nothing at all, so that it could not be waited for", field=field)
        if repeats_repeats(source):
            raise Invalid(f"{field} repeats a group that repeats in itself, which may take for ever", field=field)
        return pattern

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression. Raises re.error."""
        source = self.text if self.regex else re.escape(self.text)
        return re.compile(source, re.IGNORECASE if self.ignore_case else 0)

    @cached_property
    def grows(self) -> bool:
        """Whether a text that matches still does when more text follows."""
        return not self.regex or _LOOKS_AHEAD.search(self.text) is None

    @property
    def shown(self) -> str:
        """The pattern as it is written."""
        return f"/{self.text}/{'i' if self.ignore_case else ''}" if self.regex else self.text

    def at_end(self, line: str) -> bool:
        """Say whether a line ends with the pattern, blanks apart: that is what makes it a prompt."""
        bare = line.rstrip()
        if not self.regex:
            return bool(bare) and bare.endswith(self.text.rstrip())
        return any(match.end() >= len(bare) and match.end() > match.start() for match in self.compiled.finditer(line))


def repeats_repeats(source: str) -> bool:
    """Say whether an expression has a group under an open repetition with another one inside: `(a+)+`."""
    inside: list[bool] = [False]
    place, in_class = 0, False
    while place < len(source):
        char = source[place]
        if char == "\\":
            place += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
            place += source[place + 1 : place + 3] == "^]" or source[place + 1 : place + 2] == "]"
        elif char == "(":
            inside.append(False)
        elif char == ")" and len(inside) > 1:
            repeated = inside.pop()
            if repeated and _open(source, place + 1):
                return True
            inside[-1] = inside[-1] or repeated
        elif _open(source, place):
            inside[-1] = True
        place += 1
    return False


def _open(source: str, place: int) -> bool:
    """Say whether a repetition without an upper bound stands at a place."""
    return source[place : place + 1] in {"*", "+"} or re.match(r"\{\d*,\}", source[place:]) is not None

"""Expect over any byte stream: wait until something is said, with a deadline, whatever the chunks it comes in.

A pattern has matched as soon as the text that has come so far holds it, as if each character came alone; so what is
found, and where, does not depend on how the stream was cut. A regular expression is looked for within one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import anyio

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.patterns import LONGEST_LINE, Pattern
from zoneweaver.guest.terminal_text import TerminalText
from zoneweaver.guest.transcript import Transcript

T = TypeVar("T")

LIMIT: Final = 65536
"""How many characters are kept that nobody has taken yet; older ones are forgotten."""


class Line(Protocol):
    """A stream of bytes in both directions."""

    async def receive(self) -> bytes:
        """Wait for bytes; nothing means that the stream has ended. Cancelled, it has taken nothing."""
        ...

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        ...


class TimedOut(Failed):
    """What was awaited did not come in time; `details["last_lines"]` is what came instead."""

    code = "console_timeout"

    def __init__(self, *, awaited: str, seconds: float, last_lines: Sequence[str]) -> None:
        super().__init__(
            f"{awaited} was awaited for {seconds:g} s{_last(last_lines)}",
            details={"awaited": awaited, "seconds": seconds, "last_lines": list(last_lines)},
        )
        self.awaited = awaited


class LineEnded(Failed):
    """The stream has ended while something was awaited."""

    code = "console_closed"

    def __init__(self, *, last_lines: Sequence[str]) -> None:
        super().__init__(f"The console was closed{_last(last_lines)}", details={"last_lines": list(last_lines)})


def _last(lines: Sequence[str]) -> str:
    said = " | ".join(line.strip() for line in lines[-4:] if line.strip())
    return f"; the last that was seen: {said[-400:]}" if said else "; nothing was seen"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Which pattern came (by its place), what matched, and all that came before it."""

    index: int
    text: str
    groups: tuple[str | None, ...]
    before: str


class Expect:
    """One end of a console. `pending` is what has come and was not taken yet."""

    def __init__(self, line: Line, transcript: Transcript) -> None:
        self.line = line
        self.transcript = transcript
        self.pending = ""
        self.ended = False
        self.heard = 0
        """How many characters have come in all."""
        self._text = TerminalText()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.line.send(data)

    async def listen(self, seconds: float) -> bool:
        """Wait for more text, at most so long; say whether some came. Raises LineEnded."""
        with anyio.move_on_after(seconds):
            await self._more()
            return True
        return False

    async def expect(self, *patterns: Pattern, seconds: float, awaited: str | None = None) -> Found:
        """Wait for the first of the patterns and take all up to its end. Raises TimedOut and LineEnded."""
        search = Search(patterns)
        with self.within(seconds, awaited or " or ".join(pattern.shown for pattern in patterns)):
            while True:
                found = search.look(self.pending)
                if found is not None:
                    start, end, index, groups = found
                    before, text = self.pending[:start], self.pending[start:end]
                    self.pending = self.pending[end:]
                    return Found(index=index, text=text, groups=groups, before=before)
                await self._more(search)
        raise AssertionError  # within raises

    async def until(self, look: Callable[[str], T | None], *, seconds: float, awaited: str) -> T:
        """Wait until `look` finds something in what is pending, and return it. Raises TimedOut and LineEnded."""
        with self.within(seconds, awaited):
            while True:
                found = look(self.pending)
                if found is not None:
                    return found
                await self._more()
        raise AssertionError  # within raises

    async def settled(self, quiet: float, *, seconds: float) -> bool:
        """Wait until nothing has come for `quiet` seconds; False when that was not so within `seconds`."""
        with anyio.move_on_after(seconds):
            while await self.listen(quiet):
                pass
            return True
        return False

    async def rest(self, seconds: float) -> None:
        """Let time pass, hearing what comes."""
        with anyio.move_on_after(seconds):
            while True:
                await self._more()

    def forget(self) -> None:
        """Take all that is pending."""
        self.pending = ""

    @contextmanager
    def within(self, seconds: float, awaited: str) -> Iterator[None]:
        """Raise TimedOut when the block takes longer."""
        with anyio.move_on_after(seconds) as scope:
            yield
        if scope.cancelled_caught:
            raise TimedOut(awaited=awaited, seconds=seconds, last_lines=self.transcript.tail())

    async def _more(self, search: Search | None = None) -> None:
        if self.ended:
            raise LineEnded(last_lines=self.transcript.tail())
        text = ""
        while not text:
            # A console that never stops talking must not keep the deadline from passing.
            await anyio.lowlevel.checkpoint()
            data = await self.line.receive()
            if not data:
                self.ended = True
                raise LineEnded(last_lines=self.transcript.tail())
            text = self._text.feed(data)
        self.heard += len(text)
        self.transcript.hear(text)
        self.pending += text
        over = len(self.pending) - 2 * LIMIT
        if over > 0:
            cut = over + LIMIT
            if search is not None:
                cut = min(cut, search.scanned(len(self.pending)))
                search.shift(cut)
            self.pending = self.pending[cut:]


class Search:
    """Looks for patterns in a text that grows; remembers how far it has looked."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._literals = [(index, one.text) for index, one in enumerate(patterns) if not one.regex]
        self._regexes = [(index, one) for index, one in enumerate(patterns) if one.regex]
        self._longest = max((len(text) for _, text in self._literals), default=1)
        self._seen = 0
        self._line = 0

    def scanned(self, length: int) -> int:
        """Return how much of the beginning of a text of this length is not needed any more."""
        return min(self._line, max(0, self._seen - self._longest), length)

    def shift(self, count: int) -> None:
        """Note that so many characters were cut off the beginning."""
        self._seen -= count
        self._line -= count

    def look(self, text: str) -> tuple[int, int, int, tuple[str | None, ...]] | None:
        """Return (start, end, index, groups) of the match that was complete first, or None."""
        best: tuple[int, int, int, tuple[str | None, ...]] | None = None
        begin = max(0, self._seen - self._longest + 1)
        for index, wanted in self._literals:
            start = text.find(wanted, begin)
            end = start + len(wanted)
            if start >= 0 and (best is None or end < best[1]):
                best = (start, end, index, ())
        limit = len(text) if best is None else best[1]
        if self._regexes:
            found = self._in_lines(text, limit)
            if found is not None and (best is None or (found[1], found[2]) < (best[1], best[2])):
                best = found
        self._seen = len(text)
        return best

    def _in_lines(self, text: str, limit: int) -> tuple[int, int, int, tuple[str | None, ...]] | None:
        """Look line by line; characters of a line that were looked at already are not looked at again."""
        while True:
            newline = text.find("\n", self._line, limit)
            end = limit if newline < 0 else newline
            end = min(end, self._line + LONGEST_LINE)
            best: tuple[int, int, int, tuple[str | None, ...]] | None = None
            for index, pattern in self._regexes:
                stop = end if best is None else best[1]
                found = first(pattern, text[self._line : stop], max(0, self._seen - self._line))
                if found is not None and (best is None or self._line + found[1] < best[1]):
                    best = (self._line + found[0], self._line + found[1], index, found[2])
            if best is not None:
                return best
            if end == self._line + LONGEST_LINE:
                self._line = end
            elif newline >= 0:
                self._line = newline + 1
            else:
                return None


def first(pattern: Pattern, line: str, known: int) -> tuple[int, int, tuple[str | None, ...]] | None:
    """Return (start, end, groups) in the shortest beginning of a line that matches; the first `known` do not."""
    compiled = pattern.compiled
    shortest = None
    if pattern.grows:
        if compiled.search(line) is None:
            return None
        low, high = known, len(line)
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if compiled.search(line, 0, middle) else (middle, high)
        shortest = high
    else:
        shortest = next(
            (length for length in range(known + 1, len(line) + 1) if compiled.search(line, 0, length)), None
        )
    if shortest is None:
        return None
    match = compiled.search(line, 0, shortest)
    return None if match is None else (match.start(), shortest, tuple(match.groups()))

"""What was said on a console, line by line, for people: secrets masked, whatever the pieces it came in."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.secret import MASK
from zoneweaver.guest import noise

KEPT_LINES: Final = 200
LONGEST_LINE: Final = 4096


@dataclass(kw_only=True, slots=True)
class Echo:
    """What came of typing: whether it ended with Enter, and what the console said after that."""

    entered: bool = False
    rest: str = ""


class Transcript:
    """Hears all that comes; `tell` gets masked text, whole lines, or what stands before something is typed.

    What is echoed while something is typed is not told: what was typed is, in place of it.
    """

    def __init__(self, tell: Callable[[str], None], *, secrets: Collection[str] = ()) -> None:
        self._tell = tell
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)
        self._overlap = max((len(secret) for secret in self._secrets), default=1) - 1
        self._line = ""
        self._told = 0
        self._echo: str | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._names: list[tuple[re.Pattern[str], str]] = []

    def rename(self, pattern: re.Pattern[str], shown: str) -> None:
        """Show what only serves the automation as something that people know; empty hides its line."""
        self._names.append((pattern, shown))

    def hear(self, text: str) -> None:
        """Take what the console printed."""
        if self._echo is not None:
            self._echo += text
            return
        self._line += text
        *whole, self._line = self._line.split("\n")
        for line in whole:
            self._end(line)
        while len(self._line) > LONGEST_LINE + self._overlap:
            cut = self._cut()
            head, self._line = self._line[:cut], self._line[cut:]
            self._end(head)

    def _cut(self) -> int:
        """Return where a line that is too long is cut: not within a secret."""
        cut = LONGEST_LINE
        for secret in self._secrets:
            start = self._line.find(secret, max(0, cut - len(secret) + 1), cut + len(secret) - 1)
            if 0 <= start < cut:
                cut = start or len(secret)
        return cut

    @contextmanager
    def typing(self, shown: str, *, secret: bool) -> Iterator[Echo]:
        """Tell `shown` instead of the echo that comes within the block; if it fails, the echo, unless it is secret."""
        self._echo, said, done = "", Echo(), False
        try:
            yield said
            done = True
        finally:
            echo, self._echo = self._echo or "", None
            if done or secret:
                self._line += shown if done else f"{shown} (not typed to its end)"
                self.hear("\n" if said.entered or not done else "")
                self.hear("".join(noise.of(echo)))
                self.hear(said.rest)
            else:
                self.hear(echo)
                self.flush()

    def say(self, text: str) -> None:
        """Tell a remark of our own, before the line that has not ended."""
        self._tell(f"-- {self.masked(text)}\n")

    def flush(self) -> None:
        """Tell the line that has not ended."""
        if self._line:
            self._end(self._begun(self._line))
            self._line = ""

    def tail(self, count: int = 12) -> list[str]:
        """Return the last lines, masked, the unfinished one too."""
        line = self._readable(self._begun(self._line))
        return [*self._lines, *([line] if line else [])][-count:]

    def masked(self, text: str) -> str:
        """Return the text with every secret as asterisks."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def _begun(self, line: str) -> str:
        """Return a line that has not ended without the beginning of a secret at its end."""
        for secret in self._secrets:
            for length in range(len(secret) - 1, 2, -1):
                if line.endswith(secret[:length]):
                    return line[:-length] + MASK
        return line

    def _readable(self, line: str) -> str | None:
        """Return a line as it is told; None for one that only serves the automation."""
        line = line.rstrip("\r")
        for pattern, shown in self._names:
            if pattern.search(line):
                if not shown:
                    return None
                line = pattern.sub(shown, line)
        return self.masked(_overwritten(line)).rstrip()

    def _end(self, line: str) -> None:
        shown = self._readable(line)
        if shown is None:
            return
        if shown:
            self._lines.append(shown[:400])
        self._tell(f"{shown}\n")


def _overwritten(line: str) -> str:
    """Return a line as it looks once backspaces and lone carriage returns have done their work."""
    if "\b" not in line and "\r" not in line:
        return line
    shown: list[str] = []
    place = 0
    for char in line:
        if char == "\b":
            place = max(0, place - 1)
        elif char == "\r":
            place = 0
        else:
            shown[place : place + 1] = [char]
            place += 1
    return "".join(shown)

"""What a terminal prints, as text: control sequences taken out, line ends made one, whatever the chunks it comes in."""

from __future__ import annotations

import codecs
import enum
import re
from typing import Final

LONGEST_SEQUENCE: Final = 4096
"""A control sequence that has not ended after so many characters is none."""


class _State(enum.Enum):
    TEXT = enum.auto()
    ESCAPE = enum.auto()
    CHARSET = enum.auto()
    CSI = enum.auto()
    STRING = enum.auto()
    STRING_ESCAPE = enum.auto()


_SPECIAL: Final = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
"""What a piece of text must not hold to be taken as a whole."""

_KEPT: Final = frozenset("\n\t\b")


class TerminalText:
    r"""Turns bytes into text, piece by piece: the same text for the same bytes, however they are cut.

    `\r\n` becomes `\n`; a lone `\r` stays, as do `\n`, tab and backspace. Other control characters are dropped.
    """

    __slots__ = ("_decoder", "_length", "_return", "_state")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _State.TEXT
        self._length = 0
        self._return = False

    def feed(self, data: bytes) -> str:
        """Return the text that these bytes add."""
        text = self._decoder.decode(data)
        if self._state is _State.TEXT and not self._return and _SPECIAL.search(text) is None:
            return text.replace("\r\n", "\n")
        return "".join(map(self._take, text))

    def _take(self, char: str) -> str:
        if self._state is not _State.TEXT:
            self._length += 1
            if self._length > LONGEST_SEQUENCE or char in "\x18\x1a":
                self._state = _State.TEXT
            else:
                self._state = self._after(char)
            return ""
        before = ""
        if self._return:
            self._return = False
            if char == "\n":
                return "\n"
            if char == "\r":
                self._return = True
                return ""
            before = "\r"
        if char == "\r":
            self._return = True
        elif char == "\x1b":
            self._state, self._length = _State.ESCAPE, 0
        elif char == "\x9b":
            self._state, self._length = _State.CSI, 0
        elif char in _KEPT or not _is_control(char):
            return before + char
        return before

    def _after(self, char: str) -> _State:
        state = self._state
        if state is _State.ESCAPE:
            if char == "[":
                return _State.CSI
            if char in "]PX^_":
                return _State.STRING
            if char in "()*+-./#% ":
                return _State.CHARSET
            return _State.ESCAPE if char == "\x1b" else _State.TEXT
        if state is _State.CSI:
            return _State.TEXT if "@" <= char <= "~" else _State.ESCAPE if char == "\x1b" else state
        if state is _State.STRING:
            return _State.TEXT if char in "\x07\x9c" else _State.STRING_ESCAPE if char == "\x1b" else state
        if state is _State.STRING_ESCAPE:
            return _State.TEXT if char == "\\" else _State.STRING
        return _State.TEXT


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f"

"""The line discipline of a guest's terminal: echo, editing, lines."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.guests.console import Console


class Terminal:
    """Turns typed bytes into lines; CR and LF each end one, so `\\r\\n` ends two."""

    __slots__ = ("buffer", "console", "echo", "interrupt", "limit", "line", "partial")

    def __init__(self, console: Console, line: Callable[[str | None], None], interrupt: Callable[[], None]) -> None:
        self.console = console
        self.line = line  # called with each line, None for an end of file on an empty one
        self.interrupt = interrupt
        self.echo = True
        self.limit = 0  # most characters of a line, 0 for no limit
        self.buffer = ""
        self.partial = b""

    def reset(self) -> None:
        """Forget what was typed and echo again."""
        self.buffer, self.partial, self.echo, self.limit = "", b"", True, 0

    def say(self, text: str) -> None:
        """Print text with proper line ends."""
        self.console.say(text.replace("\r\n", "\n").replace("\n", "\r\n"))

    def hear(self, data: bytes) -> None:
        """Take what was typed."""
        data = self.partial + data
        try:
            text, self.partial = data.decode(), b""
        except UnicodeDecodeError as problem:
            if problem.end == len(data) and len(data) - problem.start < 4:
                text, self.partial = data[: problem.start].decode(errors="replace"), data[problem.start :]
            else:
                text, self.partial = data.decode(errors="replace"), b""
        for char in text:
            self._key(char)

    def _key(self, char: str) -> None:
        if char in "\r\n":
            typed, self.buffer = self.buffer, ""
            self.console.say("\r\n")
            self.line(typed)
        elif char in "\x7f\b":
            if self.buffer:
                self.buffer = self.buffer[:-1]
                if self.echo:
                    self.console.say("\b \b")
        elif char == "\x15":
            if self.echo:
                self.console.say("\b \b" * len(self.buffer))
            self.buffer = ""
        elif char == "\x03":
            self.buffer = ""
            self.console.say("^C\r\n")
            self.interrupt()
        elif char == "\x04":
            if not self.buffer:
                self.line(None)
        elif char >= " " or char == "\t":
            if self.limit and len(self.buffer) >= self.limit:
                self.console.say("\a")
                return
            self.buffer += char
            if self.echo:
                self.console.say(char)

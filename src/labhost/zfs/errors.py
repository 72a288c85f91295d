"""Refusals of zfs(8) and zpool(8), worded as they print them."""

from __future__ import annotations


class ZfsError(Exception):
    """A refusal: its first line, the lines that follow it, and the exit code."""

    def __init__(self, text: str, details: list[str] | None = None, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.details = details or []
        self.code = code

    def lines(self) -> list[str]:
        """Return what goes to stderr, line by line."""
        return [self.text, *self.details] if self.text else list(self.details)


class UsageError(Exception):
    """A command line that is not understood: what is wrong with it, if there is more to say than the usage."""

    def __init__(self, text: str = "", *, listing: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.listing = listing

"""Command line options as getopt(3C) reads them."""

from __future__ import annotations

from labhost.zfs import properties
from labhost.zfs.errors import UsageError, ZfsError


class Options:
    """What a command line gave: the flags, the values of each option in order, and the operands."""

    __slots__ = ("flags", "operands", "values")

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}
        self.operands: list[str] = []

    def __contains__(self, letter: str) -> bool:
        return letter in self.flags

    def last(self, letter: str) -> str | None:
        """Return the value that an option was given last, None if never."""
        given = self.values.get(letter)
        return given[-1] if given else None

    def exactly(self, *called: str) -> list[str]:
        """Return the operands, one for each name in `called`; UsageError when there are more or fewer."""
        if len(self.operands) < len(called):
            raise UsageError(f"missing {called[len(self.operands)]} argument")
        if len(self.operands) > len(called):
            raise UsageError("too many arguments")
        return self.operands


def parse(argv: list[str], spec: str, missing: dict[str, str] | None = None) -> Options:
    """Read options by a getopt `spec` ("rV:"); the first word that is no option begins the operands."""
    options = Options()
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--":
            at += 1
            break
        if len(word) < 2 or word[0] != "-":
            break
        at += 1
        place = 1
        while place < len(word):
            letter = word[place]
            place += 1
            known = spec.find(letter)
            if known < 0 or letter == ":":
                raise UsageError(f"invalid option '{letter}'")
            options.flags.add(letter)
            if spec[known + 1 : known + 2] == ":":
                value = word[place:]
                if not value:
                    if at >= len(argv):
                        raise UsageError((missing or {}).get(letter, f"missing argument for '{letter}' option"))
                    value = argv[at]
                    at += 1
                options.values.setdefault(letter, []).append(value)
                break
    options.operands = argv[at:]
    return options


def assignments(words: list[str]) -> dict[str, str]:
    """Return the properties that `name=value` words give."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError("missing '=' for property=value argument")
        if name in found:
            raise UsageError(f"property '{name}' specified multiple times")
        found[name] = value
    return found


def accepted(words: dict[str, str], action: str, kind: str, *, creating: bool = False) -> dict[str, str]:
    """Return properties as stored; refuse one that may not be, in the words of `action`."""
    found: dict[str, str] = {}
    for word, text in words.items():
        try:
            name, value = properties.accept(word, text, kind, creating=creating)
        except ZfsError as reason:
            raise ZfsError(f"{action}: {reason.text}") from None
        found[name] = value
    return found

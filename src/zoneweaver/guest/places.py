"""Where a guest is: what its console shows when it waits tells what it waits for."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.patterns import Pattern
from zoneweaver.guest import noise

RECENT: Final = 16384
"""How many characters of what was said last are looked through."""


class Place(enum.StrEnum):
    """What a console waits for, or why it will never wait."""

    LOGIN = "login"
    PASSWORD = "password"  # noqa: S105 - no password
    NEW_PASSWORD = "new_password"  # noqa: S105
    SHELL = "shell"
    CONTINUED = "continued"
    GRUB = "grub"
    PANIC = "panic"
    EMERGENCY = "emergency"
    HALTED = "halted"
    SAC = "sac"
    CHANNEL = "channel"
    CMD = "cmd"
    DOMAIN = "domain"
    UNKNOWN = "unknown"


_ANYWHERE: Final[Mapping[Place, re.Pattern[str]]] = {
    Place.PANIC: re.compile(r"Kernel panic - not syncing[^\n]*|panic\[cpu\d+\][^\n]*"),
    Place.EMERGENCY: re.compile(r"You are in (?:emergency|rescue) mode|Give root password for maintenance"),
    Place.HALTED: re.compile(r"\[NOTICE: Zone (?:halted|boot failed)[^\n]*\]"),
}

_AT_THE_END: Final[Mapping[Place, re.Pattern[str]]] = {
    Place.GRUB: re.compile(r"grub(?: rescue)?> ?$"),
    Place.SAC: re.compile(r"^SAC> ?$"),
    Place.CMD: re.compile(r"^[A-Za-z]:\\[^<>|\"*?\n]*> ?$"),
    Place.DOMAIN: re.compile(r"^Domain\s*: ?$"),
    Place.NEW_PASSWORD: re.compile(r"(?:new|current|retype|again|re-enter)[^\n]*password[^\n]*: ?$", re.IGNORECASE),
    Place.PASSWORD: re.compile(r"(?:password|passphrase|passcode)[^\n]*: ?$", re.IGNORECASE),
    Place.LOGIN: re.compile(r"(?:login|username): ?$", re.IGNORECASE),
    Place.SHELL: re.compile(r"(?:^|[^#$%])[#$] ?$|(?:^|[^\d#$%])% ?$"),
    Place.CONTINUED: re.compile(r"^> ?$"),
}

_CHANNEL: Final = "Use any other key to view this channel."
"""What Windows ends the description of a channel with."""

_SENTENCES: Final[Mapping[Place, str]] = {
    Place.GRUB: "The guest has stopped at the GRUB prompt: its boot loader finds nothing to boot",
    Place.PANIC: "The guest's kernel has panicked",
    Place.EMERGENCY: "The guest has come up in emergency mode and wants somebody to repair it",
    Place.HALTED: "The zone was halted",
}


class GuestStuck(Failed):
    """The guest is where nothing can be done from its console; `details["place"]` says where."""

    code = "guest_stuck"

    def __init__(self, place: Place, said: str, *, last_lines: list[str]) -> None:
        super().__init__(
            f"{_SENTENCES[place]}: {said}" if place is Place.PANIC else _SENTENCES[place],
            code=f"guest_{place.value}",
            details={"place": place.value, "last_lines": last_lines},
        )
        self.place = place


def stuck(text: str) -> tuple[Place, str] | None:
    """Return where the guest has come to an end, with the words that say so; None when it has not."""
    recent = text[-RECENT:]
    for place, wanted in _ANYWHERE.items():
        match = wanted.search(recent)
        if match is not None:
            return place, match[0].strip()
    if _AT_THE_END[Place.GRUB].search(last_line(text)):
        return Place.GRUB, ""
    return None


def place_of(text: str, *, login: Pattern | None = None, shell: Pattern | None = None) -> Place:
    """Return what a console waits for that has fallen silent; `login` and `shell` are prompts of a recipe."""
    found = stuck(text)
    if found is not None:
        return found[0]
    line = last_line(text)
    if text[-RECENT:].rstrip().endswith(_CHANNEL):
        return Place.CHANNEL
    if not line.strip():
        return Place.UNKNOWN
    if login is not None and login.at_end(line):
        return Place.LOGIN
    if shell is not None and shell.at_end(line):
        return Place.SHELL
    return next((place for place, wanted in _AT_THE_END.items() if wanted.search(line)), Place.UNKNOWN)


def last_line(text: str) -> str:
    """Return the line that has not ended, without messages of the system."""
    return noise.without(text[-8192:]).rpartition("\n")[2].rpartition("\r")[2]

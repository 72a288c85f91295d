"""The cache of templates, outside any world: a folder for each, with an unpacked `root` or a `disk.raw` or both.

A part is there as a whole or not at all: it is made in `NAME.building` and moved. Who builds holds `NAME.lock`; the
kernel lets go of it with the builder, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import subprocess

from labhost import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = "/var/cache/zoneweaver-lab"
VARIABLE = "ZONEWEAVER_LAB_CACHE"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class TemplateError(ValueError):
    """A template cannot be made, imported or put; the text says why."""


def folder() -> str:
    """Return the folder of the cache: that of the variable, otherwise the machine's."""
    return os.path.abspath(os.environ.get(VARIABLE) or PLACE)


class Template:
    """One entry of the cache, made or not."""

    __slots__ = ("name", "top")

    def __init__(self, name: str) -> None:
        if not name or not _LETTERS.issuperset(name) or name[0] in ".-" or name.endswith((".building", ".lock")):
            raise TemplateError(f"{name!r} is no name for a template: letters, digits, '-', '_' and '.'")
        self.name = name
        self.top = f"{folder()}/{name}"

    @property
    def root(self) -> str:
        """Return where its unpacked root is."""
        return f"{self.top}/root"

    @property
    def disk(self) -> str:
        """Return where its bootable disk is."""
        return f"{self.top}/disk.raw"

    @property
    def has_root(self) -> bool:
        """Tell whether there is an unpacked root."""
        return os.path.isdir(self.root)

    @property
    def has_disk(self) -> bool:
        """Tell whether there is a disk."""
        return os.path.isfile(self.disk)

    @property
    def workshop(self) -> str:
        """Return the folder in which its parts are made."""
        return f"{self.top}.building"

    def publish(self, part: str, goal: str) -> None:
        """Put a part that is done in the place of the one that was there."""
        os.makedirs(self.top, exist_ok=True)
        before = f"{self.workshop}/before"
        if os.path.lexists(goal):
            remove(before)
            os.rename(goal, before)
        os.rename(part, goal)
        remove(before)

    def forget(self) -> None:
        """Remove it, and what unfinished work on it left."""
        for place in (self.workshop, self.top):
            remove(place)


class Lock:
    """`with Lock(template, say):` one builder at a time; others wait and are told for whom."""

    __slots__ = ("number", "place", "say")

    def __init__(self, template: Template, say: Callable[[str], None]) -> None:
        self.place = f"{template.top}.lock"
        self.say = say
        self.number = -1

    def __enter__(self) -> None:
        try:
            os.makedirs(os.path.dirname(self.place), exist_ok=True)
            self.number = os.open(self.place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            raise TemplateError(f"{self.place}: {problem.strerror}") from None
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self.number, 32, 0).decode().strip() or "unknown"
            self.say(f"process {holder} is already at it: waiting")
            fcntl.flock(self.number, fcntl.LOCK_EX)
        os.truncate(self.number, 0)
        os.pwrite(self.number, f"{os.getpid()}\n".encode(), 0)

    def __exit__(self, *_: object) -> None:
        os.truncate(self.number, 0)
        os.close(self.number)


def names() -> list[str]:
    """Return the names of what the cache holds."""
    try:
        found = sorted(os.listdir(folder()))
    except FileNotFoundError:
        return []
    return [name for name in found if os.path.isdir(f"{folder()}/{name}") and not name.endswith(".building")]


def remove(place: str) -> None:
    """Remove a file or a folder with all in it, but nothing that is mounted there."""
    if os.path.isdir(place) and not os.path.islink(place):
        done = subprocess.run(
            ["rm", "-rf", "--one-file-system", place], capture_output=True, check=False, env=machine.environment()
        )
        if done.returncode != 0:
            raise TemplateError(f"{place} cannot be removed: {done.stderr.decode(errors='replace').strip()}")
    elif os.path.lexists(place):
        os.unlink(place)

"""Which entries of an archive are unpacked: each is judged by name, knowing every one before it; nothing is written."""

from __future__ import annotations

import stat
import tarfile
from dataclasses import dataclass, field
from typing import Final

from zoneweaver.host.tarstream import BadArchive, Header

DEEPEST: Final = 64
LONGEST_PART: Final = 255
LONGEST_PATH: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much an archive may become: number of entries, and bytes of all their content."""

    entries: int = 100_000
    unpacked: int = 8 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What an archive holds: entries of all kinds, and bytes of content."""

    entries: int
    unpacked: int


Parts = tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class Plan:
    """What to do with an entry that was admitted."""

    parts: Parts
    header: Header
    target: Parts = ()
    """What a hard link points at."""


@dataclass(slots=True)
class Judge:
    """Knows every entry so far, and admits the next one or refuses it by name."""

    limits: Limits
    kinds: dict[Parts, bytes] = field(default_factory=dict)
    named: set[Parts] = field(default_factory=set)
    """Entries but for folders, which may be named again."""
    entries: int = 0
    unpacked: int = 0

    def contents(self) -> Contents:
        """Return what was admitted so far."""
        return Contents(entries=self.entries, unpacked=self.unpacked)

    def admit(self, header: Header) -> Plan:
        """Return what to do with the entry. Raises BadArchive."""
        name, kind = header.name, tarfile.REGTYPE if header.is_file else header.kind
        self.entries += 1
        if self.entries > self.limits.entries:
            raise BadArchive(f"it holds more than {self.limits.entries} entries")
        parts = _parts(name)
        if kind not in _TAKEN:
            raise BadArchive(_KINDS.get(kind, "is of a kind that is not unpacked"), entry=name)
        if not parts:
            if kind != tarfile.DIRTYPE:
                raise BadArchive("names the folder itself, but is no folder", entry=name)
            return Plan(parts=parts, header=header)
        if header.mode & (stat.S_ISUID | stat.S_ISGID) and kind != tarfile.DIRTYPE:
            raise BadArchive("is set-uid or set-gid", entry=name)
        self._place(parts, kind, name)
        plan = Plan(parts=parts, header=header)
        if kind == tarfile.REGTYPE:
            self.unpacked += header.size
            if self.unpacked > self.limits.unpacked:
                raise BadArchive(f"brings it to more than {self.limits.unpacked} bytes unpacked", entry=name)
        elif kind == tarfile.SYMTYPE:
            _check_symlink(parts, header.link, name)
        elif kind == tarfile.LNKTYPE:
            plan.target = self._hard_link(header.link, name)
            self.kinds[parts] = tarfile.REGTYPE
        return plan

    def _place(self, parts: Parts, kind: bytes, name: str) -> None:
        """Find the entry's place in the tree: below folders alone, and free."""
        for depth in range(1, len(parts)):
            above = self.kinds.setdefault(parts[:depth], tarfile.DIRTYPE)
            if above == tarfile.SYMTYPE:
                raise BadArchive("lies below a symbolic link", entry=name)
            if above != tarfile.DIRTYPE:
                raise BadArchive("lies below a file", entry=name)
        there = self.kinds.setdefault(parts, kind)
        if len(self.kinds) > 2 * self.limits.entries + DEEPEST:
            raise BadArchive(f"it holds more than {self.limits.entries} entries")
        if there != kind or parts in self.named:
            raise BadArchive("is there twice", entry=name)
        if kind != tarfile.DIRTYPE:
            self.named.add(parts)

    def _hard_link(self, link: str, name: str) -> Parts:
        try:
            target = _parts(link)
        except BadArchive as error:
            raise BadArchive(f"is a hard link to {error.entry!r}, which {error.why}", entry=name) from None
        if self.kinds.get(target) != tarfile.REGTYPE:
            raise BadArchive("is a hard link to something that is not a file before it", entry=name)
        return target


_TAKEN: Final = {tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE}
_KINDS: Final = {
    tarfile.CHRTYPE: "is a device",
    tarfile.BLKTYPE: "is a device",
    tarfile.FIFOTYPE: "is a named pipe",
    b"M": "goes on from another volume",
}


def _parts(name: str) -> Parts:
    """Return a name as its parts, `.` for the folder itself being none. Raises BadArchive."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise BadArchive("is not named in UTF-8", entry=name) from None
    if not name:
        raise BadArchive("it holds an entry without a name")
    if name.startswith("/"):
        raise BadArchive("has an absolute path", entry=name)
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in name):
        raise BadArchive("has control characters in its name", entry=name)
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    if ".." in parts:
        raise BadArchive("leads out of its folder (..)", entry=name)
    if size > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise BadArchive("has too long a name", entry=name)
    if len(parts) > DEEPEST:
        raise BadArchive(f"lies deeper than {DEEPEST} folders", entry=name)
    return parts


def _check_symlink(parts: Parts, link: str, name: str) -> None:
    """Refuse a link that leaves the tree, whatever other links there are.

    `..` may only stand at the beginning, at most as often as the link is deep: its folder is a real one, so these lead
    to a folder inside; from there on every part leads down, or over a link of which the same is true.
    """
    try:
        link.encode("utf-8")
    except UnicodeEncodeError:
        raise BadArchive("is a link to something that is not named in UTF-8", entry=name) from None
    if not link or any(ord(char) < 0x20 or ord(char) == 0x7F for char in link) or len(link) > LONGEST_PATH:
        raise BadArchive("is a link to a name that is none", entry=name)
    if link.startswith("/"):
        raise BadArchive(f"is a link to an absolute path ({link[:200]})", entry=name)
    steps = [part for part in link.split("/") if part not in {"", "."}]
    up = 0
    while up < len(steps) and steps[up] == "..":
        up += 1
    if up > len(parts) - 1:
        raise BadArchive(f"is a link that leads out of the archive ({link[:200]})", entry=name)
    if ".." in steps[up:]:
        raise BadArchive(f"is a link with .. after a name ({link[:200]})", entry=name)

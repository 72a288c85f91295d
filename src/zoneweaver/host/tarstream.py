"""Reading tar as it comes, strictly: whatever tar(1) would pass over in silence is refused, with the entry's name.

ustar, GNU long names and pax headers (POSIX.1-2017, pax "ustar Interchange Format") are understood.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from zoneweaver.domain.errors import Refused

BLOCK: Final = tarfile.BLOCKSIZE
CHUNK: Final = 256 * 1024

MOST_EXTENDED: Final = 64 * 1024
"""Bytes of one extended header; honest ones hold a name or a moment."""

MOST_PADDING: Final = 1024 * 1024
"""Zeros after the end of the archive; tar fills its last record."""

_EXTENDED: Final = {
    tarfile.XHDTYPE: "pax",
    tarfile.SOLARIS_XHDTYPE: "pax",
    tarfile.XGLTYPE: "global",
    tarfile.GNUTYPE_LONGNAME: "name",
    tarfile.GNUTYPE_LONGLINK: "link",
}
_PLAIN: Final = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}


class BadArchive(Refused):
    """The archive is not one, or holds what is not unpacked; `details` name the entry and the reason."""

    code = "bad_archive"

    def __init__(self, why: str, *, entry: str | None = None) -> None:
        shown = None if entry is None else shown_name(entry)
        super().__init__(
            f"The archive cannot be used: {why}" if shown is None else f"The archive cannot be used: {shown} {why}",
            details={"why": why} if shown is None else {"entry": shown, "why": why},
        )
        self.why = why
        self.entry = entry


def shown_name(name: str) -> str:
    """Return a name of an entry as it can be shown: printable, and not too long."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= 200 else f"{text[:200]}…"


class Bytes(Protocol):
    """Whatever bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """One entry: `kind` is the type byte of tar, `link` the target of a link. Text may hold surrogates (bad UTF-8)."""

    name: str
    kind: bytes
    size: int
    mode: int
    mtime: float
    link: str = ""

    @property
    def is_file(self) -> bool:
        """Whether content follows that is a plain file's."""
        return self.kind in _PLAIN


class TarStream:
    """An archive that is read once, from front to back."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self._content = 0
        """Bytes of the present entry's content (with its padding) that nobody has read yet."""
        self._padding = 0
        self._name = ""

    def headers(self) -> Iterator[Header]:
        """Yield each entry; its content must be read (`content`) before the next one, or is passed over."""
        pax: dict[str, str] = {}
        long: dict[str, str] = {}
        first = True
        while True:
            for _ in self.content():
                pass
            block = self._source.read(BLOCK)
            if not block and first:
                raise BadArchive("it is empty")
            if len(block) < BLOCK:
                raise BadArchive("it is cut off, or not a tar archive" if first else "it is cut off")
            if not any(block):
                self._end(first=first, unfinished=bool(pax or long))
                return
            found = self._header(block, first=first)
            first = False
            meaning = _EXTENDED.get(found.type)
            if meaning is None:
                header = _joined(found, pax, long)
                pax, long = {}, {}
                self._name = header.name
                has_content = header.is_file or header.kind not in _WITHOUT_CONTENT
                self._begin(header.size if has_content else 0)
                yield header
            elif meaning == "global":
                self._extended(found)  # comments; what it says of names and sizes is not believed
            elif meaning == "pax":
                if pax:
                    raise BadArchive("has two extended headers", entry=found.name)
                pax = _records(self._extended(found), found.name)
            else:
                if meaning in long:
                    raise BadArchive("has two long names", entry=found.name)
                long[meaning] = self._extended(found).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def content(self) -> Iterator[bytes]:
        """Yield the content of the present entry in pieces of at most 256 KiB."""
        while self._content:
            piece = self._source.read(min(self._content, CHUNK))
            if not piece:
                raise BadArchive("is cut off", entry=self._name)
            self._content -= len(piece)
            yield piece
        if self._padding:
            if len(self._exactly(self._padding)) < self._padding:
                raise BadArchive("is cut off", entry=self._name)
            self._padding = 0

    def _begin(self, size: int) -> None:
        self._content, self._padding = size, -size % BLOCK

    def _header(self, block: bytes, *, first: bool) -> tarfile.TarInfo:
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError, IndexError) as error:
            if first:
                raise BadArchive("it is not a tar archive") from error
            raise BadArchive(f"it is damaged after {shown_name(self._name) or 'its beginning'}") from error
        if found.size < 0:
            raise BadArchive("has a negative size", entry=found.name)
        if found.type == tarfile.GNUTYPE_SPARSE:
            raise BadArchive("is a sparse file", entry=found.name)
        return found

    def _extended(self, found: tarfile.TarInfo) -> bytes:
        if found.size > MOST_EXTENDED:
            raise BadArchive(f"has an extended header of {found.size} bytes", entry=found.name)
        content = self._exactly(found.size)
        padding = -found.size % BLOCK
        if len(content) < found.size or len(self._exactly(padding)) < padding:
            raise BadArchive("is cut off in its extended header", entry=found.name)
        return content

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self._source.read(size - len(found))
            if not piece:
                break
            found += piece
        return found

    def _end(self, *, first: bool, unfinished: bool) -> None:
        """Read to the end of the file, so that what checks the compressed bytes has seen them all."""
        if unfinished:
            raise BadArchive("it ends after an extended header")
        if first:
            raise BadArchive("it holds nothing")
        padding = 0
        while piece := self._source.read(CHUNK):
            padding += len(piece)
            if any(piece):
                raise BadArchive("it goes on after its end")
            if padding > MOST_PADDING:
                raise BadArchive("it goes on with zeros after its end")


_WITHOUT_CONTENT: Final = {
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
}


def _records(content: bytes, name: str) -> dict[str, str]:
    """Read the records of a pax header: `LENGTH KEYWORD=VALUE` and a newline."""
    found: dict[str, str] = {}
    rest = content.rstrip(b"\0")
    while rest:
        digits, blank, _ = rest.partition(b" ")
        length = int(digits) if blank and digits.isdigit() and len(digits) < 7 else 0
        record = rest[:length]
        keyword, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not 0 < length <= len(rest) or not equals or not keyword or not record.endswith(b"\n"):
            raise BadArchive("has an extended header that is damaged", entry=name)
        found[keyword.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        rest = rest[length:]
    return found


def _joined(found: tarfile.TarInfo, pax: Mapping[str, str], long: Mapping[str, str]) -> Header:
    """Return the entry that a header and the extended headers before it describe."""
    name = pax.get("path") or long.get("name") or found.name
    if any(keyword.startswith("GNU.sparse") for keyword in pax):
        raise BadArchive("is a sparse file", entry=name)
    size = found.size
    if "size" in pax:
        if not pax["size"].isascii() or not pax["size"].isdigit() or len(pax["size"]) > 19:
            raise BadArchive("has a size that is none", entry=name)
        size = int(pax["size"])
    try:
        mtime = float(pax.get("mtime", found.mtime))
    except ValueError:
        mtime = 0.0
    kind = found.type
    if kind in _PLAIN and name.endswith("/") and not size:
        kind = tarfile.DIRTYPE
    return Header(
        name=name,
        kind=kind,
        size=size,
        mode=found.mode,
        mtime=mtime if 0 <= mtime < 2**33 else 0.0,
        link=pax.get("linkpath") or long.get("link") or found.linkname,
    )

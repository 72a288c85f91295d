"""A small ISO 9660 image with Rock Ridge names: a few files in one folder (ECMA-119, SUSP 1.12, RRIP 1.12)."""

from __future__ import annotations

import struct
import time

SECTOR = 2048
_PATHS_LITTLE, _PATHS_BIG, _ROOT, _FIRST_FILE = 18, 19, 20, 21


def _both16(number: int) -> bytes:
    return struct.pack("<H", number) + struct.pack(">H", number)


def _both32(number: int) -> bytes:
    return struct.pack("<I", number) + struct.pack(">I", number)


def _field(text: str, size: int) -> bytes:
    return text.encode("ascii")[:size].ljust(size)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % SECTOR)


def _moment() -> bytes:
    now = time.gmtime()
    return bytes((now.tm_year - 1900, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec, 0))


def _posix(mode: int, links: int) -> bytes:
    return b"PX" + bytes((36, 1)) + _both32(mode) + _both32(links) + _both32(0) + _both32(0)


def _entry(name: bytes, sector: int, size: int, *, folder: bool, extra: bytes) -> bytes:
    head = _both32(sector) + _both32(size) + _moment() + bytes((2 if folder else 0, 0, 0)) + _both16(1)
    record = head + bytes((len(name),)) + name + (b"" if len(name) % 2 else b"\0") + extra
    record += b"\0" * (len(record) % 2)
    return bytes((2 + len(record), 0)) + record


def image(volume: str, files: dict[str, bytes]) -> bytes:
    """Return the image of a volume that holds these files; names of up to 200 ASCII characters."""
    sharing = b"SP" + bytes((7, 1)) + b"\xbe\xef\0"
    extension = b"RRIP_1991A"
    reference = b"ER" + bytes((8 + len(extension), 1, len(extension), 0, 0, 1)) + extension
    listing = _entry(b"\0", _ROOT, SECTOR, folder=True, extra=sharing + _posix(0o040555, 2) + reference)
    listing += _entry(b"\1", _ROOT, SECTOR, folder=True, extra=_posix(0o040555, 2))
    data = b""
    for number, (name, content) in enumerate(sorted(files.items())):
        sector = _FIRST_FILE + len(data) // SECTOR
        rock = b"NM" + bytes((5 + len(name), 1, 0)) + name.encode("ascii")
        short = f"{''.join(c for c in name.upper() if c.isalnum())[:6]}{number:02d}.;1"
        listing += _entry(short.encode("ascii"), sector, len(content), folder=False, extra=_posix(0o100444, 1) + rock)
        data += _pad(content)
    if len(listing) > SECTOR:
        raise ValueError("too many files for one folder")
    paths = bytes((1, 0)) + struct.pack("<I", _ROOT) + struct.pack("<H", 1) + b"\0\0"
    paths_big = bytes((1, 0)) + struct.pack(">I", _ROOT) + struct.pack(">H", 1) + b"\0\0"
    total = _FIRST_FILE + len(data) // SECTOR
    when = time.strftime("%Y%m%d%H%M%S00", time.gmtime()).encode("ascii") + b"\0"
    primary = b"\1CD001\1\0" + _field("", 32) + _field(volume, 32) + bytes(8) + _both32(total) + bytes(32)
    primary += _both16(1) + _both16(1) + _both16(SECTOR) + _both32(len(paths))
    primary += struct.pack("<II", _PATHS_LITTLE, 0) + struct.pack(">II", _PATHS_BIG, 0)
    primary += _entry(b"\0", _ROOT, SECTOR, folder=True, extra=b"")
    primary += _field("", 128 * 4) + _field("", 37 * 3) + when + when + b"0" * 16 + b"\0" + when + b"\1\0"
    terminator = b"\xffCD001\1"
    return bytes(16 * SECTOR) + _pad(primary) + _pad(terminator) + _pad(paths) + _pad(paths_big) + _pad(listing) + data

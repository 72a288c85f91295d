"""Texts for a POSIX shell: what printf(1) prints back as it was, cut into lines that can be typed, and cksum(1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_PLAIN: Final = frozenset(
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !"#$&()*+,-./:;<=>?@[]^_`{|}~'
)


def printable(text: str) -> str:
    """Return a format that printf prints as the text, in printable ASCII: everything else is in octal digits."""
    written = "".join(char if char in _PLAIN else _escaped(char) for char in text)
    return f"\\055{written[1:]}" if written.startswith("-") else written


def _escaped(char: str) -> str:
    # Some shells look for % only after they have read the octal digits.
    return "%%" if char == "%" else "".join(f"\\{byte:03o}" for byte in char.encode())


def pieces(text: str, length: int) -> Iterator[str]:
    """Cut a text into pieces of at most this length; an empty text is one piece."""
    for start in range(0, max(1, len(text)), length):
        yield text[start : start + length]


_POLYNOMIAL: Final = 0x04C11DB7


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ _POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        found.append(crc)
    return tuple(found)


_TABLE: Final = _table()


def cksum(data: bytes) -> str:
    """Sum up data as the command does: its checksum, a blank, its size in bytes."""
    size, tail = len(data), bytearray()
    while size:
        tail.append(size & 255)
        size >>= 8
    crc = 0
    for byte in data + tail:
        crc = (crc << 8 ^ _TABLE[crc >> 24 ^ byte]) & 0xFFFFFFFF
    return f"{crc ^ 0xFFFFFFFF} {len(data)}"

"""multipart/form-data as it comes: the content of the field `file`, and nothing kept of it (RFC 7578)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from zoneweaver.domain.errors import Invalid, UnsupportedMediaType

FIELD: Final = "file"
MOST_AROUND: Final = 64 * 1024
"""Bytes of headers and of other fields that are passed over."""

_BOUNDARY: Final = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE | re.ASCII)
_NAME: Final = re.compile(rb"""^content-disposition:[^\r\n]*[;\s]name="?([^";\r\n]*)"?""", re.IGNORECASE | re.MULTILINE)


def boundary_of(content_type: str) -> bytes | None:
    """Return what separates the parts; None for another type. Raises UnsupportedMediaType when it is not told."""
    if not content_type.strip().lower().startswith("multipart/form-data"):
        return None
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise UnsupportedMediaType("multipart/form-data names no boundary")
    return (match.group(1) or match.group(2)).encode("ascii", "replace")


async def content(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """Yield the content of the field `file`; what follows it is read and dropped. Raises Invalid when there is none."""
    delimiter = b"\r\n--" + boundary
    waiting, around, ours = b"\r\n", 0, False
    found = False
    async for chunk in chunks:
        waiting += chunk
        while True:
            at = waiting.find(delimiter)
            if at < 0:
                keep = len(delimiter) - 1
                passed, waiting = waiting[:-keep], waiting[-keep:]
                if ours and passed:
                    yield passed
                around = _passed(around, passed, ours=ours)
                break
            passed, rest = waiting[:at], waiting[at + len(delimiter) :]
            if rest.startswith(b"--") or (len(rest) >= 2 and not rest.startswith(b"\r\n")) or b"\r\n\r\n" in rest:
                if ours and passed:
                    yield passed
                around = _passed(around, passed, ours=ours)
                if ours:
                    found, ours = True, False
                if not rest.startswith(b"\r\n"):
                    waiting = b""  # the end, or no boundary at all: nothing behind it is of interest
                    break
                head, _, waiting = rest.partition(b"\r\n\r\n")
                around = _passed(around, head, ours=False)
                name = _NAME.search(head.lstrip(b"\r\n"))
                ours = not found and name is not None and name.group(1).decode("latin-1") == FIELD
                continue
            _passed(around, rest, ours=False)
            break
    if ours:
        raise Invalid("The form ends within its file", field=FIELD, code="body_incomplete")
    if not found:
        raise Invalid(f"The form has no field {FIELD}", field=FIELD)


def _passed(around: int, passed: bytes, *, ours: bool) -> int:
    around += 0 if ours else len(passed)
    if around > MOST_AROUND:
        raise Invalid(f"The form holds too much besides its field {FIELD}", field=FIELD)
    return around

"""Server-Sent Events: frames, and signs of life while nothing happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

from zoneweaver.api.route import Stream, to_json

HEARTBEAT_SECONDS: Final = 15.0

OPENING: Final = b": zoneweaver\nretry: 2000\n\n"
"""Sent at once, so that the client knows that it is connected; it comes back 2 s after a break."""

ALIVE: Final = b": alive\n\n"


def event(kind: str, data: Mapping[str, Any], position: str | None = None) -> bytes:
    """Return one event as a frame."""
    head = b"" if position is None else f"id: {position}\n".encode()
    return head + f"event: {kind}\ndata: ".encode() + to_json(data) + b"\n\n"


def event_stream(chunks: Callable[[], AsyncGenerator[bytes, None]], *, silence: float = HEARTBEAT_SECONDS) -> Stream:
    """Return the answer that sends these frames; the first of them should be `OPENING`."""
    return Stream(chunks=chunks, alive=ALIVE, silence=silence)

"""Server-Sent Events: frames, and signs of life while nothing happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

import anyio

from zoneweaver.api.route import to_json

HEARTBEAT_SECONDS: Final = 15.0
"""Silence after which a comment is sent, so that neither side takes the other for gone."""

OPENING: Final = b": zoneweaver\nretry: 2000\n\n"
"""Sent at once, so that the client knows that it is connected; it comes back 2 s after a break."""

ALIVE: Final = b": alive\n\n"


def event(kind: str, data: Mapping[str, Any], position: str | None = None) -> bytes:
    """Return one event as a frame."""
    head = b"" if position is None else f"id: {position}\n".encode()
    return head + f"event: {kind}\ndata: ".encode() + to_json(data) + b"\n\n"


async def with_heartbeat(
    frames: AsyncIterator[bytes], *, seconds: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes, None]:
    """Yield the opening, then the frames, and a comment after each silence; frames that are ready go together."""
    send, receive = anyio.create_memory_object_stream[bytes](256)

    async def pump() -> None:
        async with send:
            async for frame in frames:
                await send.send(frame)

    yield OPENING
    async with anyio.create_task_group() as group, receive:
        group.start_soon(pump)
        try:
            while True:
                waiting = [ALIVE]
                with anyio.move_on_after(seconds):
                    waiting = [await receive.receive()]
                while receive.statistics().current_buffer_used:
                    waiting.append(receive.receive_nowait())
                yield b"".join(waiting)
        except anyio.EndOfStream:
            pass
        finally:
            group.cancel_scope.cancel()

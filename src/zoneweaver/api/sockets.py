"""One WebSocket, from opening to close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from zoneweaver.api.route import Answer, Call, to_json

CLOSE_NORMAL = 1000
CLOSE_ERROR = 1011


@dataclass(kw_only=True, slots=True)
class Socket:
    """A WebSocket that is not accepted yet; refusing it answers with HTTP, as for any other request."""

    scope: MutableMapping[str, Any]
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
    call: Call = field(init=False)
    accepted: bool = False

    async def accept(self) -> None:
        """Open it."""
        await self.receive()
        await self.send({"type": "websocket.accept"})
        self.accepted = True

    async def say(self, value: Any) -> None:
        """Send one JSON message."""
        await self.send({"type": "websocket.send", "text": to_json(value).decode()})

    async def gone(self) -> None:
        """Return when the client has left; what it says is not listened to."""
        while (await self.receive())["type"] != "websocket.disconnect":
            pass

    async def close(self, code: int = CLOSE_NORMAL) -> None:
        """Close it."""
        await self.send({"type": "websocket.close", "code": code})

    async def refuse(self, answer: Answer) -> None:
        """Answer with an error instead of opening; an open one is closed."""
        if self.accepted:
            await self.close(CLOSE_ERROR)
            return
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            await self.close(CLOSE_ERROR)
            return
        content = answer.content()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
        await self.send({"type": "websocket.http.response.body", "body": content})

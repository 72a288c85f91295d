"""What one line of the route table says, what a handler is given, and what it gives back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel

from zoneweaver.api.wire import Body, Query, Shown
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.secret import masked
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import IdempotencyKey

if TYPE_CHECKING:
    from zoneweaver.api.services import Services

M = TypeVar("M", bound=BaseModel)

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer that is complete: a JSON body (secrets in it are masked), or ready bytes."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"

    def content(self) -> bytes:
        """Return the bytes to send."""
        return self.body if isinstance(self.body, bytes) else to_json(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """An answer that goes on: chunks are sent as they come; the iterator is closed when the client leaves."""

    chunks: Callable[[], AsyncGenerator[bytes, None]]
    alive: bytes
    """Sent after each `silence` seconds without a chunk, so that neither side takes the other for gone."""
    silence: float
    status: int = 200
    media_type: str = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = (("cache-control", "no-store"), ("x-accel-buffering", "no"))


def to_json(value: Any) -> bytes:
    """Write JSON as the API does: compact, UTF-8."""
    return json.dumps(masked(value), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(kw_only=True, slots=True)
class Call:
    """One request, checked: the key reaches, path, query and body are as the route wants them."""

    services: Services
    caller: Caller
    path: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    action: str = ""
    target: str | None = None
    """What the audit row will say of this request."""
    query: Query | None = None
    model: Body | None = None
    body: dict[str, Any] = field(default_factory=dict)
    """The fields of the body that were given."""
    dry_run: bool = False
    idempotent: IdempotencyKey | None = None
    chunks: Callable[[], AsyncIterator[bytes]] | None = None
    """The body as it comes, on routes that take it `raw`: nothing has been read before the first chunk is asked for."""
    audited: bool = False
    """Set when the audit row was written together with what it tells."""

    def asked(self, kind: type[M]) -> M:
        """Return the query as the model that the route declares."""
        if not isinstance(self.query, kind):
            raise TypeError(f"the route declares {type(self.query).__name__}, not {kind.__name__}")
        return self.query

    def sent(self, kind: type[M]) -> M:
        """Return the body as the model that the route declares."""
        if not isinstance(self.model, kind):
            raise TypeError(f"the route declares {type(self.model).__name__}, not {kind.__name__}")
        return self.model

    def header(self, name: bytes) -> str | None:
        """Return a header (name in lower case), or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


Handler = Callable[[Call], Awaitable[Answer | Stream]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One thing that may be asked. Everything outside the handlers is made from these lines."""

    method: Method
    path: str
    """`/zones/{name}`: each `{…}` is one segment, handed over in `Call.path`."""
    summary: str
    handler: Handler
    tag: str
    scope: Scope | None
    """What the key must reach; None for everybody."""
    description: str = ""
    query: type[Query] | None = None
    body: type[Body] | None = None
    body_optional: bool = False
    raw: bool = False
    """The handler reads the body itself as it comes, of whatever size and type (`Call.chunks`)."""
    answer: type[Shown] | None = None
    status: int = 200
    media_type: str = "application/json"
    refusals: tuple[int, ...] = ()
    """Statuses that are this route's own, beside those that follow from the rest of the line."""
    audit: str | None = None
    """The verb of the audit row (`zone.create`); None for requests that change nothing."""
    target: str | None = None
    """The name in the path (several with `/` between them), or the field of the body, that the audit row points at."""
    queues: bool = False
    """Answers 202 with tasks, and takes Idempotency-Key."""
    plans: bool = False
    """Takes `?dry_run=true`."""
    conditional: bool = False
    """Takes If-Match (writes), or answers with an ETag (reads)."""
    ranges: bool = False
    """Takes Range, and answers 206 with a part of the file."""
    streams: bool = False
    """Goes on for as long as the client listens; takes `?ticket=` instead of a key."""
    socket: Callable[[Any], Awaitable[None]] | None = None
    """Serves the same path as WebSocket."""

"""The ASGI application: finds the route, admits the caller, checks what was sent, answers, and leaves an audit row."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import aclosing
from typing import Any, Final

import anyio
import structlog
from pydantic import ValidationError

from zoneweaver.api import auth, bodies, errors, queries
from zoneweaver.api.route import Answer, Call, Route, Stream
from zoneweaver.api.routing import Router
from zoneweaver.api.services import Services
from zoneweaver.api.sockets import Socket
from zoneweaver.api.wire import Body, explain
from zoneweaver.domain.errors import AgentError, Invalid, Unavailable
from zoneweaver.services.audit import entry
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import IdempotencyKey

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger()

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_DRAINED: Final = 16 * 1024 * 1024
"""A refused body up to this size is let run out, so that the client can read the answer; above, we hang up."""


class App:
    """The API over HTTP and WebSocket."""

    def __init__(self, services: Services, table: Iterable[Route]) -> None:
        self.services = services
        self.router = Router(table)
        self.limit = services.settings.server.body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        method, path = scope["method"], scope["path"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = _request_id(headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        shown_path = "unknown"
        answer: Answer | Stream
        raw = False
        try:
            route, names = self.router.find(method, path)
            shown_path, raw = route.path, route.raw
            answer = await self._carry_out(route, names, stranger(scope, request_id), scope, receive)
        except errors.MethodNotAllowed as error:
            answer = refusal(error)
            if method == "OPTIONS":
                answer = Answer(status=204, body=b"", headers=answer.headers)
        except AgentError as error:
            answer = refusal(error)
            if answer.status >= 500:
                log.warning("request failed", method=method, path=path, error=error.message, code=error.code)
        except Exception:
            log.exception("request failed", method=method, path=path)
            answer = refusal(
                AgentError(
                    f"Something went wrong inside the agent; its log knows this as request {request_id}",
                    code="internal",
                )
            )
        if isinstance(answer, Answer):
            refused = answer.status == 413 or (raw and answer.status >= 400)
            hang_up = refused and _declared(headers) > _DRAINED
            await _send(answer, send, head=method == "HEAD", request_id=request_id, hang_up=hang_up)
        else:
            await _stream(answer, receive, send, head=method == "HEAD", request_id=request_id)
        status = answer.status
        seconds = time.perf_counter() - began
        self.services.metrics.answered(method, shown_path, status, seconds)
        log.debug("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1))

    async def _carry_out(
        self, route: Route, names: Mapping[str, str], caller: Caller, scope: Scope, receive: Receive
    ) -> Answer | Stream:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        call: Call | None = None
        sent: Any = None
        try:
            params = queries.read(scope["query_string"])
            ticket = params.pop("ticket", None) if route.streams else None
            caller = await auth.identify(route, services=self.services, headers=headers, ticket=ticket, stranger=caller)
            auth.admit(caller, route)
            dry_run = route.plans and queries.switch(params, "dry_run")
            query = queries.check(params, route.query)
            whole = route.method != "GET" and not route.raw
            raw = await bodies.read(headers, receive, limit=self.limit) if whole else b""
            sent = _json(headers, raw)
            model = _checked(route, sent, given=bool(raw))
            body = model.given() if model is not None else {}
            key = headers.get(b"idempotency-key") if route.queues else None
            call = Call(
                services=self.services,
                caller=caller,
                path=names,
                headers=headers,
                action=route.audit or "",
                target=_target(route, names, body),
                query=query,
                model=model,
                body=body,
                dry_run=dry_run,
                chunks=(lambda: bodies.pieces(receive)) if route.raw else None,
                idempotent=None if key is None else _idempotent(key, caller, scope, raw),
            )
            answer = await route.handler(call)
        except Exception as error:
            if route.audit is not None:
                await self._audit(route, caller, _target(route, names, sent), error)
            raise
        if route.audit is not None and not call.audited and not call.dry_run and isinstance(answer, Answer):
            await self.services.trail.write(entry(caller, route.audit, answer.status, target=call.target))
        return answer

    async def _audit(self, route: Route, caller: Caller, target: str | None, error: Exception) -> None:
        """Leave a row about a request that was refused or failed; a database that cannot write is told of once."""
        known = error if isinstance(error, AgentError) else None
        row = entry(
            caller,
            route.audit or "",
            errors.status_of(known) if known else 500,
            target=target,
            error=known.message if known else type(error).__name__,
            code=known.code if known else "internal",
        )
        try:
            await self.services.trail.write(row)
        except Unavailable as unwritten:
            log.warning("audit row not written", action=row.action, target=row.target, error=unwritten.message)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = _request_id(headers)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        scope["method"] = "GET"
        socket = Socket(scope=scope, receive=receive, send=send)
        try:
            route, names = self.router.find("GET", scope["path"])
            if route.socket is None:
                raise Invalid(f"{route.path} is not a WebSocket", code="no_websocket")
            params = queries.read(scope["query_string"])
            ticket = params.pop("ticket", None)
            caller = await auth.identify(
                route, services=self.services, headers=headers, ticket=ticket, stranger=stranger(scope, request_id)
            )
            auth.admit(caller, route)
            call = Call(
                services=self.services,
                caller=caller,
                path=names,
                headers=headers,
                query=queries.check(params, route.query),
            )
            socket.call = call
            await route.socket(socket)
        except AgentError as error:
            await socket.refuse(refusal(error))
        except Exception:
            log.exception("websocket failed", path=scope["path"])
            await socket.refuse(refusal(AgentError("Something went wrong inside the agent", code="internal")))


def refusal(error: AgentError) -> Answer:
    """Return the answer that tells an error."""
    return Answer(status=errors.status_of(error), body=errors.body_of(error), headers=errors.headers_of(error))


def stranger(scope: Scope, request_id: str) -> Caller:
    """Return the caller of a request before its key is known."""
    client = scope.get("client")
    return Caller(
        name="",
        address=client[0] if client else "",
        request_id=request_id,
        method=scope["method"],
        path=scope["path"][:500].replace("\x00", ""),
    )


def _json(headers: Mapping[bytes, bytes], raw: bytes) -> Any:
    """Return what the body says, None for none. Raises Invalid and UnsupportedMediaType."""
    if not raw:
        return None
    bodies.check_media_type(headers)
    return bodies.parse(raw)


def _checked(route: Route, sent: Any, *, given: bool) -> Body | None:
    """Return the body as the route's model. Raises Invalid."""
    if route.body is None:
        if sent not in ({}, None):
            raise Invalid(f"{route.method} {route.path} takes no body", code="unexpected_body")
        return None
    if not given and not route.body_optional:
        raise Invalid("A JSON body is needed", code="missing_body")
    return _validated(route.body, sent if given else {})


def _validated(model: type[Body], value: Any) -> Body:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise explain(error, model) from None


def _idempotent(key: bytes, caller: Caller, scope: Scope, raw: bytes) -> IdempotencyKey:
    """Return the key with what stands for the request: a keyed digest, since bodies may hold secrets."""
    canonical = json.dumps(json.loads(raw), sort_keys=True).encode() if raw else b""
    told = b"\0".join((scope["method"].encode(), scope["path"].encode(), scope["query_string"], canonical))
    return IdempotencyKey.parse(key.decode("latin-1"), hmac.new(caller.pepper, told, hashlib.sha256).hexdigest())


def _target(route: Route, names: Mapping[str, str], sent: Any) -> str | None:
    """Return what the audit row is about: a name in the path (or several of them), or in the body."""
    if route.target is None:
        return None
    parts = [names.get(part) for part in route.target.split("/")]
    value = "/".join(filter(None, parts)) or (sent.get(route.target) if isinstance(sent, dict) else None)
    return value[:200].replace("\x00", "") if isinstance(value, str) else None


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _declared(headers: Mapping[bytes, bytes]) -> float:
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() else float("inf")


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]


async def _send(answer: Answer, send: Send, *, head: bool, request_id: str, hang_up: bool) -> None:
    content = answer.content()
    headers = [
        (b"x-request-id", request_id.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        *_encoded(answer.headers),
    ]
    if answer.status not in {204, 304}:
        headers += [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
    if hang_up:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    bare = head or answer.status in {204, 304}
    await send({"type": "http.response.body", "body": b"" if bare else content})


async def _stream(answer: Stream, receive: Receive, send: Send, *, head: bool, request_id: str) -> None:
    headers = [
        (b"x-request-id", request_id.encode("ascii")),
        (b"content-type", answer.media_type.encode()),
        *_encoded(answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if not head:
        spoken = anyio.current_time()

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        async def live() -> None:
            while True:
                await anyio.sleep_until(spoken + answer.silence)
                await say(answer.alive if anyio.current_time() >= spoken + answer.silence else b"")

        async def say(chunk: bytes) -> None:
            nonlocal spoken
            if chunk:
                spoken = anyio.current_time()
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch)
                group.start_soon(live)
                async with aclosing(answer.chunks()) as chunks:
                    async for chunk in chunks:
                        await say(chunk)
                group.cancel_scope.cancel()
        except Exception:
            log.exception("a stream broke")  # it ends here; the client comes back with the last id it saw
    await send({"type": "http.response.body", "body": b""})

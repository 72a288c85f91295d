"""Listening: sockets, TLS, and uvicorn inside the agent's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.middleware.cors import CORSMiddleware

from zoneweaver.domain.errors import Invalid, Unavailable
from zoneweaver.settings import Settings

BACKLOG: Final = 1024
GOODBYE_SECONDS: Final = 0.3
"""How long a client may take to close its end once all is said and the agent stops."""

_EXPOSED: Final = ("Location", "ETag", "X-Request-ID", "Idempotent-Replayed", "Retry-After")
_ACCEPTED: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-API-Key",
    "X-Request-ID",
    "X-Setup-Token",
)


class _Server(uvicorn.Server):
    """A server that leaves signals to the agent, and sleeps while nothing happens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()
        self._stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self.answers.set()

    async def main_loop(self) -> None:
        """Keep the Date header right until told to stop."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the open answers; whoever does not take leave then is left."""
        leaving = asyncio.create_task(self._leave())
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    async def _leave(self) -> None:
        """Break off connections that are closed on our side, and whose clients are silent (TLS waits for them)."""
        while True:
            await asyncio.sleep(GOODBYE_SECONDS)
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None and transport.is_closing() and not transport.get_write_buffer_size():
                    transport.abort()

    def stop(self) -> None:
        """Make `serve` return when the open answers are done, or their time is up."""
        self.should_exit = True
        self._stop.set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """A port that is bound, and the server that will answer there."""

    url: str
    place: socket.socket
    server: _Server

    async def serve(self) -> None:
        """Answer until `stop`."""
        await self.server.serve(sockets=[self.place])

    async def answering(self) -> None:
        """Return when the first request would be answered."""
        await self.server.answers.wait()

    def stop(self) -> None:
        """Take no more connections."""
        self.server.stop()


def make(app: Any, settings: Settings) -> list[Bound]:
    """Bind every port that is set.

    Raises Unavailable when a port cannot be had, Invalid when no port is set or the certificate cannot be used.
    """
    if settings.cors.whitelist:
        app = CORSMiddleware(
            app,
            allow_origins=list(settings.cors.whitelist),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=list(_ACCEPTED),
            expose_headers=list(_EXPOSED),
            max_age=3600,
        )
    chosen = settings.server
    ports = [(chosen.https_port, "https"), (chosen.http_port, "http")]
    if not any(port for port, _ in ports):
        raise Invalid("server.https_port and server.http_port are both 0: nobody could reach the agent")
    made: list[Bound] = []
    try:
        for port, scheme in ports:
            if port:
                answers = _Server(_config(app, settings, tls=scheme == "https"))
                place = bind(chosen.bind_address, port, scheme)
                made.append(Bound(url=_url(scheme, chosen.bind_address, port), place=place, server=answers))
    except BaseException:
        for bound in made:
            bound.place.close()
        raise
    return made


def bind(address: str, port: int, scheme: str) -> socket.socket:
    """Return a listening socket. Raises Unavailable in one clear line."""
    url = _url(scheme, address, port)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Unavailable(f"Cannot listen on {url}: {error.strerror or error}", code="cannot_listen") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise Unavailable(f"Cannot listen on {url}: {error.strerror or error}", code="cannot_listen") from error
    bound.setblocking(False)
    return bound


def _url(scheme: str, address: str, port: int) -> str:
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


def _config(app: Any, settings: Settings, *, tls: bool) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        loop="none",
        http="httptools" if importlib.util.find_spec("httptools") else "h11",
        ws="wsproto",
        ws_max_size=64 * 1024,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.server.keep_alive_seconds,
        timeout_graceful_shutdown=max(1, int(settings.server.shutdown_seconds)),
        interface="asgi3",
    )
    config.load()
    if tls:
        config.ssl = context(settings)
    return config


def context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context, with a certificate that is made when there is none. Raises Invalid."""
    key_path, cert_path = settings.key_path, settings.cert_path
    there = [path.exists() for path in (key_path, cert_path)]
    ours = settings.ssl.key_path is None and settings.ssl.cert_path is None
    # What somebody has put there is not written over because a path beside it is wrong.
    if settings.ssl.generate and not all(there) and (ours or not any(there)):
        from zoneweaver.api import certificate  # noqa: PLC0415 - its library is large and needed once in a lifetime

        certificate.make(
            key_path=key_path,
            cert_path=cert_path,
            bind_address=settings.server.bind_address,
            valid_days=settings.ssl.valid_days,
        )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(cert_path, key_path)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"The certificate {cert_path} with the key {key_path} cannot be used: {error}") from error
    return made

"""A small real HTTP server in the agent's place, and ways to run the command against it."""

from __future__ import annotations

import json
import os
import pty
import select
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from zoneweaver.cli import main

SOURCE = Path(__file__).resolve().parents[2] / "src"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Events:
    """An answer that is a stream of server-sent events; `then_cut` ends it without a last chunk."""

    rows: list[Any]
    then_cut: bool = False


Reply = tuple[int, Any] | Events | str
"""(status, JSON), a stream, or text as it is (200)."""


@dataclass
class Stub:
    """Answers by (method, path): the replies one after the other, the last one for ever."""

    replies: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self.replies[method, path] = list(replies)

    def next(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            waiting = self.replies.get((request.method, request.path))
            if not waiting:
                return 404, {"error": f"No route {request.method} {request.path}", "code": "not_found"}
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def asked(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]


@contextmanager
def stub(*, certificate: Path | None = None) -> Iterator[Stub]:
    """Run a stub agent on a free port of this machine; `certificate` (PEM with its key) makes it speak TLS."""
    agent = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def answer(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Request(
                method=self.command,
                path=parts.path,
                query={name: values[0] for name, values in parse_qs(parts.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=raw if "octet" in (self.headers.get("content-type") or "") else json.loads(raw) if raw else None,
            )
            reply = agent.next(request)
            if isinstance(reply, Events):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for number, row in enumerate(reply.rows, start=1):
                    self.wfile.write(f"id: {number}\ndata: {json.dumps(row)}\n\n".encode())
                    self.wfile.flush()
                self.close_connection = True
                return
            status, text = (200, reply) if isinstance(reply, str) else (reply[0], json.dumps(reply[1]))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    for verb in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    agent.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield agent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def row(status: str, percent: int = 0, stage: str | None = None, **more: Any) -> dict[str, Any]:
    """Make a task's row as the API shows it."""
    return {
        "id": "t-1",
        "zone_name": "web",
        "operation": "zone_create",
        "status": status,
        "priority": 60,
        "created_by": "admin",
        "depends_on": None,
        "parent_task_id": None,
        "error_message": None,
        "created_at": "2026-11-25T10:00:00.000000Z",
        "started_at": "2026-11-25T10:00:00.000000Z",
        "completed_at": None,
        "updatedAt": "2026-11-25T10:00:00.000000Z",
        "metadata": {},
        "progress_percent": percent,
        "progress_info": {"status": stage} if stage else {},
        **more,
    }


@dataclass
class Ran:
    status: int
    out: str
    err: str


@dataclass
class Command:
    """Runs `zoneweaver` against a stub, in this process."""

    agent: Stub
    capture: Callable[[], Any]

    def __call__(self, *words: str) -> Ran:
        self.capture()
        status = main(list(words))
        said = self.capture()
        return Ran(status=status, out=said.out, err=said.err)


def on_terminal(words: list[str], *, environ: dict[str, str], answers: dict[str, str], seconds: float = 30) -> Ran:
    """Run `zoneweaver` with a terminal for stdin, stdout and stderr; `answers` are typed when their prompt appears."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "zoneweaver", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", **environ},
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    waiting = dict(answers)
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            ready, _, _ = select.select([master], [], [], 0.1)
            if ready:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                said += chunk
                for prompt in [prompt for prompt in waiting if prompt.encode() in said]:
                    os.write(master, waiting.pop(prompt).encode())
            elif process.poll() is not None:
                break
        assert process.wait(timeout=5) is not None, said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return Ran(status=process.returncode, out=said.decode(errors="replace").replace("\r\n", "\n"), err="")

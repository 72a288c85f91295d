"""HTTPS as bare as it goes, so that what is measured is the agent: one socket, requests and answers as bytes."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

DEADLINE = 30.0


def tls() -> ssl.SSLContext:
    """Return a context that takes the agent's own certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def request(method: str, path: str, key: str, body: Any = None) -> bytes:
    """Return a request as bytes."""
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


def length(head: bytes) -> int:
    """Return how long the body is that a head announces."""
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Connection:
    """A connection that is kept; one request at a time."""

    def __init__(self, port: int, key: str = "") -> None:
        self.key = key
        plain = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls().wrap_socket(plain)
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask, and return the status and what the JSON says."""
        status, content = self.raw(request(method, path, self.key, body))
        return status, json.loads(content) if content else None

    def get(self, path: str) -> Any:
        """Return what is at a path; it must be there."""
        status, body = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body}")
        return body

    def raw_get(self, path: str) -> bytes:
        """Return the bytes at a path; it must be there."""
        status, body = self.raw(request("GET", path, self.key))
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body!r}")
        return body

    def queue(self, method: str, path: str, body: Any = None) -> str:
        """Ask for something that becomes a task, and return the task's id."""
        status, answer = self.ask(method, path, body)
        if status != 202:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return str(answer["task_id"])

    def raw(self, said: bytes) -> tuple[int, bytes]:
        """Send bytes and return the status and the body as bytes."""
        self._socket.sendall(said)
        return self._answer()

    def begin(self, method: str, path: str, body: Any = None) -> None:
        """Ask, and leave the answer for `answer`."""
        self._socket.sendall(request(method, path, self.key, body))

    def answer(self) -> Any:
        """Return what the JSON says that answers what was begun; it must be 200."""
        status, content = self._answer()
        if status != 200:
            raise RuntimeError(f"{status} {content!r}")
        return json.loads(content)

    def _answer(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, rest = self._read.partition(b"\r\n\r\n")
        wanted = length(head)
        self._read = rest
        while len(self._read) < wanted:
            self._more()
        body, self._read = self._read[:wanted], self._read[wanted:]
        return int(head[9:12]), body

    def open(self, path: str) -> Listener:
        """Turn the connection into an event stream."""
        self._socket.sendall(request("GET", path, self.key))
        while b"\n\n" not in self._read.partition(b"\r\n\r\n")[2]:
            self._more()
        return Listener(self._socket)

    def _more(self) -> None:
        data = self._socket.recv(262144)
        if not data:
            raise RuntimeError("the agent hung up")
        self._read += data


class Listener:
    """An open event stream; each event with the moment (perf_counter) at which it was read."""

    def __init__(self, place: ssl.SSLSocket) -> None:
        self.socket = place
        self._rest = b""
        self._heard: list[tuple[float, dict[str, Any]]] = []

    def read(self) -> list[tuple[float, dict[str, Any]]]:
        """Read once, and return the events that are complete with it."""
        data = self.socket.recv(262144)
        moment = time.perf_counter()
        if not data:
            raise RuntimeError("the event stream ended")
        self._rest += data
        *frames, self._rest = self._rest.split(b"\n\n")
        found = []
        for frame in frames:
            _, data_line, text = frame.partition(b"data: ")
            if data_line:
                found.append((moment, json.loads(text.partition(b"\n")[0])))
        return found

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> tuple[float, dict[str, Any]]:
        """Return the next event that is wanted; those before it are dropped."""
        deadline = time.perf_counter() + DEADLINE
        while time.perf_counter() < deadline:
            while self._heard:
                moment, event = self._heard.pop(0)
                if wanted(event):
                    return moment, event
            self._heard += self.read()
        raise TimeoutError("what was waited for did not come")

    def ends(self, task_ids: set[str]) -> dict[str, tuple[float, dict[str, Any]]]:
        """Wait until all these tasks have ended; return the moment and the last event of each."""
        found: dict[str, tuple[float, dict[str, Any]]] = {}
        while len(found) < len(task_ids):
            moment, event = self.wait(
                lambda event: (
                    event.get("id") in task_ids and event.get("status") in {"completed", "failed", "cancelled"}
                )
            )
            found[event["id"]] = (moment, event)
        return found

"""The agent's HTTP API for programs in Python: one call, one answer, errors as types with the agent's own sentence."""

from __future__ import annotations

import enum
import ipaddress
import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx2

from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.secret import Secret

DEFAULT_URL: Final = "https://127.0.0.1:5001"
ANSWER_SECONDS: Final = 30.0
"""How long one answer may take."""

CHECK_SECONDS: Final = 600.0
"""How long the agent may look at a file that has come."""

QUIET_SECONDS: Final = 20.0
"""How long a stream may be silent before the task is looked at anyway."""

PATIENCE_SECONDS: Final = 60.0
"""How long an agent that went away during a wait is expected back: tasks outlive it."""

TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})


class Unreachable(AgentError):
    """No agent answers at the address."""

    code = "unreachable"


class Untrusted(Unreachable):
    """Something answers at the address, but its certificate is not the one that we know."""

    code = "untrusted"


class Refusal(AgentError):
    """The agent said no. `status` is the HTTP status, `text` the body as it came."""

    code = "refusal"

    def __init__(self, *, status: int, message: str, code: str, details: Mapping[str, Any], text: str) -> None:
        super().__init__(message, code=code, details=details)
        self.status = status
        self.text = text


class KeyRefused(Refusal):
    """401: no key was sent, or one that is unknown or revoked."""


class ScopeTooLow(Refusal):
    """403: the key is known, but may not do this."""


class NotThere(Refusal):
    """404: there is no such thing."""


class InConflict(Refusal):
    """409: the thing exists, or is in another state."""


class Outdated(Refusal):
    """412: the thing has changed since it was read."""


class AgentBroken(Refusal):
    """5xx: the agent failed or cannot answer at the moment."""


_TYPES: Final[Mapping[int, type[Refusal]]] = {
    401: KeyRefused,
    403: ScopeTooLow,
    404: NotThere,
    409: InConflict,
    412: Outdated,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the agent answered: the JSON value, and the body as it came."""

    status: int
    body: Any
    text: str
    etag: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Something that a task's commands or steps wrote; `stream` is stdout, stderr or log."""

    stream: str
    data: str


class _Stream(enum.Enum):
    """How listening to a task's events came to its end."""

    NONE = enum.auto()
    """There is nothing to listen to."""
    LOST = enum.auto()
    """The connection went silent or away."""
    ENDED = enum.auto()
    """The task has ended."""


Heard = Callable[[Mapping[str, Any] | Line | None], None]
"""Told of a task's row each time it changed, of each line it wrote, and None while the agent does not answer."""


def task_path(task_id: str) -> str:
    """Return the path of a task."""
    return f"/tasks/{quote(task_id, safe='')}"


def zone_path(name: str, action: str = "") -> str:
    """Return the path of a zone, or of something that is done to it."""
    return f"/zones/{quote(name, safe='')}" + (f"/{action}" if action else "")


class Client:
    """One agent. Raises Unreachable when it cannot be asked and a Refusal when it says no."""

    def __init__(
        self,
        *,
        url: str = DEFAULT_URL,
        key: Secret | None = None,
        certificate: Path | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Use `certificate` (PEM) as the only one to trust, or the system's when it is None."""
        self.url = url.rstrip("/")
        self._key = key
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Unreachable(f"{url} is not the address of an agent: it should look like {DEFAULT_URL}")
        local = is_local(parts.hostname)
        if key is not None and parts.scheme == "http" and not local:
            raise Untrusted(f"The key is not sent to {self.url} without encryption: use https")
        self._http = httpx2.Client(
            base_url=self.url,
            verify=_trust(certificate) if parts.scheme == "https" else False,
            timeout=httpx2.Timeout(seconds, connect=10.0),
            trust_env=not local,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Read something; query values that are None are left out."""
        return self._ask("GET", path, query=query)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """Ask for a change. Each carries an Idempotency-Key, so that a lost answer is asked for again without harm."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        if if_match is not None:
            headers["If-Match"] = if_match
        return self._ask(method, path, body=body, query=query, headers=headers)

    def upload(self, path: str, content: Iterable[bytes], *, begin: int, size: int) -> Answer:
        """Send the rest of a file of `size` bytes, from `begin` on; the answer says how much has come."""
        headers = {
            **self._headers(),
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size - begin),
            "Content-Range": f"bytes {begin}-{size - 1}/{size}",
        }
        timeout = httpx2.Timeout(CHECK_SECONDS, connect=10.0)
        with self._told():
            response = self._http.request("POST", path, content=content, headers=headers, timeout=timeout)
        return _read(response)

    @contextmanager
    def download(self, path: str) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Give the size of a file and its bytes as they come."""
        with self._told(), self._http.stream("GET", path, headers=self._headers()) as response:
            if not response.is_success:
                response.read()
                _read(response)
            yield int(response.headers.get("content-length") or 0), response.iter_bytes()

    def wait_for(self, task_id: str, *, heard: Heard | None = None, seconds: float | None = None) -> Answer:
        """Return the task's row once it is completed, failed or cancelled.

        Listens to the task's events, asks again and again where there are none, and goes on waiting when the agent is
        restarted. Raises TimeoutError after `seconds`.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        tell = heard or (lambda _: None)
        last_id: str | None = None
        streams = True
        pause = 0.1
        gone_since: float | None = None
        while True:
            try:
                # Listening first: a stream begins with the row and with all output so far, so that nothing is missed.
                ending = self._listen(task_id, last_id, tell, deadline) if streams else (_Stream.NONE, None)
                streams, last_id = ending[0] is not _Stream.NONE, ending[1]
                answer = self.get(task_path(task_id))
                gone_since = None
                tell(answer.body)
                if answer.body.get("status") in TERMINAL:
                    return answer
            except (AgentBroken, Unreachable):
                now = time.monotonic()
                gone_since = gone_since or now
                if now - gone_since > PATIENCE_SECONDS:
                    raise
                tell(None)
            _check(deadline, task_id)
            time.sleep(pause)
            pause = min(2.0, pause * 1.5)

    def _listen(
        self, task_id: str, last_id: str | None, tell: Heard, deadline: float | None
    ) -> tuple[_Stream, str | None]:
        """Pass on what the task's stream says; return how it ended and the last event's id."""
        headers = {"Accept": "text/event-stream", **self._headers()}
        if last_id:
            headers["Last-Event-ID"] = last_id
        timeout = httpx2.Timeout(QUIET_SECONDS, connect=10.0)
        ended = False
        try:
            with self._http.stream("GET", f"{task_path(task_id)}/stream", headers=headers, timeout=timeout) as response:
                if response.status_code in {429, 500, 502, 503, 504}:
                    return _Stream.LOST, last_id
                if response.status_code != 200 or "text/event-stream" not in response.headers.get("content-type", ""):
                    return _Stream.NONE, last_id
                for event in httpx2.EventSource(response):
                    last_id = event.id or last_id
                    ended = _tell(event.data, tell) or ended
                    _check(deadline, task_id)
        except httpx2.HTTPError:
            pass
        return (_Stream.ENDED if ended else _Stream.LOST), last_id

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.reveal()}"} if self._key is not None else {}

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        asked = {name: _word(value) for name, value in (query or {}).items() if value is not None}
        sent = {**self._headers(), **(headers or {})}

        def once() -> httpx2.Response:
            return self._http.request(method, path, params=asked, json=body, headers=sent)

        with self._told():
            try:
                response = once()
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                raise
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                response = once()  # the connection died under way; the Idempotency-Key makes this harmless
        return _read(response)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in our own words why the agent could not be asked."""
        try:
            yield
        except httpx2.ConnectError as problem:
            raise _not_connected(self.url, problem) from problem
        except httpx2.TimeoutException as problem:
            raise Unreachable(f"The agent at {self.url} does not answer in time") from problem
        except httpx2.HTTPError as problem:
            raise Unreachable(f"The agent at {self.url} cannot be asked: {problem}") from problem


def is_local(host: str) -> bool:
    """Say whether a host name or address means this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trust(certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate) if certificate else ssl.create_default_context()
    if certificate:
        # The file is the agent's own certificate and nobody's authority: it is trusted itself, as it is.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _not_connected(url: str, problem: Exception) -> Unreachable:
    if "CERTIFICATE_VERIFY_FAILED" in str(problem):
        return Untrusted(f"{url} answers with a certificate that is not trusted: {problem}")
    return Unreachable(f"No agent answers at {url}")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(deadline: float | None, task_id: str) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise TimeoutError(f"Task {task_id} has not ended in time; it goes on")


def _tell(data: str, tell: Heard) -> bool:
    """Pass on what an event says (a task's row, or a piece of output); return whether it says that the task ended."""
    try:
        item = json.loads(data)
    except ValueError:
        return False
    if not isinstance(item, dict):
        return False
    if "stream" in item and "data" in item:
        tell(Line(stream=str(item["stream"]), data=str(item["data"])))
    elif "progress_percent" in item:
        tell(item)
    return item.get("status") in TERMINAL


def _read(response: httpx2.Response) -> Answer:
    text = response.text
    try:
        body = response.json() if text else None
    except ValueError:
        body = None
    if response.is_success:
        if text and body is None and text.strip() != "null":
            raise Unreachable(f"{response.url} is not an agent's: it answers no JSON")
        return Answer(status=response.status_code, body=body, text=text, etag=response.headers.get("etag"))
    said = body if isinstance(body, dict) else {}
    details = said.get("details")
    kind = _TYPES.get(response.status_code, AgentBroken if response.status_code >= 500 else Refusal)
    raise kind(
        status=response.status_code,
        message=str(said.get("error") or said.get("message") or f"The agent answered {response.status_code}"),
        code=str(said.get("code") or "error"),
        details=details if isinstance(details, dict) else {},
        text=text,
    )

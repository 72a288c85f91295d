"""An agent on a lab host, spoken to over HTTPS, with everything that a test wants to know about it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.lab import ports
from tests.lab.zygote import Process, Zygote

from labhost.world import World

LOOK_SECONDS = 2.0
TERMINAL = frozenset({"completed", "failed", "cancelled"})
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE


class TooLate(AssertionError):
    """What was waited for did not come about; the message says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Lab:
    """A lab host and the agent on it; `home` is the agent's state folder."""

    zygote: Zygote
    world: World
    home: Path
    key: str = ""
    flags: dict[str, Any] = field(default_factory=dict)
    process: Process | None = None
    starts: int = 0
    begun: float = 0.0
    begun_at: str = ""
    """When the agent was started last, by the clock that its database knows."""
    _connection: http.client.HTTPSConnection | None = None
    _memory: sqlite3.Connection | None = None

    def begin(self, *, limits: dict[str, int] | None = None) -> Self:
        """Start the agent; returns at once."""
        self.close_connection()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.begun, self.begun_at = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        flags = {
            "home": str(self.home),
            "server.bind_address": "127.0.0.1",
            "server.https_port": ports.free(),
            "host.root": self.world.root,
            "host.command_path": f"{self.world.path}/bin",
            "host.pfexec": False,
            "zones.discovery_interval": 0,
            "zones.start_grace_seconds": 0,
            "logging.level": "info",
            **self.flags,
        }
        self.process = self.zygote.start(flags, log=self.home / "agent.log", limits=limits)
        self.starts += 1
        return self

    def start(self, *, limits: dict[str, int] | None = None) -> Self:
        """Start the agent and wait until it answers."""
        self.begin(limits=limits)
        assert self.process is not None
        self.process.await_ready()
        return self

    def kill(self) -> None:
        """Kill the agent as a crash would."""
        self.close_connection()
        if self.process is not None:
            self.process.kill()

    def stop(self) -> int:
        """Ask the agent to end; its exit status."""
        self.close_connection()
        assert self.process is not None
        return self.process.stop()

    @property
    def agent(self) -> Process:
        """The agent's process."""
        assert self.process is not None, "no agent was started"
        return self.process

    # --- talking

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """One request on a connection that is kept. Raises OSError or HTTPException when the agent goes away."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection("127.0.0.1", self.agent.port, context=_TLS)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        said = {
            "X-API-Key": self.key,
            **({"Content-Type": "application/json"} if data is not None else {}),
            **(headers or {}),
        }
        try:
            self._connection.request(method, path, body=data, headers=said)
            answer = self._connection.getresponse()
            text = answer.read()
        except BaseException:
            self.close_connection()
            raise
        if answer.will_close:
            self.close_connection()
        is_json = "json" in (answer.headers.get("content-type") or "")
        return Answer(
            answer.status,
            json.loads(text) if is_json and text else text,
            {k.lower(): v for k, v in answer.headers.items()},
        )

    def get(self, path: str) -> Any:
        """What is at a path; it must be there."""
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        """POST."""
        return self.ask("POST", path, body, **more)

    def close_connection(self) -> None:
        """Forget the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def new_key(self) -> None:
        """Make the first key, with the setup token."""
        token = (self.home / "setup.token").read_text(encoding="ascii").strip()
        made = self.post(
            "/api-keys/bootstrap",
            {"name": "tests", "description": ""},
            headers={"X-Setup-Token": token, "X-API-Key": ""},
        )
        assert made.status in {200, 201}, made
        self.key = made.body["api_key"]

    # --- tasks

    def task(self, task_id: str) -> dict[str, Any]:
        """The row of a task."""
        found: dict[str, Any] = self.get(f"/tasks/{task_id}")
        return found

    def wait(self, task_id: str, *, seconds: float = 20.0) -> dict[str, Any]:
        """Wait until a task has ended and return its row; an agent that is gone meanwhile is an error."""
        row: dict[str, Any] = wait_for(lambda: self._ended(task_id), f"the end of task {task_id}", seconds, self.seen)
        return row

    def _ended(self, task_id: str) -> dict[str, Any] | None:
        row = self.task(task_id)
        return row if row["status"] in TERMINAL else None

    def do(self, method: str, path: str, body: Any = None, *, seconds: float = 20.0) -> dict[str, Any]:
        """Ask for something that is queued, and wait for its end; it must complete."""
        answer = self.ask(method, path, body)
        assert answer.status in {200, 202}, answer
        if answer.status == 200:
            done: dict[str, Any] = answer.body
            return done
        row = self.wait(answer.body["task_id"], seconds=seconds)
        assert row["status"] == "completed", (row, self.output(row["id"]))
        return row

    def settled(self, *, seconds: float = 20.0) -> None:
        """Wait until no task is pending or running, the look at the host that follows each start among them."""
        wait_for(lambda: (self.looked() and not self.busy()) or None, "an idle agent", seconds, self.seen)

    def looked(self) -> bool:
        """Whether the agent has looked at the host since its last start (a look that met a fault is not waited for)."""
        if time.monotonic() - self.begun > LOOK_SECONDS:
            return True
        return bool(self.look(f"SELECT count(*) FROM zones WHERE last_seen >= '{self.begun_at}'")[0][0])

    def busy(self) -> int:
        """How many tasks are pending or running; asked of the database, which costs the agent nothing."""
        return int(self.look("SELECT count(*) FROM tasks WHERE status IN ('pending', 'running')")[0][0])

    def look(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the agent's database file."""
        if self._memory is None:
            self._memory = sqlite3.connect(f"file:{self.home}/zoneweaver.db?mode=ro", uri=True, timeout=10)
        return self._memory.execute(query).fetchall()

    def output(self, task_id: str) -> str:
        """What a task said."""
        return "".join(f"[{one['stream']}] {one['data']}" for one in self.get(f"/tasks/{task_id}/output")["output"])

    def seen(self) -> str:
        """Where things stand, for people who read why a test failed."""
        try:
            tasks = [
                (row["operation"], row["status"], row["progress_percent"], row["error_message"])
                for row in self.get("/tasks?limit=10")["tasks"]
            ]
        except (OSError, http.client.HTTPException, AssertionError) as error:
            tasks = [(repr(error), "", 0, "")]
        journal = Path(self.world.path, "journal.jsonl")
        last = journal.read_text(encoding="utf-8").splitlines()[-12:] if journal.exists() else []
        said = self.process.said()[-3000:] if self.process else ""
        return "\n".join([f"tasks: {tasks}", *last, said])

    # --- ending

    def discard(self) -> None:
        """End the agent and everything on the host, and remove both folders."""
        from labhost.ending import end

        self.kill()
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        end(self.world)
        shutil.rmtree(self.world.path, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


def wait_for(look: Callable[[], Any], what: str, seconds: float, seen: Callable[[], str] = lambda: "") -> Any:
    """Look again and again until there is something. Raises TooLate, which tells what was seen last."""
    deadline = time.monotonic() + seconds
    pause = 0.004
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise TooLate(f"no sign of {what} in {seconds} s\n{seen()}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.03)


def copy_home(source: Path, target: Path) -> None:
    """Copy the state folder of an agent that has ended."""
    target.mkdir(mode=0o700, parents=True)
    for entry in os.scandir(source):
        if entry.name in {"agent.log", "scratch", "agent.lock"}:
            continue
        if entry.is_dir():
            shutil.copytree(entry.path, target / entry.name)
        else:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(entry.path, target / entry.name)

"""`zoneweaver lab run` as people start it: a process of its own, spoken to over HTTPS and with the host's commands."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.lab import ports

SOURCE = Path(__file__).resolve().parents[2] / "src"
SECONDS = 60.0
ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass
class Heard:
    """One Server-Sent Event."""

    kind: str
    data: dict[str, Any]
    id: str | None


@dataclass
class Agent:
    """An agent on a lab host. `home` is its state folder, `var` in the folder that it was started in."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log: Path
    client: httpx2.Client = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx2.Client(base_url=self.url, verify=self.trust(), timeout=30)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """TLS that does not ask who is there; that the certificate is a good one is another test's business."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    # --- asking

    def headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **(more or {})}

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Say what the document's curl says: Authorization, Content-Type, and a body when there is one."""
        said = self.headers(headers)
        if body is None:
            return self.client.request(method, path, headers=said)
        said["Content-Type"] = "application/json"
        return self.client.request(method, path, headers=said, content=json.dumps(body).encode())

    def get(self, path: str) -> Any:
        """What is at a path; it must be there."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def zone(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/zones/{name}")
        return found

    def ended(self, task_id: str, *, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the end of a task and return its row."""

        def look() -> dict[str, Any] | None:
            row: dict[str, Any] = self.get(f"/tasks/{task_id}")
            return row if row["status"] in ENDED else None

        found: dict[str, Any] = await_(look, f"the end of task {task_id}", seconds, self.seen)
        return found

    def completed(self, answer: httpx2.Response) -> dict[str, Any]:
        """Wait for the tasks that an answer tells of; all must complete. Returns the first one's row."""
        assert answer.status_code == 202, (answer.status_code, answer.text)
        rows = [self.ended(answer.json()[key]) for key in ("task_id", "start_task_id") if key in answer.json()]
        for row in rows:
            assert row["status"] == "completed", (row, self.output(row["id"]))
        return rows[0]

    def failed(self, answer: httpx2.Response) -> dict[str, Any]:
        """Wait for the task that an answer tells of; it must fail. Returns its row."""
        assert answer.status_code == 202, (answer.status_code, answer.text)
        row = self.ended(answer.json()["task_id"])
        assert row["status"] == "failed", (row, self.output(row["id"]))
        return row

    def output(self, task_id: str) -> str:
        return "".join(piece["data"] for piece in self.get(f"/tasks/{task_id}/output")["output"])

    def idle(self) -> None:
        """Wait until nothing is pending or running."""

        def look() -> bool | None:
            stats = self.get("/tasks/stats")
            return None if stats["pending_tasks"] or stats["running_tasks"] else True

        await_(look, "an idle agent", SECONDS, self.seen)

    def seen(self) -> str:
        rows = self.get("/tasks?limit=10")["tasks"]
        return "\n".join(
            f"{row['operation']} {row['zone_name']} {row['status']} {row['error_message']}" for row in rows
        )

    # --- listening

    @contextmanager
    def listening(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[list[Heard]]:
        """Collect the events of a stream in a list, from before the block begins until it ends."""
        heard: list[Heard] = []
        opened, over = threading.Event(), threading.Event()
        broke: list[BaseException] = []

        def listen() -> None:
            try:
                with (
                    httpx2.Client(base_url=self.url, verify=self.trust(), timeout=30) as client,
                    client.stream("GET", path, headers=self.headers(headers)) as answer,
                ):
                    assert answer.status_code == 200, answer.status_code
                    given: dict[str, str] = {}
                    for line in answer.iter_lines():
                        if over.is_set():
                            return
                        opened.set()
                        name, colon, value = line.partition(": ")
                        if colon and name:
                            given[name] = value
                        elif "data" in given:
                            heard.append(Heard(given.get("event", ""), json.loads(given["data"]), given.get("id")))
                            given = {}
            except BaseException as problem:
                broke.append(problem)
            finally:
                opened.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        assert opened.wait(SECONDS)
        if broke:
            raise broke[0]
        try:
            yield heard
        finally:
            over.set()

    # --- the host

    def host(self, *argv: str, ok: bool = True) -> str:
        """Say a command to the lab host by hand."""
        done = subprocess.run(
            [str(self.home / "lab" / "bin" / argv[0]), *argv[1:]],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert not ok or done.returncode == 0, (argv, done.stderr)
        return done.stdout

    def datasets(self, root: str = "rpool") -> list[str]:
        """Names of what lies below a dataset, and of itself; empty when it is not there."""
        return self.host("zfs", "list", "-H", "-r", "-o", "name", "-t", "all", root, ok=False).split()

    def prop(self, dataset: str, name: str) -> str:
        return self.host("zfs", "get", "-Hp", "-o", "value", name, dataset).strip()

    def zones_on_host(self) -> dict[str, str]:
        """The host's zones with their state."""
        lines = self.host("zoneadm", "list", "-cp").splitlines()
        return {fields[1]: fields[2] for fields in (line.split(":") for line in lines) if fields[1] != "global"}

    def export(self, zone: str) -> str:
        return self.host("zonecfg", "-z", zone, "export")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `zoneweaver …` beside it."""
        return subprocess.run(
            [sys.executable, "-m", "zoneweaver", *words],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=SECONDS,
        )

    def fault(self, *words: str, options: Sequence[str] = ()) -> None:
        """Order a fault: the next such command fails with `out of luck`, unless the options say otherwise."""
        ordered = self.command("lab", "fault", "--message", "out of luck", *options, "--", *words)
        assert ordered.returncode == 0, ordered.stderr


def await_(look: Callable[[], Any], what: str, seconds: float, seen: Callable[[], str]) -> Any:
    """Look again and again until there is something; what was seen instead is said when it comes too late."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"no sign of {what} in {seconds} s\n{seen()}"
        threading.Event().wait(pause)
        pause = min(pause * 1.5, 0.2)


@contextmanager
def running(folder: Path, **environ: str) -> Iterator[Agent]:
    """Start `zoneweaver lab run` with `folder/var` as its state folder and end it as Ctrl-C does."""
    home = folder / "var"
    port = ports.free()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ZONEWEAVER_")},
        "PYTHONPATH": str(SOURCE),
        "ZONEWEAVER_HOME": str(home),
        "ZONEWEAVER_SERVER__HTTPS_PORT": str(port),
        "ZONEWEAVER_LAB_GUEST": "scripted",
        "ZONEWEAVER_ZONES__START_GRACE_SECONDS": "0.2",
        **environ,
    }
    log = folder / "agent.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "zoneweaver", "lab", "run"],
            env=environment,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    agent = Agent(home=home, port=port, process=process, environment=environment, log=log)

    def look() -> bool | None:
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            healthy = agent.client.get("/health").status_code == 200
        except httpx2.TransportError:
            return None
        return True if healthy and (home / "admin.key").exists() else None

    try:
        await_(look, "an agent that answers", SECONDS, lambda: log.read_text(errors="replace"))
        agent.key = (home / "admin.key").read_text(encoding="ascii").strip()
        yield agent
    finally:
        agent.client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

"""Provisioning: what each stage takes on a real guest, files by rsync, and how fast a console is read."""

from __future__ import annotations

import asyncio
import io
import signal
import tarfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import guests
from bench.figure import Effort, NotHere, Row, median, told
from bench.https import Connection
from bench.lab import Bench, make_keys
from labhost.guests import container
from labhost.templates import recipe
from zoneweaver.domain.patterns import Pattern
from zoneweaver.guest.expect import Expect
from zoneweaver.guest.transcript import Transcript

ZONE, PASSWORD = "web", "STARTcloud24@!"
FILES = 1000
CHARACTERS = 4 * 1024 * 1024
PIECE = 4096
STAGES = ("extract", "boot", "setup", "wait_ssh", "sync", "provision")


def console(effort: Effort) -> list[Row]:
    """Read a long output up to a prompt, in pieces as a console gives them."""
    seconds = [asyncio.run(_read()) for _ in range(effort.starts)]
    rate = CHARACTERS / median(seconds) / 1e6
    return [
        told("console: characters through expect", rate, "million/s", f"{CHARACTERS >> 20} MiB in pieces of {PIECE}")
    ]


def stages(effort: Effort) -> list[Row]:
    """Provision a container with a thousand small files, and once more when everything holds already."""
    if missing := container.why_not() or guests.missing(recipe.NAME):
        raise NotHere(missing)
    first: list[dict[str, float]] = []
    again: list[dict[str, float]] = []
    for _ in range(min(effort.starts, 3)):
        with guests.host("container") as world:
            folder = Path(world.path).parent / "agent"
            made = Bench(folder=folder, world=world)
            folder.mkdir()
            made.keys = make_keys(made.home, 1)
            made.start(**{"provisioning.ssh.poll_interval_seconds": "0.2"})
            try:
                with made.connection() as agent:
                    _prepare(agent)
                    first.append(_run(agent))
                    again.append(_run(agent))
            finally:
                made.stop(signal.SIGTERM)
    rows = [
        told(
            f"provisioning: {stage}",
            median([run[stage] for run in first]),
            "s",
            f"{median([run[stage] for run in again]):.2f} s when it holds already",
        )
        for stage in STAGES
    ]
    return [*rows, told("provisioning: all of it", median([sum(run.values()) for run in first]), "s", f"{FILES} files")]


class _Saying:
    """A console that says a lot of lines and then a prompt."""

    def __init__(self) -> None:
        line = b"[  OK  ] Started something.service - Something or other.\r\n"
        self.text = line * (CHARACTERS // len(line)) + b"debian login: "
        self.place = 0

    async def receive(self) -> bytes:
        """Return the next piece."""
        piece = self.text[self.place : self.place + PIECE]
        self.place += PIECE
        return piece

    async def send(self, data: bytes) -> None:
        """Take what is typed."""


async def _read() -> float:
    expect = Expect(_Saying(), Transcript(lambda _: None))
    began = time.perf_counter()
    await expect.expect(Pattern(text="login:"), seconds=60)
    return time.perf_counter() - began


def _prepare(agent: Connection) -> None:
    """Make a zone with an artifact and a configuration."""
    card = {"physical": f"{ZONE}0", "global_nic": guests.STUB, "mac_addr": guests.MAC}
    source = {"type": "template", "template_dataset": guests.TEMPLATE, "clone_strategy": "clone"}
    body: dict[str, Any] = {"name": ZONE, "brand": "bhyve", "ram": "512M", "source": source, "nics": [card]}
    _wait(agent, agent.queue("POST", "/zones", body))
    packed = _artifact()
    _, prepared = agent.ask("POST", "/artifacts/upload/prepare", {"filename": "site.tar", "size": len(packed)})
    head = ("POST {} HTTP/1.1", "Host: bench", f"X-API-Key: {agent.key}", f"Content-Length: {len(packed)}", "", "")
    said = "\r\n".join(head).format(prepared["upload_url"]).encode()
    status, answer = agent.raw(said + packed)
    if status != 200:
        raise RuntimeError(f"upload: {status} {answer!r}")
    configuration = {
        "recipe_id": "debian-netplan",
        "mode": "shell",
        "artifact_id": prepared["artifact_id"],
        "credentials": {"username": "startcloud", "password": PASSWORD},
        "sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant"}],
        "provisioners": [{"type": "shell", "scripts": ["/vagrant/true.sh"]}],
        "variables": {"ip": guests.ADDRESS, "prefix": 24, "gateway": guests.GATEWAY, "dns": guests.GATEWAY},
    }
    status, answer = agent.ask("PUT", f"/zones/{ZONE}", {"provisioning": configuration})
    if status != 200:
        raise RuntimeError(f"configuration: {status} {answer}")


def _artifact() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in [("true.sh", b"true\n"), *((f"files/{n}", b"x" * 1024) for n in range(FILES))]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _run(agent: Connection) -> dict[str, float]:
    """Provision, and return the seconds of each stage."""
    _wait(agent, agent.queue("POST", f"/zones/{ZONE}/provision"))
    rows = agent.get(f"/zones/{ZONE}/provision/status")["tasks"]
    return {
        row["metadata"]["stage"]: (_moment(row["completed_at"]) - _moment(row["started_at"])).total_seconds()
        for row in rows
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _wait(agent: Connection, task: str) -> None:
    deadline = time.monotonic() + guests.LONGEST
    while time.monotonic() < deadline:
        row = agent.get(f"/tasks/{task}")
        if row["status"] == "completed":
            return
        if row["status"] in {"failed", "cancelled"}:
            raise RuntimeError(f"{row['operation']}: {row['error_message']}")
        time.sleep(0.02)
    raise TimeoutError(f"{task} did not end")

"""The agent as a whole, in a folder of its own: start, work, stop, and who may not start."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from tests.api.test_streams import free_port

from zoneweaver import agent, settings
from zoneweaver.domain.errors import Conflict, Invalid, Unavailable
from zoneweaver.settings import Settings
from zoneweaver.testing.waiting import until

START_SECONDS = 20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a state folder beside a host whose only command knows the global zone alone."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "zoneadm").write_text("#!/bin/sh\necho '0:global:running:/::ipkg:shared:0'\n")
    (commands / "zoneadm").chmod(0o755)
    (tmp_path / "root").mkdir()
    return tmp_path / "home"


def environ(home: Path, **more: str) -> dict[str, str]:
    """Return the settings of an agent there, as its environment."""
    return {
        "ZONEWEAVER_HOME": str(home),
        "ZONEWEAVER_SERVER__BIND_ADDRESS": "127.0.0.1",
        "ZONEWEAVER_SERVER__HTTPS_PORT": str(free_port()),
        "ZONEWEAVER_HOST__ROOT": str(home.parent / "root"),
        "ZONEWEAVER_HOST__COMMAND_PATH": str(home.parent / "bin"),
        "ZONEWEAVER_HOST__PFEXEC": "false",
        **more,
    }


@asynccontextmanager
async def running(used: Settings) -> AsyncIterator[agent.Ready]:
    """Be the agent for as long as the block lasts."""
    stop, ready, facts = anyio.Event(), anyio.Event(), []

    def note(what: agent.Ready) -> None:
        facts.append(what)
        ready.set()

    async with anyio.create_task_group() as group:

        async def serve() -> None:
            await agent.serve(used, ready=note, stop=stop)

        group.start_soon(serve)
        with anyio.fail_after(START_SECONDS):
            await ready.wait()
        yield facts[0]
        stop.set()


def client(used: Settings, key: str = "") -> httpx2.AsyncClient:
    """Return a client that trusts this agent alone."""
    context = ssl.create_default_context(cafile=str(used.cert_path))
    return httpx2.AsyncClient(
        base_url=f"https://localhost:{used.server.https_port}", verify=context, headers={"x-api-key": key}
    )


async def test_a_fresh_agent_answers_and_makes_its_first_key(home: Path) -> None:
    """Certificate, state folder and setup token are private; the token makes the first key; the host is looked at."""
    with (home.parent / "bin" / "zoneadm").open("a") as command:
        command.write("echo '-:theirs:installed:/zones/theirs::bhyve:excl:1'\n")
    used = settings.load(environ=environ(home))
    async with running(used) as ready, client(used) as http:
        assert ready.setup_token
        assert ready.urls == (f"https://127.0.0.1:{used.server.https_port}",)
        assert (await http.get("/health")).json()["checks"] == {"database": "ok"}
        token = used.setup_token_path.read_text().strip()
        made = await http.post("/api-keys/bootstrap", headers={"x-setup-token": token})
        key = {"x-api-key": made.json()["api_key"]}

        async def found() -> list[str]:
            return [zone["name"] for zone in (await http.get("/zones", headers=key)).json()["zones"]]

        await until(found, lambda names: names == ["theirs"], what="a look at the host")
        assert (await http.get("/tasks", headers=key)).json()["tasks"] == [], "nobody asked for a task"
        assert "zoneweaver_command_seconds_count" in (await http.get("/metrics", headers=key)).text
    for path, mode in (
        (home, 0o700),
        (used.scratch_path, 0o700),
        (used.key_path, 0o600),
        (home / "zoneweaver.db", 0o600),
        (home / "agent.lock", 0o600),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


async def test_a_second_start_finds_everything_as_it_was(home: Path) -> None:
    """Same certificate, same keys, no setup token."""
    used = settings.load(environ=environ(home))
    async with running(used), client(used) as http:
        token = used.setup_token_path.read_text().strip()
        made = await http.post("/api-keys/bootstrap", headers={"x-setup-token": token})
    before = used.cert_path.read_bytes()
    async with running(used) as ready, client(used, made.json()["api_key"]) as http:
        assert not ready.setup_token
        assert (await http.get("/zones")).json() == {"zones": [], "total": 0}
    assert used.cert_path.read_bytes() == before


async def test_a_second_agent_is_refused_in_one_line(home: Path) -> None:
    """The state folder has one master; the sentence names the process."""
    used = settings.load(environ=environ(home))
    async with running(used):
        other = settings.load(environ=environ(home))
        with pytest.raises(Conflict, match=rf"Another agent \(process {os.getpid()}\) already works in"):
            await agent.serve(other)


async def test_a_port_that_is_taken_is_told_in_one_line(home: Path) -> None:
    """Before any task is touched."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        used = settings.load(environ=environ(home, ZONEWEAVER_SERVER__HTTPS_PORT=str(port)))
        with pytest.raises(Unavailable, match=f"Cannot listen on https://127.0.0.1:{port}: Address already in use"):
            await agent.serve(used)


async def test_an_agent_that_nobody_could_reach_does_not_start(home: Path) -> None:
    """Both ports off is a mistake."""
    used = settings.load(environ=environ(home, ZONEWEAVER_SERVER__HTTPS_PORT="0"))
    with pytest.raises(Invalid, match="nobody could reach the agent"):
        await agent.serve(used)


async def test_a_certificate_that_cannot_be_used_is_told(home: Path) -> None:
    """With its path."""
    used = settings.load(environ=environ(home))
    used.cert_path.parent.mkdir(parents=True)
    for path in (used.cert_path, used.key_path):
        path.write_text("no certificate")
    with pytest.raises(Invalid, match=r"server\.crt"):
        await agent.serve(used)


async def test_plain_http_beside_https(home: Path) -> None:
    """Both ports answer the same, when both are set."""
    used = settings.load(environ=environ(home, ZONEWEAVER_SERVER__HTTP_PORT=str(free_port())))
    async with running(used) as ready:
        assert len(ready.urls) == 2
        async with httpx2.AsyncClient() as http:
            assert (await http.get(f"{ready.urls[1]}/health")).status_code == 200


async def test_a_listed_origin_may_ask_from_a_browser_and_others_may_not(home: Path) -> None:
    """CORS headers for the whitelist alone."""
    used = settings.load(environ=environ(home, ZONEWEAVER_CORS__WHITELIST="https://ui.example.com"))
    async with running(used), client(used) as http:
        asks = {"access-control-request-method": "PUT", "access-control-request-headers": "x-api-key, if-match"}
        good = await http.options("/zones/web", headers={"origin": "https://ui.example.com", **asks})
        assert good.status_code == 200
        assert good.headers["access-control-allow-origin"] == "https://ui.example.com"
        read = await http.get("/status", headers={"origin": "https://ui.example.com"})
        assert "ETag" in read.headers["access-control-expose-headers"]
        bad = await http.options("/zones/web", headers={"origin": "https://evil.example", **asks})
        assert "access-control-allow-origin" not in bad.headers


async def test_open_streams_end_when_the_agent_stops(home: Path) -> None:
    """A listener does not keep the agent from stopping, and its stream ends in good order."""
    used = settings.load(environ=environ(home))
    opened = anyio.Event()
    said: list[str] = []

    async def listen(key: str) -> None:
        async with client(used, key) as http, http.stream("GET", "/events") as answer:
            async for line in answer.aiter_lines():
                said.append(line)
                opened.set()

    with anyio.fail_after(used.server.shutdown_seconds / 2):
        async with anyio.create_task_group() as group, running(used), client(used) as http:
            token = used.setup_token_path.read_text().strip()
            made = await http.post("/api-keys/bootstrap", headers={"x-setup-token": token})
            group.start_soon(listen, made.json()["api_key"])
            await opened.wait()
    assert said[0].startswith(":")


async def test_a_silent_client_does_not_hold_up_the_end(home: Path) -> None:
    """A connection that was used and kept, whose client does not even say goodbye, is broken off."""
    used = settings.load(environ=environ(home, ZONEWEAVER_SERVER__SHUTDOWN_SECONDS="600"))
    context = ssl.create_default_context()
    async with running(used):
        context.load_verify_locations(used.cert_path)

        def ask() -> ssl.SSLSocket:
            line = socket.create_connection(("127.0.0.1", used.server.https_port))
            kept = context.wrap_socket(line, server_hostname="localhost")
            kept.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
            return kept

        kept = await anyio.to_thread.run_sync(ask)
        before_the_end = anyio.current_time()
    assert anyio.current_time() - before_the_end < START_SECONDS
    kept.close()


@pytest.fixture
def process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the agent as people do; yield the process once it has said that it listens."""
    given = environ(home)
    started = subprocess.Popen(
        [sys.executable, "-m", "zoneweaver", "serve"],
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield started
    if started.poll() is None:
        started.kill()
    started.communicate(timeout=10)


def test_the_process_says_where_it_listens_and_stops_when_asked(process: subprocess.Popen[str], home: Path) -> None:
    """The address and where the setup token lies on stdout, the token in no log; exit 0 after SIGTERM."""
    assert process.stdout is not None
    assert "listens on https://127.0.0.1:" in process.stdout.readline()
    assert f"{home}/setup.token" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, err
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events == ["listening", "stopping", "stopped"]
    assert (home / "setup.token").read_text().strip() not in out + err

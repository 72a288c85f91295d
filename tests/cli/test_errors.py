"""What the command says and how it ends when something is not as it should be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.agents import SOURCE, Command, Events, Stub, row

from zoneweaver.cli import connection
from zoneweaver.settings import Settings


def test_an_agent_that_is_not_there(zw: Command):
    """Nobody at the address: status 3, the address, and how to start one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{free.getsockname()[1]}"
    ran = zw("zones", "list", "--url", url)
    assert ran.status == 3
    assert ran.out == ""
    assert f"No agent answers at {url}" in ran.err
    assert "zoneweaver serve" in ran.err


def test_the_agent_may_be_named_before_the_command(zw: Command, agent: Stub):
    """--url and its like are understood on either side of the command; other options belong behind it."""
    agent.on("GET", "/zones", (200, {"zones": [], "total": 0}))
    ran = zw("--json", f"--url={agent.url}", "zones", "list")
    assert (ran.status, ran.out, ran.err) == (0, '{"zones": [], "total": 0}\n', "")
    ran = zw("--url", "https://127.0.0.1:1", "zones", "list")
    assert (ran.status, "No agent answers at https://127.0.0.1:1" in ran.err) == (3, True)
    ran = zw("--wait", "zones", "start", "web")
    assert (ran.status, ran.out) == (2, "")
    assert "--wait needs a command before it\nTry: zoneweaver" in ran.err


def test_something_else_at_the_address(zw: Command, agent: Stub):
    """A server that is no agent is not taken for one."""
    agent.on("GET", "/zones", "<html>")
    ran = zw("zones", "list")
    assert ran.status == 3
    assert "is not an agent's" in ran.err


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [(401, "unauthorized", "ZONEWEAVER_KEY"), (403, "forbidden", "keys list"), (409, "conflict", "")],
)
def test_a_refusal_is_told_in_the_agents_own_sentence(zw: Command, agent: Stub, status: int, code: str, advice: str):
    """Status 1, the agent's sentence on stderr, what can be done about it, and nothing on stdout."""
    agent.on("GET", "/zones", (status, {"error": "The agent says so", "message": "x", "code": code}))
    ran = zw("zones", "list")
    assert (ran.status, ran.out) == (1, "")
    assert "Error: The agent says so\n" in ran.err
    assert advice in ran.err


def test_a_refusal_with_json_is_the_agents_body(zw: Command, agent: Stub):
    """With --json the body of the error is on stdout as it came."""
    agent.on("DELETE", "/zones/web", (404, {"error": "Zone not found"}))
    ran = zw("zones", "delete", "web", "--json")
    assert (ran.status, ran.out) == (1, '{"error": "Zone not found"}\n')


def test_a_name_is_one_part_of_the_path(zw: Command, agent: Stub):
    """A name with slashes and dots does not reach another resource."""
    zw("zones", "show", "../tasks?x=1")
    assert agent.requests[0].path == "/zones/..%2Ftasks%3Fx%3D1"


def test_keys_are_looked_for_in_order(zw: Command, agent: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """--key-file wins over ZONEWEAVER_KEY, which wins over admin.key in the state folder; without any none is sent."""
    agent.on("GET", "/zones", (200, {"zones": [], "total": 0}))
    zw("zones", "list")
    home = tmp_path / "home"
    home.mkdir()
    for place, key in ((home / "admin.key", "hw_home"), (tmp_path / "other.key", "hw_file")):
        place.write_text(key + "\n")
        place.chmod(0o600)
    zw("zones", "list")
    monkeypatch.setenv("ZONEWEAVER_KEY", "hw_environment")
    zw("zones", "list")
    zw("zones", "list", "--key-file", str(tmp_path / "other.key"))
    assert [request.headers.get("authorization") for request in agent.requests] == [
        None, "Bearer hw_home", "Bearer hw_environment", "Bearer hw_file",
    ]  # fmt: skip


def test_a_key_file_that_others_can_read_is_mentioned(zw: Command, agent: Stub, tmp_path: Path):
    """The command works, and says how to close the file."""
    agent.on("GET", "/zones", (200, {"zones": [], "total": 0}))
    key = tmp_path / "key"
    key.write_text("hw_x")
    key.chmod(0o644)
    ran = zw("zones", "list", "--key-file", str(key))
    assert ran.status == 0
    assert f"chmod 600 {key}" in ran.err


@pytest.mark.parametrize("content", ["", "two words"])
def test_a_key_file_without_a_key_is_refused(zw: Command, agent: Stub, tmp_path: Path, content: str):
    """What is no key is not sent."""
    (tmp_path / "key").write_text(content)
    ran = zw("zones", "list", "--key-file", str(tmp_path / "key"))
    assert ran.status == 2
    assert agent.requests == []


def test_a_key_does_not_leave_the_machine_unencrypted(zw: Command, monkeypatch: pytest.MonkeyPatch):
    """Plain HTTP to another host is refused as soon as there is a key to be sent."""
    monkeypatch.setenv("ZONEWEAVER_KEY", "hw_secret")
    ran = zw("zones", "list", "--url", "http://192.0.2.1:5000")
    assert ran.status == 3
    assert "without encryption" in ran.err


def test_a_wrong_command_is_answered_with_a_near_one(zw: Command):
    """A mistyped command ends with 2 and a suggestion."""
    ran = zw("zones", "lst")
    assert ran.status == 2
    assert 'Did you mean "list"?' in ran.err
    assert "Try: zoneweaver zones --help" in ran.err


def test_the_state_folder_is_where_the_agent_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Without ZONEWEAVER_HOME it is our own `var` here, else the agent's default; the certificate is where it is made."""
    settings = Settings()
    monkeypatch.delenv("ZONEWEAVER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert connection.home() == settings.home
    assert settings.home / connection.CERTIFICATE == settings.cert_path
    (tmp_path / "var").mkdir()
    assert connection.home() == Path("var")


def run_on(agent: Stub, tmp_path: Path, *words: str, **more: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "zoneweaver", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path)},
        stdout=more.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupted_wait_leaves_the_task_alone(agent: Stub, tmp_path: Path):
    """Ctrl-C ends the command with 130, and says how the task can be watched and stopped."""
    agent.on("GET", "/tasks/t-1", (200, row("running", 5, "validating")))
    agent.on("GET", "/tasks/t-1/stream", Events([row("running", 5, "validating")]))
    process = run_on(agent, tmp_path, "tasks", "watch", "t-1")
    assert process.stderr is not None
    assert "Validating" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "zoneweaver tasks cancel t-1" in said
    assert "Traceback" not in said
    assert not [request for request in agent.requests if request.method != "GET"]


def test_a_reader_that_has_seen_enough_is_no_error(agent: Stub, tmp_path: Path):
    """A closed pipe on stdout (head) ends the command quietly."""
    agent.on("GET", "/zones", (200, {"zones": [{"name": "x" * 1000}] * 1000, "total": 1000}))
    reading, writing = os.pipe()
    os.close(reading)
    process = run_on(agent, tmp_path, "zones", "list", stdout=writing)
    os.close(writing)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")

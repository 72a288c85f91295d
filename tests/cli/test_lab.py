"""`zoneweaver lab …` with the lab host itself, and the agent on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.agents import SOURCE, Command

SECONDS = 60


@contextmanager
def running(home: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[str]]]:
    """Run `zoneweaver lab run` until it gave its hint; yield the process, its environment and what it said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ZONEWEAVER_")},
        "PYTHONPATH": str(SOURCE),
        "PYTHON": sys.executable,
        "ZONEWEAVER_HOME": str(home),
        "ZONEWEAVER_SERVER__HTTPS_PORT": str(port),
        **environ,
    }
    errors = home.with_name("stderr")
    with errors.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "zoneweaver", "lab", "run"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith("or: "):
                break
        assert any(line.startswith("Ready:") for line in said), (said, errors.read_text())
        yield process, environment, said
    except BaseException:
        sys.stdout.write(errors.read_text()[-8000:])  # what the agent said, for whoever reads the failure
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ask(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoneweaver", *words],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=SECONDS,
    )


def processes_of(world: Path) -> list[str]:
    """Return the command lines of all processes that name the lab host's folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(world) in word for word in words):
            found.append(" ".join(words))
    return found


def test_a_lab_from_the_first_zone_to_ctrl_c(tmp_path: Path):
    """The lab makes its key, a zone can be made and booted with the hint's command, and Ctrl-C ends everything."""
    home = tmp_path / "home"
    with running(home, ZONEWEAVER_LAB_GUEST="none") as (process, environment, said):
        assert said[0].startswith("Guests: none (")
        assert (home / "admin.key").stat().st_mode & 0o777 == 0o600
        hint = next(line for line in said if line.startswith("or: ")).split(" zones ", 1)[1]
        ran = ask(environment, "zones", *hint.split())
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == "Zone web is created.\nZone web is running.\n"
        assert ask(environment, "zones", "list").stdout.splitlines()[1].split()[:3] == ["web", "running", "bhyve"]
        assert "web" in ask(environment, "lab", "status").stdout
        assert processes_of(home / "lab")
        second = ask(environment, "lab", "run")
        assert second.returncode == 1
        assert "Another agent" in second.stderr
        assert processes_of(home / "lab"), "the second one ended the guests of the first"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 0
    assert processes_of(home / "lab") == []
    key = (home / "admin.key").read_text()
    with running(home, ZONEWEAVER_LAB_GUEST="none") as (process, environment, _):
        assert (home / "admin.key").read_text() == key
        deadline = time.monotonic() + SECONDS
        while "installed" not in (shown := ask(environment, "zones", "list").stdout):
            assert time.monotonic() < deadline, shown
        process.terminate()
        assert process.wait(timeout=SECONDS) == 0


def test_a_fault_on_order_fails_a_create(tmp_path: Path):
    """A fault that was ordered strikes once; what it broke is said, rolled back, and works when asked again."""
    with running(tmp_path / "home", ZONEWEAVER_LAB_GUEST="none") as (_, environment, _):
        ordered = ask(environment, "lab", "fault", "fail", "zoneadm", "install", "--message", "out of luck")
        assert ordered.returncode == 0, ordered.stderr
        assert "waits" in ask(environment, "lab", "faults").stdout
        failed = ask(environment, "zones", "create", "web", "--disk", "1G", "--wait")
        assert failed.returncode == 1
        assert "out of luck" in failed.stderr
        assert "Rolled back: installation, configuration, " in failed.stderr
        assert ask(environment, "zones", "create", "web", "--disk", "1G", "--wait").returncode == 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("qemu", "Guests: scripted (qemu guests are not there yet"), ("", "Guests: scripted (")],
)
def test_guests_that_are_not_there_yet_are_replaced(
    zw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str, said: str
):
    """The first line says which guests the zones get and why, before anything else happens."""
    monkeypatch.setenv("ZONEWEAVER_LAB_GUEST", wanted)
    (tmp_path / "home").write_text("a file where the state folder would be")
    ran = zw("lab", "run")
    assert ran.status == 1
    assert ran.out.startswith(said)
    assert f"{tmp_path / 'home'}: File exists" in ran.err


def test_unknown_guests_are_refused(zw: Command, monkeypatch: pytest.MonkeyPatch):
    """A kind that nobody knows is wrong usage."""
    monkeypatch.setenv("ZONEWEAVER_LAB_GUEST", "vmware")
    ran = zw("lab", "run")
    assert ran.status == 2
    assert "ZONEWEAVER_LAB_GUEST is one of none, scripted, container, qemu, not 'vmware'" in ran.err


@pytest.mark.parametrize("words", [["down"], ["status"], ["fault", "fail", "zfs"], ["examples"]])
def test_a_lab_that_is_not_there_is_said(zw: Command, words: list[str]):
    """Commands on a lab host that was never made say how to make one."""
    ran = zw("lab", *words)
    assert ran.status == 2
    assert "make one with `zoneweaver lab up`" in ran.err

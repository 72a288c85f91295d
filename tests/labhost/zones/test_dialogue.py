"""zonecfg(8) with a person at a terminal, and what it keeps in mind between commands."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

import pytest
from tests.labhost.hosts import PATIENCE
from tests.labhost.zones.conftest import Host, wait_for


def talk(host: Host, zone: str, *answers: str) -> tuple[int, str]:
    """Type lines at a terminal, each after a prompt or a question; return the exit code and all that appeared."""
    terminal, other = pty.openpty()
    process = subprocess.Popen(
        [host.command("zonecfg"), "-z", zone], stdin=other, stdout=other, stderr=other, start_new_session=True
    )
    os.close(other)
    seen = ""
    waiting = list(answers)
    deadline = time.monotonic() + PATIENCE
    fresh = ""
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, seen
        try:
            data = os.read(terminal, 65536).decode()
        except OSError:
            data = ""
        if not data:
            break
        seen += data
        fresh += data
        if waiting and fresh.rstrip().endswith((">", "?")):
            fresh = ""
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return process.wait(20), seen.replace("\r\n", "\n")


def test_an_unknown_zone_is_to_be_created(host: Host) -> None:
    """A dialogue about a zone nobody configured says how to begin; what is left at the end is saved."""
    code, seen = talk(
        host, "web", "create -t bhyve", "set zonepath=/rpool/zones/web", "add net", "set physical=web0", "end", "exit"
    )
    assert code == 0
    assert "web: No such zone configured\nUse 'create' to begin configuring a new zone.\nzonecfg:web> " in seen
    assert "zonecfg:web:net> " in seen
    assert "physical: web0\n" in host.ok("zonecfg", "-z", "web", "info net")


@pytest.mark.parametrize(("answer", "left"), [("n", True), ("y", False)])
def test_a_deletion_asks(host: Host, answer: str, left: bool) -> None:
    """At a terminal `delete` asks, and only a yes deletes."""
    host.configure("web")
    code, seen = talk(host, "web", "delete", answer, "exit -F")
    assert code == 0
    assert "Are you sure you want to delete zone web (y/[n])? " in seen
    assert host.file("/etc/zones/web.xml").exists() is left


def test_an_installed_zone_is_not_deleted_without_force(host: Host) -> None:
    """Even after a yes the configuration of an installed zone stays, which is no error."""
    host.installed()
    code, seen = talk(host, "web", "delete", "y", "exit")
    assert code == 0
    assert "Zone web not in configured state; delete not allowed.  Use -F to force delete.\n" in seen
    assert host.state() == "installed"


def test_creating_anew_asks(host: Host) -> None:
    """A configured zone is overwritten only after a yes."""
    host.configure("web", "set autoboot=true")
    _, seen = talk(host, "web", "create -t bhyve", "n", "exit")
    assert "Zone web already exists; do you want to overwrite it (y/[n])? " in seen
    assert "autoboot: true\n" in host.ok("zonecfg", "-z", "web", "info autoboot")
    talk(host, "web", "create -t bhyve", "y", "set zonepath=/rpool/zones/www", "exit")
    assert "autoboot: false\n" in host.ok("zonecfg", "-z", "web", "info autoboot")


def test_removing_all_of_a_kind_asks(host: Host) -> None:
    """Several resources of a kind go together only after a yes."""
    host.configure("web", "add net; set physical=web0; end; add net; set physical=web1; end")
    talk(host, "web", "remove net", "n", "exit")
    assert host.ok("zonecfg", "-z", "web", "info net").count("physical") == 2
    talk(host, "web", "remove net", "y", "exit")
    assert host.ok("zonecfg", "-z", "web", "info net") == ""


def test_revert_and_cancel_forget(host: Host) -> None:
    """`revert -F` goes back to what is saved, `cancel` to before the resource; `commit` saves in between."""
    host.configure("web")
    host.ok("zonecfg", "-z", "web", "set pool=a; commit; set pool=b; revert -F; add net; set physical=web0; cancel")
    info = host.ok("zonecfg", "-z", "web", "info")
    assert "pool: a\n" in info
    assert "net:" not in info
    said = host.run("zonecfg", "-z", "web", "set pool=c; revert")
    assert said.code == 1
    assert said.err == "Input not from terminal and -F not specified:\nrevert command ignored.\n"


def test_exit_ends_the_run(host: Host) -> None:
    """What comes after `exit` is not done; with -F an open resource is given up, without it nothing is saved."""
    host.configure("web")
    host.ok("zonecfg", "-z", "web", "set pool=a; exit; set pool=b")
    host.ok("zonecfg", "-z", "web", "set autoboot=true; add net; exit -F")
    info = host.ok("zonecfg", "-z", "web", "info")
    assert "pool: a\n" in info
    assert "autoboot: true\n" in info
    said = host.run("zonecfg", "-z", "web", "set pool=c; add net; exit")
    assert said.code == 1
    assert said.err == (
        "Resource incomplete, input not from terminal and -F not specified:\n"
        "exit command ignored, but exiting anyway.\n"
    )
    assert "pool: a\n" in host.ok("zonecfg", "-z", "web", "info pool")


def test_a_session_waits_for_the_index(host: Host) -> None:
    """While somebody holds the index a commit waits, and goes on when it is free."""
    import fcntl

    number = os.open(host.file("/var/run/zones/index.lock"), os.O_RDWR | os.O_CREAT)
    fcntl.lockf(number, fcntl.LOCK_EX)
    with subprocess.Popen([host.command("zonecfg"), "-z", "web", "create -t bhyve; set zonepath=/z/web"]) as session:
        wait_for(lambda: blocked(session.pid))
        assert "web" not in host.file("/etc/zones/index").read_text()
        os.close(number)
        assert session.wait(20) == 0
    assert "web:configured:/z/web:\n" in host.file("/etc/zones/index").read_text()


def blocked(pid: int) -> bool:
    """Tell whether a process waits for a lock on a file."""
    with open("/proc/locks", encoding="ascii") as file:
        return any("->" in line and f" {pid} " in line for line in file)

"""The shim: exit codes, signals, the journal, privileges, speed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host, host, wait_for

from labhost import faults, journal

__all__ = ["host"]


def last(host: Host) -> dict[str, object]:
    return journal.read(host.world)[-1]


def test_each_command_leaves_one_line_in_the_journal(host: Host) -> None:
    """The journal names what was run, by whom, when, for how long and with which exit code."""
    before = time.time()
    host.run("zfs", "list", "nosuch")
    line = last(host)
    assert (line["argv"], line["exit"], line["fault"]) == (["zfs", "list", "nosuch"], 1, None)
    assert line["ppid"] == os.getpid()
    started, took = line["t"], line["ms"]
    assert isinstance(started, float)
    assert isinstance(took, float)
    assert before - 1 < started <= time.time()
    assert took > 0


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("zfs list -Hp rpool", "labhost.zfs.datasets"),
        ("zpool list -Hp", "labhost.zfs.pools"),
        ("zoneadm list -cp", "labhost.zones.listing"),
        ("zoneadm -z web install", "labhost.zones.install"),
        ("zoneadm -z web halt", "labhost.zones.states"),
        ("zonecfg -z web info", "labhost.zones.looks"),
        ("zonecfg -z web set pool=x", "labhost.zones.assignments"),
        ("dladm show-link -p -o link", "labhost.net.links"),
        ("ipadm show-addr -p -o addrobj", "labhost.net.addresses"),
        ("svcs -H -o state zones", "labhost.smf.services"),
        ("zlogin web true", "labhost.zones.states"),
    ],
)
def test_a_command_needs_no_heavy_module(host: Host, line: str, needed: str) -> None:
    """A command is quick because it loads none of the large modules of the standard library."""
    host.ok("zonecfg", "-z", "web", "create -t bhyve; set zonepath=/rpool/zones/web")
    name, *argv = line.split()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-IS", host.command(name), *argv],
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {part.rpartition("|")[2].strip() for part in done.stderr.splitlines() if part.startswith("import time")}
    heavy = {"re", "json", "enum", "dataclasses", "argparse", "typing", "pathlib", "subprocess", "logging", "signal"}
    assert needed in loaded, done.stderr
    assert not heavy & loaded


def test_a_terminated_command_exits_as_one_that_was_told_to(host: Host) -> None:
    """SIGTERM ends a command with 143, SIGINT with 130, both without a word."""
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        identity = faults.order(host.world, command="zfs", act="hang")
        with subprocess.Popen([f"{host.world.path}/bin/zfs", "list"], stderr=subprocess.PIPE) as command:
            wait_for(partial(faults.fired, host.world, identity))
            command.send_signal(number)
            assert command.wait(20) == code
            assert command.stderr is not None
            assert command.stderr.read() == b""


def test_a_reader_who_goes_away_is_no_traceback(host: Host) -> None:
    """A closed pipe ends a command quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [f"{host.world.path}/bin/zfs", "list"], stdout=writing, stderr=subprocess.PIPE, check=False, timeout=20
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 141


def test_a_reader_who_does_not_read_does_not_hold_up_a_signal(host: Host) -> None:
    """A terminated command loses what it had not written yet instead of waiting for somebody to take it."""
    with host.world.lock("addresses"):
        state = host.world.read("addresses")
        state["routes"] += [[f"10.{n >> 8}.{n & 255}.0/24", "192.0.2.2", "igb0"] for n in range(3000)]
        host.world.write("addresses", state)
    reading, writing = os.pipe()
    with subprocess.Popen([host.command("netstat"), "-rn"], stdout=writing) as command:
        wait_for(lambda: not select.select([], [writing], [], 0)[1], lambda: "the pipe does not fill")
        command.send_signal(signal.SIGTERM)
        assert command.wait(20) == 143
    os.close(reading)
    os.close(writing)


def test_pfexec_runs_a_command_with_the_callers_profiles(host: Host) -> None:
    """An unprivileged caller may what its profiles allow through pfexec, and else gets the command's own refusal."""
    host.world.configure(euid=1000, profiles=["ZFS File System Management"])
    assert host.refused("zfs", "create", "rpool/a") == "cannot create 'rpool/a': permission denied\n"
    host.ok("pfexec", "zfs", "create", "rpool/a")
    host.world.configure(profiles=["Network Management"])
    assert host.refused("pfexec", "zfs", "create", "rpool/b") == "cannot create 'rpool/b': permission denied\n"
    assert last(host)["argv"] == ["zfs", "create", "rpool/b"]


def test_pfexec_finds_a_command_by_its_path(host: Host) -> None:
    """A full path to a command of the host is that command."""
    assert host.ok("pfexec", f"{host.world.path}/bin/zfs", "list", "-H", "-o", "name").splitlines()[0] == "rpool"


def test_pfexec_runs_what_is_no_command_of_the_host(host: Host) -> None:
    """Anything else is run as it is, and what cannot be run is said."""
    assert host.ok("pfexec", "/bin/echo", "hello") == "hello\n"
    said = host.refused("pfexec", "/no/such/command")
    assert said == "pfexec: unable to execute /no/such/command: No such file or directory\n"


def test_names_that_are_no_text_pass_through(host: Host) -> None:
    """An argument that is not UTF-8 is answered, not choked on."""
    path = Path(host.world.path)
    done = subprocess.run(
        [os.fsencode(path / "bin" / "zfs"), b"list", b"rpool/\xff"], capture_output=True, check=False, timeout=20
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"cannot open 'rpool/\xff'")

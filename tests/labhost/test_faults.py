"""Faults on order."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tests.labhost.zfs.conftest import Host, host, wait_for

from labhost import faults, journal
from labhost.processes import is_alive

__all__ = ["host"]


def test_a_fault_before_does_nothing_and_says_what_was_ordered(host: Host) -> None:
    """A command that fails before its work leaves the world as it was."""
    identity = faults.order(
        host.world, command="zfs", words=["create"], act="fail", message="cannot create: out of space"
    )
    said = host.run("zfs", "create", "rpool/a")
    assert (said.code, said.out, said.err) == (1, "", "cannot create: out of space\n")
    assert host.names("-r", "rpool") == ["rpool", "rpool/zones"]
    assert faults.fired(host.world, identity) == [["zfs", "create", "rpool/a"]]
    assert journal.read(host.world)[-2]["fault"] == identity


def test_a_fault_after_does_the_work_silently(host: Host) -> None:
    """A command that fails after its work has done it, and says only what was ordered."""
    faults.order(host.world, command="zfs", act="fail", when="after", message="lost", exit=7)
    said = host.run("zfs", "create", "-v", "rpool/a")
    assert (said.code, said.out, said.err) == (7, "", "lost\n")
    assert "rpool/a" in host.names()


def test_the_third_such_command_is_struck_once(host: Host) -> None:
    """Only commands with all the words count, only the nth is struck, and only once."""
    faults.order(host.world, command="zfs", words=["create"], nth=3, act="fail", exit=9)
    codes = []
    for name in ("a", "b", "c", "d"):
        host.ok("zfs", "list")
        codes.append(host.run("zfs", "create", f"rpool/{name}").code)
    assert codes == [0, 0, 9, 0]


def test_an_order_can_strike_always_and_anything(host: Host) -> None:
    """An order for any command that is not for once strikes every one until it is cleared."""
    identity = faults.order(host.world, command="*", act="fail", exit=3, once=False)
    assert [host.run("zfs", "list").code, host.run("zpool", "list").code] == [3, 3]
    assert len(faults.fired(host.world, identity)) == 2
    faults.clear(host.world)
    assert host.run("zfs", "list").code == 0
    assert faults.orders(host.world) == []


def test_garbage_and_silence_end_well_and_do_nothing(host: Host) -> None:
    """Babble and silence have exit code 0 and no effect."""
    faults.order(host.world, command="zfs", act="garbage")
    done = subprocess.run([f"{host.world.path}/bin/zfs", "create", "rpool/a"], capture_output=True, check=True)
    assert done.stdout == faults.GARBAGE
    with pytest.raises(UnicodeDecodeError):
        done.stdout.decode()
    faults.order(host.world, command="zfs", act="empty")
    assert host.ok("zfs", "list") == ""
    assert "rpool/a" not in host.names()


def test_a_slow_command_takes_its_time_and_works(host: Host) -> None:
    """A slow command does its work after so many seconds."""
    faults.order(host.world, command="zfs", act="slow", seconds=0.3)
    begun = time.monotonic()
    host.ok("zfs", "create", "rpool/a")
    assert time.monotonic() - begun >= 0.3
    assert "rpool/a" in host.names()


def test_a_hung_command_is_on_record_and_ends_by_a_signal(host: Host) -> None:
    """A command that hangs after its work has done it, is in the journal without an exit code, and can be killed."""
    identity = faults.order(host.world, command="zfs", words=["create"], act="hang", when="after")
    with subprocess.Popen([f"{host.world.path}/bin/zfs", "create", "rpool/a"]) as command:
        wait_for(lambda: "rpool/a" in host.names())
        assert command.poll() is None
        command.kill()
        command.wait(20)
    lines = [line for line in journal.read(host.world) if line["fault"] == identity]
    assert [(line["argv"], line["exit"]) for line in lines] == [(["zfs", "create", "rpool/a"], None)]


AGENT = "import subprocess, sys; subprocess.run([sys.argv[1], 'create', 'rpool/a']); print('alive')"


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True), ("during", True)])
def test_the_caller_is_killed_around_the_work(host: Host, when: str, done: bool) -> None:
    """The process that started the command dies before the work, after it, or while it still goes on."""
    identity = faults.order(host.world, command="zfs", act="kill", when=when, seconds=0.2)
    agent = subprocess.run(
        [sys.executable, "-c", AGENT, f"{host.world.path}/bin/zfs"], capture_output=True, check=False, timeout=30
    )
    assert agent.returncode == -9
    assert b"alive" not in agent.stdout
    assert faults.fired(host.world, identity) == [["zfs", "create", "rpool/a"]]
    if done:
        wait_for(lambda: "rpool/a" in host.names())
    else:
        struck = journal.read(host.world)[-1]
        wait_for(lambda: not is_alive(struck["pid"]))
        assert "rpool/a" not in host.names()


def test_through_pfexec_it_is_the_real_command_and_the_real_caller(host: Host) -> None:
    """An order for zfs strikes it under pfexec too, and the caller is who called pfexec."""
    identity = faults.order(host.world, command="zfs", act="fail", exit=5)
    assert host.run("pfexec", "zfs", "list").code == 5
    assert faults.fired(host.world, identity) == [["zfs", "list"]]
    assert journal.read(host.world)[-1]["ppid"] == os.getpid()


def test_an_order_that_makes_no_sense_is_refused(host: Host) -> None:
    """Unknown acts and moments are refused by name."""
    with pytest.raises(ValueError, match="explode"):
        faults.order(host.world, command="zfs", act="explode")
    with pytest.raises(ValueError, match="never"):
        faults.order(host.world, command="zfs", act="fail", when="never")

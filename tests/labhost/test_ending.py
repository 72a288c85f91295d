"""The end of a lab host: nothing that ran on it stays, however it was started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.labhost.hosts import wait_for
from tests.labhost.zones.conftest import Host, host

from labhost import faults, processes
from labhost.ending import end, running
from labhost.world import World

__all__ = ["host"]


def guest_of(host: Host, zone: str = "web") -> int:
    return int(host.world.read("zones")["zones"][zone]["pid"])


def gone(path: str) -> bool:
    """Delete a folder in which somebody may still write, and tell whether it is gone."""
    shutil.rmtree(path, ignore_errors=True)
    return not Path(path).exists()


@pytest.mark.parametrize("start", ["bin/zoneadm", "../host/bin/zoneadm", "./bin/../bin/zoneadm"])
def test_a_guest_is_found_however_its_command_was_called(host: Host, start: str) -> None:
    """A zone booted by a relative path has a guest that is known, and that does not outlive the host."""
    host.installed()
    subprocess.run([start, "-z", "web", "boot"], cwd=host.world.path, check=True)
    pid = guest_of(host)
    assert running(host.world) == [pid]
    assert pid in end(host.world)
    assert not processes.is_alive(pid)
    assert running(host.world) == []
    assert host.state() == "installed"


def test_a_command_is_found_through_a_link_and_by_a_relative_path(host: Host, tmp_path: Path) -> None:
    """A hung command belongs to the host whatever name of the folder it was started by."""
    (tmp_path / "other").symlink_to(host.world.path)
    faults.order(host.world, command="zfs", act="hang", once=False)
    with (
        subprocess.Popen([str(tmp_path / "other/bin/zfs"), "list"]) as linked,
        subprocess.Popen(["bin/zfs", "list"], cwd=host.world.path) as relative,
    ):
        wait_for(lambda: running(host.world) == sorted([linked.pid, relative.pid]), lambda: running(host.world))
        assert end(host.world) == sorted([linked.pid, relative.pid])
        assert (linked.wait(20), relative.wait(20)) == (-9, -9)


def test_who_only_looks_at_the_folder_is_left_alone(host: Host) -> None:
    """Somebody's own process in the folder of the host, or with its name among its words, is none of the host's."""
    words = [sys.executable, "-c", "import sys; sys.stdin.read()", f"{host.world.path}/bin/zfs"]
    with subprocess.Popen(words, cwd=f"{host.world.path}", stdin=subprocess.PIPE) as somebody:
        assert running(host.world) == []
        assert end(host.world) == []
        assert somebody.poll() is None


def test_a_recorded_number_that_is_somebody_elses_by_now_is_not_touched(host: Host) -> None:
    """A zone whose guest is gone is halted, and the process that has its number lives on."""
    host.installed()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as somebody:
        with host.world.lock("zones"):
            zone = {"state": "running", "zoneid": 7, "volumes": [], "links": [], "pid": somebody.pid}
            host.world.write("zones", {"next_id": 8, "zones": {"web": zone}})
        assert end(host.world) == []
        assert host.state() == "installed"
        assert somebody.poll() is None


def test_a_guest_does_not_outlive_its_folder(host: Host) -> None:
    """When the host's folder is deleted the guest ends by itself within moments, and makes nothing of it anew."""
    host.world.configure(guest="scripted")
    host.booted("web", host.attrs(vnc="on"))
    host.booted("db")
    pids = [guest_of(host), guest_of(host, "db")]
    wait_for(lambda: all(Path(f"{host.world.path}/run/{zone}.disk").exists() for zone in ("web", "db")))
    wait_for(lambda: gone(host.world.path))
    wait_for(lambda: not any(processes.is_alive(pid) for pid in pids))
    assert not Path(host.world.path).exists()


def test_a_guest_does_not_go_over_to_a_new_host_of_the_same_name(host: Host) -> None:
    """A guest of a folder that was deleted and made again ends, though the new one knows a zone of its name and id."""
    host.booted()
    pid = guest_of(host)
    kept = host.world.read("zones")
    wait_for(lambda: gone(host.world.path))
    World.create(host.world.path)
    with host.world.lock("zones"):
        host.world.write("zones", kept)
    wait_for(lambda: not processes.is_alive(pid))
    assert host.world.read("zones") == kept


def test_a_hung_command_does_not_outlive_its_folder(host: Host) -> None:
    """A command that hangs on order ends when there is no host any more."""
    identity = faults.order(host.world, command="zfs", act="hang")
    with subprocess.Popen([host.command("zfs"), "list"], stderr=subprocess.DEVNULL) as command:
        wait_for(lambda: faults.fired(host.world, identity))
        wait_for(lambda: gone(host.world.path))
        command.wait(20)

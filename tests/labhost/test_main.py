"""The labhost command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host, wait_for

from labhost import faults
from labhost.__main__ import main
from labhost.ending import running
from labhost.world import World


@pytest.fixture
def folder(tmp_path: Path) -> str:
    path = str(tmp_path / "host")
    assert main(["up", path, "time_scale=0.01", "guest=none"]) == 0
    return path


def test_up_makes_a_host_with_settings(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`up` makes the host, keeps the settings given, and says where it is."""
    assert main(["up", folder]) == 0
    world = World(folder)
    assert (world.setting("time_scale"), world.setting("guest")) == (0.01, "none")
    assert folder in capsys.readouterr().out


def test_set_changes_and_takes_back(folder: str) -> None:
    """`set` reads values as JSON if they are, as text if not, and an empty one takes the setting back."""
    assert main(["set", folder, "euid=1000", "guest=scripted", "deaf=[]"]) == 0
    world = World(folder)
    assert (world.setting("euid"), world.setting("guest"), world.setting("deaf")) == (1000, "scripted", [])
    assert main(["set", folder, "euid="]) == 0
    assert world.setting("euid", 0) == 0


def test_examples_make_what_the_documentation_names(folder: str) -> None:
    """`examples` makes the images, the template with its snapshot and the volumes, once."""
    assert main(["examples", folder]) == 0
    host = Host(World(folder))
    names = host.names("-t", "all", "-r", "rpool")
    assert {"rpool/templates/omnios-base@ready", "rpool/vms/old-server/root", "rpool/shared/backup-vol"} <= set(names)
    assert host.number("volsize", "rpool/templates/omnios-base") == 20 << 30
    assert host.number("refreservation", "rpool/templates/omnios-base") == 0
    for image in ("/iso/omnios-r151050.iso", "/iso/install.iso"):
        assert Path(host.world.host(image)).stat().st_size > 0
    host.ok("zfs", "clone", "rpool/templates/omnios-base@ready", "rpool/zones/copy")
    with host.device("rpool/zones/copy").open("rb") as file:
        assert file.read(11) == b"boot sector"
    assert main(["examples", folder]) == 0
    assert host.names("-t", "all", "-r", "rpool/templates") == [n for n in names if n.startswith("rpool/templates")]


def test_faults_are_ordered_shown_and_cleared(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`fault` orders, `faults` shows what waits and what struck, `clear` takes all back."""
    capsys.readouterr()
    order = ["fault", folder, "fail", "zfs", "create", "--nth", "1", "--message", "out of space", "--exit", "4"]
    assert main(order) == 0
    identity = capsys.readouterr().out.strip()
    assert main(["faults", folder]) == 0
    assert "'zfs create': waits" in capsys.readouterr().out
    said = Host(World(folder)).run("zfs", "create", "rpool/a")
    assert (said.code, said.err) == (4, "out of space\n")
    assert main(["faults", folder]) == 0
    assert f"{identity}  fail before number 1 of 'zfs create': struck 1 times" in capsys.readouterr().out
    assert main(["clear", folder]) == 0
    assert faults.orders(World(folder)) == []


def test_status_names_what_there_is(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`status` shows the pools, the active zones and the orders."""
    Host(World(folder)).hold_open("rpool/zones")
    assert main(["status", folder]) == 0
    shown = capsys.readouterr().out
    assert "pool      rpool ONLINE" in shown
    assert "zone      web running" in shown


def test_down_ends_what_runs(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`down` ends commands that hang and forgets the active zones."""
    world = World(folder)
    Host(world).hold_open("rpool/zones")
    faults.order(world, command="zfs", act="hang")
    with subprocess.Popen([f"{folder}/bin/zfs", "list"]) as command:
        wait_for(lambda: running(world), lambda: "the command does not run")
        assert running(world) == [command.pid]
        capsys.readouterr()
        assert main(["down", folder]) == 0
        assert "1 processes ended" in capsys.readouterr().out
        assert command.wait(20) == -9
    assert running(world) == []
    assert world.read("zones")["zones"] == {}


def test_a_folder_that_is_no_host_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An action on some other folder fails with a sentence."""
    assert main(["status", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err

"""Lab hosts for tests: one with neighbours in it, and copies of it, each at home in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from labhost import examples
from labhost.world import World
from labhost.zfs import contents

FAST = {"time_scale": 0.001, "shutdown_takes": 10}
"""A host that makes nobody wait: a second of its books takes a thousandth of one here."""


def place() -> Path:
    """A new folder on the quickest disk there is: memory, when the machine gives some away."""
    memory = Path("/dev/shm")
    room = shutil.disk_usage(memory).free if memory.is_dir() and os.access(memory, os.W_OK) else 0
    return Path(tempfile.mkdtemp(prefix="zw-lab-", dir=memory if room > 1 << 30 else None))


def say(world: World, *argv: str, stdin: str | None = None) -> str:
    """Say a command to the host by hand and return what it answers; it must not fail."""
    done = subprocess.run(
        [f"{world.path}/bin/{argv[0]}", *argv[1:]],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"LC_ALL": "C"},
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def write(world: World, dataset: str, text: str) -> None:
    """Write something into a volume, so that its content can be told from any other."""
    with Path(world.host(f"/dev/zvol/rdsk/{dataset}")).open("r+b") as volume:
        volume.seek(8192)
        volume.write(text.encode())


def with_neighbours(path: Path) -> World:
    """Make a host on which much is there that is nobody's business but its owners'.

    Another zone with its volume, snapshots and holds; a template; volumes to attach; datasets without our tag beside
    the zones; what a zone of an earlier life left behind; links that others made.
    """
    world = World.create(str(path), **FAST)
    examples.make(world)
    neighbour(world, "other")
    for argv in (
        ("zfs", "create", "rpool/zones/notes"),
        ("zfs", "create", "-s", "-V", "1G", "rpool/zones/loose"),
        ("zfs", "create", "-o", "zoneweaver:zone=kept", "-o", "zoneweaver:task=long-ago", "rpool/zones/kept"),
        ("zfs", "create", "-s", "-V", "2G", "-o", "zoneweaver:zone=kept", "-o", "zoneweaver:task=long-ago", "rpool/zones/kept/root"),
        ("zfs", "create", "-s", "-V", "3G", "rpool/shared/second"),
        ("zfs", "snapshot", "rpool/zones/other/root@daily"),
        ("zfs", "hold", "keep", "rpool/zones/other/root@daily"),
        ("zfs", "snapshot", "rpool/shared/backup-vol@weekly"),
        ("zfs", "snapshot", "rpool/zones/notes@first"),
        ("dladm", "create-vnic", "-l", "igb0", "theirs0"),
        ("dladm", "create-etherstub", "stub0"),
    ):  # fmt: skip
        say(world, *argv)
    for dataset in ("rpool/zones/loose", "rpool/zones/kept/root", "rpool/shared/second"):
        write(world, dataset, f"what {dataset} holds")
    Path(world.host("/rpool/zones/notes/read.me")).write_text("ours\n", encoding="utf-8")
    return world


def neighbour(world: World, name: str, *, nets: Sequence[str] = ("theirs1",)) -> None:
    """Make an installed zone that the agent did not make."""
    say(world, "zfs", "create", f"rpool/zones/{name}")
    say(world, "zfs", "create", "-s", "-V", "4G", f"rpool/zones/{name}/root")
    write(world, f"rpool/zones/{name}/root", f"the system of {name}")
    nics = "".join(f"add net\nset physical={net}\nset global-nic=igb0\nend\n" for net in nets)
    script = (
        f"create -b\nset brand=bhyve\nset zonepath=/rpool/zones/{name}/path\nset ip-type=exclusive\n"
        "add attr\nset name=ram\nset type=string\nset value=1G\nend\n"
        f"add attr\nset name=bootdisk\nset type=string\nset value=rpool/zones/{name}/root\nend\n"
        f"add device\nset match=/dev/zvol/rdsk/rpool/zones/{name}/root\nend\n{nics}"
    )
    file = Path(world.path) / f"{name}.zonecfg"
    file.write_text(script, encoding="utf-8")
    say(world, "zonecfg", "-z", name, "-f", str(file))
    file.unlink()
    say(world, "zoneadm", "-z", name, "install")


def copy(source: World, target: Path) -> World:
    """Make a copy of a host on which nothing runs; volumes stay sparse, commands and devices are the copy's own."""
    target.mkdir(parents=True)
    for name in os.listdir(source.path):
        if name not in ("bin", "volumes", "journal.jsonl", "run"):
            shutil.copytree(f"{source.path}/{name}", target / name, symlinks=True)
    (target / "volumes").mkdir()
    for entry in os.scandir(f"{source.path}/volumes"):
        if entry.is_dir(follow_symlinks=False):
            shutil.copytree(entry.path, target / "volumes" / entry.name, symlinks=True)
        else:
            contents.copy_volume(entry.path, f"{target}/volumes/{entry.name}")
    (target / "bin").mkdir()
    for entry in os.scandir(f"{source.path}/bin"):
        shim = target / "bin" / entry.name
        if entry.is_symlink():
            shim.symlink_to(os.readlink(entry.path))
            continue
        shim.write_text(
            Path(entry.path).read_text(encoding="utf-8").replace(repr(source.path), repr(str(target))), encoding="utf-8"
        )
        shim.chmod(0o755)
    _move_devices(f"{target}/root/dev/zvol", source.path, str(target))
    return World(str(target))


def _move_devices(folder: str, old: str, new: str) -> None:
    for entry in os.scandir(folder):
        if entry.is_symlink():
            place_ = os.readlink(entry.path)
            if place_.startswith(f"{old}/"):
                os.unlink(entry.path)
                os.symlink(new + place_[len(old) :], entry.path)
        elif entry.is_dir():
            _move_devices(entry.path, old, new)

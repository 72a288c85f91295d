"""Building a template: whole or not at all, one at a time, begun anew after whatever stopped it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest
from tests.labhost.hosts import wait_for
from tests.labhost.templates.conftest import QUICK, Program

import labhost
from labhost.templates import bootdisk, cache, debian, recipe
from labhost.templates.building import build
from labhost.templates.cache import Template, TemplateError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a system's root")

SOURCE = str(Path(labhost.__file__).parents[1])
DISK_PROGRAMS = ("sfdisk", "mkfs.vfat", "mmd", "mcopy", "syslinux", "mke2fs")
NO_DISK = [name for name in DISK_PROGRAMS if which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
NO_DISK += [place for place in (bootdisk._MBR, bootdisk._LOADER, bootdisk._EFI) if not os.path.exists(place)]


def builder() -> subprocess.Popen[str]:
    """Start to build in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "labhost", "template", "build", recipe.NAME],
        env={**os.environ, "PYTHONPATH": SOURCE}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def running(tmp_path: Path) -> list[str]:
    """Return the command lines of other processes that name a test's folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in words and int(name) != os.getpid():
            found.append(words)
    return found


def test_a_root_is_there_as_a_whole_or_not_at_all(template: Template, program: Program) -> None:
    """While it is made nothing is where it will be; afterwards nothing is where it was made."""
    program("mmdebstrap", QUICK + f'[ ! -e "{template.top}" ]\n')
    said: list[str] = []
    build(recipe.NAME, said.append, disk=False)
    assert template.has_root
    assert debian.is_current(template)
    assert not os.path.exists(template.workshop)
    assert os.readlink(f"{template.root}/etc/resolv.conf") == "../run/systemd/resolve/stub-resolv.conf"
    assert Path(f"{template.root}/etc/hostname").read_text() == "debian\n"
    assert said[-1].startswith("done in ")
    assert cache.names() == [recipe.NAME]


def test_what_is_there_is_not_made_again(template: Template, program: Program) -> None:
    """A second build has nothing to do; told so, it makes everything anew."""
    program("mmdebstrap", QUICK)
    build(recipe.NAME, lambda _: None, disk=False)
    mark = Path(template.root, "etc/mark")
    mark.write_text("")
    said: list[str] = []
    build(recipe.NAME, said.append, disk=False)
    assert (mark.exists(), said) == (True, [])
    build(recipe.NAME, said.append, disk=False, anew=True)
    assert not mark.exists()


def test_another_recipe_is_said(template: Template, program: Program) -> None:
    """A root that an older recipe made is used as it is, and whoever asks is told; on demand it is made again."""
    program("mmdebstrap", QUICK)
    build(recipe.NAME, lambda _: None, disk=False)
    Path(template.root, debian.MADE_BY).write_text("older\n")
    said: list[str] = []
    build(recipe.NAME, said.append, disk=False)
    assert "another recipe" in said[0]
    build(recipe.NAME, said.append, disk=False, current=True)
    assert debian.is_current(template)


def test_a_failure_says_why_and_the_next_try_works(template: Template, program: Program) -> None:
    """The last words of the program that failed and the place of all of them; then everything from the beginning."""
    program("mmdebstrap", QUICK + 'echo "E: no space left"; exit 28\n')
    with pytest.raises(TemplateError, match="no space left") as failed:
        build(recipe.NAME, lambda _: None, disk=False)
    log = str(failed.value).rpartition("all of it: ")[2].rstrip(")")
    assert "no space left" in Path(log).read_text()
    assert not template.has_root
    program("mmdebstrap", QUICK)
    assert build(recipe.NAME, lambda _: None, disk=False).has_root


def test_a_killed_builder_leaves_nobody_behind(template: Template, program: Program, tmp_path: Path) -> None:
    """Whatever it had started ends with it, even what had turned its back; the next build begins anew."""
    pid = tmp_path / "pid"
    lingers = f"setsid sh -c 'while :; do sleep 1; done' {tmp_path}/lingers &\necho up >{pid}; wait\n"
    program("mmdebstrap", QUICK + lingers)

    process = builder()
    try:
        wait_for(pid.exists, lambda: "the program was not started")
        wait_for(lambda: any(words.endswith("lingers\0") for words in running(tmp_path)), lambda: running(tmp_path))
    finally:
        process.kill()
        process.communicate()

    wait_for(lambda: not running(tmp_path), lambda: running(tmp_path))
    assert not template.has_root
    program("mmdebstrap", QUICK)
    assert build(recipe.NAME, lambda _: None, disk=False).has_root


def test_an_interrupt_ends_it_cleanly(template: Template, program: Program, tmp_path: Path) -> None:
    """Ctrl-C ends the build without a root; nobody has to remove anything."""
    up = tmp_path / "up"
    program("mmdebstrap", f"echo >{up}; exec sleep 1000\n")
    process = builder()
    try:
        wait_for(up.exists, lambda: "the program was not started")
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        process.kill()
        process.communicate()
    assert not template.has_root
    program("mmdebstrap", QUICK)
    assert build(recipe.NAME, lambda _: None, disk=False).has_root


def test_a_second_builder_waits_for_the_first(template: Template, program: Program, tmp_path: Path) -> None:
    """Both are told where it is, and it is made once."""
    up, go, count = (tmp_path / name for name in ("up", "go", "count"))
    os.mkfifo(go)
    program("mmdebstrap", f"echo x >>{count}; echo >{up}; read _ <{go}\n{QUICK}")
    first = builder()
    wait_for(up.exists, lambda: "the program was not started")
    second = builder()
    try:
        assert second.stdout is not None
        assert f"process {first.pid} is already at it" in second.stdout.readline()
    finally:
        go.write_text("go\n")
        outputs = [each.communicate(timeout=60)[0] for each in (first, second)]
    assert template.has_root, outputs
    assert count.read_text() == "x\n"


def test_a_missing_program_is_named(template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program nothing is begun, and the way to get it is told."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ZONEWEAVER_LAB_PROGRAMS", str(tmp_path))
    with pytest.raises(TemplateError, match=r"no mmdebstrap.*tools/guests install"):
        build(recipe.NAME, lambda _: None)
    assert not os.path.exists(template.workshop)


def test_only_what_is_known_can_be_built(cache: Path) -> None:
    """There are no instructions for anything but Debian 12."""
    with pytest.raises(TemplateError, match="nothing is known about how to build arch"):
        build("arch", lambda _: None)


@pytest.mark.skipif(bool(NO_DISK), reason=f"there is no {', no '.join(NO_DISK)}")
def test_the_disk_has_what_both_firmwares_look_for(template: Template, program: Program) -> None:
    """A table of two partitions, code in the first sector, both loaders with the newest kernel, and the root."""
    program("mmdebstrap", QUICK)
    build(recipe.NAME, lambda _: None)
    disk = template.disk
    table = json.loads(subprocess.run(["/sbin/sfdisk", "-J", disk], capture_output=True, check=True).stdout)
    boot, root = table["partitiontable"]["partitions"]
    assert boot["attrs"] == "LegacyBIOSBootable"
    assert root["name"] == recipe.ROOT_LABEL
    with open(disk, "rb") as file:
        assert file.read(440) == Path(bootdisk._MBR).read_bytes()[:440]
        file.seek(root["start"] * 512 + 1024 + 0x38)
        assert file.read(2) == b"\x53\xef"
    image = f"{disk}@@{boot['start'] * 512}"
    listed = subprocess.run(["mdir", "-/", "-b", "-i", image, "::"], capture_output=True, text=True, check=True).stdout
    for path in ("vmlinuz", "EFI/BOOT/BOOTX64.EFI", "loader/entries/lab.conf", "syslinux/syslinux.cfg"):
        assert f"::/{path}".lower() in listed.lower(), listed
    kernel = subprocess.run(["mtype", "-i", image, "::vmlinuz"], capture_output=True, text=True, check=True).stdout
    assert kernel == "old\n", "6.1.0-10 is newer than 6.1.0-9"
    assert os.stat(disk).st_size == recipe.SIZE
    assert os.stat(disk).st_blocks * 512 < 64 << 20


@pytest.mark.skipif(bool(NO_DISK), reason=f"there is no {', no '.join(NO_DISK)}")
def test_a_disk_that_was_interrupted_is_made_of_the_root_that_is_there(template: Template, program: Program) -> None:
    """The root, which takes long, is not made again for it."""
    program("mmdebstrap", QUICK)
    program("mcopy", "echo mcopy: broken >&2; exit 1\n")
    with pytest.raises(TemplateError, match="mcopy: broken"):
        build(recipe.NAME, lambda _: None)
    assert (template.has_root, template.has_disk) == (True, False)
    program("mmdebstrap", "exit 1\n")
    program("mcopy", 'PATH=${PATH#*:} exec mcopy "$@"\n')
    assert build(recipe.NAME, lambda _: None).has_disk


@pytest.mark.skipif(bool(NO_DISK), reason=f"there is no {', no '.join(NO_DISK)}")
def test_a_builder_killed_at_the_disk_leaves_none(template: Template, program: Program, tmp_path: Path) -> None:
    """Nobody goes on with half a disk, or takes it for a whole one; the next build makes it of the root that is there."""
    up = tmp_path / "up"
    program("mmdebstrap", QUICK)
    program("mke2fs", f'PATH=${{PATH#*:}}; mke2fs "$@"; echo >{up}; while :; do sleep 1; done\n')
    process = builder()
    try:
        wait_for(up.exists, lambda: "the program was not started")
        half = f"{template.workshop}/disk.raw"
        assert os.path.getsize(half) == recipe.SIZE
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: not running(tmp_path), lambda: running(tmp_path))
    assert (template.has_root, template.has_disk) == (True, False)
    program("mmdebstrap", "exit 1\n")
    program("mke2fs", 'PATH=${PATH#*:} exec mke2fs "$@"\n')
    assert build(recipe.NAME, lambda _: None).has_disk
    assert not os.path.exists(template.workshop)

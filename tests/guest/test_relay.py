"""The real rsync(1) through our own connection to a guest on loopback."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from tests.guest.ssh_guest import SshGuest

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.secret import Secret
from zoneweaver.guest import ssh
from zoneweaver.guest.privilege import probe
from zoneweaver.guest.relay import Door, door
from zoneweaver.guest.ssh import Identity, Target
from zoneweaver.host import rsync
from zoneweaver.host.run import Host

pytestmark = pytest.mark.anyio

ME = Identity(username="startcloud", password=Secret("STARTcloud24@!"))


@pytest.fixture
async def guest() -> AsyncIterator[SshGuest]:
    async with SshGuest().up() as up:
        yield up


@pytest.fixture
def host(tmp_path: Path) -> Host:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return Host(command_path=("/usr/bin", "/bin"), scratch=folder, grace=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with whatever a folder may hold."""
    folder = tmp_path / "it's the source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "plain").write_text("plain\n", encoding="utf-8")
    (folder / "deep" / "$HOME `x` é").write_bytes(bytes(range(256)) * 3000)
    (folder / "key").write_text("secret\n", encoding="utf-8")
    (folder / "key").chmod(0o600)
    (folder / "link").symlink_to("plain")
    (folder / "left.log").write_text("no\n", encoding="utf-8")
    return folder


def to(guest: SshGuest) -> Target:
    return Target(host="127.0.0.1", port=guest.port)


def place_of(opened: Door) -> Path:
    """The folder of the socket that a door has."""
    return Path(opened.words.rpartition(" ")[2]).parent


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        content = str(path.readlink()).encode() if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode & 0o7777, content)
    return found


async def test_a_folder_is_brought_into_the_guest(guest: SshGuest, host: Host, source: Path, tmp_path: Path) -> None:
    """All that is not excluded arrives as it is; what the source has not goes; a second time nothing is sent."""
    dest = tmp_path / "the guest's"
    dest.mkdir()
    (dest / "stale").write_text("old\n", encoding="utf-8")
    seen: list[int] = []

    def heard(stream: str, text: str) -> None:
        seen.extend(n for line in text.replace("\r", "\n").split("\n") if (n := rsync.progress(line)) is not None)

    async def push(made: ssh.Connection) -> tuple[rsync.Counts, Door]:
        async with door(made) as opened:
            command = rsync.push(str(source), str(dest), remote=opened.words, exclude=["*.log"], delete=True)
            completed = await host.run(command, heard=heard)
        return rsync.counts(completed.stdout), opened

    with anyio.fail_after(60):
        async with ssh.connect(to(guest), ME) as made:
            first, opened = await push(made)
            second, _ = await push(made)
    wanted = {name: facts for name, facts in tree(source).items() if name != "left.log"}
    assert tree(dest) == wanted
    assert (first.files, first.deleted, opened.exit_status) == (3, 1, 0)
    assert (second.files, second.size) == (0, 0)
    assert max(seen) >= 99
    assert "STARTcloud" not in opened.words
    assert not place_of(opened).exists()


async def test_a_guest_without_rsync(guest: SshGuest, host: Host, source: Path, tmp_path: Path) -> None:
    """The program ends in an error, and the door tells that the guest has no such command."""
    guest.shell = "echo rsync: not found >&2; exit 127"
    async with ssh.connect(to(guest), ME) as made, door(made) as opened:
        with pytest.raises(CommandFailed):
            await host.run(rsync.push(str(source), str(tmp_path / "to"), remote=opened.words))
        assert opened.exit_status == 127


async def test_a_guest_that_goes_away(guest: SshGuest, host: Host, source: Path, tmp_path: Path) -> None:
    """A broken connection ends the program at once, with the reason."""
    guest.shell = "exec sleep 30"
    with anyio.fail_after(20):
        async with ssh.connect(to(guest), ME) as made, door(made) as opened, anyio.create_task_group() as group:

            async def cut() -> None:
                await guest.began.wait()
                guest.cut()

            group.start_soon(cut)
            with pytest.raises(CommandFailed):
                await host.run(rsync.push(str(source), str(tmp_path / "to"), remote=opened.words))
    assert opened.trouble is not None
    assert "broke" in opened.trouble.message


async def test_a_transfer_that_is_cancelled(guest: SshGuest, host: Host, source: Path, tmp_path: Path) -> None:
    """Nothing of it stays: no socket, no folder."""
    guest.shell = "exec sleep 30"
    with anyio.fail_after(20):
        async with ssh.connect(to(guest), ME) as made:
            with anyio.move_on_after(0.5) as scope:
                async with door(made) as opened:
                    await host.run(rsync.push(str(source), str(tmp_path / "to"), remote=opened.words))
            assert scope.cancelled_caught
    assert not place_of(opened).exists()


async def test_the_password_of_sudo_comes_before_the_bytes(
    guest: SshGuest, host: Host, source: Path, tmp_path: Path
) -> None:
    """What is typed is read by the guest's command first, and is on no command line."""
    dest = tmp_path / "to"
    dest.mkdir()
    fake = tmp_path / "sudo"
    fake.write_text(f'#!/bin/sh\nread -r line && echo "$line" >{tmp_path}/typed\nexec "$@"\n', encoding="utf-8")
    fake.chmod(0o755)
    async with ssh.connect(to(guest), ME) as made, door(made, typed=b"s3same\n") as opened:
        await host.run(rsync.push(str(source), str(dest), remote=opened.words, privileged=[str(fake)]))
    assert tree(dest) == tree(source)
    assert (tmp_path / "typed").read_text(encoding="utf-8") == "s3same\n"
    assert not [command for command in guest.commands if "s3same" in command]


async def test_who_an_account_is(guest: SshGuest) -> None:
    """An account that is root needs no words; an environment arrives whole, and on no command line."""
    env = {"PLAIN": "x", "WILD": 'it\'s $HOME `id` \\ "q" é', "EMPTY": ""}
    async with ssh.connect(to(guest), ME) as made:
        privilege = await probe(made, "startcloud", None)
        words, said = privilege.command(["sh", "-c", 'printf "%s|%s|%s|" "$PLAIN" "$WILD" "$EMPTY"; cat'], env=env)
        ran = await made.run(words, stdin=said + b"rest\n")
    assert privilege.root is (os.geteuid() == 0)
    assert ran.stdout == f"x|{env['WILD']}||rest\n"
    assert not [command for command in guest.commands if "HOME `id`" in command]


async def test_a_program_that_takes_the_options_of_ssh(guest: SshGuest, tmp_path: Path) -> None:
    """Options are passed over, the command is run in the guest with its input, and ends as it ends there."""
    options = ("-C", "-o", "ControlMaster=auto", "-oPort=22", "-tt", "-l", "me")
    async with ssh.connect(to(guest), ME) as made, door(made) as opened:
        done = await anyio.run_process(
            [opened.program, *options, "guest", "/bin/sh -c 'cat; echo no >&2; exit 9'"], input=b"typed", check=False
        )
        idle = await anyio.run_process([opened.program, "-o", "ControlPersist"], check=False)
    assert (done.returncode, done.stdout, done.stderr) == (9, b"typed", b"no\n")
    assert (idle.returncode, idle.stderr.startswith(b"Usage:")) == (255, True)

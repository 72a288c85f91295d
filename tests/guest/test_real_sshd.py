"""SSH and rsync with OpenSSH's own server at the other end."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncssh
import pytest
from tests.guest.real_sshd import Sshd, sshd
from tests.guest.ssh_guest import alive

from zoneweaver.domain.secret import Secret
from zoneweaver.guest import ssh
from zoneweaver.guest.privilege import probe
from zoneweaver.guest.relay import door
from zoneweaver.guest.ssh import Identity, RemoteTimeout, Unreachable
from zoneweaver.host import rsync
from zoneweaver.host.run import Host
from zoneweaver.testing.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o755)
    with sshd(folder) as made:
        yield made


async def test_a_guest_is_waited_for(server: Sshd) -> None:
    """It is refused until the server is up, says so once, and then lets us in; its key is known from then on."""
    told: list[str] = []
    known: list[str] = []

    async def wait() -> None:
        known.append(await ssh.wait(server.target(), server.identity, seconds=30, every=0.1, tell=told.append))

    async def read() -> list[str]:
        return told

    with anyio.fail_after(40):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await until(read, bool, what="the refusal is told")
            server.start(listening=False)
    assert told == [f"{server.target()}: connection refused\n"]
    assert known == [_public(server.folder / "host_key")]


def _public(path: Path) -> str:
    return " ".join(asyncssh.read_private_key(path).export_public_key().decode().split()[:2])


async def test_another_machine_at_the_same_address_is_noticed(server: Sshd) -> None:
    """A guest that shows another key than before is not waited for: that is not the guest."""
    server.start()
    first = await ssh.wait(server.target(), server.identity, seconds=10, every=0.1, tell=lambda _: None)
    server.stop()
    server.new_host_key()
    server.start()
    with anyio.fail_after(10), pytest.raises(Unreachable) as caught:
        await ssh.wait(server.target(first), server.identity, seconds=60, every=5, tell=lambda _: None)
    assert caught.value.code == "host_key_changed"


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_a_key_of_any_kind_is_known_again(server: Sshd, kind: str) -> None:
    """What is remembered is asked for, also where the server has other keys that it would rather show."""
    known = _public(server.folder / "host_key")
    for each in ("ssh-rsa", "ecdsa-sha2-nistp256"):
        path = server.folder / each
        asyncssh.generate_private_key(each).write_private_key(path)
        path.chmod(0o600)
        server.more += f"HostKey {path}\n"
        known = _public(path) if each == kind else known
    server.start()
    async with ssh.connect(server.target(known), server.identity) as made:
        assert made.host_key == known


async def test_a_stranger_is_told_so(server: Sshd, tmp_path: Path) -> None:
    """Another key, or a password where none is taken: the user is named."""
    server.start()
    key = tmp_path / "other"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    for identity in (
        Identity(username=server.username, keys=(key,)),
        Identity(username=server.username, password=Secret("a password")),
    ):
        with pytest.raises(Unreachable, match=f"authentication failed for {server.username}") as caught:
            async with ssh.connect(server.target(), identity):
                pass
        assert caught.value.code == "ssh_authentication"


async def test_a_command_is_heard_and_its_end_told(server: Sshd) -> None:
    """Both streams while they come, the status, and the words as they were meant."""
    server.start()
    heard: list[tuple[str, str]] = []
    async with ssh.connect(server.target(), server.identity) as made:
        ran = await made.run(
            ["sh", "-c", 'echo "$1"; echo oh >&2; exit 3', "sh", "it's $HOME"], heard=lambda *one: heard.append(one)
        )
        assert (ran.exit_status, ran.stdout, ran.stderr) == (3, "it's $HOME\n", "oh\n")
        assert ("stderr", "oh\n") in heard
        assert (await made.run(["cat"], stdin=b"\0\xff" * 40000)).stdout
        assert (await made.run(["sh", "-c", "kill -9 $$"])).signal == "KILL"


@pytest.mark.parametrize("how", ["cancelled", "deadline"])
async def test_a_command_ends_with_all_that_it_started(server: Sshd, tmp_path: Path, how: str) -> None:
    """Children in the background, in sessions of their own, and those that do not want to go."""
    server.start()
    note = tmp_path / "pids"
    script = f'trap "" TERM; setsid sleep 600 & sleep 600 & echo $$ $! $(pgrep -P $$) >{note}.new && mv {note}.new {note}; wait'

    async def read() -> bool:
        return note.exists()

    async with ssh.connect(server.target(), server.identity) as made:
        if how == "deadline":
            with pytest.raises(RemoteTimeout):
                await made.run(["sh", "-c", script], seconds=1)
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(made.run, ["sh", "-c", script])
                await until(read, bool, what="the command has begun")
                group.cancel_scope.cancel()
    pids = [int(word) for word in note.read_text().split()]
    assert len(pids) >= 3

    async def living() -> list[int]:
        return [pid for pid in pids if alive(pid)]

    await until(living, lambda left: not left, what="everything has ended")


async def test_a_connection_that_breaks_is_told(server: Sshd) -> None:
    """The guest's end of it dies in the midst of a command: no status is made up."""
    server.start()
    with anyio.fail_after(20):
        async with ssh.connect(server.target(), server.identity) as made:
            with pytest.raises(Unreachable, match="the connection broke"):
                await made.run(["sh", "-c", "kill -9 $PPID && exec sleep 600"])


async def test_files_come_as_they_are(server: Sshd, tmp_path: Path) -> None:
    """Any content, the mode that was asked for, and nothing left beside it."""
    server.start()
    content = bytes(range(256)) * 5000
    async with ssh.connect(server.target(), server.identity) as made:
        await made.put(f"{tmp_path}/it's a file", content, mode=0o640)
    assert (tmp_path / "it's a file").read_bytes() == content
    assert (tmp_path / "it's a file").stat().st_mode & 0o777 == 0o640
    assert not (tmp_path / "it's a file.new").exists()


async def test_folders_come_through_the_same_connection(server: Sshd, tmp_path: Path) -> None:
    """rsync(1) has no key, no password and no known hosts of its own; owners are given where we may."""
    server.start()
    source, dest, scratch = tmp_path / "from", tmp_path / "to", tmp_path / "scratch"
    for folder in (source, scratch):
        folder.mkdir()
    for number in range(50):
        (source / f"file {number}").write_bytes(os.urandom(1000))
    host = Host(command_path=("/usr/bin", "/bin"), scratch=scratch, grace=1)
    owner = "nobody" if os.geteuid() == 0 else None
    async with ssh.connect(server.target(), server.identity) as made:
        privilege = await probe(made, server.username, None)
        assert privilege.root is (os.geteuid() == 0)
        async with door(made) as opened:
            done = await host.run(rsync.push(str(source), str(dest), remote=opened.words, owner=owner))
    assert rsync.counts(done.stdout).files == 50
    assert {path.name for path in dest.iterdir()} == {path.name for path in source.iterdir()}
    if owner is not None:
        assert {path.stat().st_uid for path in dest.iterdir()} == {pwd.getpwnam(owner).pw_uid}

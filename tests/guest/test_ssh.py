"""SSH to a guest, against a server on loopback whose sessions are real processes."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import asyncssh
import pytest
from tests.guest.ssh_guest import SshGuest, alive

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.secret import Secret
from zoneweaver.guest import ssh
from zoneweaver.guest.ssh import Identity, RemoteTimeout, Target, Unreachable

pytestmark = pytest.mark.anyio

PASSWORD = Secret("STARTcloud24@!")
ME = Identity(username="startcloud", password=PASSWORD)


@pytest.fixture
async def guest() -> AsyncIterator[SshGuest]:
    async with SshGuest().up() as up:
        yield up


def at(guest: SshGuest, *, known: str | None = None) -> Target:
    return Target(host="127.0.0.1", port=guest.port, host_key=known)


def a_key(folder: Path) -> tuple[Path, asyncssh.SSHKey]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = folder / "key"
    key.write_private_key(path)
    return path, key


def a_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


async def refused(target: Target, identity: Identity, *, seconds: float = 10) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        async with ssh.connect(target, identity, seconds=seconds):
            pass
    return caught.value


async def test_output_and_status_of_a_command(guest: SshGuest) -> None:
    """Both outputs are told as they come and kept, the status is the command's own."""
    told: list[tuple[str, str]] = []
    async with ssh.connect(at(guest), ME) as made:
        ran = await made.run(
            ["sh", "-c", 'echo "$1"; echo no >&2; cat; exit 7', "sh", "it's $HOME; `here`"],
            heard=lambda stream, text: told.append((stream, text)),
            stdin=b"typed\n",
        )
    assert (ran.exit_status, ran.stdout, ran.stderr) == (7, "it's $HOME; `here`\ntyped\n", "no\n")
    assert "".join(text for stream, text in told if stream == "stdout") == ran.stdout
    assert "".join(text for stream, text in told if stream == "stderr") == ran.stderr


async def test_what_start_files_say_is_not_the_commands_output() -> None:
    """A greeting before the command is dropped."""
    greeting = "Welcome!\nzoneweaver-group: none\nDo not feed.\n"
    async with SshGuest(greeting=greeting).up() as guest, ssh.connect(at(guest), ME) as made:
        assert (await made.run(["echo", "it"])).stdout == "it\n"


async def test_the_end_of_a_long_output_is_kept(guest: SshGuest) -> None:
    """All of it is told; what is kept is bounded."""
    count = 0

    def heard(_: str, text: str) -> None:
        nonlocal count
        count += len(text)

    async with ssh.connect(at(guest), ME) as made:
        ran = await made.run(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo end"], heard=heard)
    assert (count, len(ran.stdout), ran.stdout[-5:]) == (1000004, ssh.KEPT, "xend\n")


async def test_a_key_is_tried_before_the_password(guest: SshGuest, tmp_path: Path) -> None:
    """With both, the key lets in; a key that the guest does not know leaves the password."""
    path, key = a_key(tmp_path)
    identity = Identity(username="startcloud", password=PASSWORD, keys=(path,))
    guest.keys.append(asyncssh.generate_private_key("ssh-ed25519").convert_to_public())
    async with ssh.connect(at(guest), identity):
        pass
    guest.keys.append(key.convert_to_public())
    async with ssh.connect(at(guest), identity):
        pass
    assert guest.logins == ["password", "key"]


async def test_a_missing_key_is_a_warning_when_there_is_a_password(guest: SshGuest, tmp_path: Path) -> None:
    """It is named; without a password it ends the attempt for good."""
    told: list[str] = []
    absent = tmp_path / "absent"
    async with ssh.connect(
        at(guest), Identity(username="startcloud", password=PASSWORD, keys=(absent,)), warn=told.append
    ):
        pass
    assert told == [f"key {absent} cannot be used: No such file or directory\n"]
    error = await refused(at(guest), Identity(username="startcloud", keys=(absent,)))
    assert (error.reason, error.final) == (f"key {absent} cannot be used: No such file or directory", True)
    error = await refused(at(guest), Identity(username="startcloud"))
    assert (error.reason, error.final) == ("neither a key nor a password is given", True)


async def test_reasons(guest: SshGuest) -> None:
    """Nobody there, wrong password, a door that says nothing: each is told as it is, and no secret with it."""
    error = await refused(Target(host="127.0.0.1", port=a_port()), ME)
    assert (error.reason, error.final) == ("connection refused", False)
    error = await refused(at(guest), Identity(username="startcloud", password=Secret("wr0ng-one")))
    assert (error.reason, error.code) == ("authentication failed for startcloud", "ssh_authentication")
    assert "wr0ng-one" not in f"{error!r}{error.details}{error.__cause__!r}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = await refused(Target(host="127.0.0.1", port=port), ME, seconds=0.5)
    assert error.reason == "no answer within 0.5 s"


async def test_the_first_host_key_is_remembered_and_asked_for(guest: SshGuest) -> None:
    """The key that was seen is returned; another one is refused, and waiting does not help."""
    async with ssh.connect(at(guest), ME) as made:
        assert made.host_key == guest.known_as
    async with ssh.connect(at(guest, known=guest.known_as), ME) as made:
        assert made.host_key == guest.known_as
    other = " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
    error = await refused(at(guest, known=other), ME)
    assert (error.code, error.final) == ("host_key_changed", True)
    rsa = "ssh-rsa " + "A" * 20
    error = await refused(at(guest, known=rsa), ME)
    assert (error.code, error.final) == ("host_key_changed", True)
    assert guest.logins == ["password", "password"]


async def test_waiting_until_the_guest_answers() -> None:
    """Attempts go on while nobody answers, each new reason is told once, and the host key is returned."""
    guest = SshGuest(port=a_port())
    told: list[str] = []
    pauses = 0

    async with anyio.create_task_group() as group:
        opened = anyio.Event()
        done = anyio.Event()

        async def serve() -> None:
            async with guest.up():
                opened.set()
                await done.wait()

        async def pause(_: float) -> None:
            nonlocal pauses
            pauses += 1
            if pauses == 3:
                group.start_soon(serve)
                await opened.wait()

        with anyio.fail_after(30):
            key = await ssh.wait(at(guest), ME, seconds=20, every=0, tell=told.append, pause=pause)
        done.set()
    assert key == guest.known_as
    assert told == [f"127.0.0.1:{guest.port}: connection refused\n"]
    assert pauses == 3


async def test_waiting_ends_with_the_last_reason() -> None:
    """The deadline is kept, and the error tells why it was never good."""
    target = Target(host="127.0.0.1", port=a_port())
    with pytest.raises(Unreachable, match=r"not there after 0\.3 s and \d+ attempts: connection refused"):
        await ssh.wait(target, ME, seconds=0.3, every=0.1, tell=lambda _: None)


async def test_a_guest_that_lets_in_and_runs_nothing() -> None:
    """An account whose shell refuses is not taken for a guest that is ready."""
    shell = "echo This account is currently not available.; exit 1"
    async with SshGuest(shell=shell).up() as guest, ssh.connect(at(guest), ME) as made:
        with pytest.raises(Unreachable, match="no command can be run: This account is currently not available"):
            await made.check()


@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "deadline"])
async def test_what_is_cancelled_is_ended_in_the_guest(guest: SshGuest, tmp_path: Path, cancelled: bool) -> None:
    """The command, its children and those in a session of their own are gone when the call returns."""
    mark = tmp_path / "pids"
    script = 'setsid sleep 617 & sleep 617 & echo $! $$ >>"$1"; echo up; wait'
    up = anyio.Event()

    async def run() -> None:
        async with ssh.connect(at(guest), ME) as made:
            await made.run(
                ["sh", "-c", f"{script}", "sh", str(mark)],
                heard=lambda _, __: up.set(),
                seconds=None if cancelled else 1.0,
            )

    with anyio.fail_after(30):
        if cancelled:
            async with anyio.create_task_group() as group:
                group.start_soon(run)
                await up.wait()
                group.cancel_scope.cancel()
        else:
            with pytest.raises(RemoteTimeout, match="not finished after 1 s"):
                await run()
    pids = [int(word) for word in mark.read_text(encoding="ascii").split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if alive(pid)]
    left = _orphans(b"sleep\x00617\x00", parents={1, *pids})
    assert left == []


def _orphans(command: bytes, *, parents: set[int]) -> list[str]:
    found = Path("/proc").glob("[0-9]*/cmdline")
    return [path.parent.name for path in found if _content(path) == command and _parent(path.parent) in parents]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    except OSError:
        return 0


async def test_a_file_is_written_with_its_mode(guest: SshGuest, tmp_path: Path) -> None:
    """Any bytes arrive, the content is on no command line, and a folder that is not there is told."""
    content = bytes(range(256)) * 500
    async with ssh.connect(at(guest), ME) as made:
        await made.put(f"{tmp_path}/it's here", content, mode=0o640)
        with pytest.raises(Failed, match="cannot be written in the guest: .*absent"):
            await made.put(f"{tmp_path}/absent/file", b"s3cret")
    written = tmp_path / "it's here"
    assert written.read_bytes() == content
    assert written.stat().st_mode & 0o777 == 0o640
    assert not [command for command in guest.commands if "s3cret" in command]
    assert os.listdir(tmp_path) == ["it's here"]


async def test_a_connection_that_breaks(guest: SshGuest) -> None:
    """A guest that goes away during a command is told as that, not as an end of the command."""
    with pytest.raises(Unreachable, match="the connection broke"):
        async with ssh.connect(at(guest), ME) as made:
            await made.run(["sh", "-c", "echo up; exec sleep 5"], heard=lambda _, __: guest.cut())

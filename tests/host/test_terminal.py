"""Processes at a terminal of ours."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from zoneweaver.domain.errors import CommandMissing, Conflict, Failed, NotFound
from zoneweaver.host import zlogin
from zoneweaver.host.command import Command
from zoneweaver.host.run import Host
from zoneweaver.host.terminal import Left, Terminal

pytestmark = pytest.mark.anyio


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(command_path=("/usr/bin", "/bin"), scratch=tmp_path, grace=0.3)


def script(text: str) -> Command:
    return Command(argv=(sys.executable, "-c", f"import os, signal, sys, time\n{text}"), changes=True)


async def until(terminal: Terminal, wanted: bytes) -> bytes:
    said = b""
    with anyio.fail_after(20):
        while wanted not in said:
            data = await terminal.receive()
            assert data, said
            said += data
    return said


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_it_is_at_a_terminal(host: Host) -> None:
    """Standard input and output are one; bytes go through as they are, in both directions."""
    echo = script(
        "print(os.isatty(0), os.isatty(1), os.get_terminal_size(0), flush=True)\nwhile True:\n  d = os.read(0, 100)\n  os.write(1, b'<' + d + b'>')"
    )
    async with host.attach(echo) as terminal:
        assert b"True True os.terminal_size(columns=80, lines=24)" in await until(terminal, b"\n")
        await terminal.send(b"a\r\x03\x11\xff")
        said = b""
        while said.count(b">") == 0 or b"\xff" not in said:
            said += await terminal.receive()
        assert said.replace(b"><", b"") == b"<a\r\x03\x11\xff>"


async def test_it_is_gone_at_the_end_of_the_block(host: Host) -> None:
    """Also when it does not want to go, with the children that it has started."""
    stubborn = script(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild = os.fork()\nprint(f'pid {os.getpid()};', flush=True)\ntime.sleep(600)"
    )
    async with host.attach(stubborn) as terminal:
        said = await until(terminal, b";")
        while said.count(b";") < 2:
            said += await terminal.receive()
        pids = [int(part.split()[-1]) for part in said.decode().split(";")[:2]]
        assert all(map(alive, pids))
    with anyio.fail_after(10):
        while any(map(alive, pids)):  # noqa: ASYNC110 - the kernel tells nobody about processes that are not ours
            await anyio.sleep(0.01)


async def test_a_cancelled_block_ends_it(host: Host) -> None:
    """Nothing is left behind."""
    pids: list[int] = []
    with anyio.move_on_after(20) as scope:
        async with host.attach(script("print(f'{os.getpid()};', flush=True)\ntime.sleep(600)")) as terminal:
            pids.append(int((await until(terminal, b";")).split(b";")[0]))
            scope.cancel()
            await terminal.receive()
    assert scope.cancelled_caught
    assert not alive(pids[0])


async def test_it_may_end_by_itself(host: Host) -> None:
    """Nothing more is received then, and what it complained about is known."""
    async with host.attach(script("print('bye', flush=True)\nsys.exit('no more')")) as terminal:
        assert b"bye" in await until(terminal, b"bye")
        with anyio.fail_after(20):
            while await terminal.receive():
                pass
        assert await terminal.left() == Left(status=1, stderr="no more\n")
        await terminal.send(b"anybody there?")


async def test_a_cancelled_receive_takes_nothing(host: Host) -> None:
    """What comes later is there for the next one."""
    async with host.attach(script("time.sleep(0.3)\nprint('late', flush=True)\ntime.sleep(600)")) as terminal:
        with anyio.move_on_after(0.05) as scope:
            await terminal.receive()
        assert scope.cancelled_caught
        assert b"late" in await until(terminal, b"late")


async def test_bytes_can_be_given_back(host: Host) -> None:
    """They come first."""
    async with host.attach(script("print('b', flush=True)\ntime.sleep(600)")) as terminal:
        terminal.unread(b"a")
        assert (await until(terminal, b"b")).startswith(b"ab")


async def test_a_command_that_is_not_there_is_told(host: Host) -> None:
    """Before a terminal is made."""
    with pytest.raises(CommandMissing, match="nonesuch"):
        async with host.attach(Command(argv=("nonesuch",))):
            pass


async def test_a_flood_does_not_block_the_end(host: Host) -> None:
    """A process that is stuck in a write ends all the same."""
    async with host.attach(script("while True: os.write(1, b'y' * 65536)")) as terminal:
        assert await terminal.receive()
        process = terminal.process
    assert process.returncode == -signal.SIGTERM


async def test_observers_are_told(host: Host) -> None:
    """What was run, how it ended and how long it took."""
    seen: list[tuple[str, ...]] = []
    host.observers.append(lambda command, outcome, seconds: seen.append(command.argv))
    async with host.attach(Command(argv=("sleep", "600"))):
        pass
    assert seen == [("sleep", "600")]


class Refusing:
    """A zlogin that says this and leaves."""

    def __init__(self, stderr: str) -> None:
        self.stderr = stderr

    async def receive(self) -> bytes:
        return b""

    def unread(self, data: bytes) -> None:
        raise AssertionError(data)

    async def left(self) -> Left:
        return Left(status=1, stderr=self.stderr)


@pytest.mark.parametrize(
    ("stderr", "kind", "words"),
    [
        ("zlogin: Zone is already in use by process ID 612.\n", Conflict, "in use by process 612"),
        ("zlogin: Console is already in use by process ID 612.\n", Conflict, "in use by process 612"),
        ("zlogin: zone 'web' unknown\n", NotFound, "not found"),
        ("zlogin: cannot login to a zone which is 'configured'\n", Conflict, "not installed"),
        ("zlogin: You lack sufficient privilege to run this command (all privs required)\n", Failed, "privilege"),
        ("", Failed, "exit 1: it said nothing"),
    ],
)
async def test_a_console_that_cannot_be_had_is_told(stderr: str, kind: type[Exception], words: str) -> None:
    """In the words of zlogin, or as what they mean."""
    with pytest.raises(kind, match=words):
        await zlogin.connected(Refusing(stderr), "web")

"""Sessions with the shells of this machine, at a terminal of its kernel: what is typed, echoed and run is real."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.recipe_values import Filled
from zoneweaver.domain.secret import MASK
from zoneweaver.guest.expect import Expect
from zoneweaver.guest.session import CommandRefused
from zoneweaver.guest.shell import Shell
from zoneweaver.guest.transcript import Transcript
from zoneweaver.guest.typing import Typist
from zoneweaver.host.command import Command
from zoneweaver.host.run import Host

pytestmark = pytest.mark.anyio

WILD = (
    "---\n\tno: 100%\n'single' \"double\" `back` $HOME $(id) !! \\n \\\\ é漢\n" + "x" * 300 + "\n\n end without newline"
)


@asynccontextmanager
async def shell(folder: Path, start: str, said: list[str]) -> AsyncIterator[Shell]:
    """A session with a shell as somebody left it at the console, with a terminal as a login has it."""
    host = Host(command_path=("/usr/bin", "/bin"), scratch=folder, grace=1)
    setting = f"stty sane cols 80; cd {folder}; PS1='guest$ '; export PS1; exec {start} 2>&1"
    async with host.attach(Command(argv=("sh", "-c", setting))) as terminal:
        console = Expect(terminal, Transcript(said.append, secrets=["hunter2"]))
        with anyio.fail_after(50):
            await console.listen(20)
            yield Shell(console, Typist(console), account=None)


def text(value: str, shown: str | None = None) -> Filled:
    return Filled(text=value, shown=value if shown is None else shown)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["bash --norc -i", "bash -i", "sh -i", "dash -i"])
async def test_a_session_with_a_real_shell(start: str, tmp_path: Path) -> None:
    """Line editors, histories and prompts of others do not matter: commands, long ones, codes and files are right."""
    said: list[str] = []
    async with shell(tmp_path, start, said) as session:
        await session.open()
        result = await session.run(text("echo hello; false"), as_root=False, seconds=10)
        assert (result.exit_code, result.output) == (1, "hello\n")
        result = await session.run(text("printf 'no newline'"), as_root=False, seconds=10)
        assert (result.exit_code, result.output) == (0, "no newline")
        long = "echo " + " ".join(f"word{number}'s\\{number}%" for number in range(60)).replace("'", "\\'")
        result = await session.run(text(long), as_root=False, seconds=10)
        assert result.output.split() == [f"word{number}'s{number}%" for number in range(60)]
        await session.put(text(f"{tmp_path}/a file"), text(WILD), mode="0640", as_root=False, seconds=30)
        assert (tmp_path / "a file").read_text() == WILD
        assert (tmp_path / "a file").stat().st_mode & 0o777 == 0o640
        assert [name for name in os.listdir(tmp_path) if name != ".bash_history"] == ["a file"]
        result = await session.run(text("cd /; pwd; exit_code=3; (exit $exit_code)"), as_root=False, seconds=10)
        assert (result.exit_code, result.output) == (3, "/\n")
        await session.close()
        assert session.typist.lost == 0
        await session.look()
        assert "guest$" in session.console.pending or session.console.pending.rstrip()[-1] in "$#"


@pytest.mark.slow
async def test_what_goes_wrong_in_a_real_shell_is_told(tmp_path: Path) -> None:
    """A command that is not complete, one that takes too long, a file that cannot be written; the session goes on."""
    said: list[str] = []
    async with shell(tmp_path, "bash --norc -i", said) as session:
        await session.open()
        with pytest.raises(CommandRefused, match="not complete"):
            await session.run(text("echo 'open"), as_root=False, seconds=10)
        with pytest.raises(AgentError, match="the end of `sleep 100`"):
            await session.run(text("sleep 100"), as_root=False, seconds=1)
        await session.typist.key(b"\x03")
        await session.console.settled(0.5, seconds=5)
        with pytest.raises(CommandRefused, match="cannot be written"):
            await session.put(text(f"{tmp_path}/no/such"), text("x"), mode="0644", as_root=False, seconds=10)
        assert (await session.run(text("echo on"), as_root=False, seconds=10)).output == "on\n"


@pytest.mark.slow
async def test_secrets_stay_out_of_the_transcript(tmp_path: Path) -> None:
    """In commands, in their output, and in files; the guest gets them whole."""
    said: list[str] = []
    async with shell(tmp_path, "bash --norc -i", said) as session:
        await session.open()
        result = await session.run(text("echo hunter2", f"echo {MASK}"), as_root=False, seconds=10)
        assert result.output == "hunter2\n"
        secret = text("password = hunter2\n", f"password = {MASK}\n")
        await session.put(text(f"{tmp_path}/key"), secret, mode="0600", as_root=False, seconds=20)
        assert (tmp_path / "key").read_text() == secret.text
        session.console.transcript.flush()
    assert "hunter2" not in "".join(said)
    assert "echo ********" in "".join(said)

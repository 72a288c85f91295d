"""A guest with SSH on loopback: asyncssh's server, whose sessions are real processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh


@dataclass(kw_only=True)
class SshGuest:
    """Who may log in, and what has happened."""

    username: str = "startcloud"
    password: str | None = "STARTcloud24@!"
    keys: list[asyncssh.SSHKey] = field(default_factory=list)
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    greeting: str = ""
    """What the shell's start files say."""
    shell: str | None = None
    """What runs instead of every command."""
    env: dict[str, str] = field(default_factory=dict)
    """What the sessions' environment has besides this process's own."""
    port: int = 0
    logins: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first command was asked for."""
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    sessions: dict[asyncio.Task[None], int] = field(default_factory=dict)
    """The process group of each session that goes on."""

    def cut(self) -> None:
        """Break every connection, as when the network goes."""
        for connection in self.connections:
            connection.abort()

    @property
    def known_as(self) -> str:
        """The host key as it is remembered."""
        return " ".join(self.host_key.export_public_key().decode().split()[:2])

    @asynccontextmanager
    async def up(self) -> AsyncIterator[SshGuest]:
        """Answer for the length of the block."""
        server = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            server_factory=lambda: _Server(self),
            process_factory=self._process,
            encoding=None,
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()
            await self._end_sessions()

    async def _end_sessions(self) -> None:
        for group in self.sessions.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self.sessions:
            await asyncio.wait(self.sessions, timeout=10)

    async def _process(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append(process.command or "")
        self.began.set()
        if self.greeting:
            process.stdout.write(self.greeting.encode())
        child = await asyncio.create_subprocess_shell(
            self.shell or process.command or "true",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **self.env},
        )
        me = asyncio.current_task()
        assert me is not None
        self.sessions[me] = child.pid
        me.add_done_callback(self.sessions.pop)
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        async with asyncio.TaskGroup() as group:
            typed = group.create_task(_type(process, child.stdin))
            said = [
                group.create_task(_say(child.stdout, process.stdout)),
                group.create_task(_say(child.stderr, process.stderr)),
            ]
            status = await child.wait()
            await asyncio.wait(said, timeout=1)
            for task in (typed, *said):
                task.cancel()
        with contextlib.suppress(asyncssh.Error, OSError):
            if status < 0:
                process.exit_with_signal({15: "TERM", 9: "KILL"}.get(-status, "INT"))
            else:
                process.exit(status)


async def _type(process: asyncssh.SSHServerProcess[bytes], into: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncssh.Error, OSError, asyncssh.BreakReceived, asyncssh.SignalReceived):
        while data := await process.stdin.read(32768):
            into.write(data)
            await into.drain()
    into.close()


async def _say(out: asyncio.StreamReader, writer: asyncssh.SSHWriter[bytes]) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await out.read(32768):
            writer.write(data)
            await writer.drain()


class _Server(asyncssh.SSHServer):
    def __init__(self, guest: SshGuest) -> None:
        self.guest = guest
        self.by = ""

    def auth_completed(self) -> None:
        self.guest.logins.append(self.by)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.guest.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self.guest.password is not None

    def public_key_auth_supported(self) -> bool:
        return bool(self.guest.keys)

    def validate_password(self, username: str, password: str) -> bool:
        right = (username, password) == (self.guest.username, self.guest.password)
        self.by = "password"
        return right

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        right = username == self.guest.username and any(key == each for each in self.guest.keys)
        self.by = "key"
        return right


def alive(pid: int) -> bool:
    """Tell whether a process lives; one that is dead and not buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
    finally:
        os.sched_yield()

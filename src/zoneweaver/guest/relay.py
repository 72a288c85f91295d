"""A door for programs of the host that want a remote shell (rsync): they come in through our own connection.

`door(connection)` gives the words of a remote shell for the length of the block. What runs behind them is
`relay_program`, which connects to a socket in a folder of ours and passes bytes on; the command that it asks for is
run in the guest over the connection that is there already. So there is one identity and one host key, and neither
password nor key is on a command line, in a file or in an environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import shutil
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import asyncssh

from zoneweaver.domain.errors import AgentError, Failed
from zoneweaver.guest.ssh import Connection

CHUNK: Final = 65536
MOST_WORDS: Final = 65536
_PROGRAM: Final = Path(__file__).with_name("relay_program.py")


@dataclass(kw_only=True, slots=True)
class Door:
    """What a program is given instead of ssh(1), and what came of it."""

    words: str
    """What stands for ssh(1), as rsync's -e reads it."""
    program: str
    """A program that stands for ssh(1) and takes its options, as Ansible wants it."""
    exit_status: int | None = None
    """How the command in the guest ended; None when none was begun or the connection broke."""
    trouble: AgentError | None = None


@asynccontextmanager
async def door(made: Connection, *, typed: bytes = b"") -> AsyncIterator[Door]:
    """Let a program in for the length of the block; `typed` is said to the guest's command before anything else."""
    folder = Path(tempfile.mkdtemp(prefix="zw-relay-"))
    place = folder / "s"
    words = [sys.executable, "-I", "-S", str(_PROGRAM), str(place)]
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} --ssh "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    opened = Door(words=" ".join(map(_word, words)), program=str(program))
    working: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it runs in one
        working.add(task)
        try:
            await _serve(made, opened, typed, reader, writer)
        finally:
            working.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(serve, str(place), limit=MOST_WORDS)
    try:
        yield opened
    finally:
        with anyio.CancelScope(shield=True):
            server.close()
            for task in working:
                task.cancel()
            if working:
                await asyncio.wait(working, timeout=20)
            shutil.rmtree(folder, ignore_errors=True)


async def _serve(
    made: Connection, opened: Door, typed: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    words = json.loads(await reader.readline() or b"[]")
    if not words:
        return
    try:
        async with made.pipe(" ".join(words)) as process:
            await _pass_on(process, typed, reader, writer)
            opened.exit_status = process.exit_status
            if process.exit_status is None:
                opened.trouble = Failed("The connection to the guest broke", code="ssh_unreachable")
        status = 255 if opened.exit_status is None or opened.exit_status < 0 else opened.exit_status
    except AgentError as error:
        opened.trouble, status = error, 255
    with contextlib.suppress(OSError):
        writer.write(_frame(b"x", bytes([status & 255])))
        await writer.drain()


async def _pass_on(
    process: asyncssh.SSHClientProcess[bytes],
    typed: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    async def inward() -> None:
        with contextlib.suppress(OSError, asyncssh.Error):
            process.stdin.write(typed)
            while data := await reader.read(CHUNK):
                process.stdin.write(data)
                await process.stdin.drain()
            process.stdin.write_eof()

    async def outward(kind: bytes, source: asyncssh.SSHReader[bytes]) -> None:
        with contextlib.suppress(OSError, asyncssh.Error):
            while data := await source.read(CHUNK):
                writer.write(_frame(kind, data))
                await writer.drain()

    feeding = asyncio.create_task(inward())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(outward(b"o", process.stdout))
            group.create_task(outward(b"e", process.stderr))
        await process.wait_closed()
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding


def _frame(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("!I", len(data)) + data


def _word(text: str) -> str:
    """Return a word as rsync reads it: quotes are doubled inside of quotes."""
    return '"' + text.replace('"', '""') + '"' if any(char in text for char in " \t\"'") else text

"""A process at a terminal of ours: some commands talk to nobody else, zlogin(8) for one.

Nothing but openpty(3C), poll(2) and waitid(2) is needed, so that it works alike on illumos and Linux.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
import time
import tty
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio import to_thread

ROWS: Final = 24
COLUMNS: Final = 80
_CHUNK: Final = 65536
_MOST_SAID: Final = 4096
_LAST_WAIT: Final = 5.0
"""How many seconds a process may take, after SIGKILL, to leave the kernel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """How a process has left: its exit status (negative: the signal), and what it said on its standard error."""

    status: int
    stderr: str


@dataclass(kw_only=True, slots=True)
class Terminal:
    """The master's side of a terminal, raw in both directions, with the process at it."""

    process: subprocess.Popen[bytes]
    master: int
    grace: float
    env: Mapping[str, str]
    pfexec: str | None
    _unread: bytes = field(default=b"")

    async def receive(self) -> bytes:
        """Wait for what the process prints; nothing means that it prints no more. Cancelled, it has taken nothing."""
        if self._unread:
            taken, self._unread = self._unread, b""
            return taken
        while True:
            try:
                return os.read(self.master, _CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self.master)
            except OSError as error:
                if error.errno in {errno.EIO, errno.EBADF}:  # nobody is at the other side any more
                    return b""
                raise

    def unread(self, data: bytes) -> None:
        """Give bytes back: they are received once more."""
        self._unread = data + self._unread

    async def send(self, data: bytes) -> None:
        """Type bytes. What nobody reads any more is lost."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self.master, left) :]
            except BlockingIOError:
                await anyio.wait_writable(self.master)
            except OSError as error:
                if error.errno in {errno.EIO, errno.EBADF}:
                    return
                raise

    async def left(self) -> Left:
        """Wait for the process to leave by itself, for `grace` seconds, and say how it did."""
        return await to_thread.run_sync(self._leave, False)

    async def close(self) -> Left:
        """End the process and whatever it has started; gone when this returns."""
        with anyio.CancelScope(shield=True):
            left = await to_thread.run_sync(self._leave, True)
            with contextlib.suppress(OSError):
                os.close(self.master)
            self.master = -1
        return left

    def _leave(self, told: bool) -> Left:
        """Wait for the end; when `told`, ask for it first, and insist after `grace`."""
        if told:
            self._signal(signal.SIGTERM)
        if not self._gone(self.grace) and told:
            self._signal(signal.SIGKILL)
            self._gone(_LAST_WAIT)
        said = b""
        if self.process.stderr is not None and not self.process.stderr.closed:
            with contextlib.suppress(OSError):
                said = os.read(self.process.stderr.fileno(), _MOST_SAID)
            if told:
                self.process.stderr.close()
        status = self.process.returncode
        return Left(status=-signal.SIGKILL if status is None else status, stderr=said.decode("utf-8", "replace"))

    def _gone(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        nap = 0.001
        while self.process.poll() is None:
            if time.monotonic() >= until:
                return False
            # What it still prints must not keep it from ending.
            with contextlib.suppress(OSError):
                os.read(self.master, _CHUNK)
            time.sleep(nap)
            nap = min(nap * 2, 0.05)
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is not None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            if self.pfexec is not None:
                words = [self.pfexec, "kill", "-s", number.name.removeprefix("SIG"), "--", f"-{self.process.pid}"]
                subprocess.run(words, env=self.env, check=False, capture_output=True, timeout=_LAST_WAIT)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    grace: float,
    pfexec: str | None = None,
    inherited: tuple[int, ...] = (),
) -> Terminal:
    """Start a process at a new terminal; blocks for as long as that takes. Raises OSError."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(master, False)
        os.set_inheritable(master, False)
        process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=env,
            start_new_session=True,
            pass_fds=inherited,
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    if process.stderr is not None:
        os.set_blocking(process.stderr.fileno(), False)
    return Terminal(process=process, master=master, grace=grace, env=env, pfexec=pfexec)

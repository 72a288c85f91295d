"""One process, or two with a pipe between them: started, heard out, and ended with nothing left behind."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

_CHUNK: Final = 65536

_NAPS: Final = (0.005, 0.25)
"""Seconds, shortest and longest, between looks at a silent process: it may have left its output to a child."""

_BLINKS: Final = (0.0002, 0.05)
"""The same for a process that has closed its outputs, which usually means that it is ending."""

_LAST_WAIT: Final = 5.0
"""How many seconds a process may take, after SIGKILL, to leave the kernel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What came of a conversation; `stderrs` and `statuses` (negative: the signal) by place."""

    stdout: str
    stderrs: tuple[str, ...]
    statuses: tuple[int, ...]
    truncated: bool
    timed_out: bool


class NotStarted(Exception):
    """The process at `place` could not be started."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


@dataclass(kw_only=True, slots=True)
class _Ear:
    """One output of a process; keeps the beginning of what is said, and reads the rest."""

    file: IO[bytes]
    stream: str
    limit: int
    tell: Callable[[str, str], None] | None
    kept: list[bytes] = field(default_factory=list)
    size: int = 0
    dropped: bool = False
    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def hear(self) -> bool:
        """Read once; False when there will be nothing more."""
        try:
            data = os.read(self.file.fileno(), _CHUNK)
        except BlockingIOError:
            return True
        heard = data[: self.limit - self.size]
        self.size += len(heard)
        self.dropped = self.dropped or len(heard) < len(data)
        if heard:
            self.kept.append(heard)
        if self.tell is not None and (text := self.decoder.decode(heard, final=not data)):
            self.tell(self.stream, text)
        return bool(data)

    def hear_the_rest(self) -> None:
        """Read what is there although a child holds the output open: a pipe holds no more than this."""
        for _ in range(16):
            if not select.select([self.file], [], [], 0)[0] or not self.hear():
                return

    def said(self) -> str:
        return b"".join(self.kept).decode("utf-8", "replace")


@dataclass(kw_only=True, slots=True)
class Conversation:
    """What is to be said (argv; of a second one too, which reads the first one's output), and for how long.

    `hold` runs once, in a thread of its own; `stop` may be called from any other.
    """

    argvs: Sequence[Sequence[str]]
    env: Mapping[str, str]
    timeout: float
    grace: float
    limit: int
    stdin: bytes | None = None
    inherited: tuple[int, ...] = ()
    """Descriptors that the processes inherit."""
    tell: Callable[[str, str], None] | None = None
    pfexec: str | None = None
    """How to end processes that have become root's through pfexec."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _ears: list[_Ear] = field(default_factory=list)
    _unsaid: memoryview = field(default_factory=lambda: memoryview(b""))

    def stop(self) -> None:
        """Ask the processes to end; `hold` sees to it that they do."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                if process.returncode is None:
                    with contextlib.suppress(OSError):
                        os.killpg(process.pid, signal.SIGTERM)

    def hold(self) -> Ended:
        """Run it all; whatever was started is gone when this returns or raises. Raises NotStarted."""
        over = False
        try:
            self._start()
            over, timed_out = self._listen(time.monotonic() + self.timeout)
        finally:
            if not over:
                self._end()
            self._close()
        return Ended(
            stdout=self._ears[-2].said(),
            stderrs=tuple(ear.said() for ear in self._ears if ear.stream == "stderr"),
            statuses=tuple(-signal.SIGKILL if one.returncode is None else one.returncode for one in self._processes),
            truncated=any(ear.dropped for ear in self._ears),
            timed_out=timed_out,
        )

    def _start(self) -> None:
        inherited: int | IO[bytes] | None = subprocess.DEVNULL if self.stdin is None else subprocess.PIPE
        for place, argv in enumerate(self.argvs):
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=inherited,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    cwd="/",
                    env=self.env,
                    start_new_session=True,
                    pass_fds=self.inherited,
                )
            except (OSError, ValueError) as error:  # ValueError: a null byte in an argument
                reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
                raise NotStarted(place, reason) from error
            finally:
                if place and not isinstance(inherited, int) and inherited is not None:
                    inherited.close()  # the second one's alone, so that the first one notices when it goes
            with self._lock:
                self._processes.append(process)
            if place < len(self.argvs) - 1:
                inherited = process.stdout
            elif process.stdout is not None:
                self._listen_to(process.stdout, "stdout")
            if process.stderr is not None:
                self._listen_to(process.stderr, "stderr")
        first = self._processes[0]
        if self.stdin is not None and first.stdin is not None:
            os.set_blocking(first.stdin.fileno(), False)
            self._unsaid = memoryview(self.stdin)
            if not self._unsaid:
                first.stdin.close()

    def _listen_to(self, file: IO[bytes], stream: str) -> None:
        os.set_blocking(file.fileno(), False)
        self._ears.append(_Ear(file=file, stream=stream, limit=self.limit, tell=self.tell))

    def _listen(self, deadline: float) -> tuple[bool, bool]:
        """Hear the processes out; return whether they ended by themselves, and whether the deadline passed."""
        poll = select.poll()
        open_ears = {ear.file.fileno(): ear for ear in self._ears}
        for number in open_ears:
            poll.register(number, select.POLLIN)
        mouth = self._processes[0].stdin
        if self._unsaid and mouth is not None:
            poll.register(mouth.fileno(), select.POLLOUT)
        nap = _NAPS[0]
        while True:
            left = deadline - time.monotonic()
            if self._stopped or left <= 0:
                return False, not self._stopped
            happened = poll.poll(max(1, min(nap, left) * 1000)) if open_ears else []
            for number, _ in happened:
                ear = open_ears.get(number)
                if ear is None:
                    self._speak(poll, number)
                elif not ear.hear():
                    poll.unregister(number)
                    del open_ears[number]
                    nap = _BLINKS[0]
            if happened and open_ears:
                nap = _NAPS[0]
            elif all(_has_ended(process) for process in self._processes):
                for ear in open_ears.values():
                    ear.hear_the_rest()
                self._reap()
                # Told to stop, they ended, but their children may not have: those are ended as well.
                return not self._stopped, False
            elif open_ears:
                nap = min(nap * 2, _NAPS[1])
            else:
                time.sleep(min(nap, left))
                nap = min(nap * 2, _BLINKS[1])

    def _speak(self, poll: select.poll, number: int) -> None:
        mouth = self._processes[0].stdin
        try:
            self._unsaid = self._unsaid[os.write(number, self._unsaid[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to hear the rest
            self._unsaid = self._unsaid[:0]
        if not self._unsaid and mouth is not None:
            poll.unregister(number)
            mouth.close()

    def _end(self) -> None:
        """End every process group: ask, wait for `grace`, then insist."""
        for number, patience in ((signal.SIGTERM, self.grace), (signal.SIGKILL, _LAST_WAIT)):
            for process in self._processes:
                self._signal(process.pid, number)
            until = time.monotonic() + patience
            nap = _BLINKS[0]
            while not self._gone():
                if time.monotonic() >= until:
                    break
                self._drain(nap)
                nap = min(nap * 2, _BLINKS[1])
            else:
                return

    def _gone(self) -> bool:
        self._reap()
        for process in self._processes:
            if process.returncode is None:
                return False
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                continue
            except PermissionError:
                pass
            return False
        return True

    def _drain(self, nap: float) -> None:
        """Wait a moment; keep reading, so that nobody is stuck in a write while ending."""
        poll = select.poll()
        ears = {ear.file.fileno(): ear for ear in self._ears if not ear.file.closed}
        for number in ears:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(nap * 1000) if ears else ():
            if not ears[number].hear():
                ears[number].file.close()
        if not ears:
            time.sleep(nap)

    def _signal(self, group: int, number: signal.Signals) -> None:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            if self.pfexec is not None:
                words = [self.pfexec, "kill", "-s", number.name.removeprefix("SIG"), "--", f"-{group}"]
                subprocess.run(words, env=self.env, check=False, capture_output=True, timeout=_LAST_WAIT)

    def _reap(self) -> None:
        with self._lock:  # `stop` must not signal a number that somebody else has got by now
            for process in self._processes:
                if process.returncode is None and _has_ended(process):
                    process.wait()

    def _close(self) -> None:
        for process in self._processes:
            for file in (process.stdin, process.stdout, process.stderr):
                if file is not None:
                    file.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Say whether a process has ended, and leave it unreaped, so that its number stays its own."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True

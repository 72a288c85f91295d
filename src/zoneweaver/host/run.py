"""The one process runner: every word said to the host goes through `Host.run`.

A process is started and listened to in a worker thread, since starting one blocks; the event loop only waits. Nothing
but poll(2) and waitid(2) is needed, so that it works alike on illumos and Linux.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from zoneweaver.domain.errors import AgentError, CommandFailed, CommandMissing, CommandTimeout, Unparseable
from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.host import script, terminal
from zoneweaver.host.command import SCRIPT_PLACE, Command, Completed, Query
from zoneweaver.host.process import Conversation, Ended, NotStarted
from zoneweaver.host.script import Script
from zoneweaver.host.terminal import Terminal

T = TypeVar("T")

Heard = Callable[[str, str], None]
"""Told `("stdout" | "stderr", text)` on the event loop, as the output appears."""

Observer = Callable[[Command, "Completed | AgentError | None", float], None]
"""Told what was run, what came of it (None: cancelled) and how many seconds it took."""

AT_ONCE: Final = 64
"""How many commands run at the same time; further ones wait their turn."""

_THREADS: Final = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="host-command")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Host:
    """A host that commands can be run on: this one, or a lab host in a folder."""

    root: Path = Path("/")
    """Where the host's file system begins."""
    command_path: tuple[str, ...] = ("/usr/sbin", "/usr/bin", "/sbin")
    """Folders in which commands are looked for, in order; PATH of every command."""
    pfexec: bool = False
    """Whether commands are run through pfexec(1), since the agent is not root."""
    scratch: Path
    """A folder of the agent's own (0700), for scripts that commands read."""
    output_limit: int = 1024 * 1024
    """How many bytes of each output are kept; the rest is read and dropped."""
    grace: float = 5.0
    """How many seconds a command has between SIGTERM and SIGKILL."""
    observers: list[Observer] = field(default_factory=list)

    def path(self, absolute: str) -> Path:
        """Return where a path of the host is found."""
        return self.root / absolute.lstrip("/")

    async def run(self, command: Command, *, heard: Heard | None = None, guard: int | None = None) -> Completed:
        """Run a command to its end. Raises CommandFailed, CommandTimeout and CommandMissing.

        When it is cancelled, or its deadline passes, its process group is ended (SIGTERM, then SIGKILL after `grace`)
        and gone when this returns. `guard` is a file descriptor that the command and its children inherit. `heard`
        gets no more than `output_limit` bytes of each output.
        """
        started = time.monotonic()
        outcome: Completed | AgentError | None = None
        try:
            outcome = await self._run(command, heard, guard)
        except AgentError as error:
            outcome = error
            raise
        finally:
            for observer in self.observers:
                observer(command, outcome, time.monotonic() - started)
        return outcome

    async def ask(self, query: Query[T]) -> T:
        """Run a command that only asks, and return what its answer means. Raises as `run` does, and Unparseable."""
        completed = await self.run(query.command)
        if completed.truncated:
            why = f"more than {self.output_limit} bytes"
            raise Unparseable(argv=completed.argv, text="", why=why)
        try:
            return query.parse(completed)
        except AgentError:
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=why) from error

    @asynccontextmanager
    async def attach(self, command: Command, *, guard: int | None = None) -> AsyncIterator[Terminal]:
        """Run a command at a terminal of its own for the length of the block; it is gone at its end.

        Raises CommandMissing. `guard` is a file descriptor that the command inherits.
        """
        started = time.monotonic()
        argv, env = self._argv(command.argv, None), self._environment()
        pfexec = self.find("pfexec") if self.pfexec else None
        inherited = () if guard is None else (guard,)
        try:
            with anyio.CancelScope(shield=True):  # a process that was started must be known
                attached = await anyio.to_thread.run_sync(
                    lambda: terminal.start(argv, env=env, grace=self.grace, pfexec=pfexec, inherited=inherited)
                )
        except OSError as error:
            raise CommandMissing(command=command.argv[0], reason=error.strerror or str(error)) from error
        try:
            yield attached
        finally:
            left = await attached.close()
            seconds = time.monotonic() - started
            outcome = Completed(
                argv=command.argv, exit_status=left.status, stdout="", stderr=left.stderr, seconds=seconds
            )
            for observer in self.observers:
                observer(command, outcome, seconds)

    def find(self, name: str) -> str | None:
        """Return the path of a command, or None when it is in none of the folders."""
        if "/" in name:
            return name
        for folder in self.command_path:
            path = f"{folder}/{name}"
            if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113 - asked for every command
                return path
        return None

    async def _run(self, command: Command, heard: Heard | None, guard: int | None) -> Completed:
        loop, started = asyncio.get_running_loop(), time.monotonic()
        with self._script(command) as file:
            path = None if file is None else file.path
            argvs = [self._argv(command.argv, path)]
            if command.pipe_to is not None:
                argvs.append(self._argv(command.pipe_to, path))
            hide = _hider(command, path)

            def tell(stream: str, text: str) -> None:
                if heard is not None:
                    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                        loop.call_soon_threadsafe(heard, stream, hide(text))

            conversation = Conversation(
                argvs=argvs,
                env=self._environment(),
                stdin=command.stdin,
                timeout=command.timeout,
                grace=self.grace,
                limit=self.output_limit,
                inherited=tuple(number for number in (guard, file.handle if file else None) if number is not None),
                tell=tell if heard is not None else None,
                pfexec=self.find("pfexec") if self.pfexec else None,
            )
            try:
                ended = await _in_thread(loop, conversation)
            except NotStarted as error:
                name = (command.argv, command.pipe_to or command.argv)[error.place][0]
                raise CommandMissing(command=name, reason=error.reason) from error
        return _judged(command, ended, time.monotonic() - started, hide)

    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "PATH": ":".join(self.command_path)}

    def _argv(self, argv: tuple[str, ...], script: str | None) -> list[str]:
        places = {} if script is None else {SCRIPT_PLACE: script, f"@{SCRIPT_PLACE}": f"@{script}"}
        words = [places.get(word, word) for word in argv]
        found = self.find(words[0])
        if found is None:
            raise CommandMissing(command=words[0], reason=f"not found in {':'.join(self.command_path)}")
        words[0] = found
        if not self.pfexec:
            return words
        pfexec = self.find("pfexec")
        if pfexec is None:
            raise CommandMissing(command="pfexec", reason=f"not found in {':'.join(self.command_path)}")
        return [pfexec, *words]

    @contextlib.contextmanager
    def _script(self, command: Command) -> Iterator[Script | None]:
        """Keep the command's script as a file while it runs; None when it has none."""
        if command.script is None:
            yield None
            return
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(script.written(self.scratch, command.script.text()))
            except (OSError, UnicodeError) as error:
                reason = f"its script cannot be written: {error}"
                raise CommandMissing(command=command.argv[0], reason=reason) from error
            yield file


async def _in_thread(loop: asyncio.AbstractEventLoop, conversation: Conversation) -> Ended:
    future = loop.run_in_executor(_THREADS, conversation.hold)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        conversation.stop()
        while not future.done():
            # Whoever cancels once more still waits: a command must not outlive its task.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()
        raise


def _hider(command: Command, script: str | None) -> Callable[[str], str]:
    """Return what keeps a script's secrets, and its path that means nothing to anybody, out of what is reported."""
    if command.script is None or script is None:
        return lambda text: text
    parts = {part.reveal() for line in command.script.lines for part in line if isinstance(part, Secret)} - {""}
    hidden = sorted(parts, key=len, reverse=True)

    def hide(text: str) -> str:
        text = text.replace(script, SCRIPT_PLACE)
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text

    return hide


def _judged(command: Command, ended: Ended, seconds: float, hide: Callable[[str], str]) -> Completed:
    stderrs = [hide(stderr) for stderr in ended.stderrs]
    if ended.timed_out:
        error = CommandTimeout(argv=command.argv, seconds=command.timeout)
        error.details["stderr"] = "".join(stderrs)
        raise error
    failed = [place for place, status in enumerate(ended.statuses) if status not in command.ok]
    if failed:
        place = failed[0]
        if len(failed) > 1 and _only_followed(ended):
            place = failed[1]
        raise CommandFailed(
            argv=command.pipe_to if place and command.pipe_to is not None else command.argv,
            exit_status=ended.statuses[place],
            # bhyvectl(8), for one, complains on the wrong output.
            stderr="".join([stderrs[place], *stderrs[:place], *stderrs[place + 1 :]]) or hide(ended.stdout),
        )
    return Completed(
        argv=command.argv,
        exit_status=next((status for status in ended.statuses if status), 0),
        stdout=hide(ended.stdout),
        stderr="".join(stderrs),
        seconds=seconds,
        truncated=ended.truncated,
    )


def _only_followed(ended: Ended) -> bool:
    """Say whether the first process failed since nobody was reading any more."""
    return ended.statuses[0] in {-signal.SIGPIPE, 128 + signal.SIGPIPE} or "Broken pipe" in ended.stderrs[0]

"""SSH to a guest: who it is, that it answers, commands run in it with their output as it comes, files put there.

Offers `Target`, `Identity`, `connect` (one bounded attempt), `wait` (attempts until a deadline, one at a time) and
`Connection`. Nothing of the account that the agent runs under is used: no configuration, no agent, no known hosts. The
key that a guest showed first is remembered by the caller and asked for from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import asyncssh

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest import remote_end

ATTEMPT_SECONDS: Final = 25.0
"""How long one attempt may take: a small guest that generates keys needs its time to the banner."""

WAIT_SECONDS: Final = 300.0
EVERY_SECONDS: Final = 10.0

KEPT: Final = 64 * 1024
"""How many characters of a command's output are kept of its end; all of it is told as it comes."""

_MARK: Final = "zoneweaver-group:"

Heard = Callable[[str, str], None]
"""Told `("stdout" | "stderr", text)` as the output appears."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a guest's SSH is, and the key it is known by (`ssh-ed25519 AAAA…`; None: not seen yet)."""

    host: str
    port: int = 22
    host_key: str | None = None

    def __str__(self) -> str:
        where = f"[{self.host}]" if ":" in self.host else self.host
        return where if self.port == 22 else f"{where}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who logs in: the keys (files of this machine) are tried before the password."""

    username: str
    password: Secret | None = None
    keys: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a command in the guest answered; the texts are the ends of what it said. `signal` ended it, if one did."""

    exit_status: int
    stdout: str
    stderr: str
    signal: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """Who ends a command: the words that make one whoever may (`sudo -n`), and what these want to be told first."""

    words: tuple[str, ...] = ()
    typed: bytes = field(default=b"", repr=False)


NO_ENDING: Final = Ending()
"""The account itself, whose command it is."""


class Unreachable(Failed):
    """A guest does not let us in; `details["reason"]` is the last reason, `final` whether waiting cannot help."""

    code = "ssh_unreachable"

    def __init__(self, target: Target, reason: str, *, code: str | None = None, final: bool = False) -> None:
        super().__init__(f"SSH to {target}: {reason}", code=code, details={"target": str(target), "reason": reason})
        self.reason = reason
        self.final = final


class RemoteTimeout(Failed):
    """A command in the guest was ended since its deadline passed."""

    code = "guest_command_timeout"


@asynccontextmanager
async def connect(
    target: Target, identity: Identity, *, seconds: float = ATTEMPT_SECONDS, warn: Callable[[str], None] | None = None
) -> AsyncIterator[Connection]:
    """Log in once; the connection ends with the block. Raises Unreachable with the exact reason.

    `warn` is told of keys that cannot be used while there is something else to log in with.
    """
    keys = _keys(target, identity, warn)
    seen: list[str] = []

    def client() -> asyncssh.SSHClient:
        return _Client(target.host_key, seen)

    try:
        with anyio.fail_after(seconds):
            made = await asyncssh.connect(
                target.host,
                target.port,
                client_factory=client,
                config=None,
                known_hosts=([], [], []),
                server_host_key_algs=_algorithms(target.host_key),
                x509_trusted_certs=None,
                agent_path=None,
                client_host_keys=None,
                gss_host=None,
                username=identity.username,
                password=None if identity.password is None else reveal(identity.password),
                client_keys=keys or None,
                preferred_auth="publickey,keyboard-interactive,password",
                connect_timeout=seconds,
                login_timeout=seconds,
                keepalive_interval=15,
                keepalive_count_max=8,
            )
    except (TimeoutError, OSError, asyncssh.Error) as error:
        raise _unreachable(target, identity, error, seen, seconds) from error
    try:
        yield Connection(made, target, host_key=seen[-1] if seen else target.host_key or "")
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            made.close()
            await made.wait_closed()
        made.abort()


async def wait(
    target: Target,
    identity: Identity,
    *,
    seconds: float = WAIT_SECONDS,
    every: float = EVERY_SECONDS,
    tell: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> str:
    """Wait until the guest lets us in and runs a command; return its host key.

    One attempt at a time, `every` seconds from one to the next; each reason that is new is told. Raises Unreachable
    with the last reason at the deadline, and at once when waiting cannot help.
    """
    deadline = anyio.current_time() + seconds
    last: Unreachable | None = None
    attempts = 0
    while True:
        begun = anyio.current_time()
        left = deadline - begun
        if left <= 0 and last is not None:
            raise Unreachable(
                target, f"not there after {seconds:g} s and {attempts} attempts: {last.reason}", code=last.code
            ) from last
        attempts += 1
        try:
            async with connect(
                target, identity, seconds=max(5.0, min(ATTEMPT_SECONDS, left)), warn=tell if attempts == 1 else None
            ) as made:
                await made.check()
                return made.host_key
        except Unreachable as error:
            if error.final:
                raise
            if last is None or error.reason != last.reason:
                tell(f"{target}: {error.reason}\n")
            last = error
        await pause(max(0.0, min(begun + every, deadline) - anyio.current_time()))


@dataclass(frozen=True, slots=True)
class Connection:
    """A guest that let us in."""

    _made: asyncssh.SSHClientConnection = field(repr=False)
    target: Target
    host_key: str = field(kw_only=True)

    async def check(self) -> None:
        """See that a command can be run, and not only that somebody answers. Raises Unreachable."""
        try:
            with anyio.fail_after(ATTEMPT_SECONDS):
                ran = await self.run(["true"])
        except (TimeoutError, RemoteTimeout) as error:
            reason = f"logged in, and a command did not end within {ATTEMPT_SECONDS:g} s"
            raise Unreachable(self.target, reason) from error
        if ran.exit_status:
            reason = f"logged in, and no command can be run: {(ran.stderr or ran.stdout).strip()[:200]}"
            raise Unreachable(self.target, reason)

    async def run(
        self,
        words: Sequence[str],
        *,
        heard: Heard | None = None,
        stdin: bytes | None = None,
        seconds: float | None = None,
        ending: Ending = NO_ENDING,
    ) -> Ran:
        """Run a command to its end and return what it answered, whatever its status.

        Cancelled, or at its deadline (RemoteTimeout), the command and all it started are ended in the guest, by
        whoever `ending` makes us. Raises Unreachable when the connection breaks.
        """
        line = f"echo {_MARK}$$ && exec {shlex.join(words)}"
        try:
            process = await self._made.create_process(f"/bin/sh -c {shlex.quote(line)}", encoding=None)
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(self.target, f"the connection broke: {_said(error)}") from error
        group = ""
        try:
            with anyio.fail_after(seconds):
                group, before = await _group(process)
                tails = await _converse(process, stdin, heard)
        except TimeoutError as error:
            await self._end(process, group, ending)
            raise RemoteTimeout(
                f"{words[0]} in the guest was not finished after {seconds:g} s and was ended",
                details={"command": list(words), "seconds": seconds},
            ) from error
        except anyio.get_cancelled_exc_class():
            await self._end(process, group, ending)
            raise
        except (OSError, asyncssh.Error, ExceptionGroup) as error:
            raise Unreachable(self.target, f"the connection broke: {_said(error)}") from error
        signal = process.exit_signal[0] if process.exit_signal else None
        if process.exit_status is None and signal is None:
            raise Unreachable(self.target, "the connection broke while a command ran")
        status = process.exit_status
        return Ran(
            exit_status=-1 if status is None or status < 0 else status,
            stdout=before + tails["stdout"],
            stderr=tails["stderr"],
            signal=signal,
        )

    async def put(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write a file in the guest, whole or not at all; its content is on no command line. Raises Failed."""
        script = 'umask 077 && cat >"$1.new" && chmod "$2" "$1.new" && mv -f "$1.new" "$1"'
        ran = await self.run(["/bin/sh", "-c", script, "sh", path, f"{mode:o}"], stdin=content, seconds=120)
        if ran.exit_status:
            raise Failed(
                f"{path} cannot be written in the guest: {ran.stderr.strip()[:300] or f'exit {ran.exit_status}'}",
                code="guest_file",
                details={"path": path},
            )

    @asynccontextmanager
    async def pipe(self, line: str) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        """Run a command line of another program's making (rsync's) with its streams in our hands."""
        try:
            process = await self._made.create_process(line, encoding=None)
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(self.target, f"the connection broke: {_said(error)}") from error
        try:
            yield process
        finally:
            process.close()

    async def _end(self, process: asyncssh.SSHClientProcess[bytes], group: str, ending: Ending) -> None:
        """End a process in the guest with all that came of it; never raises."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(15), contextlib.suppress(OSError, asyncssh.Error):
            if group.isdigit() and int(group) > 1:
                line = shlex.join([*ending.words, "/bin/sh", "-s", group])
                said = ending.typed + remote_end.SCRIPT.encode()
                await self._made.run(line, input=said, check=False, encoding=None)
        process.close()


async def _group(process: asyncssh.SSHClientProcess[bytes]) -> tuple[str, str]:
    """Return the number of the command's process group, and nothing, or no number and what was said instead of it.

    What a shell's own start files say before it is no part of the command's output.
    """
    said = ""
    while line := await process.stdout.readline():
        text = line.decode(errors="replace")
        before, mark, number = text.strip().partition(_MARK)
        if mark and not before and number.isdigit():
            return number, ""
        said = (said + text)[-KEPT:]
    return "", said


async def _converse(
    process: asyncssh.SSHClientProcess[bytes], stdin: bytes | None, heard: Heard | None
) -> dict[str, str]:
    """Give a process its input and listen to its end; return the ends of what it said."""
    tails = {"stdout": "", "stderr": ""}

    async def listen(stream: str, reader: asyncssh.SSHReader[bytes]) -> None:
        while data := await reader.read(32768):
            text = data.decode(errors="replace")
            tails[stream] = (tails[stream] + text)[-KEPT:]
            if heard is not None:
                heard(stream, text)

    async def speak() -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
            if stdin:
                process.stdin.write(stdin)
                await process.stdin.drain()
            process.stdin.write_eof()

    async with asyncio.TaskGroup() as group:
        group.create_task(listen("stdout", process.stdout))
        group.create_task(listen("stderr", process.stderr))
        group.create_task(speak())
    await process.wait_closed()
    return tails


class _Client(asyncssh.SSHClient):
    """Takes the key that is known, or the first one it sees."""

    def __init__(self, known: str | None, seen: list[str]) -> None:
        self._known = known
        self._seen = seen

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Say whether it is the right guest."""
        shown = " ".join(key.export_public_key().decode().split()[:2])
        self._seen.append(shown)
        return self._known is None or shown == self._known


def _algorithms(known: str | None) -> str | list[str]:
    """Return the kinds of key to ask for: that of the key that is known, so that another kind does not look new."""
    if known is None:
        return "default"
    kind = known.partition(" ")[0]
    return ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] if kind == "ssh-rsa" else [kind]


def _keys(target: Target, identity: Identity, warn: Callable[[str], None] | None) -> list[asyncssh.SSHKey]:
    """Read the private keys. Raises Unreachable when there is neither a key nor a password."""
    found, missing = [], []
    for path in identity.keys:
        try:
            found.append(asyncssh.read_private_key(path))
        except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            missing.append(f"key {path} cannot be used: {_said(error)}")
    if not found and identity.password is None:
        reason = "; ".join(missing) or "neither a key nor a password is given"
        raise Unreachable(target, reason, code="no_credentials", final=True)
    if warn is not None:
        for line in missing:
            warn(f"{line}\n")
    return found


_PLAIN: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to the guest",
    errno.ENETUNREACH: "no route to the guest's network",
    errno.ECONNRESET: "the guest closed the connection",
    errno.ETIMEDOUT: "no answer",
}


def _unreachable(
    target: Target, identity: Identity, error: BaseException, seen: list[str], seconds: float
) -> Unreachable:
    if target.host_key is not None and seen and seen[-1] != target.host_key:
        reason = f"the guest shows another host key than before ({seen[-1].partition(' ')[0]})"
        return Unreachable(target, reason, code="host_key_changed", final=True)
    if isinstance(error, asyncssh.PermissionDenied):
        return Unreachable(target, f"authentication failed for {identity.username}", code="ssh_authentication")
    if isinstance(error, asyncssh.KeyExchangeFailed) and target.host_key is not None:
        kind = target.host_key.partition(" ")[0]
        reason = f"the guest no longer has the {kind} key it was known by"
        return Unreachable(target, reason, code="host_key_changed", final=True)
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return Unreachable(target, f"no answer within {seconds:.3g} s")
    return Unreachable(target, _said(error))


def _said(error: BaseException) -> str:
    if isinstance(error, ExceptionGroup):
        return _said(error.exceptions[0])
    if isinstance(error, OSError):
        return _PLAIN.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
    reason = str(getattr(error, "reason", "") or error).strip()
    return reason[:1].lower() + reason[1:] if reason else type(error).__name__

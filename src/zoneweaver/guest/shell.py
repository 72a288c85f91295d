"""A session with a UNIX guest: log in, open a plain shell of our own, run commands, write files, log out.

Everything is done in a POSIX shell that we start ourselves, with a prompt that nothing else prints and without a line
editor: what is echoed is what was typed, whoever's shell the login gives.
"""

from __future__ import annotations

import re
import shlex
from typing import Final

from zoneweaver.domain.errors import AgentError, Failed
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.recipe_values import Filled
from zoneweaver.domain.secret import MASK
from zoneweaver.guest import noise, posix
from zoneweaver.guest.expect import Expect, LineEnded, TimedOut
from zoneweaver.guest.login import Login
from zoneweaver.guest.places import Place
from zoneweaver.guest.session import Account, CommandRefused, Result, Seat
from zoneweaver.guest.typing import NotTyped, Typist

PIECE: Final = 120
"""How many characters of a long text are typed in one line; illumos takes lines of 255."""

LONGEST: Final = 180
"""A command that is longer is put together in a variable."""

SECONDS: Final = 60.0
"""For what the session does of its own accord."""

ATTEMPTS: Final = 4
SUDO_ATTEMPTS: Final = 20
SILENT: Final = 2.0
"""After how many seconds of silence a prompt is looked at more closely."""


class Shell(Seat):
    """The session. `account` is who logs in, when nobody is."""

    def __init__(
        self,
        console: Expect,
        typist: Typist,
        *,
        account: Account | None,
        login: Pattern | None = None,
        shell: Pattern | None = None,
    ) -> None:
        super().__init__(console, typist, login=login, shell=shell)
        self.account = account
        self._prompt = re.compile(rf"{self.tag}:(\d+)> ")
        self.logged_in = False
        """Whether it was we who logged in."""
        self.depth = 0
        """How many shells of our own are open."""
        self._root: str | None = None

    async def open(self) -> None:
        """Come to a shell of our own. Raises LoginRefused, GuestStuck, TimedOut, NotTyped."""
        if self.depth:
            return
        self.logged_in = await Login(self, self.account).log_in()
        for _ in range(ATTEMPTS):
            # Short lines: the editor of the shell we come to may do anything with one that is wider than the terminal.
            await self.typist.line("sh")
            await self.console.settled(0.5, seconds=10.0)
            try:
                await self._line(f"PS1='{self.tag}:$?> '", 10.0)  # the prompt tells how the last command has ended
            except TimedOut:
                await self.typist.key(b"\x03")
                await self.console.settled(0.7, seconds=10.0)
            else:
                break
        else:
            raise Failed("No shell could be started in the guest", code="no_shell", details=self._facts())
        self.depth = 1
        self.console.transcript.rename(self._prompt, "$ ")
        for line in (
            "for o in emacs vi histexpand; do (set +o $o) 2>/dev/null && set +o $o; done",
            "LC_ALL=C TERM=dumb PATH=$PATH:/usr/sbin:/sbin; export LC_ALL TERM PATH",
        ):
            await self._line(line)

    async def run(self, command: Filled, *, as_root: bool, seconds: float) -> Result:
        """Run a command to its end; its exit code is asked for. Raises TimedOut, CommandRefused."""
        root = await self.root() if as_root else ""
        text, shown = command.text, command.shown
        if root:
            text, shown = f"{root} sh -c {shlex.quote(text)}", f"{root} sh -c {shlex.quote(shown)}"
        if len(text.encode()) > LONGEST:
            await self.stage(command.text, secret=command.secret)
            text = f'{root} sh -c "$zw"' if root else 'eval "$zw"'
            shown = text
        return await self._line(text, seconds, shown=shown)

    async def plain(self, command: Filled, *, prompt: Pattern, seconds: float) -> None:
        """Type a command that changes the prompt, and wait until the new one stands at the end."""
        await self.typist.line(command.text, shown=command.shown)

        def look(text: str) -> bool | None:
            return True if prompt.at_end(noise.without(text).rpartition("\n")[2]) else None

        await self.console.until(look, seconds=seconds, awaited=f"the prompt {prompt.shown}")
        self.console.forget()

    async def put(self, dest: Filled, content: Filled, *, mode: str, as_root: bool, seconds: float) -> None:
        """Write a file, and see by its checksum that it is whole before it takes its place. Raises CommandRefused."""
        with self.console.within(seconds, f"{dest.shown} being written"):
            await self._put(dest, content, mode, await self.root() if as_root else "")

    async def _put(self, dest: Filled, content: Filled, mode: str, root: str) -> None:
        told = posix.cksum(content.text.encode())
        await self.stage(posix.printable(content.text), secret=content.secret, as_format=True)
        place = shlex.quote(f"{dest.text}.zw-new")
        steps = (
            f"umask 077 && cat >{place} && cksum <{place}",
            f"chmod {mode} {place} && mv -f {place} {shlex.quote(dest.text)}",
        )
        command = f"{root} sh -c {shlex.quote(steps[0])}" if root else f"({steps[0]})"
        for attempt in range(ATTEMPTS):
            written = await self._line(f'printf "$zw" | {command}')
            if written.exit_code:
                raise CommandRefused(
                    f"{dest.shown} cannot be written: {_briefly(written.output)}",
                    code="guest_file_refused",
                    details={"exit_code": written.exit_code, "output": written.output[-2000:]},
                )
            if told in _numbers(written.output):
                break
            if attempt == ATTEMPTS - 1:
                raise Failed(f"{dest.shown} does not arrive whole in the guest", code="guest_file_damaged")
        moved = await self._line(f"{root} sh -c {shlex.quote(steps[1])}" if root else steps[1])
        if moved.exit_code:
            raise CommandRefused(
                f"{dest.shown} cannot be put in its place: {_briefly(moved.output)}", code="guest_file_refused"
            )

    async def stage(self, text: str, *, secret: bool, as_format: bool = False) -> None:
        """Put a text into the variable `zw` of the shell, and see by its checksum that it is there as it is."""
        # What printf would not print as it is stands in octal digits, so that a checksum can be taken of it.
        encoded = text if as_format else posix.printable(text)
        told = posix.cksum(encoded.encode())
        for _ in range(ATTEMPTS):
            head = "zw="
            self.console.transcript.say(f"{len(text)} characters are typed" if not secret else f"{MASK} is typed")
            for piece in posix.pieces(encoded, PIECE):
                line = f"{head}'{piece}'"  # nothing in it needs more quoting
                await self._line(line, shown=f"{head}{MASK}" if secret else None)
                head = "zw=$zw"
            summed = await self._line('printf %s "$zw" | cksum')
            if told in _numbers(summed.output):
                break
        else:
            raise Failed("A long text does not arrive whole in the guest", code="guest_text_damaged")
        if not as_format:
            await self._line('zw=$(printf "$zw")')

    async def root(self) -> str:
        """Return what stands before a command so that root runs it. Raises CommandRefused when nothing does."""
        if self._root is None:
            self._root = await self._find_root()
        return self._root

    async def _find_root(self) -> str:
        if await self._is_root("id"):
            return ""
        if await self._is_root("sudo -n id"):
            return "sudo -n"
        if await self._is_root("pfexec id"):
            return "pfexec"
        if await self._sudo_password() and await self._is_root("sudo -n id"):
            return "sudo -n"
        raise CommandRefused("The guest lets its user do nothing as root: neither sudo nor pfexec does", code="no_root")

    async def _is_root(self, command: str) -> bool:
        return "uid=0(" in (await self._line(command)).output

    async def _sudo_password(self) -> bool:
        """Let sudo know the password, so that it does not ask again; False when it does not take it."""
        if self.account is None or self.account.password is None:
            return False
        asks = re.compile(r"(?:password for [^\n]*|zw-sudo): ?$")

        def look(text: str) -> Result | bool | None:
            return True if asks.search(noise.without(text).rpartition("\n")[2]) else self._prompted()

        await self.typist.line("sudo -p 'zw-sudo: ' -v")
        for _ in range(SUDO_ATTEMPTS):
            answer = await self.console.until(look, seconds=SECONDS, awaited="sudo")
            if isinstance(answer, Result):
                if answer.exit_code == 0 or "not found" in answer.output:
                    return answer.exit_code == 0
                if self.typist.lost == 0:
                    return False
                await self.typist.line("sudo -p 'zw-sudo: ' -v")
                continue
            with self.console.transcript.typing(MASK, secret=True) as echo:
                await self.typist.blind(self.account.password)
                await self.typist.enter(echo)
        await self.typist.key(b"\x03")
        return False

    async def close(self) -> None:
        """End our own shells, and the login if it was ours. What cannot be ended in time is left, and told."""
        if not self.depth and not self.logged_in:
            return
        try:
            with self.console.within(30.0, "the guest to log out"):
                await self._leave()
        except (AgentError, LineEnded, NotTyped) as error:
            self.console.transcript.say(f"the guest was not logged out: {error}")

    async def _leave(self) -> None:
        self.typist.console.forget()
        await self.typist.key(b"\x03")
        await self.console.settled(0.5, seconds=5.0)
        if self.depth:
            await self.typist.line("exit")
            self.depth = 0
            await self.console.settled(0.5, seconds=10.0)
        for _ in range(4 if self.logged_in else 0):
            # Somebody may have opened shells inside ours: all of them go.
            place = await self.look(nudge=True)
            if place is Place.LOGIN:
                break
            if place in {Place.SHELL, Place.UNKNOWN, Place.CONTINUED}:
                await self.typist.line("exit" if place is not Place.CONTINUED else "")
                await self.console.settled(1.0, seconds=10.0)
        self.logged_in = False

    async def _line(self, text: str, seconds: float = SECONDS, *, shown: str | None = None) -> Result:
        """Type a line, wait for our prompt, and return what was printed before it. Raises TimedOut, CommandRefused."""
        await self.typist.line(text, shown=shown)
        told = text if shown is None else shown
        with self.console.within(seconds, f"the end of `{told[:200]}`"):
            while True:
                result = self._prompted()
                if result is not None:
                    return result
                if not await self.console.listen(SILENT):
                    await self._silence()
        raise AssertionError  # within raises

    def _prompted(self) -> Result | None:
        """Take what was said up to our prompt, which tells the exit code; None while it is not there."""
        said = noise.without(self.console.pending)
        prompts = list(self._prompt.finditer(said, max(0, len(said) - 512)))
        if not prompts:
            return None
        found = prompts[-1]
        self.console.pending = said[found.end() :]
        return Result(exit_code=int(found[1]), output=said[: found.start()])

    async def _silence(self) -> None:
        """Look at what was said before the silence: a prompt that is damaged is asked for again.

        Raises CommandRefused when the shell wants more of a command.
        """
        line = noise.without(self.console.pending).rpartition("\n")[2]
        if line == "> ":
            await self.typist.key(b"\x03")
            raise CommandRefused("The command is not complete: the shell waits for more of it", code="incomplete")
        if self.tag in self.console.pending[-512:]:
            await self.typist.key(b"\r")

    def _facts(self) -> dict[str, object]:
        return {"last_lines": self.console.transcript.tail()}


def _numbers(output: str) -> set[str]:
    """Return every `checksum size` in what cksum printed."""
    return {" ".join(line.split()[:2]) for line in output.splitlines()}


def _briefly(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[:300] or "it said nothing"

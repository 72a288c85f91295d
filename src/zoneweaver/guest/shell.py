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
        self.prompt = f"{self.tag}> "
        self.logged_in = False
        """Whether it was we who logged in."""
        self.depth = 0
        """How many shells of our own are open."""
        self._root: str | None = None
        self._asked = 0

    async def open(self) -> None:
        """Come to a shell of our own. Raises LoginRefused, GuestStuck, TimedOut, NotTyped."""
        if self.depth:
            return
        self.logged_in = await Login(self, self.account).log_in()
        for _ in range(ATTEMPTS):
            await self.typist.line(f"env PS1='{self.prompt}' ENV= VISUAL= EDITOR= sh")
            if await self._prompted(10.0):
                break
            await self.typist.key(b"\x03")
            await self.console.settled(0.7, seconds=10.0)
        else:
            raise Failed("No shell could be started in the guest", code="no_shell", details=self._facts())
        self.depth = 1
        self.console.transcript.rename(self.prompt, "$ ")
        for hidden in (f"{self.tag}.", f"{self.tag}''."):
            self.console.transcript.rename(hidden, "")
        for line in (
            "for o in emacs vi histexpand; do (set +o $o) 2>/dev/null && set +o $o; done",
            "LC_ALL=C TERM=dumb PATH=$PATH:/usr/sbin:/sbin; export LC_ALL TERM PATH",
        ):
            await self._line(line, SECONDS)

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
        output = await self._line(text, seconds, shown=shown)
        return Result(exit_code=int(await self._ask("$?", r"(\d+)")), output=output)

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
            written = await self._result(f'printf "$zw" | {command}')
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
        moved = await self._result(f"{root} sh -c {shlex.quote(steps[1])}" if root else steps[1])
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
                await self._line(line, SECONDS, shown=f"{head}{MASK}" if secret else None)
                head = "zw=$zw"
            summed = await self._result('printf %s "$zw" | cksum')
            if told in _numbers(summed.output):
                break
        else:
            raise Failed("A long text does not arrive whole in the guest", code="guest_text_damaged")
        if not as_format:
            await self._line('zw=$(printf "$zw")', SECONDS)

    async def root(self) -> str:
        """Return what stands before a command so that root runs it. Raises CommandRefused when nothing does."""
        if self._root is None:
            self._root = await self._find_root()
        return self._root

    async def _find_root(self) -> str:
        if (await self._ask("$(id)", r"uid=(\d+)[^:]*")) == "0":
            return ""
        if (await self._result("sudo -n true 2>/dev/null")).exit_code == 0:
            return "sudo -n"
        if await self._ask("$(pfexec id 2>/dev/null)", r"(?:uid=)?(\d*)[^:]*") == "0":
            return "pfexec"
        if (await self._result("command -v sudo >/dev/null")).exit_code == 0 and await self._sudo_password():
            return "sudo -n"
        raise CommandRefused("The guest lets its user do nothing as root: neither sudo nor pfexec", code="no_root")

    async def _sudo_password(self) -> bool:
        """Let sudo know the password, so that it does not ask again."""
        if self.account is None or self.account.password is None:
            return False
        asks = re.compile(r"(?:password for [^\n]*|zw-sudo): ?$")

        def look(text: str) -> str | None:
            line = noise.without(text).rpartition("\n")[2]
            return "ask" if asks.search(line) else "end" if line == self.prompt else None

        await self.typist.line("sudo -p 'zw-sudo: ' -v")
        for _ in range(ATTEMPTS):
            if await self.console.until(look, seconds=SECONDS, awaited="sudo") == "end":
                break
            with self.console.transcript.typing(MASK, secret=True) as echo:
                await self.typist.blind(self.account.password)
                await self.typist.enter(echo)
        else:
            await self.typist.key(b"\x03")
            await self._prompted(SECONDS)
        return (await self._result("sudo -n true 2>/dev/null")).exit_code == 0

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

    async def _result(self, text: str, *, shown: str | None = None) -> Result:
        output = await self._line(text, SECONDS, shown=shown)
        return Result(exit_code=int(await self._ask("$?", r"(\d+)")), output=output)

    async def _line(self, text: str, seconds: float, *, shown: str | None = None) -> str:
        """Type a line, wait for our prompt, and return what was printed before it. Raises TimedOut, CommandRefused."""
        await self.typist.line(text, shown=shown)
        told = shown if shown is not None else text
        with self.console.within(seconds, f"the end of `{told[:200]}`"):
            while not await self._prompted(seconds):
                pass
        said, self.console.pending = self._cut()
        return said

    async def _prompted(self, seconds: float) -> bool:
        """Wait until our prompt stands at the end. Raises CommandRefused when the shell wants more of a command."""

        def look(text: str) -> bool | None:
            line = noise.without(text[-4096:]).rpartition("\n")[2]
            if line.endswith(self.prompt):
                return True
            return False if line == "> " else None

        try:
            prompted = await self.console.until(look, seconds=seconds, awaited="a prompt")
        except TimedOut:
            # Something may have been said after the prompt that nobody knows for a message of the system.
            return self.prompt in self.console.pending
        if not prompted and not await self.console.listen(self.typist.patience):
            await self.typist.key(b"\x03")
            raise CommandRefused("The command is not complete: the shell waits for more of it", code="incomplete")
        return prompted

    def _cut(self) -> tuple[str, str]:
        said, _, rest = noise.without(self.console.pending).rpartition(self.prompt)
        return said, rest

    async def _ask(self, expression: str, answer: str) -> str:
        """Return what the shell says an expression is. The question is asked again when the answer is damaged."""
        self._asked += 1
        mark = f"{self.tag}.{self._asked}"
        wanted = re.compile(rf"{re.escape(mark)}:{answer}:")
        first = True
        for _ in range(ATTEMPTS):
            # The first question keeps the answer, since the status of the command before is gone after it.
            asked = f"zwa={expression}; " if first else ""
            output = await self._line(f"{asked}echo {self.tag}''.{self._asked}:$zwa:", SECONDS)
            first = False
            found = wanted.search(output)
            if found is not None:
                return found[1]
        raise Failed("The guest's shell does not answer as a shell does", code="no_shell", details=self._facts())

    def _facts(self) -> dict[str, object]:
        return {"last_lines": self.console.transcript.tail()}


def _numbers(output: str) -> set[str]:
    """Return every `checksum size` in what cksum printed."""
    return {" ".join(line.split()[:2]) for line in output.splitlines()}


def _briefly(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[:300] or "it said nothing"

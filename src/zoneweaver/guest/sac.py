"""A session with Windows behind its special administration console: a channel, a login, and cmd.exe."""

from __future__ import annotations

import re
from typing import Final

from zoneweaver.domain.errors import AgentError, Failed
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.recipe_values import Filled
from zoneweaver.domain.secret import MASK
from zoneweaver.guest import noise
from zoneweaver.guest.expect import Expect, TimedOut
from zoneweaver.guest.places import Place
from zoneweaver.guest.session import Account, CommandRefused, LoginRefused, Result, Seat
from zoneweaver.guest.typing import Typist

SECONDS: Final = 60.0
ROUNDS: Final = 60
ATTEMPTS: Final = 3
LOGIN_SECONDS: Final = 90.0
CHANNEL_SECONDS: Final = 20.0
"""How long a channel may take to be made; the command for it may not have arrived, since the guest speaks by itself."""

_CHANNEL: Final = re.compile(r"Channel: (Cmd\d+)")
_REFUSED: Final = re.compile(r"Unable to logon|incorrect|denied", re.IGNORECASE)
_PROMPT: Final = re.compile(r"(?:^|\n)[A-Za-z]:\\[^<>|\"*?\n]*>$")


class Sac(Seat):
    """The session. It opens a channel of its own and closes it."""

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
        self.opened = False
        self.ready = False
        self._tried = 0
        self._made = 0
        self._asked = 0

    async def open(self) -> None:
        """Come to a command prompt. Raises LoginRefused, GuestStuck, TimedOut, NotTyped."""
        if self.ready:
            return
        place = await self.look()
        silent = 0
        for _ in range(ROUNDS):
            if place is Place.CMD:
                self.ready = True
                self.console.transcript.rename(re.compile(rf"{self.tag}\.\d+="), "")
                return
            if place is Place.SAC:
                place = await self._channel()
            elif place is Place.CHANNEL:
                place = await self._go(b" ", "the channel")
            elif place is Place.LOGIN:
                place = await self._name()
            elif place is Place.DOMAIN:
                place = await self._go(b"\r", "a password prompt")
            elif place is Place.PASSWORD:
                place = await self._password()
            else:
                silent += 1
                if silent > 3:
                    break
                place = await self.look()
        raise Failed(
            "The guest shows neither the special administration console nor a command prompt",
            code="no_login_prompt",
            details={"last_lines": self.console.transcript.tail()},
        )

    async def run(self, command: Filled, *, as_root: bool, seconds: float) -> Result:  # noqa: ARG002 - it is one already
        """Run a command to its end; %ERRORLEVEL% is its exit code. Raises TimedOut."""
        output = await self._line(command.text, seconds, shown=command.shown)
        self._asked += 1
        for _ in range(ATTEMPTS):
            told = await self._line(f"echo {self.tag}.{self._asked}=%ERRORLEVEL%", SECONDS)
            found = re.search(rf"{self.tag}\.{self._asked}=(-?\d+)", told)
            if found is not None:
                return Result(exit_code=int(found[1]), output=output)
        raise Failed("The guest's command prompt does not answer", code="no_shell")

    async def plain(self, command: Filled, *, prompt: Pattern, seconds: float) -> None:
        """Type a command that changes the prompt, and wait until the new one stands at the end."""
        await self.typist.line(command.text, shown=command.shown)

        def look(text: str) -> bool | None:
            return True if prompt.at_end(noise.without(text).rpartition("\n")[2]) else None

        await self.console.until(look, seconds=seconds, awaited=f"the prompt {prompt.shown}")
        self.console.forget()

    async def put(
        self,
        dest: Filled,
        content: Filled,  # noqa: ARG002
        *,
        mode: str,  # noqa: ARG002
        as_root: bool,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
    ) -> None:
        """Refuse: there is no shell that could write any content. Recipes with such a step are refused before."""
        raise CommandRefused(f"{dest.shown}: files are written in UNIX guests only", code="not_on_windows")

    async def close(self) -> None:
        """Close the channel that was opened; what cannot be closed in time is left, and told."""
        if not self.opened:
            return
        try:
            with self.console.within(20.0, "the channel to close"):
                for _ in range(ATTEMPTS):
                    place = await self.look()
                    if place is Place.CMD:
                        await self.typist.line("exit")
                        place = await self.look(nudge=False)
                    if place is Place.SAC:
                        break
            self.opened = False
        except AgentError as error:
            self.console.transcript.say(f"the guest was not logged out: {error}")

    async def _channel(self) -> Place:
        """Make a channel with a command prompt, and show it. Raises TimedOut when none is made, time and again."""
        self._made += 1
        await self.typist.line("cmd")

        def made(text: str) -> str | None:
            said = noise.without(text)
            found = _CHANNEL.search(said)
            if found is not None and said.rstrip().endswith("SAC>"):
                return found[1]
            return "" if "unavailable" in said and said.rstrip().endswith("SAC>") else None

        try:
            name = await self.console.until(made, seconds=CHANNEL_SECONDS, awaited="a channel with a command prompt")
        except TimedOut:
            if self._made > ATTEMPTS:
                raise
            return await self.look()
        self._made = 0
        if not name:  # Windows has not come so far yet
            await self.console.rest(5.0)
            return await self.look()
        self.opened = True
        await self.typist.line(f"ch -sn {name}")
        await self.console.settled(0.7, seconds=10.0)
        return self.place()

    async def _go(self, key: bytes, awaited: str) -> Place:
        """Press a key until something comes of it."""
        self.console.forget()
        for _ in range(ATTEMPTS):
            await self.typist.key(key)
            if await self.console.listen(self.typist.patience * 2):
                break
        await self.console.settled(0.7, seconds=10.0)
        self.console.transcript.flush()
        if not self.console.pending.strip():
            raise Failed(f"The guest does not show {awaited}", code="console_deaf")
        return self.place()

    async def _name(self) -> Place:
        if self.account is None:
            raise LoginRefused("The guest asks for a login, and nobody gave a username", code="no_credentials")
        await self.typist.line(self.account.username)
        await self.console.settled(0.7, seconds=10.0)
        return self.place()

    async def _password(self) -> Place:
        """Give the password, each character of which is answered with an asterisk. Raises LoginRefused."""
        if self.account is None or self.account.password is None:
            raise LoginRefused("The guest asks for a password, and nobody gave one", code="no_credentials")
        self._tried += 1
        console = self.console
        with console.transcript.typing(MASK, secret=True) as echo:
            await self.typist.marked(self.account.password)
            await self.typist.enter(echo)

        def answered(text: str) -> Place | None:
            said = noise.without(text)
            if not said.rpartition("\n")[2].strip():
                return None
            place = self.place()
            return place if place in {Place.CMD, Place.LOGIN, Place.SAC} else None

        place = await console.until(answered, seconds=LOGIN_SECONDS, awaited="an answer to the password")
        await console.settled(0.7, seconds=10.0)
        if place is not Place.CMD and _REFUSED.search(console.pending) and self._tried >= ATTEMPTS - 1:
            raise LoginRefused(
                f"Login incorrect: the guest does not let {self.account.username} in with this password "
                f"({self._tried} attempts)",
                details={"username": self.account.username, "attempts": self._tried},
            )
        return self.place()

    async def _line(self, text: str, seconds: float, *, shown: str | None = None) -> str:
        """Type a line, wait for the prompt, and return what was printed before it. Raises TimedOut."""
        await self.typist.line(text, shown=shown)

        def prompted(pending: str) -> tuple[str, str] | None:
            said = noise.without(pending)
            found = _PROMPT.search(said)
            return None if found is None else (said[: found.start()], "")

        told = text if shown is None else shown
        said, self.console.pending = await self.console.until(
            prompted, seconds=seconds, awaited=f"the end of `{told[:200]}`"
        )
        return said

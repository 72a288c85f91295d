"""A session at a guest's console: what every kind of guest needs, and what each kind does in its own way."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final, Protocol

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.recipe_values import Filled
from zoneweaver.guest.expect import Expect
from zoneweaver.guest.places import GuestStuck, Place, place_of, stuck
from zoneweaver.guest.typing import Typist

QUIET: Final = 0.7
"""Seconds of silence after which a console counts as waiting."""

LOOK_SECONDS: Final = 15.0
"""How long a console may go on talking before a look at where it is gives up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who logs in. Without a password, an account that needs none."""

    username: str
    password: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a command ended with (None: not asked for), and what it printed."""

    exit_code: int | None
    output: str


class LoginRefused(Failed):
    """The guest does not let the account in."""

    code = "login_incorrect"


class CommandRefused(Failed):
    """A command of a recipe did not do what it should; `details` has its exit code and output."""

    code = "guest_command_failed"


class Session(Protocol):
    """What a recipe's steps are done with."""

    async def open(self) -> None:
        """Come to a shell of our own, logging in where that is needed. Raises LoginRefused, GuestStuck, TimedOut."""
        ...

    async def run(self, command: Filled, *, as_root: bool, seconds: float) -> Result:
        """Run a command to its end."""
        ...

    async def put(self, dest: Filled, content: Filled, *, mode: str, as_root: bool, seconds: float) -> None:
        """Write a file and see that it is whole."""
        ...

    async def plain(self, command: Filled, *, prompt: Pattern, seconds: float) -> None:
        """Type a command that changes the prompt, and wait for the new one."""
        ...

    async def close(self) -> None:
        """Leave the console as it is for the next one: logged out, when it was we who logged in."""
        ...


class Seat:
    """Sitting at a console: to see where the guest is, whatever it is."""

    def __init__(
        self, console: Expect, typist: Typist, *, login: Pattern | None = None, shell: Pattern | None = None
    ) -> None:
        self.console = console
        self.typist = typist
        self.login_prompt = login
        self.shell_prompt = shell
        self.tag = f"zw{secrets.token_hex(2)}"
        """What marks our own prompts and questions among all that a guest says."""

    def place(self) -> Place:
        """Return where the guest is by what is pending."""
        return place_of(self.console.pending, login=self.login_prompt, shell=self.shell_prompt)

    async def look(self, *, nudge: bool = True) -> Place:
        """Press Enter (unless told not to), wait until the guest is silent, and return where it is.

        Raises GuestStuck. UNKNOWN means that nothing was said, or something that is no prompt.
        """
        console = self.console
        if nudge:
            console.forget()
            await self.typist.nudge()
        await console.settled(QUIET, seconds=LOOK_SECONDS)
        if nudge and not console.pending.strip():
            # A key may have been lost, or the guest is slow.
            await self.typist.nudge()
            await console.listen(self.typist.patience * 2)
            await console.settled(QUIET, seconds=LOOK_SECONDS)
        self.check()
        return self.place()

    def check(self) -> None:
        """Raise GuestStuck where there is no going on."""
        found = stuck(self.console.pending)
        if found is not None:
            raise GuestStuck(*found, last_lines=self.console.transcript.tail())

"""Logging in at a UNIX login prompt: the name by its echo, the password by its effect.

A password that was refused may be wrong, or damaged on its way. How much the line loses is measured, and decides how
often it is worth trying: on a good line twice, so that nobody is locked out.
"""

from __future__ import annotations

import math
from typing import Final

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.secret import MASK
from zoneweaver.guest import noise
from zoneweaver.guest.places import Place
from zoneweaver.guest.session import Account, LoginRefused, Seat

GOOD_LINE: Final = 2
"""How often a password is tried where no character is lost."""

BAD_LINE: Final = 14
RISK: Final = 0.001
"""How probable it may be that a right password is given up as wrong."""

ROUNDS: Final = 60
PROBE: Final = "the quick brown fox jumps over the lazy dog 0123456789 again"
ANSWER_SECONDS: Final = 90.0
"""How long a guest may take to let somebody in or not (reverse look-ups, slow disks)."""

_REFUSED: Final = ("login incorrect", "authentication failure", "permission denied", "not on system console")


class Login:
    """One login, from wherever the guest is."""

    def __init__(self, seat: Seat, account: Account | None) -> None:
        self.seat = seat
        self.account = account
        self.tried = 0
        self.allowed = GOOD_LINE
        self._named = False
        self._secret = ""

    async def log_in(self) -> bool:
        """Come to a shell; say whether it was we who logged in. Raises LoginRefused, GuestStuck, TimedOut."""
        seat, console = self.seat, self.seat.console
        place = await seat.look()
        silent = 0
        for _ in range(ROUNDS):
            if place is Place.SHELL:
                return self.tried > 0
            if place is Place.LOGIN:
                place = await self._name()
            elif place is Place.PASSWORD:
                if self.tried or self._named:
                    place = await self._password()
                else:  # somebody else's attempt: an empty password ends it
                    place = await seat.look()
            elif place is Place.NEW_PASSWORD:
                raise LoginRefused(
                    "The guest wants a new password before it lets anybody in",
                    code="password_expired",
                    details={"last_lines": console.transcript.tail()},
                )
            elif place is Place.CONTINUED:
                await seat.typist.key(b"\x03")
                place = await seat.look()
            else:
                silent += 1
                if self.tried and silent > 1:
                    return True  # let in, with a prompt that nobody knows: a shell of our own will tell
                if silent > 3:
                    break
                place = await seat.look()
        raise Failed(
            "The guest shows neither a login prompt nor a shell on its console",
            code="no_login_prompt",
            details={"last_lines": console.transcript.tail()},
        )

    async def _name(self) -> Place:
        """Give the name, and return what is asked for then."""
        if self.account is None:
            raise LoginRefused("The guest asks for a login, and nobody gave a username", code="no_credentials")
        seat, console = self.seat, self.seat.console
        await seat.typist.line(self.account.username)
        self._named = True

        def asked(text: str) -> Place | None:
            seat.check()
            line = noise.without(text).rpartition("\n")[2]
            if not line.strip():
                return None
            place = seat.place()
            return place if place in {Place.PASSWORD, Place.LOGIN, Place.SHELL, Place.NEW_PASSWORD} else None

        place = await console.until(asked, seconds=ANSWER_SECONDS, awaited="a password prompt")
        if place is Place.SHELL:
            # An account without a password, unless more follows.
            await console.settled(1.0, seconds=10.0)
            self.tried += 1
        return place

    async def _password(self) -> Place:
        """Give the password, and return where that leads. Raises LoginRefused."""
        seat, console = self.seat, self.seat.console
        password = None if self.account is None else self.account.password
        if password is None:
            raise LoginRefused("The guest asks for a password, and nobody gave one", code="no_credentials")
        self.tried += 1
        self._named, self._secret = False, password
        with console.transcript.typing(MASK, secret=True) as echo:
            await seat.typist.blind(password)
            await seat.typist.enter(echo)
        refused = False

        def answered(text: str) -> bool | None:
            nonlocal refused
            seat.check()
            said = noise.without(text)
            refused = refused or any(words in said.lower() for words in _REFUSED)
            return True if said.rpartition("\n")[2].strip() else None

        while True:
            await console.until(answered, seconds=ANSWER_SECONDS, awaited="an answer to the password")
            if await console.settled(1.0, seconds=30.0) and (not refused or seat.place() is Place.LOGIN):
                break
            if not refused:
                break
        place = seat.place()
        if place is Place.LOGIN or (refused and place is not Place.SHELL):
            await self._refused(place)
        return place

    async def _refused(self, place: Place) -> None:
        """Decide whether another attempt makes sense. Raises LoginRefused."""
        username = "" if self.account is None else self.account.username
        if self.tried == 1 and place is Place.LOGIN:
            await self._measure()
        if self.tried >= self.allowed:
            raise LoginRefused(
                f"Login incorrect: the guest does not let {username} in with this password ({self.tried} attempts)",
                details={"username": username, "attempts": self.tried},
            )
        self.seat.console.transcript.say("the password was refused; it may have been damaged on its way")

    async def _measure(self) -> None:
        """Type something harmless and rub it out, to see what the line loses."""
        typist = self.seat.typist
        before = typist.lost
        if not before:
            for _ in range(2):
                await typist.text(PROBE)
                await typist.clear()
                if typist.lost != before:
                    break
        if typist.lost:
            arrives = (1 - min(0.2, (typist.lost + 1) / typist.typed)) ** len(self._secret)
            self.allowed = min(BAD_LINE, max(GOOD_LINE, math.ceil(math.log(RISK) / math.log(1 - arrives))))
        # The prompt is gone from what is pending: ask for it again.
        await self.seat.look()

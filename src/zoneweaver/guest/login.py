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

_ANSWERS: Final = frozenset({Place.LOGIN, Place.SHELL, Place.PASSWORD, Place.NEW_PASSWORD})


class Login:
    """One login, from wherever the guest is."""

    def __init__(self, seat: Seat, account: Account | None) -> None:
        self.seat = seat
        self.account = account
        self.tried = 0
        self._named = False
        self._secret = ""

    async def log_in(self) -> bool:
        """Come to a shell; say whether it was we who logged in. Raises LoginRefused, GuestStuck, TimedOut."""
        seat, console = self.seat, self.seat.console
        place = await seat.look()
        silent = judged = 0
        for _ in range(ROUNDS):
            if place is Place.SHELL:
                return self.tried > 0
            if place is Place.LOGIN:
                if self.tried > judged:
                    judged = self.tried
                    await self._judge()
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
        seat = self.seat
        await seat.typist.line(self.account.username)
        self._named = True

        place = await self._answer("a password prompt")
        if place is Place.SHELL:  # an account without a password
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
        return await self._answer("an answer to the password")

    async def _answer(self, awaited: str) -> Place:
        """Wait until the guest asks for something; UNKNOWN when it falls silent over something else."""
        seat, console = self.seat, self.seat.console
        with console.within(ANSWER_SECONDS, awaited):
            while True:
                quiet = not await console.listen(1.0)
                seat.check()
                place = seat.place()
                if place is Place.PASSWORD or (quiet and place in _ANSWERS):
                    return place
                said = noise.without(console.pending).strip()
                if quiet and not await console.listen(5.0 if said else 20.0):
                    return place
        raise AssertionError  # within raises

    async def _judge(self) -> None:
        """Decide, when the guest asks for a login again, whether another attempt makes sense. Raises LoginRefused."""
        username = "" if self.account is None else self.account.username
        if self.tried == 1:
            await self._measure()
        if self.tried >= self._allowed():
            raise LoginRefused(
                f"Login incorrect: the guest does not let {username} in with this password ({self.tried} attempts)",
                details={"username": username, "attempts": self.tried},
            )
        self.seat.console.transcript.say("the password was refused; it may have been damaged on its way")

    async def _measure(self) -> None:
        """Type something harmless and rub it out, to see what the line loses."""
        typist = self.seat.typist
        for _ in range(2):
            await typist.text(PROBE)
            await typist.clear()
        # The prompt is gone from what is pending: ask for it again.
        await self.seat.look()

    def _allowed(self) -> int:
        """Return how often the password may be tried, by what the line has lost so far."""
        typist = self.seat.typist
        if not typist.lost:
            return GOOD_LINE
        # Chance may have been kind while it was measured.
        loss = min(0.2, (typist.lost + 2 * math.sqrt(typist.lost) + 2) / typist.typed)
        arrives = (1 - loss) ** max(1, len(self._secret))
        return min(BAD_LINE, max(GOOD_LINE, math.ceil(math.log(RISK) / math.log(1 - arrives))))

"""Typing as a closed loop: a serial line loses characters, so that what arrived is looked at, and typed again.

What is typed comes back as its echo. As long as all of it does, pieces of sixteen characters are typed at once (what a
serial chip takes); after the first loss, character by character. A line that is damaged is rubbed out and begun anew.
"""

from __future__ import annotations

import re
from typing import Final

import anyio

from zoneweaver.domain.errors import Failed
from zoneweaver.guest import noise
from zoneweaver.guest.expect import Expect
from zoneweaver.guest.transcript import Echo

PIECE: Final = 16
PATIENCE: Final = 1.0
"""How many seconds an echo may take before its character counts as lost."""

MOST_PATIENCE: Final = 8.0
PACE: Final = 0.02
"""Seconds between characters that are typed without an echo."""

ATTEMPTS: Final = 10
SILENCES: Final = 12
"""How often nothing may come back in a row before the console counts as deaf."""

MOST_ECHO: Final = 16384
"""A console that says so many characters beside the echo does not listen."""

_WRAP: Final = re.compile(r" \r(?!\n)")


class NotTyped(Failed):
    """What was typed did not arrive, however often it was tried."""

    code = "console_deaf"


def echoed(text: str) -> str:
    """Return what an echo says: without messages of the system, line ends, and what a line editor does to wrap."""
    return _WRAP.sub("", noise.without(text)).replace("\n", "").replace("\r", "")


class Typist:
    """Types on a console. `lost` counts the characters that did not arrive, `typed` all that were sent."""

    def __init__(self, console: Expect, *, kill: bytes = b"\x15", rub_out: bytes = b"\x7f") -> None:
        self.console = console
        self.kill = kill
        """The key that deletes a line; none where there is none."""
        self.rub_out = rub_out
        self.patience = PATIENCE
        self.piece = PIECE
        self.lost = 0
        self.typed = 0
        self._good = 0

    async def line(self, text: str, *, shown: str | None = None) -> None:
        """Type a line, see that it has arrived, and press Enter; what comes after it is pending. Raises NotTyped.

        `shown` is what the transcript gets instead, where there are secrets in it.
        """
        console = self.console
        with console.transcript.typing(text if shown is None else shown, secret=shown not in {None, text}) as echo:
            await self.text(text)
            await self.enter(echo)

    async def text(self, text: str) -> None:
        """Type characters and see their echo. Raises NotTyped."""
        for _ in range(ATTEMPTS):
            self.console.forget()
            if await self._typed(text):
                return
            self.piece = 1
            await self.clear()
        raise NotTyped("What is typed on the console does not arrive as it is typed", details=self._facts())

    async def _typed(self, text: str, *, sent: int = 0) -> bool:
        """Type once, with `sent` characters on the line already; False when it is damaged. Raises NotTyped."""
        console = self.console
        silences, farthest = 0, sent
        while len(console.pending) < MOST_ECHO + 4 * len(text):
            seen = echoed(console.pending)
            if seen == text[:sent]:
                if sent == len(text):
                    return True
                piece = text[sent : sent + self.piece]
                await self._send(piece.encode())
                sent += len(piece)
                self._arrived(len(piece))
            elif await console.listen(self.patience):
                continue
            elif len(seen) < sent and text.startswith(seen):
                silences = silences + 1 if len(seen) <= farthest else 1
                farthest = max(farthest, len(seen))
                if silences > SILENCES:
                    raise NotTyped("Nothing of what is typed on the console comes back", details=self._facts())
                self._missed(sent - len(seen))
                sent = len(seen)
            else:
                if len(seen) > sent:  # a character has come twice: it was late, not lost
                    self.patience = min(MOST_PATIENCE, self.patience * 2)
                self._missed(1)
                return False
        return False

    def _arrived(self, count: int) -> None:
        self._good += count
        if self._good >= 64 and self.piece < PIECE and self.lost < 3:
            self.piece = min(PIECE, self.piece * 2)
            self._good = 0

    def _missed(self, count: int) -> None:
        self.lost += count
        self._good = 0
        self.piece = 1

    async def enter(self, echo: Echo | None = None) -> None:
        """Press Enter until the console goes to a new line; what comes after that is pending. Raises NotTyped."""
        self.console.forget()
        for _ in range(SILENCES):
            await self._send(b"\r")
            while True:
                said = noise.without(self.console.pending)
                if "\n" in said:
                    self.console.pending = said.partition("\n")[2]
                    if echo is not None:
                        echo.entered, echo.rest = True, self.console.pending
                    return
                if not await self.console.listen(self.patience):
                    break
            self.lost += 1
        raise NotTyped("Enter has no effect on the console", details=self._facts())

    async def blind(self, text: str) -> None:
        """Type what is not echoed, slowly."""
        for char in text:
            await self._send(char.encode())
            await self.console.rest(PACE)

    async def marked(self, text: str) -> bool:
        """Type what is echoed as asterisks, and see one for each character; False when none comes at all."""
        console = self.console
        console.forget()
        for number, char in enumerate(text, 1):
            for _ in range(SILENCES):
                await self._send(char.encode())
                if await self._signs(number):
                    break
                self._missed(1)
            else:
                return False
        return True

    async def _signs(self, count: int) -> bool:
        while noise.without(self.console.pending).count("*") < count:
            if not await self.console.listen(self.patience):
                return False
        return True

    async def loosely(self, text: str) -> None:
        """Type characters as `text` does where they are echoed, and as `blind` does where they are not."""
        console = self.console
        console.forget()
        for _ in range(3):
            await self._send(text[:1].encode())
            if await console.listen(self.patience):
                await console.settled(0.3, seconds=5.0)
                break
        else:
            await self.blind(text[1:])
            return
        if echoed(console.pending) == text[:1] and await self._typed(text, sent=1):
            return
        self.piece = 1
        await self.clear()
        await self.text(text)

    async def key(self, data: bytes) -> None:
        """Press a key that is not looked for."""
        await self._send(data)

    async def clear(self) -> None:
        """Rub out the line that is being typed."""
        console = self.console
        if self.kill:
            for _ in range(4):
                console.forget()
                await self._send(self.kill)
                if await self._effect():
                    await console.settled(0.4, seconds=5.0)
                    console.forget()
                    return
            return
        silences = 0
        for _ in range(512):
            console.forget()
            await self._send(self.rub_out)
            silences = 0 if await self._effect() else silences + 1
            if silences == 3:
                break
        console.forget()

    async def _effect(self) -> bool:
        """Say whether something was rubbed out."""
        with anyio.move_on_after(self.patience * 2):
            while "\b" not in noise.without(self.console.pending):
                if not await self.console.listen(self.patience):
                    return False
            return True
        return False

    async def _send(self, data: bytes) -> None:
        self.typed += len(data)
        await self.console.send(data)

    def _facts(self) -> dict[str, object]:
        return {"typed": self.typed, "lost": self.lost, "last_lines": self.console.transcript.tail()}

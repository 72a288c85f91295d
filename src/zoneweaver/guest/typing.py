"""Typing as a closed loop: a serial line loses characters, so that what arrived is looked at, and put right.

What is typed comes back as its echo, and the echo tells what stands on the guest's line. Pieces of up to sixteen
characters are typed at once (what a serial chip takes), smaller ones where the line loses some. What is missing is
typed again; what came after it is rubbed out first.
"""

from __future__ import annotations

import re
from typing import Final

import anyio

from zoneweaver.domain.errors import Failed
from zoneweaver.guest import noise
from zoneweaver.guest.expect import Expect
from zoneweaver.guest.transcript import Echo

MOST_AT_ONCE: Final = 16
LEAST_AT_ONCE: Final = 3

PATIENCE: Final = 1.0
"""How many seconds an echo may take, before anything is known of this line, until it counts as lost."""

LEAST_PATIENCE: Final = 0.5
MOST_PATIENCE: Final = 8.0

PACE: Final = 0.02
"""Seconds between characters that are typed without an echo."""

ATTEMPTS: Final = 6
"""How often a line is begun anew."""

SILENCES: Final = 12
"""How often nothing may come back in a row before the console counts as deaf."""

MOST_ECHO: Final = 16384
"""A console that says so many characters beside the echo does not listen."""

_WRAP: Final = re.compile(r" \r(?!\n)")


class NotTyped(Failed):
    """What was typed did not arrive, however often it was tried."""

    code = "console_deaf"


def echoed(text: str) -> str:
    """Return what stands on the line that is being typed, by its echo: no messages, no line ends, rubbings-out done."""
    text = _WRAP.sub("", noise.without(text)).replace("\n", "").replace("\r", "")
    if "\b" not in text:
        return text
    line: list[str] = []
    place = 0
    for char in text:
        if char == "\b":
            place = max(0, place - 1)
        else:
            line[place : place + 1] = [char]
            place += 1
    return "".join(line[:place])


def common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    for place, (here, there) in enumerate(zip(one, other, strict=False)):
        if here != there:
            return place
    return min(len(one), len(other))


def is_left_of(junk: str, typed: str) -> bool:
    """Say whether a text is what is left of another one when some of its characters are lost."""
    rest = iter(typed)
    return all(char in rest for char in junk)


class Typist:
    """Types on a console. `lost` counts the characters that did not arrive, `typed` all that were sent."""

    def __init__(self, console: Expect, *, kill: bytes = b"\x15", rub_out: bytes = b"\x7f") -> None:
        self.console = console
        self.kill = kill
        """The key that deletes a line; none where there is none."""
        self.rub_out = rub_out
        self.patience = PATIENCE
        self.at_once = MOST_AT_ONCE
        self.lost = 0
        self.typed = 0
        self._slowest = 0.0
        self._measured = 0

    async def line(self, text: str, *, shown: str | None = None) -> None:
        """Type a line, see that it has arrived, and press Enter; what comes after it is pending. Raises NotTyped.

        `shown` is what the transcript gets instead, where there are secrets in it.
        """
        console = self.console
        with console.transcript.typing(text if shown is None else shown, secret=shown not in {None, text}) as echo:
            await self.text(text)
            await self.enter(echo)

    async def text(self, text: str) -> None:
        """Type characters and see by their echo that they are there. Raises NotTyped."""
        for _ in range(ATTEMPTS):
            self.console.forget()
            if await self._typed(text):
                return
            await self.clear()
        raise NotTyped("What is typed on the console does not arrive as it is typed", details=self._facts())

    async def _typed(self, text: str) -> bool:
        """Type until the line says the text; False when it says something else. Raises NotTyped for silence."""
        console = self.console
        silences = farthest = 0
        for _ in range(20 + 4 * len(text)):
            seen = echoed(console.pending)
            good = common(seen, text)
            if good == len(seen) == len(text):
                return True
            if good < len(seen):
                if not is_left_of(seen[good:], text[good:]):
                    return False
                await self._send(self.rub_out * min(LEAST_AT_ONCE, len(seen) - good))
                wanted = seen[: -min(LEAST_AT_ONCE, len(seen) - good)]
            else:
                wanted = text[: good + self.at_once]
                await self._send(wanted[good:].encode())
            arrived = await self._echo(wanted, seen)
            if len(console.pending) > MOST_ECHO + 8 * len(text):
                return False
            silences = silences + 1 if not arrived and good <= farthest else 0
            farthest = max(farthest, good)
            if silences > SILENCES:
                raise NotTyped("Nothing of what is typed on the console comes back", details=self._facts())
        return False

    async def _echo(self, wanted: str, before: str) -> bool:
        """Wait until the line says what is wanted, or all that can still be awaited has come; say whether any did."""
        console = self.console
        grows = len(before) < len(wanted)
        while True:
            seen = echoed(console.pending)
            if seen == wanted:
                self.at_once = min(MOST_AT_ONCE, self.at_once + 1)
                return True
            good = common(seen, wanted)
            complete = grows and good < len(seen) < len(wanted) and seen[-1] == wanted[-1]
            if complete and is_left_of(seen[good:], wanted[good:]):
                break  # the last one has come, but one before it has not: nothing more is under way
            asked = anyio.current_time()
            if not await console.listen(self.patience):
                break
            self._took(anyio.current_time() - asked)
            if len(console.pending) > MOST_ECHO + 8 * len(wanted):
                return True
        late = seen[len(wanted) :] if grows else ""
        if late and is_left_of(late, wanted):  # a character came twice: it was late, not lost
            self.patience = min(MOST_PATIENCE, self.patience * 2)
        self._missed(max(1, abs(len(wanted) - len(seen))))
        return seen != before

    def _took(self, seconds: float) -> None:
        """Learn from how long the line was silent how long it may be."""
        self._slowest = max(seconds, self._slowest * 0.98)
        self._measured += 1
        if self._measured >= 10:
            self.patience = min(MOST_PATIENCE, max(LEAST_PATIENCE, 3 * self._slowest))

    def _missed(self, count: int) -> None:
        self.lost += count
        self.at_once = max(LEAST_AT_ONCE, self.at_once // 2)

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
                self.lost += 1
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
        if not await self._typed(text):
            await self.clear()
            await self.text(text)

    async def nudge(self) -> None:
        """Make a guest show itself: Enter on an empty line, so that nothing is run that somebody left there."""
        await self._send(self.kill + b"\r")

    async def key(self, data: bytes) -> None:
        """Press a key that is not looked for."""
        await self._send(data)

    async def clear(self) -> None:
        """Rub out the line that is being typed."""
        console = self.console
        for _ in range(4 if self.kill else 0):
            console.forget()
            await self._send(self.kill)
            if await self._effect():
                await console.settled(max(0.4, self._slowest), seconds=5.0)
                console.forget()
                return
        silences = 0
        for _ in range(0 if self.kill else 512):
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

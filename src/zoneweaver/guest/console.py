"""Who is at a zone's console: one at a time, and others may watch what is done there."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from zoneweaver.domain.errors import Conflict

KEPT: Final = 200
"""How many pieces a watcher is told of what was said before it came."""

BEHIND: Final = 1000
"""How many pieces a watcher may be behind before some are left out for it."""

MOST_WATCHERS: Final = 32


@dataclass(kw_only=True, slots=True)
class Held:
    """A console that somebody works at."""

    zone: str
    holder: str
    said: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    watchers: list[MemoryObjectSendStream[str]] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Tell the watchers what was said (masked already); who does not listen misses it."""
        self.said.append(text)
        for watcher in self.watchers:
            with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
                watcher.send_nowait(text)


class Consoles:
    """The consoles of this agent's zones."""

    def __init__(self, *, most: int = 3) -> None:
        self.most = most
        """How many of them are automated at the same time."""
        self._held: dict[str, Held] = {}
        self._automated = 0
        self._turns: deque[anyio.Event] = deque()

    @property
    def is_full(self) -> bool:
        """Whether as many are automated as may be."""
        return self._automated >= self.most

    async def begin(self) -> None:
        """Wait, in the order of asking, until one more may be automated; `end` must follow."""
        if not self.is_full:
            self._automated += 1
            return
        turn = anyio.Event()
        self._turns.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.end()
            else:
                self._turns.remove(turn)
            raise

    def end(self) -> None:
        """Let the next one begin."""
        if self._turns:
            self._turns.popleft().set()
        else:
            self._automated -= 1

    @contextmanager
    def hold(self, zone: str, holder: str) -> Iterator[Held]:
        """Have a console alone for the length of the block. Raises Conflict naming who has it."""
        there = self._held.get(zone)
        if there is not None:
            raise Conflict(
                f"The console of zone {zone} is in use by {there.holder}",
                code="console_busy",
                details={"zone": zone, "holder": there.holder},
            )
        held = self._held[zone] = Held(zone=zone, holder=holder)
        try:
            yield held
        finally:
            del self._held[zone]
            for watcher in held.watchers:
                watcher.close()

    def watch(self, zone: str) -> AsyncGenerator[str, None]:
        """Return what is said at a console, from a little before now until its holder leaves.

        Raises Conflict when nobody is at it, or too many watch already.
        """
        held = self._held.get(zone)
        if held is None:
            raise Conflict(f"Nobody works at the console of zone {zone}", code="console_idle", details={"zone": zone})
        if len(held.watchers) >= MOST_WATCHERS:
            raise Conflict(f"{MOST_WATCHERS} others watch the console of zone {zone}", code="console_watched")
        sending, receiving = anyio.create_memory_object_stream[str](BEHIND)
        for text in held.said:
            sending.send_nowait(text)
        held.watchers.append(sending)
        return _heard(held, sending, receiving)


async def _heard(
    held: Held, sending: MemoryObjectSendStream[str], receiving: MemoryObjectReceiveStream[str]
) -> AsyncGenerator[str, None]:
    try:
        async with receiving:
            async for text in receiving:
                yield text
    finally:
        sending.close()
        held.watchers[:] = [watcher for watcher in held.watchers if watcher is not sending]


CONSOLES: Final = Consoles()
"""Those of this process: tasks work at them, people watch."""

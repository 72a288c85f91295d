"""How many tasks work at once. A task that only waits gives its place to another and queues for one afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio


class Slots:
    """The places; `freed` is called when one can be taken by new work."""

    __slots__ = ("_freed", "_returning", "free", "size")

    def __init__(self, size: int, freed: Callable[[], None]) -> None:
        self.size = size
        self.free = size
        """May be negative: after a death everything that was running is carried on at once."""
        self._freed = freed
        self._returning: deque[anyio.Event] = deque()

    def take_all(self) -> int:
        """Take every place that is free and return how many."""
        taken, self.free = max(0, self.free), min(0, self.free)
        return taken

    @property
    def wanted_back(self) -> bool:
        """Whether a task that has waited wants the next place."""
        return bool(self._returning)

    def put_back(self, count: int) -> None:
        """Give back places that found no work, telling nobody but tasks that have waited for one."""
        self.free += count
        while self.free > 0 and self._returning:
            self.free -= 1
            self._returning.popleft().set()

    def give(self) -> None:
        """Give a place back: to a task that has waited, else to new work."""
        self.put_back(1)
        if self.free > 0:
            self._freed()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Give one place away for the length of the block."""
        self.give()
        try:
            yield
        except BaseException:
            self.free -= 1  # on its way back a task asks nobody
            raise
        await self._come_back()

    async def _come_back(self) -> None:
        if self.free > 0 and not self._returning:
            self.free -= 1
            return
        turn = anyio.Event()
        self._returning.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # the place was given in the same moment: it is taken, as below
                raise
            self._returning.remove(turn)
            self.free -= 1
            raise

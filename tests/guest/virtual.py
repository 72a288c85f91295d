"""Time that passes when nothing else can happen: an event loop whose clock jumps to the next thing to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Waits for nobody: the time that would have been waited is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more")
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` begins at 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now


def run(make: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine in virtual time; return what it returns."""

    async def main() -> T:
        return await make()

    result: T = anyio.run(main, backend="asyncio", backend_options={"loop_factory": VirtualLoop})
    return result

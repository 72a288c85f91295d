"""Places for work."""

from __future__ import annotations

import anyio
import pytest

from zoneweaver.tasks.slots import Slots

pytestmark = pytest.mark.anyio


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def test_taking_and_giving() -> None:
    """All free places can be taken at once; each one given back is news."""
    freed = Counter()
    slots = Slots(3, freed)
    assert slots.take_all() == 3
    assert slots.take_all() == 0
    slots.give()
    assert (slots.free, freed.count) == (1, 1)
    slots.put_back(2)
    assert (slots.free, freed.count) == (3, 1)


async def test_who_waited_comes_before_new_work() -> None:
    """Tasks that have waited get places back in the order in which they came, before anything new does."""
    freed = Counter()
    slots = Slots(1, freed)
    slots.take_all()
    back: list[str] = []

    async def wait(name: str, until: anyio.Event) -> None:
        async with slots.lent():
            await until.wait()
        back.append(name)

    first, second = anyio.Event(), anyio.Event()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, "first", first)
            await anyio.wait_all_tasks_blocked()
            assert slots.take_all() == 1
            group.start_soon(wait, "second", second)
            await anyio.wait_all_tasks_blocked()
            assert slots.take_all() == 1
            first.set()
            await anyio.wait_all_tasks_blocked()
            second.set()
            await anyio.wait_all_tasks_blocked()
            assert slots.wanted_back
            assert back == []
            count = freed.count
            slots.give()
            await anyio.wait_all_tasks_blocked()
            assert back == ["first"]
            slots.give()
    assert back == ["first", "second"]
    assert (slots.free, freed.count) == (0, count)


async def test_whoever_is_interrupted_takes_a_place_unasked() -> None:
    """A task on its way back does not queue for a place, whether it was waiting for one or still for its event."""
    slots = Slots(1, Counter())
    slots.take_all()

    async def wait(until: anyio.Event) -> None:
        async with slots.lent():
            await until.wait()

    for ready in (False, True):
        event = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(wait, event)
            await anyio.wait_all_tasks_blocked()
            assert slots.take_all() == 1
            if ready:
                event.set()
                await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert slots.free == -1
        slots.give()
    assert not slots.wanted_back

"""The saga checks: sound sagas pass, and each kind of mistake is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from zoneweaver.domain.secret import Secret
from zoneweaver.tasks.saga import Entry, Event, NoWayBack, Outputs, Step
from zoneweaver.testing import (
    Killed,
    MemoryLog,
    Trial,
    check_cancelling,
    check_death,
    check_saga,
    check_twice,
    check_unwinding,
)

pytestmark = pytest.mark.anyio


@dataclass
class House:
    """Rooms that are there, as a list so that doing something twice shows."""

    rooms: list[str] = field(default_factory=lambda: ["foundation"])
    gone: bool = False


def room(name: str) -> Step[House]:
    """A sound step with several awaits."""

    async def do(house: House, outputs: Outputs) -> dict[str, str]:
        await anyio.lowlevel.checkpoint()
        if name not in house.rooms:
            house.rooms.append(name)
        await anyio.lowlevel.checkpoint()
        return {"room": name}

    async def undo(house: House, outputs: Outputs) -> None:
        await anyio.lowlevel.checkpoint()
        if name in house.rooms:
            house.rooms.remove(name)

    return Step(name=name, do=do, undo=undo)


def demolition() -> Step[House]:
    """A sound pivot: once the foundation is gone there is no way back."""

    async def do(house: House, outputs: Outputs) -> None:
        await anyio.lowlevel.checkpoint()
        if "foundation" in house.rooms:
            house.rooms.remove("foundation")
        await anyio.lowlevel.checkpoint()

    async def undo(house: House, outputs: Outputs) -> None:
        if "foundation" not in house.rooms:
            raise NoWayBack("the foundation is gone")

    return Step(name="demolition", do=do, undo=undo, pivot=True)


def making(*steps: Callable[[], Step[House]]) -> Callable[[], Any]:
    async def make() -> Trial[House]:
        house = House()
        return Trial(steps=[step() for step in steps], context=house, state=lambda: sorted(house.rooms))

    return make


def kitchen() -> Step[House]:
    return room("kitchen")


def bath() -> Step[House]:
    return room("bath")


def attic() -> Step[House]:
    return room("attic")


async def test_sound_sagas_pass() -> None:
    """Sagas that ensure, with and without a pivot in the middle, pass every check."""
    await check_saga(making(kitchen, bath, attic))
    await check_saga(making(kitchen, demolition, attic))
    await check_saga(making(demolition))


def wrong(do: Any = None, undo: Any = None) -> Callable[[], Step[House]]:
    sound = room("attic")
    return lambda: Step(name="attic", do=do or sound.do, undo=undo or sound.undo)


async def _does_it_again(house: House, outputs: Outputs) -> None:
    house.rooms.append("attic")


async def _removes_blindly(house: House, outputs: Outputs) -> None:
    house.rooms.remove("attic")


async def _leaves_it(house: House, outputs: Outputs) -> None:
    await anyio.lowlevel.checkpoint()


async def _half_done(house: House, outputs: Outputs) -> None:
    if "door" not in house.rooms:
        house.rooms.append("door")
    await anyio.lowlevel.checkpoint()
    if "attic" not in house.rooms:
        house.rooms.append("attic")


async def _needs_its_output(house: House, outputs: Outputs) -> None:
    house.rooms.remove(outputs["attic"]["room"])


@pytest.mark.parametrize(
    ("check", "step", "said"),
    [
        (check_twice, wrong(do=_does_it_again), "changed something when it ran again"),
        (check_twice, wrong(undo=_removes_blindly), "not in list"),
        (check_twice, wrong(undo=_leaves_it), "left something"),
        (check_unwinding, wrong(undo=_leaves_it), "something is left"),
        (check_unwinding, wrong(do=_half_done), "something is left"),
        (check_unwinding, wrong(undo=_needs_its_output), "stuck at attic"),
        (check_cancelling, wrong(undo=_leaves_it), "something is left"),
        (check_cancelling, wrong(do=_half_done), "something is left"),
        (check_death, wrong(do=_does_it_again), "not complete"),
        (check_death, wrong(undo=_leaves_it), "something is left"),
    ],
)
async def test_mistakes_are_found(check: Any, step: Callable[[], Step[House]], said: str) -> None:
    """A step that does not ensure, or whose way back is wrong, is found and named."""
    with pytest.raises((AssertionError, ValueError), match=said):
        await check(making(kitchen, step, bath))


async def test_a_step_that_returns_no_json_is_found() -> None:
    """An output that the log cannot hold is refused."""

    async def do(house: House, outputs: Outputs) -> Any:
        return {1, 2}

    with pytest.raises(TypeError, match="set"):
        await check_twice(making(wrong(do=do)))


async def test_a_log_that_dies() -> None:
    """The log dies at the write that it was told to, after it or in place of it, and at no other."""
    entry = Entry(step="a", event=Event.STARTED)
    for lost in (False, True):
        log = MemoryLog(die_at=2, lost=lost)
        await log.append(entry)
        with pytest.raises(Killed):
            await log.append(entry)
        await log.append(entry)
        assert len(await log.entries()) == (2 if lost else 3)


async def test_secrets_in_a_log_stay_secrets() -> None:
    """A secret in an output is a secret when it is read again."""
    log = MemoryLog()
    await log.append(Entry(step="a", event=Event.DONE, data={"password": Secret("x"), "list": (1, 2)}))
    (entry,) = await log.entries()
    assert entry.data == {"password": Secret("x"), "list": [1, 2]}

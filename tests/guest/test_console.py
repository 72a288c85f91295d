"""Consoles are automated a few at a time, in the order of asking."""

from __future__ import annotations

import anyio
import pytest

from zoneweaver.guest.console import Consoles

pytestmark = pytest.mark.anyio


async def test_who_asked_first_begins_first() -> None:
    """One more than may be waits until one of them has ended; the others come in their order."""
    consoles, begun = Consoles(most=2), []

    async def automate(name: str, over: anyio.Event) -> None:
        await consoles.begin()
        begun.append(name)
        await over.wait()
        consoles.end()

    ends = {name: anyio.Event() for name in "abcd"}
    async with anyio.create_task_group() as group:
        for name, over in ends.items():
            group.start_soon(automate, name, over)
            await anyio.wait_all_tasks_blocked()
        assert begun == ["a", "b"]
        assert consoles.is_full
        for name, so_far in (("b", "abc"), ("a", "abcd"), ("c", "abcd"), ("d", "abcd")):
            ends[name].set()
            await anyio.wait_all_tasks_blocked()
            assert "".join(begun) == so_far
    assert not consoles.is_full


async def test_who_gives_up_loses_nobodys_turn() -> None:
    """Cancelled while it waits, or at the very moment of its turn: the next one begins all the same."""
    consoles, begun = Consoles(most=1), []

    async def automate() -> None:
        await consoles.begin()
        begun.append("last")

    async def gives_up(scope: anyio.CancelScope) -> None:
        with scope:
            await consoles.begin()
            try:
                await anyio.sleep_forever()
            finally:
                consoles.end()

    await consoles.begin()
    async with anyio.create_task_group() as group:
        scopes = [anyio.CancelScope() for _ in range(2)]
        for scope in scopes:
            group.start_soon(gives_up, scope)
        group.start_soon(automate)
        await anyio.wait_all_tasks_blocked()
        scopes[0].cancel()
        await anyio.wait_all_tasks_blocked()
        consoles.end()
        scopes[1].cancel()
        with anyio.fail_after(10):
            while not begun:
                await anyio.wait_all_tasks_blocked()
    assert consoles.is_full
    consoles.end()
    assert not consoles.is_full

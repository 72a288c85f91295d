"""Working at a zone's console: attached alone, told to the task, watched by whoever wants to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final, TypeVar

import anyio

from zoneweaver.domain.errors import AgentError, Conflict
from zoneweaver.domain.recipe_values import MissingVariables, Values, check_patterns, missing
from zoneweaver.domain.recipes import Recipe
from zoneweaver.guest.console import CONSOLES
from zoneweaver.guest.player import BOOT_SECONDS, Played, Player
from zoneweaver.host import zlogin
from zoneweaver.host.terminal import Terminal
from zoneweaver.tasks.context import Context

T = TypeVar("T")

STREAM: Final = "console"
"""The stream of a task's output that holds what was said at a console."""

BUSY_SECONDS: Final = 5.0
"""How long a console may still be in use by a client that has just ended."""


HEARD: Final[dict[str, bytes]] = {}
"""By zone: what was said at its console while a task only listened, for the next that plays a recipe there."""

MOST_HEARD: Final = 256 * 1024

Unless = Callable[[], Awaitable[bool]]


async def listening(ctx: Context, zone: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do something while the zone's console is listened to; what it says is kept in HEARD, the newest of it.

    A console that cannot be had is told of, and the work done all the same.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(CONSOLES.hold(zone, f"task {ctx.task_id}"))
        except Conflict as error:
            await ctx.say(f"{error.message}: what it says meanwhile is not heard\n")
            await work()
            return
        async with ctx.attach(zlogin.console(zone)) as terminal:
            try:
                await zlogin.connected(terminal, zone)
            except AgentError as error:
                await ctx.say(f"{error.message}: what the console says meanwhile is not heard\n")
                await work()
                return
            HEARD[zone] = b""
            await _while_listening(zone, terminal, work)


async def _while_listening(zone: str, terminal: Terminal, work: Callable[[], Awaitable[T]]) -> T:
    done: list[T] = []
    failed: list[AgentError] = []

    async def listen() -> None:
        while data := await terminal.receive():
            HEARD[zone] = (HEARD.get(zone, b"") + data)[-MOST_HEARD:]

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        try:
            done.append(await work())
        except AgentError as error:
            failed.append(error)
        group.cancel_scope.cancel()
    if failed:
        raise failed[0]
    return done[0]


async def play(
    ctx: Context, zone: str, recipe: Recipe, values: Values, *, boot_seconds: float = BOOT_SECONDS
) -> Played:
    """Play a recipe on a zone's console; the masked transcript is the task's output.

    Raises MissingVariables before anything is typed, Conflict when somebody else is at the console, and what the player
    raises. While it waits, other tasks work.
    """

    async def never() -> bool:
        return False

    HEARD.pop(zone, None)
    _check(recipe, values)
    return await play_unless(ctx, zone, recipe, values, never, boot_seconds=boot_seconds) or Played()


async def play_unless(
    ctx: Context, zone: str, recipe: Recipe, values: Values, needless: Unless, *, boot_seconds: float = BOOT_SECONDS
) -> Played | None:
    """Play a recipe as `play` does, unless it is found needless once the console is open; then return None.

    What the console says while that is found out is not missed.
    """
    with CONSOLES.hold(zone, f"task {ctx.task_id}") as held:

        def tell(text: str) -> None:
            ctx.journal.line(STREAM, text)
            held.tell(text)

        async def progress(number: int, what: str) -> None:
            steps = len(recipe.steps)
            status = "waiting_for_boot" if number < 0 else f"step_{number + 1}_of_{steps}_{what}"
            await ctx.progress(10 + 85 * max(0, number) // steps, status)

        async def once() -> Played | None:
            async with ctx.attach(zlogin.console(zone)) as terminal:
                await zlogin.connected(terminal, zone)
                if await _while_listening(zone, terminal, needless):
                    HEARD.pop(zone, None)
                    return None
                _check(recipe, values)
                if CONSOLES.is_full:
                    await ctx.say(f"waiting for a turn: {CONSOLES.most} consoles are automated at the moment\n")
                await _while_listening(zone, terminal, CONSOLES.begin)
                try:
                    terminal.unread(HEARD.pop(zone, b""))
                    player = Player(
                        recipe, values, line=terminal, tell=tell, progress=progress, boot_seconds=boot_seconds
                    )
                    return await player.play()
                finally:
                    CONSOLES.end()

        async with ctx.waiting():
            deadline = anyio.current_time() + BUSY_SECONDS
            while True:
                try:
                    return await once()
                except Conflict as error:
                    if error.code != "console_busy" or anyio.current_time() > deadline:
                        raise
                await anyio.sleep(0.5)


def _check(recipe: Recipe, values: Values) -> None:
    """See that a recipe can be played with these values. Raises MissingVariables and Invalid."""
    gone = missing(recipe, values)
    if gone:
        raise MissingVariables(gone)
    check_patterns(recipe, values)

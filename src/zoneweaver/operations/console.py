"""Working at a zone's console: attached alone, told to the task, watched by whoever wants to."""

from __future__ import annotations

from typing import Final

import anyio

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.recipe_values import MissingVariables, Values, check_patterns, missing
from zoneweaver.domain.recipes import Recipe
from zoneweaver.guest.console import CONSOLES
from zoneweaver.guest.player import BOOT_SECONDS, Played, Player
from zoneweaver.host import zlogin
from zoneweaver.tasks.context import Context

STREAM: Final = "console"
"""The stream of a task's output that holds what was said at a console."""

BUSY_SECONDS: Final = 5.0
"""How long a console may still be in use by a client that has just ended."""


async def play(
    ctx: Context, zone: str, recipe: Recipe, values: Values, *, boot_seconds: float = BOOT_SECONDS
) -> Played:
    """Play a recipe on a zone's console; the masked transcript is the task's output.

    Raises MissingVariables before anything is typed, Conflict when somebody else is at the console, and what the player
    raises. While it waits, other tasks work.
    """
    gone = missing(recipe, values)
    if gone:
        raise MissingVariables(gone)
    check_patterns(recipe, values)
    with CONSOLES.hold(zone, f"task {ctx.task_id}") as held:

        def tell(text: str) -> None:
            ctx.journal.line(STREAM, text)
            held.tell(text)

        async def progress(number: int, what: str) -> None:
            steps = len(recipe.steps)
            status = "waiting_for_boot" if number < 0 else f"step_{number + 1}_of_{steps}_{what}"
            await ctx.progress(10 + 85 * max(0, number) // steps, status)

        async def once() -> Played:
            async with ctx.attach(zlogin.console(zone)) as terminal:
                await zlogin.connected(terminal, zone)
                player = Player(recipe, values, line=terminal, tell=tell, progress=progress, boot_seconds=boot_seconds)
                return await player.play()

        async with ctx.waiting():
            deadline = anyio.current_time() + BUSY_SECONDS
            while True:
                try:
                    return await once()
                except Conflict as error:
                    if error.code != "console_busy" or anyio.current_time() > deadline:
                        raise
                await anyio.sleep(0.5)

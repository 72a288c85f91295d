"""Waiting for a guest to be up: its banner, or what it shows when it was up before anybody listened."""

from __future__ import annotations

from typing import Final

import anyio

from zoneweaver.domain.patterns import Pattern
from zoneweaver.guest.expect import Search
from zoneweaver.guest.places import Place
from zoneweaver.guest.session import QUIET, Seat

FIRST_NUDGE: Final = 1.5
"""After how many seconds of silence Enter is pressed, to make a guest show itself that is up already."""

MOST_SILENCE: Final = 15.0

_UP: Final = frozenset({Place.LOGIN, Place.SHELL, Place.PASSWORD, Place.SAC, Place.CHANNEL, Place.CMD})


async def wait(seat: Seat, banner: Pattern | None, *, prompt: bool, seconds: float) -> Place:
    """Wait until the guest has booted; return where it is, with the prompt it shows still pending.

    Up is a guest that waits at a prompt, or, when no `prompt` is needed, one that has said `banner`. Raises GuestStuck,
    TimedOut, LineEnded.
    """
    console = seat.console
    search = None if banner is None or prompt else Search([banner])
    silence = FIRST_NUDGE
    awaited = "a login prompt" if banner is None else f"{banner.shown} or a login prompt"
    with console.within(seconds, f"{awaited} (the end of the boot)"):
        while True:
            came = await console.listen(silence)
            seat.check()
            if search is not None and search.look(console.pending) is not None:
                return seat.place()
            if came:
                silence = QUIET if seat.place() in _UP else max(silence, FIRST_NUDGE)
                continue
            if seat.place() in _UP:
                return seat.place()
            # Silent, and at no prompt: it boots, or has fallen asleep at one before we came.
            await seat.typist.nudge()
            silence = min(MOST_SILENCE, max(FIRST_NUDGE, silence * 2))
            await anyio.lowlevel.checkpoint()
    raise AssertionError  # within raises

"""zlogin(8): attach to the console of a zone. There is one client at a time, and it must be at a terminal.

Nothing that is said while nobody is attached is kept, so whoever wants to see a boot attaches before it.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from zoneweaver.domain.errors import Conflict, Failed, NotFound
from zoneweaver.host.command import Command
from zoneweaver.host.terminal import Left

CONNECTED: Final = b" console]"
"""How the line ends that zlogin begins with."""

MOST_BEFORE: Final = 4096

_IN_USE: Final = re.compile(r"already in use by process ID (\d+)")


class Attached(Protocol):
    """A terminal that zlogin is at."""

    async def receive(self) -> bytes:
        """Wait for what is printed; nothing at the end."""
        ...

    def unread(self, data: bytes) -> None:
        """Give bytes back."""
        ...

    async def left(self) -> Left:
        """Wait for the process to leave, and say how it did."""
        ...


def console(zone: str) -> Command:
    """Attach to a zone's console, without an escape character: whatever is typed reaches the guest."""
    return Command(argv=("zlogin", "-C", "-E", zone), changes=True)


async def connected(terminal: Attached, zone: str) -> None:
    """Wait until zlogin is attached. Raises Conflict when somebody else is, NotFound, Failed."""
    said = b""
    while CONNECTED not in said and len(said) < MOST_BEFORE:
        data = await terminal.receive()
        if not data:
            raise _refusal(zone, await terminal.left(), said.decode("utf-8", "replace"))
        said += data
    terminal.unread(said.partition(CONNECTED)[2])


def _refusal(zone: str, left: Left, said: str) -> Conflict | NotFound | Failed:
    text = left.stderr + said
    holder = _IN_USE.search(text)
    if holder is not None:
        return Conflict(
            f"The console of zone {zone} is in use by process {holder[1]}",
            code="console_busy",
            details={"zone": zone, "process": int(holder[1])},
        )
    if "unknown" in text:
        return NotFound("Zone not found", code="zone_not_found", details={"zone": zone})
    if "cannot login to a zone which is" in text:
        return Conflict(f"Zone {zone} has no console yet: it is not installed", code="not_installed")
    words = " ".join(text.split()) or "it said nothing"
    return Failed(f"zlogin -C {zone}: exit {left.status}: {words}", code="console_failed", details={"zone": zone})

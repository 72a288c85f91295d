"""route(8): which way packets go.

Offers `way_out`: the interface and the gateway of the default route.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Unparseable
from zoneweaver.host.command import Command, Completed, Query


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Where packets go: out of `interface`, to `gateway` (None on the interface's own network)."""

    interface: str
    gateway: str | None


def way_out() -> Query[Way | None]:
    """Ask for the default route; None when there is none. Raises CommandFailed and Unparseable."""
    return Query(command=Command(argv=("route", "-n", "get", "default"), ok=frozenset({0, 1, 128})), parse=_read)


_ABSENT: Final = "not in table"


def _read(completed: Completed) -> Way | None:
    if completed.exit_status != 0:
        if _ABSENT in completed.stdout + completed.stderr:
            return None
        stderr = completed.stderr or completed.stdout
        raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=stderr)
    facts = {}
    for line in completed.stdout.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            facts[name.strip()] = value.strip()
    interface = facts.get("interface")
    if not interface:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why="no interface")
    return Way(interface=interface, gateway=facts.get("gateway"))

"""netstat(8): the routes of the kernel, and where everything without a better route goes.

Offers `show_routes` and the pure `default_route`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final

from zoneweaver.domain.errors import Unparseable
from zoneweaver.domain.network import Route
from zoneweaver.host.command import Command, Completed, Query


def show_routes() -> Query[tuple[Route, ...]]:
    """Ask for the IPv4 routes; destinations are as the table shows them. Raises Unparseable."""
    return Query(command=Command(argv=("netstat", "-rn", "-f", "inet")), parse=_read)


def default_route(routes: Iterable[Route]) -> Route | None:
    """Return the default route, the first that tells its interface; None when there is none."""
    found = [route for route in routes if route.is_default]
    return next((route for route in found if route.interface is not None), found[0] if found else None)


_FLAGS: Final = re.compile(r"[A-Za-z0-9]+", re.ASCII)


def _read(completed: Completed) -> tuple[Route, ...]:
    found = []
    begun = False
    for line in completed.stdout.splitlines():
        if line.startswith("-----"):
            begun = True
            continue
        if not begun or not line.strip():
            continue
        words = line.split()
        # Interface is empty for a route whose way was not looked up yet.
        if len(words) not in {5, 6} or not _FLAGS.fullmatch(words[2]) or not _address(words[1]):
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}")
        interface = words[5] if len(words) == 6 else None
        found.append(Route(destination=words[0], gateway=words[1], flags=words[2], interface=interface))
    if not begun:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why="no table of routes")
    return tuple(found)


def _address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True

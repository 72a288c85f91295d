"""Tickets: a browser cannot send a key when it opens a stream; a ticket is good once, briefly, for one path."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from zoneweaver.domain.errors import TooMany, Unauthorized
from zoneweaver.domain.keys import ApiKey

SECONDS: Final = 60.0
MOST: Final = 10_000


@dataclass(kw_only=True, slots=True)
class Tickets:
    """The tickets that are out; they live in memory and die with the agent."""

    clock: Callable[[], float] = time.monotonic
    _out: dict[str, tuple[ApiKey, str, float]] = field(default_factory=dict)

    def issue(self, key: ApiKey, path: str) -> str:
        """Return a ticket for this path, with the reach of this key. Raises TooMany."""
        now = self.clock()
        while self._out and (oldest := next(iter(self._out))) and self._out[oldest][2] < now:
            del self._out[oldest]
        if len(self._out) >= MOST:
            raise TooMany("Too many tickets are out; use those first")
        ticket = "zt_" + secrets.token_urlsafe(32)
        self._out[ticket] = (key, path, now + SECONDS)
        return ticket

    def redeem(self, ticket: str, path: str) -> ApiKey:
        """Return the key that the ticket was issued for, once. Raises Unauthorized."""
        key, bound, until = self._out.pop(ticket, (None, "", 0.0))
        if key is None or bound != path or until < self.clock():
            raise Unauthorized("The ticket is unknown, used, expired or for another path")
        return key

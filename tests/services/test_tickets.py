"""Tickets in memory."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from zoneweaver.domain.errors import TooMany, Unauthorized
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.services import tickets
from zoneweaver.services.tickets import Tickets

KEY = ApiKey(id="1", name="me", description="", scope=Scope.READ, digest="", prefix="", created_at=datetime.now(UTC))


def test_a_ticket_gives_back_its_key_once() -> None:
    """For its own path, within its time."""
    out = Tickets(clock=lambda: 0.0)
    ticket = out.issue(KEY, "/events")
    assert out.redeem(ticket, "/events") is KEY
    with pytest.raises(Unauthorized):
        out.redeem(ticket, "/events")


def test_old_tickets_make_room() -> None:
    """There are never more than so many, and those that have died do not count."""
    now = 0.0
    out = Tickets(clock=lambda: now)
    for _ in range(tickets.MOST):
        out.issue(KEY, "/events")
    with pytest.raises(TooMany):
        out.issue(KEY, "/events")
    now = tickets.SECONDS + 1
    out.issue(KEY, "/events")

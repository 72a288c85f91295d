"""`/audit`: who asked for what, from where, and what became of it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import Instant, Page, Shown
from zoneweaver.domain.keys import Scope


class ListAudit(Page):
    """Which rows."""

    target: str | None = Field(default=None, max_length=200)
    """Only about this zone, task or key."""
    action: str | None = Field(default=None, max_length=100)
    """Only this verb, `zone.create` say."""
    key_id: str | None = Field(default=None, max_length=100)
    """Only by this key."""
    since: Instant | None = None
    """Only from this moment on."""


class AuditRow(Shown):
    """A request that wanted to change something."""

    id: int
    at: str
    key_id: str | None
    key_name: str | None
    source: str | None
    """Address that the request came from."""
    method: str
    path: str
    action: str
    target: str | None
    status: int
    """The HTTP status it was answered with."""
    details: dict[str, Any]


class AuditList(Shown):
    """The trail, the newest first."""

    audit: list[AuditRow]
    total: int


async def every(call: Call) -> Answer:
    """Answer with a page of the trail."""
    return Answer(body=await call.services.trail.page(**call.asked(ListAudit).model_dump()))


ROUTES: Final = (
    Route(
        method="GET",
        path="/audit",
        summary="Show the audit trail",
        handler=every,
        tag="audit",
        scope=Scope.ADMIN,
        query=ListAudit,
        answer=AuditList,
    ),
)

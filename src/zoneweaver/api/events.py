"""`/events`: everything that changes, as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from pydantic import Field

from zoneweaver.api.route import Call, Route, Stream
from zoneweaver.api.streams import OPENING, event_stream
from zoneweaver.api.wire import Query
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.keys import Scope

MOST_TOPICS: Final = 50


class ListenTo(Query):
    """What to hear of."""

    topics: str = Field(default="tasks,zones", min_length=1, max_length=4000)
    """Topics, separated by commas: `tasks`, `zones`, `task:<id>`, `zone:<name>`."""


def topics_of(text: str) -> frozenset[str]:
    """Read a list of topics. Raises Invalid."""
    topics = frozenset(part.strip() for part in text.split(",") if part.strip())
    for topic in topics:
        kind, colon, name = topic.partition(":")
        if topic not in {"tasks", "zones"} and not (kind in {"task", "zone"} and colon and name):
            raise Invalid(f"topics: {topic[:80]} is none of tasks, zones, task:<id>, zone:<name>", field="topics")
    if not 0 < len(topics) <= MOST_TOPICS:
        raise Invalid(f"topics: 1 to {MOST_TOPICS}", field="topics")
    return topics


async def listen(call: Call) -> Stream:
    """Send events as they happen, from the last one on that the client saw."""
    topics = topics_of(call.asked(ListenTo).topics)
    events, after = call.services.tasks.events, call.header(b"last-event-id")
    call.services.tasks.check_room()

    async def frames() -> AsyncGenerator[bytes, None]:
        with events.subscribe(topics, after_id=after) as subscription:
            yield OPENING
            while happened := await subscription.batch():
                yield b"".join(event.frame for event in happened)

    return event_stream(frames)


ROUTES: Final = (
    Route(
        method="GET",
        path="/events",
        summary="Hear of changes as they happen",
        description=(
            "Server-Sent Events of kind `task`, `output` and `zone`. After a break, `Last-Event-ID` goes on behind the "
            "last event that was seen; when those in between are no longer remembered, `missed` comes first: read the "
            "present state anew. A listener that does not keep up gets `dropped`, and the stream ends."
        ),
        handler=listen,
        tag="streams",
        scope=Scope.READ,
        query=ListenTo,
        media_type="text/event-stream",
        refusals=(429,),
        streams=True,
    ),
)

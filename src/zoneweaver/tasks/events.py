"""Changes as they happen, for any number of listeners: each is encoded once, whoever listens.

A hub remembers the last few thousand events, so that a listener that lost its connection goes on where it stopped. One
that does not keep up is let go with a notice; it may come back with the last id that it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from zoneweaver.domain.secret import masked
from zoneweaver.domain.tasks import stamp
from zoneweaver.store.transaction import Note

REMEMBERED: Final = 4 * 1024 * 1024
"""Bytes of events kept for listeners that come back: some two thousand changes."""

QUEUED: Final = 1024
"""Events that may wait for a slow listener before it is let go."""

MISSED: Final = "missed"
"""Kind of the first event for a listener whose last id is not remembered: read everything anew."""

DROPPED: Final = "dropped"
"""Kind of the last event for a listener that did not keep up: come back with the last id."""


class Event:
    """One change; `text` is the JSON of its data and `frame` the Server-Sent Event, each made once, when wanted."""

    __slots__ = ("_frame", "_text", "data", "id", "kind", "topics")

    def __init__(self, event_id: str, kind: str, topics: tuple[str, ...], data: Mapping[str, Any]) -> None:
        self.id = event_id
        self.kind = kind
        self.topics = topics
        self.data = data
        self._text: str | None = None
        self._frame: bytes | None = None

    @property
    def text(self) -> str:
        """The data as JSON, secrets masked."""
        if self._text is None:
            self._text = json.dumps(
                masked(dict(self.data)), ensure_ascii=False, separators=(",", ":"), default=_written
            )
        return self._text

    @property
    def frame(self) -> bytes:
        """The event as text/event-stream has it."""
        if self._frame is None:
            self._frame = f"id: {self.id}\nevent: {self.kind}\ndata: {self.text}\n\n".encode()
        return self._frame

    @property
    def weight(self) -> int:
        """About how many bytes of memory it keeps."""
        output = self.data.get("data")
        return 2048 + (len(output) if isinstance(output, str) else 0)


class Subscription:
    """What one listener still has to hear. Iterate over it; it ends after a `dropped` event or when the hub closes."""

    __slots__ = ("_closed", "_event", "_limit", "_queue", "topics")

    def __init__(self, topics: Collection[str], limit: int) -> None:
        self.topics = frozenset(topics)
        self._limit = limit
        self._queue: deque[Event] = deque()
        self._event = asyncio.Event()
        self._closed = False

    def offer(self, event: Event) -> bool:
        """Queue an event; False when there is no room for it."""
        if self._closed:
            return True
        if len(self._queue) >= self._limit:
            return False
        self._queue.append(event)
        self._event.set()
        return True

    def end(self, last: Event | None = None) -> None:
        """Say no more than what is queued, and `last`."""
        if not self._closed:
            self._closed = True
            if last is not None:
                self._queue.append(last)
            self._event.set()

    def taken(self) -> list[Event]:
        """Return what is there without waiting."""
        events = list(self._queue)
        self._queue.clear()
        return events

    async def batch(self) -> list[Event]:
        """Wait for something and return all that is there; empty means the end."""
        while not self._queue:
            if self._closed:
                return []
            self._event.clear()
            await self._event.wait()
        return self.taken()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while events := await self.batch():
            for event in events:
                yield event


class Events:
    """The hub. Everything happens in one event loop; nothing here waits for a listener."""

    def __init__(self, *, remembered: int = REMEMBERED, queued: int = QUEUED) -> None:
        self._ring: deque[Event] = deque()
        self._weight = 0
        self._remembered = remembered
        self._queued = queued
        self._epoch = os.urandom(4).hex()
        self._count = 0
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    @property
    def last_id(self) -> str:
        """The id of the newest event; ids of an earlier process are never taken for ours."""
        return f"{self._epoch}-{self._count}"

    def publish(self, topics: Sequence[str], kind: str, data: Mapping[str, Any]) -> Event:
        """Tell everybody who listens to one of the topics."""
        self._count += 1
        event = Event(self.last_id, kind, tuple(topics), data)
        self._ring.append(event)
        self._weight += event.weight
        while self._weight > self._remembered:
            self._weight -= self._ring.popleft().weight
        for subscription in list(self._subscriptions):
            if not subscription.topics.isdisjoint(event.topics) and not subscription.offer(event):
                self._subscriptions.discard(subscription)
                subscription.end(self._notice(DROPPED, "This listener did not keep up"))
        return event

    def heard(self, notes: Sequence[Note]) -> None:
        """Publish what a transaction told; a `Database` listener."""
        for note in notes:
            self.publish(note.topics, note.kind, note.data)

    @contextmanager
    def subscribe(self, topics: Collection[str], *, after_id: str | None = None) -> Iterator[Subscription]:
        """Listen to topics (`tasks`, `task:<id>`, `zones`, `zone:<name>`) for as long as the block lasts.

        With `after_id`, what was published since comes first; when that is not remembered, a `missed` event does.
        """
        subscription = Subscription(topics, self._queued)
        if after_id is not None:
            self._catch_up(subscription, after_id)
        if self._closed:
            subscription.end()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.end()

    def close(self) -> None:
        """End every listener's iteration, when the agent stops."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()
        self._subscriptions.clear()

    def __len__(self) -> int:
        """Return how many listen."""
        return len(self._subscriptions)

    def _catch_up(self, subscription: Subscription, after_id: str) -> None:
        epoch, _, number = after_id.rpartition("-")
        oldest = self._count - len(self._ring)
        if epoch != self._epoch or not number.isdecimal() or not oldest <= int(number) <= self._count:
            subscription.offer(self._notice(MISSED, "Events were missed; read the present state anew"))
            return
        for event in list(self._ring)[int(number) - oldest :]:
            if not subscription.topics.isdisjoint(event.topics) and not subscription.offer(event):
                subscription.taken()
                subscription.offer(self._notice(MISSED, "Events were missed; read the present state anew"))
                return

    def _notice(self, kind: str, message: str) -> Event:
        return Event(self.last_id, kind, (), {"message": message})


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    raise TypeError(f"{type(value).__name__} is not JSON")

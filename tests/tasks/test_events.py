"""Events: everybody hears what they listen to, in order, and can go on where they stopped."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import anyio
import pytest

from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.store.transaction import Note
from zoneweaver.tasks.events import DROPPED, MISSED, Event, Events, Subscription

pytestmark = pytest.mark.anyio


def numbers(events: list[Event]) -> list[int]:
    return [event.data["n"] for event in events]


def publish(events: Events, count: int, *topics: str, start: int = 0) -> None:
    for number in range(start, start + count):
        events.publish(topics or ("tasks",), "task", {"n": number})


async def test_listeners_hear_their_topics_in_order() -> None:
    """Each listener hears what is published to one of its topics, once, in order, and nothing else."""
    events = Events()
    with events.subscribe(["tasks"]) as all_tasks, events.subscribe(["task:a", "zones"]) as some:
        events.publish(("tasks", "task:a"), "task", {"n": 1})
        events.publish(("tasks", "task:b"), "task", {"n": 2})
        events.publish(("zones", "zone:web"), "zone", {"n": 3})
        assert numbers(all_tasks.taken()) == [1, 2]
        assert numbers(some.taken()) == [1, 3]
    events.publish(("tasks",), "task", {"n": 4})
    assert all_tasks.taken() == []
    assert len(events) == 0


async def test_iterating_waits_for_what_comes() -> None:
    """A listener sleeps until something is published, and ends when the hub closes."""
    events = Events()
    heard: list[Event] = []

    async def listen(subscription: Subscription) -> None:
        heard.extend([event async for event in subscription])

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            with events.subscribe(["tasks"]) as subscription:
                group.start_soon(listen, subscription)
                await anyio.lowlevel.checkpoint()
                publish(events, 3)
                await anyio.lowlevel.checkpoint()
                publish(events, 2, start=3)
                events.close()
    assert numbers(heard) == [0, 1, 2, 3, 4]
    with events.subscribe(["tasks"]) as late:
        assert await late.batch() == []


async def test_going_on_where_one_stopped() -> None:
    """With the last id that it saw, a listener gets what came since, and then what comes."""
    events = Events()
    publish(events, 3)
    seen = events.last_id
    publish(events, 2, start=3)
    publish(events, 1, "zones", start=100)
    with events.subscribe(["tasks"], after_id=seen) as subscription:
        publish(events, 1, start=5)
        assert numbers(subscription.taken()) == [3, 4, 5]
    with events.subscribe(["tasks"], after_id=events.last_id) as subscription:
        assert subscription.taken() == []


@pytest.mark.parametrize("after", ["", "x", "other-1", "-1", "{epoch}-99", "{epoch}--1", "{epoch}-x"])
async def test_ids_that_are_not_ours(after: str) -> None:
    """An id of another process, or one that makes no sense, gets the notice that events were missed."""
    events = Events()
    publish(events, 2)
    epoch = events.last_id.partition("-")[0]
    with events.subscribe(["tasks"], after_id=after.format(epoch=epoch)) as subscription:
        publish(events, 1, start=9)
        first, second = subscription.taken()
    assert first.kind == MISSED
    assert second.data == {"n": 9}


async def test_what_is_forgotten_is_missed() -> None:
    """Memory is bounded in bytes; who comes back too late is told so."""
    events = Events(remembered=10 * 1024)
    first = events.last_id
    publish(events, 20)
    with events.subscribe(["tasks"], after_id=first) as subscription:
        assert [event.kind for event in subscription.taken()] == [MISSED]
    events.publish(("tasks",), "output", {"data": "x" * 100_000})
    before = events.last_id
    publish(events, 1)
    with events.subscribe(["tasks"], after_id=before) as subscription:
        assert len(subscription.taken()) == 1


async def test_who_does_not_keep_up_is_let_go() -> None:
    """A slow listener gets what fits, then a notice, then the end; the others hear everything."""
    events = Events(queued=5)
    with events.subscribe(["tasks"]) as slow, events.subscribe(["tasks"]) as quick:
        heard: list[Event] = []
        for number in range(10):
            publish(events, 1, start=number)
            heard += quick.taken()
        assert numbers(heard) == list(range(10))
        last = await slow.batch()
        assert [event.kind for event in last] == ["task"] * 5 + [DROPPED]
        assert await slow.batch() == []
        resumed = last[-2].id
    with events.subscribe(["tasks"], after_id=resumed) as again:
        assert numbers(again.taken()) == list(range(5, 10))


async def test_more_than_fits_is_missed_at_once() -> None:
    """Who comes back for more than a listener may have waiting is told to read anew."""
    events = Events(queued=5)
    first = events.last_id
    publish(events, 10)
    with events.subscribe(["tasks"], after_id=first) as subscription:
        assert [event.kind for event in subscription.taken()] == [MISSED]


async def test_the_frame() -> None:
    """The Server-Sent Event holds id, kind and one line of JSON, secrets masked, moments as the API writes them."""
    events = Events()
    event = events.publish(
        ("tasks",), "task", {"a": "one\ntwo", "s": Secret("x"), "t": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    lines = event.frame.decode().split("\n")
    assert lines[0] == f"id: {event.id}"
    assert lines[1] == "event: task"
    assert json.loads(lines[2].removeprefix("data: ")) == {
        "a": "one\ntwo",
        "s": MASK,
        "t": "2026-01-01T00:00:00.000000Z",
    }
    assert lines[3:] == ["", ""]
    assert event.frame is event.frame


async def test_notes_become_events() -> None:
    """What a transaction tells is published to the note's topics."""
    events = Events()
    with events.subscribe(["zone:web"]) as subscription:
        events.heard([Note(topics=("zones", "zone:web"), kind="zone", key="web", data={"name": "web"})])
        (event,) = subscription.taken()
    assert (event.kind, event.text) == ("zone", '{"name":"web"}')


async def test_a_hundred_listeners() -> None:
    """With a hundred listeners everybody hears every event, each event encoded once for all of them."""
    events = Events()
    frames: set[int] = set()
    counts: list[int] = []

    async def listen(subscription: Subscription) -> None:
        count = 0
        async for event in subscription:
            frames.add(id(event.frame))
            count += 1
        counts.append(count)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            subscriptions = [events.subscribe(["tasks"]) for _ in range(100)]
            for subscription in subscriptions:
                group.start_soon(listen, subscription.__enter__())
            await anyio.lowlevel.checkpoint()
            for number in range(50):
                publish(events, 1, start=number)
                await anyio.lowlevel.checkpoint()
            events.close()
    assert counts == [50] * 100
    assert len(frames) == 50

"""From proposals to tasks: once, all together, and remembered."""

from __future__ import annotations

import uuid

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict, Invalid
from zoneweaver.domain.tasks import Kind, NewTask
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import IdempotencyKey, Proposal, Queueing, Submitted
from zoneweaver.store import audit
from zoneweaver.store.database import Database
from zoneweaver.tasks import history
from zoneweaver.tasks.history import Wanted

CALLER = Caller(name="me", key_id="k1", address="192.0.2.7", method="POST", path="/zones/web/start")


def proposal(zone: str = "web", **more: object) -> Proposal:
    """Propose one task."""
    task = NewTask(id=str(uuid.uuid4()), kind=Kind.ZONE_START, zone_name=zone)
    return Proposal(tasks=(task,), body={"task_id": task.id, "status": "pending"}, **more)  # type: ignore[arg-type]


async def total(database: Database) -> int:
    """Return how many tasks there are."""
    return (await database.read(lambda c: history.page(c, Wanted()))).total


async def trail(database: Database) -> list[tuple[str, str | None, int, object]]:
    """Return the audit rows, the oldest first."""
    rows, _ = await database.read(audit.page)
    return [(row.action, row.target, row.status, row.details.get("task_ids")) for row in reversed(rows)]


async def test_tasks_answer_and_audit_row_come_together(database: Database) -> None:
    """One row names the tasks that were queued."""
    queueing, proposed = Queueing(database=database), proposal()
    submitted = await queueing.submit(proposed, CALLER, action="zone.start", target="web")
    assert submitted == Submitted(status=202, body=proposed.body)
    assert await total(database) == 1
    assert await trail(database) == [("zone.start", "web", 202, [proposed.tasks[0].id])]


async def test_a_guard_that_raises_leaves_nothing(database: Database) -> None:
    """No task, no memory of the key, no audit row (the caller writes that)."""

    def guard(_: Connection) -> None:
        raise Conflict("no")

    queueing, key = Queueing(database=database), IdempotencyKey(key="a", fingerprint="f")
    with pytest.raises(Conflict):
        await queueing.submit(proposal(guard=guard), CALLER, key)
    assert await total(database) == 0
    assert await trail(database) == []
    assert await queueing.remembered(CALLER, key) is None


async def test_a_guard_can_answer_with_a_task_that_waits_already(database: Database) -> None:
    """Nothing is queued, the answer is that task's."""
    queueing = Queueing(database=database)
    submitted = await queueing.submit(proposal(guard=lambda _: {"task_id": "other", "status": "pending"}), CALLER)
    assert (submitted.status, submitted.body["task_id"]) == (202, "other")
    assert await total(database) == 0
    assert (await trail(database))[0][3] == ["other"]


async def test_a_guard_can_answer_that_there_is_nothing_to_do(database: Database) -> None:
    """200, since nothing waits."""
    submitted = await Queueing(database=database).submit(
        proposal(guard=lambda _: {"status": "already_running"}), CALLER
    )
    assert submitted.status == 200
    assert await total(database) == 0


async def test_requests_at_the_same_moment_under_one_key_queue_once(database: Database) -> None:
    """Twenty of them, each with a proposal of its own: one task, one answer."""
    queueing, key = Queueing(database=database), IdempotencyKey(key="a", fingerprint="f")
    answers: list[Submitted] = []

    async def ask() -> None:
        async def propose() -> Proposal:
            await anyio.lowlevel.checkpoint()
            return proposal()

        answers.append(await queueing.carry(propose, CALLER, key))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert await total(database) == 1
    assert len({answer.body["task_id"] for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 19


async def test_a_refusal_caused_by_the_same_request_gives_its_answer(database: Database) -> None:
    """The proposal is refused since the first request has just been done: the first answer is given."""
    queueing, key = Queueing(database=database), IdempotencyKey(key="a", fingerprint="f")
    first: list[Submitted] = []

    async def propose() -> Proposal:
        first.append(await queueing.submit(proposal(), CALLER, key))
        raise Conflict("exists")

    second = await queueing.carry(propose, CALLER, key)
    assert (second.body, second.replayed) == (first[0].body, True)


async def test_a_key_belongs_to_its_caller(database: Database) -> None:
    """Two callers may choose the same key for different things."""
    queueing = Queueing(database=database)
    other = Caller(name="me", key_id="k2")
    await queueing.submit(proposal("a"), CALLER, IdempotencyKey(key="a", fingerprint="f"))
    await queueing.submit(proposal("b"), other, IdempotencyKey(key="a", fingerprint="g"))
    assert await total(database) == 2


async def test_a_key_used_for_another_request_is_refused(database: Database) -> None:
    """Conflict, and nothing is queued."""
    queueing = Queueing(database=database)
    await queueing.submit(proposal(), CALLER, IdempotencyKey(key="a", fingerprint="f"))
    with pytest.raises(Conflict):
        await queueing.submit(proposal(), CALLER, IdempotencyKey(key="a", fingerprint="g"))
    assert await total(database) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "ä", "a\nb"])
def test_a_key_must_be_printable_and_short(key: str) -> None:
    """Invalid names the header."""
    with pytest.raises(Invalid) as caught:
        IdempotencyKey.parse(key, "f")
    assert caught.value.field == "Idempotency-Key"

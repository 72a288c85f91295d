"""`/tasks` over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.api.conftest import Api

from zoneweaver.domain.keys import Scope
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.tasks import queue
from zoneweaver.tasks.queue import Line, Progress
from zoneweaver.tasks.saga import Entry, Event

OWNER = "tests"


async def queued(api: Api, zone: str | None = "web", kind: Kind = Kind.ZONE_START, **more: Any) -> str:
    """Queue a task and return its id."""
    new = NewTask(id=str(uuid.uuid4()), kind=kind, zone_name=zone, **more)
    await api.services.database.run(lambda c: queue.enqueue(c, new))
    return new.id


async def claimed(api: Api) -> str:
    """Make the next task running and return its id."""
    kinds = [kind.value for kind in Kind]
    (one,) = await api.services.database.run(lambda c: queue.claim(c, OWNER, kinds=kinds))
    return one.task.id


async def finish(api: Api, task_id: str, status: Status = Status.COMPLETED, **more: Any) -> None:
    """End a running task."""
    await api.services.database.run(
        lambda c: queue.finish(c, task_id, OWNER, status=status, progress=Progress(percent=100), **more)
    )


async def wrote(api: Api, task_id: str, *data: str) -> None:
    """Let a running task write output."""
    lines = [Line(stream="stdout", data=text) for text in data]
    await api.services.database.run(lambda c: queue.record(c, task_id, OWNER, lines=lines))


async def test_the_list_is_filtered_and_paged(api: Api) -> None:
    """By state, zone, operation, parent and priority; the newest first unless the other order is asked for."""
    first = await queued(api, "a")
    second = await queued(api, "b", Kind.ZONE_STOP)
    client = await api.client(Scope.READ)

    async def ids(query: str) -> list[str]:
        return [task["id"] for task in (await client.get(f"/tasks?{query}")).json()["tasks"]]

    assert await ids("") == [second, first]
    assert await ids("order=ASC") == [first, second]
    assert await ids("limit=1&offset=1") == [first]
    assert await ids("zone_name=a") == [first]
    assert await ids("operation=zone_stop") == [second]
    assert await ids("operation_ne=zone_stop") == [first]
    assert await ids("min_priority=80") == [second]
    assert await ids("status=running") == []
    running = await claimed(api)
    page = (await client.get("/tasks?status=running")).json()
    assert (page["tasks"][0]["id"], page["running_count"], page["total"]) == (running, 1, 1)


async def test_a_client_polls_for_changes_alone(api: Api) -> None:
    """`since` the last `updatedAt` shows that task and what changed after it."""
    await queued(api, "a")
    second = await queued(api, "b")
    client = await api.client(Scope.READ)
    last = (await client.get(f"/tasks/{second}")).json()["updatedAt"]
    assert [task["id"] for task in (await client.get(f"/tasks?since={last}")).json()["tasks"]] == [second]


async def test_a_row_has_the_documented_keys(api: Api) -> None:
    """All of them, with ISO 8601 moments in UTC."""
    task_id = await queued(api)
    client = await api.client(Scope.READ)
    row = (await client.get(f"/tasks/{task_id}")).json()
    assert set(row) >= {
        "id", "zone_name", "operation", "status", "priority", "created_by", "depends_on", "parent_task_id",
        "error_message", "created_at", "started_at", "completed_at", "updatedAt", "metadata", "progress_percent",
        "progress_info",
    }  # fmt: skip
    assert row["created_at"].endswith("Z")


@pytest.mark.parametrize("path", ["", "/output", "/steps", "/stream"])
@pytest.mark.parametrize("task_id", ["11111111-1111-1111-1111-111111111111", "x", "%00", "a%20b", "%F0%9F%98%80"])
async def test_an_unknown_task_is_404(api: Api, path: str, task_id: str) -> None:
    """Whatever the id looks like."""
    client = await api.client(Scope.READ)
    answer = await client.get(f"/tasks/{task_id}{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "Task not found"


async def test_output_and_steps_are_shown(api: Api) -> None:
    """What commands wrote, and the intent log."""
    task_id = await queued(api)
    await claimed(api)
    await wrote(api, task_id, "one\n", "two\n")

    def log(c: Connection) -> None:
        queue.record(c, task_id, OWNER, entries=[Entry(step="boot", event=Event.STARTED)])

    await api.services.database.run(log)
    client = await api.client(Scope.READ)
    output = (await client.get(f"/tasks/{task_id}/output")).json()
    assert (output["task_id"], output["status"]) == (task_id, "running")
    assert [line["data"] for line in output["output"]] == ["one\n", "two\n"]
    steps = (await client.get(f"/tasks/{task_id}/steps")).json()["steps"]
    assert [(step["step"], step["event"]) for step in steps] == [("boot", "started")]


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/cancel")])
async def test_a_pending_task_is_cancelled_at_once(api: Api, method: str, path: str) -> None:
    """And those that depend on it; a second time is 409."""
    task_id = await queued(api)
    follower = await queued(api, depends_on=task_id)
    client = await api.client(Scope.OPERATE)
    answer = await client.request(method, f"/tasks/{task_id}{path}")
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert (await client.get(f"/tasks/{follower}")).json()["error_message"] == "Dependency failed"
    assert (await client.request(method, f"/tasks/{task_id}{path}")).status_code == 409
    assert [(row["action"], row["target"], row["status"]) for row in await api.audit()] == [
        ("task.cancel", task_id, 409),
        ("task.cancel", task_id, 200),
    ]


async def test_a_running_task_is_asked_to_stop(api: Api) -> None:
    """It is still running when the answer comes: it unwinds."""
    task_id = await queued(api)
    await claimed(api)
    client = await api.client(Scope.OPERATE)
    answer = (await client.delete(f"/tasks/{task_id}")).json()
    assert (answer["status"], answer["was_running"]) == ("running", True)
    assert await api.services.database.run(lambda c: queue.record(c, task_id, OWNER))


async def test_a_failed_task_is_tried_again(api: Api) -> None:
    """202 with a new task that names the old one; anything but a failed or cancelled one is 409."""
    task_id = await queued(api)
    client = await api.client(Scope.OPERATE)
    assert (await client.post(f"/tasks/{task_id}/retry")).status_code == 409
    await claimed(api)
    await finish(api, task_id, Status.FAILED, error="no")
    answer = await client.post(f"/tasks/{task_id}/retry")
    assert answer.status_code == 202
    assert answer.json()["task_id"] != task_id
    assert answer.json()["retry_of"] == task_id
    assert (await client.get(answer.headers["location"])).json()["status"] == "pending"


async def test_a_retry_is_queued_once_under_its_key(api: Api) -> None:
    """The same Idempotency-Key gives the first answer again; the trail names the tasks once."""
    task_id = await queued(api)
    client = await api.client(Scope.OPERATE)
    await claimed(api)
    await finish(api, task_id, Status.FAILED, error="no")
    answers = [await client.post(f"/tasks/{task_id}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    told = [row["details"].get("task_ids") for row in await api.audit() if row["action"] == "task.retry"]
    assert [ids for ids in told if ids] == [answers[0].json()["task_ids"]]


async def test_ended_tasks_are_forgotten_and_others_stay(api: Api) -> None:
    """DELETE /tasks/completed counts what it removed."""
    done = await queued(api)
    await claimed(api)
    await finish(api, done)
    open_one = await queued(api)
    client = await api.client()
    assert (await client.get("/tasks/stats")).json()["completed_tasks"] == 1
    assert (await client.delete("/tasks/completed")).json()["deleted_count"] == 1
    assert [task["id"] for task in (await client.get("/tasks")).json()["tasks"]] == [open_one]
    stats = (await client.get("/tasks/stats")).json()
    assert (stats["pending_tasks"], stats["completed_tasks"], stats["total_tasks"]) == (1, 0, 1)


async def test_metrics_count_tasks_by_operation_and_state(api: Api) -> None:
    """Each state counts once, however often a task is written in it."""
    task_id = await queued(api)
    await claimed(api)
    await wrote(api, task_id, "x")
    await finish(api, task_id)
    client = await api.client(Scope.READ)
    page = (await client.get("/metrics")).text
    for status in ("pending", "running", "completed"):
        assert f'zoneweaver_tasks_total{{operation="zone_start",status="{status}"}} 1.0' in page

"""`/tasks`: looking at tasks, following one live, cancelling, retrying, forgetting."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Literal

import anyio
from pydantic import Field

from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route, Stream
from zoneweaver.api.sockets import Socket
from zoneweaver.api.streams import OPENING, event, event_stream
from zoneweaver.api.wire import Instant, Page, Shown
from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.tasks import Status
from zoneweaver.tasks.history import Wanted

_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class ListTasks(Page):
    """Which tasks."""

    limit: int = Field(default=50, ge=1, le=1000)
    """How many at most."""
    status: Literal["pending", "running", "completed", "failed", "cancelled"] | None = None
    """Only tasks in this state."""
    zone_name: str | None = Field(default=None, max_length=100)
    """Only tasks of this zone."""
    operation: str | None = Field(default=None, max_length=100)
    """Only this operation, `zone_create` say."""
    operation_ne: str | None = Field(default=None, max_length=100)
    """Only other operations than this."""
    parent_task_id: str | None = Field(default=None, max_length=100)
    """Only the parts of this task."""
    min_priority: int | None = Field(default=None, ge=0, le=1000)
    """Only tasks of at least this priority."""
    since: Instant | None = None
    """Only tasks whose `updatedAt` is this moment or later; small when nothing changed."""
    order: Literal["asc", "desc", "ASC", "DESC"] = "desc"
    """`desc`: the newest first."""


class TaskRow(Shown):
    """A task."""

    id: str
    zone_name: str | None
    operation: str
    status: str
    """`pending`, `running`, `completed`, `failed` or `cancelled`."""
    priority: int
    created_by: str
    depends_on: str | None
    """The task that must be completed before this one runs."""
    parent_task_id: str | None
    error_message: str | None
    created_at: str
    started_at: str | None
    completed_at: str | None
    updatedAt: str  # noqa: N815 - the name that existing clients know
    metadata: dict[str, Any]
    progress_percent: int
    progress_info: dict[str, Any]
    """`status` is the word for what is being done."""


class TaskList(Shown):
    """Tasks in the order in which they came."""

    tasks: list[TaskRow]
    running_count: int
    """Tasks that run now, of all."""
    total: int
    """How many tasks match, beyond this page too."""


class OutputLine(Shown):
    """A piece of output."""

    stream: str
    """`stdout`, `stderr`, `command` (what is run) or `log`."""
    data: str
    timestamp: str


class TaskOutput(Shown):
    """What a task's commands and steps wrote."""

    task_id: str
    status: str
    output: list[OutputLine]


class TaskStep(Shown):
    """A line of the intent log."""

    step: str
    event: str
    """`started`, `done`, `failed`, `refused`, `undo_started`, `undone`, `undo_failed` or `forward`."""
    data: Any
    timestamp: str


class TaskSteps(Shown):
    """The intent log: what was begun, what came of it, what was undone."""

    task_id: str
    status: str
    steps: list[TaskStep]


class TaskStats(Shown):
    """How many tasks are in each state."""

    pending_tasks: int
    running_tasks: int
    completed_tasks: int
    failed_tasks: int
    cancelled_tasks: int
    total_tasks: int
    max_concurrent_tasks: int
    task_processor_running: bool


class TaskCancelled(Shown):
    """What became of the wish to cancel."""

    success: bool
    task_id: str
    status: str
    was_running: bool
    message: str


class TaskRetried(Shown):
    """The task that replaces the old one."""

    success: bool
    task_id: str
    operation: str
    status: str
    message: str
    retry_of: str


class TasksForgotten(Shown):
    """How many tasks were forgotten."""

    success: bool
    message: str
    deleted_count: int


def _id(call: Call) -> str:
    task_id = call.path["id"]
    if not _ID.fullmatch(task_id):
        raise NotFound("Task not found")
    return task_id


async def every(call: Call) -> Answer:
    """Answer with a page of tasks."""
    asked = call.asked(ListTasks)
    wanted = Wanted(
        status=None if asked.status is None else Status(asked.status),
        zone_name=asked.zone_name,
        operation=asked.operation,
        operation_ne=asked.operation_ne,
        parent_task_id=asked.parent_task_id,
        min_priority=asked.min_priority,
        since=asked.since,
    )
    newest_first = asked.order.lower() == "desc"
    return Answer(
        body=await call.services.tasks.page(wanted, limit=asked.limit, offset=asked.offset, newest_first=newest_first)
    )


async def one(call: Call) -> Answer:
    """Answer with a task."""
    return Answer(body=await call.services.tasks.get(_id(call)))


async def output(call: Call) -> Answer:
    """Answer with a task's output."""
    return Answer(body=await call.services.tasks.output(_id(call)))


async def steps(call: Call) -> Answer:
    """Answer with a task's intent log."""
    return Answer(body=await call.services.tasks.steps(_id(call)))


async def stats(call: Call) -> Answer:
    """Answer with the counts."""
    return Answer(body=await call.services.tasks.stats())


async def cancel(call: Call) -> Answer:
    """Cancel a task."""
    body = await call.services.tasks.cancel(_id(call), call.caller)
    call.audited = True
    return Answer(body=body)


async def retry(call: Call) -> Answer:
    """Queue a task anew."""
    task_id = _id(call)
    return await queued(call, lambda: call.services.tasks.retry(task_id, call.caller))


async def forget(call: Call) -> Answer:
    """Forget what has ended."""
    body = await call.services.tasks.forget_ended(call.caller)
    call.audited = True
    return Answer(body=body)


async def stream(call: Call) -> Stream:
    """Follow a task as Server-Sent Events."""
    tasks, task_id, after = call.services.tasks, _id(call), call.header(b"last-event-id")
    await tasks.check_follow(task_id, after)

    async def frames() -> AsyncGenerator[bytes, None]:
        yield OPENING
        async with aclosing(tasks.follow(task_id, after)) as moments:
            async for moment in moments:
                yield event(moment.kind, moment.data, moment.position)

    return event_stream(frames)


async def socket(opened: Socket) -> None:
    """Follow a task over a WebSocket: one JSON message a moment, with `type`."""
    call = opened.call
    tasks, task_id = call.services.tasks, _id(call)
    await tasks.check_follow(task_id, None)
    await opened.accept()
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            await opened.gone()
            group.cancel_scope.cancel()

        group.start_soon(watch)
        async with aclosing(tasks.follow(task_id)) as moments:
            async for moment in moments:
                await opened.say({"type": moment.kind, **moment.data})
        await opened.close()
        group.cancel_scope.cancel()


ROUTES: Final = (
    Route(
        method="GET",
        path="/tasks",
        summary="List tasks",
        handler=every,
        tag="tasks",
        scope=Scope.READ,
        query=ListTasks,
        answer=TaskList,
    ),
    Route(
        method="GET",
        path="/tasks/stats",
        summary="Count tasks by state",
        handler=stats,
        tag="tasks",
        scope=Scope.READ,
        answer=TaskStats,
    ),
    Route(
        method="DELETE",
        path="/tasks/completed",
        summary="Forget tasks that have ended",
        handler=forget,
        tag="tasks",
        scope=Scope.WRITE,
        answer=TasksForgotten,
        audit="task.purge",
    ),
    Route(
        method="GET",
        path="/tasks/{id}",
        summary="Show a task",
        handler=one,
        tag="tasks",
        scope=Scope.READ,
        answer=TaskRow,
        refusals=(404,),
    ),
    Route(
        method="DELETE",
        path="/tasks/{id}",
        summary="Cancel a task",
        description="A pending task ends at once; a running one is stopped, and what it did is undone.",
        handler=cancel,
        tag="tasks",
        scope=Scope.OPERATE,
        answer=TaskCancelled,
        refusals=(404, 409),
        audit="task.cancel",
        target="id",
    ),
    Route(
        method="POST",
        path="/tasks/{id}/cancel",
        summary="Cancel a task",
        description="The same as DELETE.",
        handler=cancel,
        tag="tasks",
        scope=Scope.OPERATE,
        answer=TaskCancelled,
        refusals=(404, 409),
        audit="task.cancel",
        target="id",
    ),
    Route(
        method="POST",
        path="/tasks/{id}/retry",
        summary="Retry a task",
        description=(
            "Queues a failed or cancelled task anew, and with it those that were cancelled because they depend on it."
        ),
        handler=retry,
        tag="tasks",
        scope=Scope.OPERATE,
        answer=TaskRetried,
        status=202,
        refusals=(404, 409),
        audit="task.retry",
        target="id",
        queues=True,
    ),
    Route(
        method="GET",
        path="/tasks/{id}/output",
        summary="Show what a task wrote",
        handler=output,
        tag="tasks",
        scope=Scope.READ,
        answer=TaskOutput,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/tasks/{id}/steps",
        summary="Show a task's intent log",
        handler=steps,
        tag="tasks",
        scope=Scope.READ,
        answer=TaskSteps,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/tasks/{id}/stream",
        summary="Follow a task live",
        description=(
            "Server-Sent Events, or a WebSocket with the same content: the task's row (`task`), its output from the "
            "beginning (`output`), each change as it happens, and `status` at the end. `Last-Event-ID` goes on behind "
            "the last output that was seen, also after a restart of the agent."
        ),
        handler=stream,
        socket=socket,
        tag="streams",
        scope=Scope.READ,
        media_type="text/event-stream",
        refusals=(404, 429),
        streams=True,
    ),
)

"""`zoneweaver tasks …`: what was asked, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.watching import follow, queued, stage_of
from zoneweaver.client import task_path

app: Final = App(
    name="tasks", help="See what was asked, how far it is, and stop or repeat it.", default_parameter=PARAMETERS
)


@app.command(name="list", alias="ls")
def list_(
    *,
    status: str | None = None,
    zone: str | None = None,
    operation: str | None = None,
    since: str | None = None,
    limit: int = 50,
    offset: int = 0,
    agent: Connection = DEFAULTS,
) -> None:
    """List tasks, the newest first.

    Parameters
    ----------
    status
        Only tasks that are pending, running, completed, failed or cancelled.
    zone
        Only tasks of this zone.
    operation
        Only this operation, such as zone_create.
    since
        Only what has changed since this moment (ISO 8601).
    limit
        At most so many (50).
    offset
        Leave out so many of the newest.
    """
    query = {
        "status": status,
        "zone_name": zone,
        "operation": operation,
        "since": since,
        "limit": limit,
        "offset": offset or None,
    }
    with agent.open() as client:
        answer = client.get("/tasks", query)
    if agent.show(answer):
        return
    tasks = answer.body.get("tasks") or []
    terminal.table(
        ["ID", "OPERATION", "ZONE", "STATUS", "DONE", "CREATED", "TOOK", "SAYS"],
        [
            [
                task.get("id"),
                task.get("operation"),
                task.get("zone_name"),
                task.get("status"),
                f"{task.get('progress_percent') or 0} %",
                moment(task.get("created_at")),
                took(task),
                task.get("error_message") or (stage_of(task) if task.get("status") == "running" else None),
            ]
            for task in tasks
        ],
        empty="There are no such tasks.",
    )
    total = answer.body.get("total") or 0
    if total > len(tasks) + offset:
        terminal.note(f"{len(tasks)} of {total} tasks shown.")


@app.command
def show(task_id: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show all that is known of a task.

    Parameters
    ----------
    task_id
        The task.
    """
    with agent.open() as client:
        answer = client.get(task_path(task_id))
    if not agent.show(answer):
        terminal.record(answer.body)


@app.command
def watch(task_id: str, /, *, output: bool = False, agent: Connection = DEFAULTS) -> None:
    """Wait for a task and show its stages; the exit status says how it ended.

    Parameters
    ----------
    task_id
        The task.
    output
        Show what its commands print, too.
    """
    with agent.open() as client:
        follow(agent, client, [task_id], output=output)


@app.command
def output(task_id: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Print what a task's commands have printed.

    Parameters
    ----------
    task_id
        The task.
    """
    with agent.open() as client:
        answer = client.get(f"{task_path(task_id)}/output")
    if agent.show(answer):
        return
    for entry in answer.body.get("output") or []:
        text = str(entry.get("data", "")).rstrip("\n")
        terminal.say(f"# {text}" if entry.get("stream") == "log" else text)


@app.command
def steps(task_id: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show a task's steps as they were begun, done and undone.

    Parameters
    ----------
    task_id
        The task.
    """
    with agent.open() as client:
        answer = client.get(f"{task_path(task_id)}/steps")
    if agent.show(answer):
        return
    terminal.table(
        ["WHEN", "STEP", "EVENT", "WHAT"],
        [
            [
                moment(entry.get("timestamp")),
                entry.get("step"),
                entry.get("event"),
                _what(entry.get("data")),
            ]
            for entry in answer.body.get("steps") or []
        ],
        empty="The task has not begun.",
    )


def _what(data: Any) -> Any:
    if isinstance(data, Mapping):
        return data.get("error") or json.dumps(data, ensure_ascii=False)
    return data if isinstance(data, str | None) else json.dumps(data, ensure_ascii=False)


@app.command
def cancel(task_id: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Stop a task; what it has done so far is undone.

    Parameters
    ----------
    task_id
        The task.
    """
    with agent.open() as client:
        answer = client.send("POST", f"{task_path(task_id)}/cancel")
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message") or "The task is being stopped."))


@app.command
def retry(
    task_id: str,
    /,
    *,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    agent: Connection = DEFAULTS,
) -> None:
    """Ask again for what a failed or cancelled task was to do.

    Parameters
    ----------
    task_id
        The task.
    wait
        Wait until it is done.
    """
    with agent.open() as client:
        queued(agent, client, client.send("POST", f"{task_path(task_id)}/retry"), wait=wait)


@app.command
def stats(*, agent: Connection = DEFAULTS) -> None:
    """Count the tasks."""
    with agent.open() as client:
        answer = client.get("/tasks/stats")
    if not agent.show(answer):
        terminal.record(answer.body)


def moment(text: Any) -> str | None:
    """Write a time of the API in the local time zone, to the second."""
    at = _read(text)
    return None if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def took(task: Mapping[str, Any]) -> str | None:
    """Return how long a task has been at work."""
    begun, ended = _read(task.get("started_at")), _read(task.get("completed_at"))
    if begun is None:
        return None
    seconds = max(0.0, ((ended or datetime.now(UTC)) - begun).total_seconds())
    return f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _read(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

"""Pipelines as rows: which one is active for a zone, which was the last, its stages, and how one is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.pipeline import STAGE, Stage
from zoneweaver.domain.tasks import Kind, Task
from zoneweaver.store import zones
from zoneweaver.tasks import history, queue
from zoneweaver.tasks.history import Wanted

PIPELINE: Final = "pipeline"
"""The name under which the metadata of a pipeline's own task list its stages."""


def active(c: Connection, zone: str) -> Task | None:
    """Return the task of the pipeline that is active for a zone, or None."""
    return next((task for task in queue.chains(c, zone) if PIPELINE in task.metadata), None)


def latest(c: Connection, zone: str) -> Task | None:
    """Return the task of a zone's last pipeline, or None; those of an earlier zone of that name are not its own."""
    wanted = Wanted(zone_name=zone, operation=Kind.ZONE_PROVISION.value)
    found = next((task for task in history.page(c, wanted, limit=20).tasks if PIPELINE in task.metadata), None)
    record = zones.get(c, zone)
    if found is None or record is None:
        return found
    creation = None if record.created_by_task is None else queue.find(c, record.created_by_task)
    born = record.created_at if creation is None else creation.created_at
    return found if found.created_at >= born or not found.status.terminal else None


def refuse_active(c: Connection, zone: str, *, cancel_first: bool = False, by: str | None = None) -> None:
    """Raise Conflict while a pipeline is active for a zone; with `cancel_first` it is cancelled instead."""
    parent = active(c, zone)
    if parent is None:
        return
    if not cancel_first:
        raise Conflict(
            f"Zone {zone} is being provisioned: wait, or cancel it (cancel_provisioning=true)",
            code="provisioning",
            details={"pipeline_task_id": parent.id},
        )
    cancel(c, parent, by=by)


def cancel(c: Connection, parent: Task, *, by: str | None) -> list[str]:
    """Cancel a pipeline and return its tasks that had not ended."""
    open_ones = [task.id for task in stages(c, parent) if not task.status.terminal]
    queue.cancel(c, parent.id, by=by)
    return open_ones


def stages(c: Connection, parent: Task) -> Sequence[Task]:
    """Return a pipeline's tasks in the order of the stages; one that repeats another has that one's where it has none.

    What a repetition does not repeat was through already.
    """
    found = history.page(c, Wanted(parent_task_id=parent.id), limit=len(Stage), newest_first=False).tasks
    repeated = parent.metadata.get("retry_of")
    before = None if repeated is None else queue.find(c, str(repeated))
    if before is None:
        return found
    own = {task.metadata.get(STAGE): task for task in found}
    return [own.get(task.metadata.get(STAGE), task) for task in stages(c, before)]

"""Tasks on the host itself: they belong to the global zone, and what stands in their way is told at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoneweaver.domain.names import GLOBAL_ZONE
from zoneweaver.domain.tasks import Kind, NewTask, Status
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import Proposal
from zoneweaver.store.database import Database
from zoneweaver.tasks import operation, queue
from zoneweaver.tasks.context import Context, Hosting

PLACEHOLDER: Final = "<task_id>"
"""Stands in a plan for the id that the task would have."""


class HostTasks:
    """Proposes tasks on the host, and looks at it without changing anything."""

    def __init__(self, *, database: Database, host: Hosting, files: ConfigFiles) -> None:
        self._database = database
        self._host = host
        self._files = files

    def looking(self, params: Mapping[str, Any] | None = None, *, zone: str | None = GLOBAL_ZONE) -> Context:
        """Return a context in which asking is allowed and changing is refused."""
        return Context(
            dry=True,
            task_id=PLACEHOLDER,
            zone_name=zone,
            params=params or {},
            host=self._host,
            files=self._files,
            database=self._database,
        )

    async def plan(self, kind: Kind, zone: str | None, params: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the steps that a task would have, with their commands."""
        return await operation.plan(OPERATIONS[kind], self.looking(params, zone=zone))

    async def propose(
        self, kind: Kind, params: Mapping[str, Any], caller: Caller, message: str, **facts: Any
    ) -> Proposal:
        """Propose a task; `facts` go into the answer.

        Raises what its survey raises, unless other tasks on the host are under way: what will be there when they are
        done, only the task can see.
        """
        task = NewTask(id=str(uuid.uuid4()), kind=kind, zone_name=GLOBAL_ZONE, params=params, created_by=caller.name)
        if not await self._database.read(lambda c: queue.active(c, GLOBAL_ZONE)):
            await OPERATIONS[kind].survey(self.looking(params))
        body = {
            "success": True,
            "task_id": task.id,
            "operation": kind.value,
            "status": Status.PENDING.value,
            "message": message,
            **facts,
        }
        return Proposal(tasks=(task,), body=body)

"""From a proposal to an answer, the same way for every route that queues: plan it, or queue it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from zoneweaver.api.route import Answer, Call
from zoneweaver.services.queueing import Proposal


async def queued(call: Call, propose: Callable[[], Awaitable[Proposal]]) -> Answer:
    """Answer 202 with the queued task and its Location, or 200 with the plan when that was asked for."""
    if call.dry_run:
        return Answer(body={"success": True, "dry_run": True, "plan": await _plan(call, await propose())})
    submitted = await call.services.queueing.carry(
        propose, call.caller, call.idempotent, action=call.action, target=call.target
    )
    call.audited = not submitted.replayed
    headers = []
    task_id = submitted.body.get("task_id")
    if isinstance(task_id, str):
        headers.append(("location", f"/tasks/{task_id}"))
    if submitted.replayed:
        headers.append(("idempotent-replayed", "true"))
    return Answer(status=submitted.status, body=submitted.body, headers=tuple(headers))


async def _plan(call: Call, proposal: Proposal) -> list[Mapping[str, Any]]:
    """Return the steps of the tasks; of one that waits for another nothing can be said before that is done."""
    return [
        step
        for task in proposal.tasks
        if task.depends_on is None
        for step in await call.services.zones.plan(task.kind, task.zone_name, task.params)
    ]

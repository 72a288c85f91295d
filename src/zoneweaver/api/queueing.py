"""From a proposal to an answer, the same way for every route that queues: plan it, or queue it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zoneweaver.api.route import Answer, Call
from zoneweaver.services.queueing import IdempotencyKey, Proposal


async def queued(call: Call, propose: Callable[[], Awaitable[Proposal]]) -> Answer:
    """Answer 202 with the queued task and its Location, or 200 with the plan when that was asked for."""
    if call.dry_run:
        return Answer(body=await call.services.zones.plan(await propose()))
    idempotent = None
    if call.idempotency_key is not None:
        idempotent = IdempotencyKey.parse(call.idempotency_key, call.fingerprint)
    submitted = await call.services.queueing.carry(
        propose, call.caller, idempotent, action=call.action, target=call.target
    )
    call.audited = not submitted.replayed
    headers = []
    task_id = submitted.body.get("task_id")
    if isinstance(task_id, str):
        headers.append(("location", f"/tasks/{task_id}"))
    if submitted.replayed:
        headers.append(("idempotent-replayed", "true"))
    return Answer(status=submitted.status, body=submitted.body, headers=tuple(headers))

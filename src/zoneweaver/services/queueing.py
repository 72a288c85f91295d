"""From a proposal to queued tasks: idempotency, guard, rows and audit in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.errors import AgentError, Invalid
from zoneweaver.domain.tasks import NewTask
from zoneweaver.services.audit import entry
from zoneweaver.services.callers import Caller
from zoneweaver.store import audit, idempotency
from zoneweaver.store.database import Database
from zoneweaver.store.idempotency import Remembered
from zoneweaver.tasks import queue

OK = 200

Guard = Callable[[Connection], Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a service wants to be queued, and the answer to it.

    `guard` runs inside the transaction, before the tasks are written: it may raise (nothing is queued), write on its
    own, or return another body, which is answered in place of `body` with nothing queued (an identical task waits
    already, say; without a `task_id` in it, nothing waits, and the status is 200).
    """

    body: Mapping[str, Any]
    tasks: tuple[NewTask, ...] = ()
    status: int = 202
    guard: Guard | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A key that the client chose, and what stands for the request it chose it for."""

    key: str
    fingerprint: str

    @classmethod
    def parse(cls, key: str, fingerprint: str) -> IdempotencyKey:
        """Accept 1 to 200 printable ASCII characters. Raises Invalid."""
        if not 0 < len(key) <= 200 or not key.isascii() or not key.isprintable():
            raise Invalid("Idempotency-Key must hold 1 to 200 printable characters", field="Idempotency-Key")
        return cls(key=key, fingerprint=fingerprint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """The answer to a request that queues. `replayed` says that it was given before."""

    status: int
    body: Mapping[str, Any]
    replayed: bool = False


@dataclass(kw_only=True, slots=True)
class Queueing:
    """Writes proposals down; the engine hears of new tasks from the database."""

    database: Database

    async def remembered(self, caller: Caller, idempotent: IdempotencyKey | None) -> Submitted | None:
        """Return the answer that this key got before, or None. Raises Conflict when it was another request's."""
        if idempotent is None:
            return None
        return await self.database.run(lambda c: _recall(c, caller, idempotent))

    async def submit(
        self,
        proposal: Proposal,
        caller: Caller,
        idempotent: IdempotencyKey | None = None,
        *,
        action: str = "task.queue",
        target: str | None = None,
    ) -> Submitted:
        """Queue the tasks, or give the first answer again; `action` and `target` are for the audit row.

        Raises Conflict, and whatever the guard raises.
        """

        def write(c: Connection) -> Submitted:
            before = _recall(c, caller, idempotent) if idempotent else None
            if before is not None:
                return before
            other = proposal.guard(c) if proposal.guard else None
            body = dict(proposal.body if other is None else other)
            status = proposal.status if other is None or "task_id" in body else OK
            queued = () if other is not None else proposal.tasks
            for task in queued:
                queue.enqueue(c, task)
            if idempotent is not None:
                _remember(c, caller, idempotent, status, body)
            ids = [task.id for task in queued] or body.get("task_ids") or [body[n] for n in ("task_id",) if n in body]
            audit.add(c, entry(caller, action, status, target=target, task_ids=ids))
            return Submitted(status=status, body=body)

        return await self.database.run(write)

    async def carry(
        self,
        propose: Callable[[], Awaitable[Proposal]],
        caller: Caller,
        idempotent: IdempotencyKey | None = None,
        *,
        action: str = "task.queue",
        target: str | None = None,
    ) -> Submitted:
        """Make a proposal and submit it, unless the key has its answer already.

        A refusal that comes only because the same request has just been accepted gives that answer.
        """
        before = await self.remembered(caller, idempotent)
        if before is not None:
            return before
        try:
            proposal = await propose()
        except AgentError:
            before = await self.remembered(caller, idempotent)
            if before is not None:
                return before
            raise
        return await self.submit(proposal, caller, idempotent, action=action, target=target)


def _recall(c: Connection, caller: Caller, idempotent: IdempotencyKey) -> Submitted | None:
    found = idempotency.lookup(
        c, key=idempotent.key, caller=caller.key_id or caller.name, fingerprint=idempotent.fingerprint
    )
    return None if found is None else Submitted(status=found.status, body=found.body, replayed=True)


def _remember(c: Connection, caller: Caller, idempotent: IdempotencyKey, status: int, body: Mapping[str, Any]) -> None:
    idempotency.remember(
        c,
        key=idempotent.key,
        caller=caller.key_id or caller.name,
        fingerprint=idempotent.fingerprint,
        answer=Remembered(status=status, body=dict(body)),
    )

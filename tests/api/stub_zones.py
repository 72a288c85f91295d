"""A zones service without a host: it checks what the real one checks of a request, and queues real tasks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict, NotFound, PreconditionFailed
from zoneweaver.domain.requests import CreateZone, ModifyZone
from zoneweaver.domain.secret import masked
from zoneweaver.domain.tasks import Kind, NewTask
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import Proposal
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.zones import ZoneRecord

VERBS = {
    "start": Kind.ZONE_START,
    "stop": Kind.ZONE_STOP,
    "restart": Kind.ZONE_RESTART,
    "halt": Kind.ZONE_HALT,
    "reset": Kind.ZONE_RESET,
}


class StubZones:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.bodies: list[Mapping[str, Any]] = []
        self.listed = 0

    async def list(
        self, *, status: str | None, brand: str | None, tag: str | None, name: str | None, limit: int, offset: int
    ) -> Mapping[str, Any]:
        self.listed += 1
        records = await self.database.read(zones.every)
        rows = [_row(record) for record in records if name is None or name in record.name]
        return {"zones": rows[offset : offset + limit], "total": len(rows)}

    async def get(self, name: str) -> tuple[Mapping[str, Any], str]:
        record = await self._record(name)
        details = {
            "zone_info": _row(record),
            "configuration": dict(record.configuration),
            "system_status": record.status,
            "pending_tasks": [],
        }
        return details, f"{record.name}-{record.version}"

    async def config(self, name: str) -> Mapping[str, Any]:
        record = await self._record(name)
        return {"zone_name": name, "configuration": dict(record.configuration), "export": "create -b\n"}

    async def pending(self, name: str) -> Mapping[str, Any]:
        await self._record(name)
        return {"zone_name": name, "running": False, "requires_restart": False, "changes": []}

    async def create(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        self.bodies.append(body)
        request = CreateZone.from_json(body)
        task = _task(Kind.ZONE_CREATE, request.name, caller, {"request": dict(body)})

        def guard(c: Connection) -> None:
            if zones.get(c, request.name) is not None:
                raise Conflict(f"Zone {request.name} already exists in database", code="zone_exists")

        return Proposal(tasks=(task,), body=_queued(task, "Zone creation task queued successfully"), guard=guard)

    async def modify(
        self,
        name: str,
        body: Mapping[str, Any],
        caller: Caller,
        if_match: str | None,
        *,
        cancel_provisioning: bool = False,
    ) -> Proposal:
        self.bodies.append(body)
        request = ModifyZone.from_json(body)
        record = await self._record(name)
        if if_match not in {None, f'"{record.name}-{record.version}"'}:
            raise PreconditionFailed("The zone has changed since that version")
        if not request.touches_host:
            answer = {"success": True, "zone_name": name, "operation": "zone_modify", "status": "completed"}

            def write(c: Connection) -> None:
                zones.annotate(c, name, tags=request.tags or ())

            return Proposal(body={**answer, "message": "Zone updated"}, status=200, guard=write)
        task = _task(Kind.ZONE_MODIFY, name, caller, {"request": dict(body)})
        return Proposal(tasks=(task,), body=_queued(task, "Modification queued."))

    async def delete(
        self,
        name: str,
        *,
        cleanup_datasets: bool,
        force: bool,
        caller: Caller,
        if_match: str | None,
        cancel_provisioning: bool = False,
    ) -> Proposal:
        await self._record(name)
        task = _task(Kind.ZONE_DELETE, name, caller, {"cleanup_datasets": cleanup_datasets, "force": force})
        return Proposal(tasks=(task,), body=_queued(task, "Zone deletion task queued successfully"))

    async def forget(self, name: str) -> Mapping[str, Any]:
        await self._record(name)
        await self.database.run(lambda c: zones.forget(c, name))
        return {"success": True, "zone_name": name, "message": "Zone record removed from database"}

    async def power(
        self, name: str, verb: str, options: Mapping[str, Any], caller: Caller, *, cancel_provisioning: bool = False
    ) -> Proposal:
        await self._record(name)
        task = _task(VERBS[verb], name, caller, dict(options))
        there = {"success": True, "zone_name": name, "operation": task.kind.value, "status": "already_stopped"}
        return Proposal(
            tasks=(task,),
            body=_queued(task, f"Zone {verb} task queued successfully"),
            guard=lambda _: {**there, "message": "Zone is already stopped"} if verb == "halt" else None,
        )

    async def discover(self, caller: Caller) -> Proposal:
        task = _task(Kind.ZONE_DISCOVER, None, caller, {})
        return Proposal(tasks=(task,), body=_queued(task, "Zone discovery task queued successfully"))

    async def plan(self, kind: Kind, zone_name: str | None, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        return [{"step": kind.value, "commands": [["true", str(masked(params))]], "undo": []}]

    async def _record(self, name: str) -> ZoneRecord:
        record = await self.database.read(lambda c: zones.get(c, name))
        if record is None:
            raise NotFound("Zone not found", code="zone_not_found")
        return record


def _task(kind: Kind, zone: str | None, caller: Caller, params: Mapping[str, Any]) -> NewTask:
    return NewTask(id=str(uuid.uuid4()), kind=kind, zone_name=zone, params=params, created_by=caller.name)


def _queued(task: NewTask, message: str) -> dict[str, Any]:
    return {
        "success": True,
        "task_id": task.id,
        "zone_name": task.zone_name,
        "operation": task.kind.value,
        "status": "pending",
        "message": message,
    }


def _row(record: ZoneRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "brand": record.brand,
        "status": record.status,
        "autoboot": False,
        "ram": "1G",
        "vcpus": "1",
        "zonepath": record.zonepath,
        "tags": list(record.tags),
        "notes": record.notes,
        "is_orphaned": record.is_orphaned,
        "auto_discovered": record.auto_discovered,
        "last_seen": None,
    }

"""Zones: kind checks before a task is queued, and answers from memory. What is right is decided by the operations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from anyio import to_thread
from sqlalchemy import Connection

from zoneweaver.domain import provisioning
from zoneweaver.domain.attributes import DEFAULT_RAM, DEFAULT_VCPUS
from zoneweaver.domain.errors import Conflict, Invalid, NotFound, Unavailable
from zoneweaver.domain.requests import CreateZone, ModifyZone, NewVolume
from zoneweaver.domain.secret import MASK, Secret, masked
from zoneweaver.domain.tasks import Kind, NewTask, Status, Task, stamp
from zoneweaver.domain.zone import ResourceKind, ZoneConfig, is_secret_attr
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zfs, zoneadm, zonecfg
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations import records
from zoneweaver.services.callers import Caller
from zoneweaver.services.configurations import accepted
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.pipelines import refuse_active
from zoneweaver.services.queueing import Proposal
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.ssh_key import SshKey
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks import history, queue

POWER: Final = {
    "start": Kind.ZONE_START,
    "stop": Kind.ZONE_STOP,
    "halt": Kind.ZONE_HALT,
    "restart": Kind.ZONE_RESTART,
    "reset": Kind.ZONE_RESET,
}


log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """Where zones go when a request does not say, and how long a boot is watched (seconds)."""

    pool: str = "rpool"
    dataset: str = "zones"
    grace: float = 2.0


class Zones:
    """Everything that can be asked about zones."""

    def __init__(
        self, *, database: Database, host: Host, files: ConfigFiles, defaults: Defaults, provision_key: SshKey
    ) -> None:
        self._database = database
        self._host = host
        self._files = files
        self._defaults = defaults
        self._key = provision_key

    # --- answers

    async def list(  # the verb of the API
        self,
        *,
        status: str | None = None,
        brand: str | None = None,
        tag: str | None = None,
        name: str | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> dict[str, Any]:
        """Return the zones by name; `name` finds a part of it."""

        def read(c: Connection) -> tuple[Sequence[ZoneRecord], Mapping[str, Task]]:
            return zones.every(c), history.current(c)

        known, current = await self._database.read(read)
        found = [
            record
            for record in known
            if (status is None or record.status == status)
            and (brand is None or record.brand == brand)
            and (tag is None or tag in record.tags)
            and (name is None or name in record.name)
        ]
        shown = [_row(record, current.get(record.name)) for record in found[offset : offset + limit]]
        return {"zones": shown, "total": len(found)}

    async def get(self, name: str) -> tuple[dict[str, Any], str]:
        """Return a zone's details and its ETag. Raises NotFound."""

        def read(c: Connection) -> tuple[ZoneRecord | None, Sequence[Task]]:
            return zones.get(c, name), queue.active(c, name)

        record, tasks = await self._database.read(read)
        if record is None:
            raise _unknown(name)
        current = next((task for task in tasks if task.status is Status.RUNNING), tasks[0] if tasks else None)
        return {
            "zone_info": {
                **_row(record, current),
                "root_dataset": record.root_dataset,
                "attached_datasets": list(record.attached),
                "provisioning": masked(record.provisioning),
                "created_by_task": record.created_by_task,
                "created_at": stamp(record.created_at),
                "updated_at": stamp(record.updated_at),
            },
            "configuration": dict(record.configuration),
            "system_status": record.status,
            "pending_tasks": [task.as_json() for task in tasks],
        }, records.etag(record)

    async def config(self, name: str) -> dict[str, Any]:
        """Return the live configuration, and what `zonecfg export` prints with secrets masked. Raises NotFound."""
        self._must_be_on_host(name)
        config, text = await self._host.ask(zonecfg.export_with_text(name))
        for value in config.attrs.values():
            if isinstance(value, Secret):
                text = text.replace(f'"{value.reveal()}"', f'"{MASK}"')
        return {"zone_name": name, "configuration": config.as_json(), "export": text}

    async def pending(self, name: str) -> dict[str, Any]:
        """Return what the running guest has not seen yet of the configuration. Raises NotFound."""
        self._must_be_on_host(name)
        live, booted = self._files.read(name), self._files.booted(name)
        if live is None:
            raise _unknown(name)
        changes = [] if booted is None else differences(booted, live)
        return {
            "zone_name": name,
            "running": booted is not None,
            "requires_restart": bool(changes),
            "changes": changes,
        }

    # --- changes

    async def create(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose a creation. Raises Invalid, Conflict (the name is taken), NotFound (the template is not there)."""
        request = CreateZone.from_json(body)
        if request.template is not None:
            await self._check_template(request)
        on_host = request.name in self._files.index()
        asked = await self._with_configuration(sealed(await self._with_key(body)), None)
        task = self._task(Kind.ZONE_CREATE, request.name, {"request": asked, "defaults": self._places()}, caller)
        answer = _queued(task, "Zone creation task queued successfully")
        proposed = [task]
        if request.start_after_create:
            start = self._task(
                Kind.ZONE_START, request.name, {"grace": self._defaults.grace}, caller, depends_on=task.id
            )
            proposed.append(start)
            answer = {
                "success": True,
                "task_id": task.id,
                "start_task_id": start.id,
                **answer,
                "message": "Zone creation task queued with auto-start",
            }

        def guard(c: Connection) -> None:
            if zones.get(c, request.name) is not None or _open(c, request.name, Kind.ZONE_CREATE):
                raise Conflict(f"Zone {request.name} already exists in database", code="zone_exists")
            if on_host:
                raise Conflict(f"Zone {request.name} already exists on the system", code="zone_exists")

        return Proposal(tasks=tuple(proposed), body=answer, guard=guard)

    async def _with_key(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let cloud-init know the agent's own key, unless the request names another or does not want it."""
        given = body.get("cloud_init")
        if not given:
            return body
        wanted = {name: value for name, value in given.items() if name != "provision_key"}
        if given.get("provision_key", True) and "sshkey" not in wanted and wanted.get("enabled", "on") == "on":
            try:
                wanted["sshkey"] = (await to_thread.run_sync(self._key.public)).line
            except Unavailable as error:
                log.warning("cloud-init is told no key of the agent's", zone=body["name"], error=error.message)
        return {**body, "cloud_init": wanted}

    async def _with_configuration(self, asked: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return a request with its provisioning configuration as it is kept. Raises Invalid."""
        given = asked.get("provisioning")
        if given is None:
            return asked
        return {**asked, "provisioning": await self._database.read(lambda c: accepted(c, given, before))}

    async def _check_template(self, request: CreateZone) -> None:
        assert request.template is not None  # noqa: S101 - the caller looked
        snapshot = request.template.snapshot
        found = (await self._host.ask(zfs.survey([snapshot]))).get(snapshot)
        if found is None:
            raise NotFound(f"Template snapshot {snapshot} does not exist", code="no_such_template")
        boot = request.boot
        size = boot.size if isinstance(boot, NewVolume) else None
        if size is not None and found.volsize is not None and size < found.volsize:
            raise Invalid(
                f"boot_volume.size is smaller than the template, which has {found.volsize} bytes",
                field="boot_volume.size",
            )

    async def modify(
        self,
        name: str,
        body: Mapping[str, Any],
        caller: Caller,
        if_match: str | None,
        *,
        cancel_provisioning: bool = False,
    ) -> Proposal:
        """Propose a modification; it waits for a creation that is under way.

        Notes, tags and provisioning alone are written at once, without a task. Raises NotFound, and Conflict while the
        zone is provisioned, unless that is to be cancelled.
        """
        request = ModifyZone.from_json(body)
        on_host = name in self._files.index()
        record, creation = await self._database.read(lambda c: (zones.get(c, name), _open(c, name, Kind.ZONE_CREATE)))
        if record is None and not on_host and creation is None:
            raise _unknown(name)
        if not request.touches_host:
            return self._annotate(name, request, if_match)
        running = record is not None and _is_active(record.status)
        waits = running and (request != ModifyZone(autoboot=request.autoboot, force=request.force))
        asked = await self._with_configuration(sealed(body), None if record is None else record.provisioning)
        task = self._task(
            Kind.ZONE_MODIFY,
            name,
            {"request": asked, "defaults": self._places(), "if_match": if_match},
            caller,
            depends_on=creation.id if creation else None,
        )
        answer = _queued(task, "Modification queued. Changes will take effect on next zone boot.")
        answer["requires_restart"] = waits

        def guard(c: Connection) -> None:
            records.refuse_changed(zones.get(c, name), if_match)
            refuse_active(c, name, cancel_first=cancel_provisioning, by=caller.name)

        return Proposal(tasks=(task,), body=answer, guard=guard)

    def _annotate(self, name: str, request: ModifyZone, if_match: str | None) -> Proposal:
        def guard(c: Connection) -> None:
            record = zones.get(c, name)
            records.refuse_changed(record, if_match)
            given: dict[str, Any] = {}
            if request.tags is not None:
                given["tags"] = request.tags
            if request.notes is not None:
                given["notes"] = request.notes
            if request.provisioning is not None:
                before = None if record is None else record.provisioning
                given["provisioning"] = accepted(c, request.provisioning, before)
            zones.annotate(c, name, **given)

        answer = {
            "success": True,
            "zone_name": name,
            "operation": Kind.ZONE_MODIFY.value,
            "status": Status.COMPLETED.value,
            "message": "Zone metadata updated successfully.",
            "requires_restart": False,
        }
        return Proposal(tasks=(), body=answer, status=200, guard=guard)

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
        """Propose a deletion; it waits for a creation that is under way.

        An identical task that is queued already is the answer. Raises NotFound, and Conflict while the zone is
        provisioned, unless that is to be cancelled.
        """
        on_host = name in self._files.index()
        creation = await self._database.read(lambda c: _open(c, name, Kind.ZONE_CREATE))
        options = {"cleanup_datasets": cleanup_datasets, "force": force}
        params = {**options, "defaults": self._places(), "if_match": if_match}
        task = self._task(
            Kind.ZONE_DELETE, name, params, caller, metadata=options, depends_on=creation.id if creation else None
        )
        answer = _queued(task, "Zone deletion task queued successfully")

        def guard(c: Connection) -> dict[str, Any] | None:
            record = zones.get(c, name)
            if record is None and not on_host and creation is None:
                raise _unknown(name)
            records.refuse_changed(record, if_match)
            refuse_active(c, name, cancel_first=cancel_provisioning, by=caller.name)
            return _already_queued(c, task, answer)

        return Proposal(tasks=(task,), body=answer, guard=guard)

    async def forget(self, name: str) -> dict[str, Any]:
        """Forget a record whose zone the host no longer has. Raises NotFound, or Conflict when the host has it."""
        on_host = any(line.name == name for line in await self._host.ask(zoneadm.list_zones()))

        def write(c: Connection) -> None:
            if zones.get(c, name) is None:
                raise _unknown(name)
            if on_host:
                raise Conflict(f"Zone {name} still exists on the system", code="zone_on_host")
            zones.forget(c, name)

        await self._database.run(write)
        return {"success": True, "zone_name": name, "message": "Zone record removed from database"}

    async def power(
        self, name: str, verb: str, options: Mapping[str, Any], caller: Caller, *, cancel_provisioning: bool = False
    ) -> Proposal:
        """Propose a change of power; a zone that is there already, with nothing queued, needs no task.

        A start waits for a creation that is under way. Raises NotFound, and Conflict, also while the zone is
        provisioned, unless that is to be cancelled.
        """
        kind = POWER[verb]
        creation = None
        if verb == "start":
            creation = await self._database.read(lambda c: _open(c, name, Kind.ZONE_CREATE))
        line = next((line for line in await self._host.ask(zoneadm.list_zones()) if line.name == name), None)
        if line is None and creation is None:
            raise _unknown(name)
        state = None if line is None or creation is not None else line.state
        if verb in {"start", "restart"} and state in {ZoneState.CONFIGURED, ZoneState.INCOMPLETE}:
            raise Conflict(f"Zone {name} is {state.value}: it must be installed first", code="not_installed")
        off = state is not None and not state.active
        there = {"start": state is ZoneState.RUNNING, "stop": off, "halt": off}
        params = {key: value for key, value in options.items() if value is not None}
        if verb in {"start", "restart"}:
            params["grace"] = self._defaults.grace
        task = self._task(
            kind, name, params, caller, metadata=dict(options), depends_on=creation.id if creation else None
        )
        answer = _queued(task, f"Zone {verb} task queued successfully")

        def guard(c: Connection) -> dict[str, Any] | None:
            refuse_active(c, name, cancel_first=cancel_provisioning, by=caller.name)
            if not queue.active(c, name):
                if there.get(verb, False):
                    word = "running" if verb == "start" else "stopped"
                    return {
                        "success": True,
                        "zone_name": name,
                        "operation": kind.value,
                        "status": f"already_{word}",
                        "message": f"Zone {name} is already {word}",
                    }
                if verb == "reset" and state is not ZoneState.RUNNING:
                    raise Conflict(f"Zone {name} is not running", code="not_running")
            return _already_queued(c, task, answer)

        return Proposal(tasks=(task,), body=answer, guard=guard)

    async def discover(self, caller: Caller) -> Proposal:
        """Propose to look at the host now."""
        task = self._task(Kind.ZONE_DISCOVER, None, {}, caller)
        answer = {
            "success": True,
            "task_id": task.id,
            "operation": task.kind.value,
            "status": Status.PENDING.value,
            "message": "Zone discovery task queued successfully",
        }
        return Proposal(tasks=(task,), body=answer)

    async def plan(self, kind: Kind, zone_name: str | None, params: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the steps that a task would have, with their commands; asks the host, changes nothing."""
        return await HostTasks(database=self._database, host=self._host, files=self._files).plan(
            kind, zone_name, params
        )

    def _task(
        self,
        kind: Kind,
        zone: str | None,
        params: Mapping[str, Any],
        caller: Caller,
        *,
        depends_on: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> NewTask:
        return NewTask(
            id=str(uuid.uuid4()),
            kind=kind,
            zone_name=zone,
            params=params,
            created_by=caller.name,
            depends_on=depends_on,
            metadata=metadata or {},
        )

    def _places(self) -> dict[str, str]:
        return {"pool": self._defaults.pool, "dataset": self._defaults.dataset}

    def _must_be_on_host(self, name: str) -> None:
        if name not in self._files.index():
            raise _unknown(name)


def sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with its passwords as secrets, so that nothing that keeps it can show them."""
    request = dict(body)
    for field in ("vnc", "extra"):
        value = request.get(field)
        if isinstance(value, str) and is_secret_attr(field, value):
            request[field] = Secret(value)
    for part in ("cloud_init", "provisioning"):
        if isinstance(request.get(part), Mapping):
            request[part] = provisioning.sealed(request[part])
    return request


def differences(booted: ZoneConfig, live: ZoneConfig) -> list[dict[str, Any]]:
    """Return what a zone's next boot would change, resource by resource, secrets masked."""
    changes: list[dict[str, Any]] = []
    before, after = booted.as_json(), live.as_json()
    old, new = before.pop("attrs"), after.pop("attrs")
    secret = {name for config in (booted, live) for name, value in config.attrs.items() if isinstance(value, Secret)}
    for name in sorted({*old, *new}):
        changed = booted.attrs.get(name) != live.attrs.get(name) if name in secret else old.get(name) != new.get(name)
        if changed:
            changes.append({"what": "attr", "name": name, "booted": old.get(name), "configured": new.get(name)})
    for kind, field, key in (
        (ResourceKind.NET, "nics", "physical"),
        (ResourceKind.FS, "filesystems", "dir"),
    ):
        then = {item[key]: item for item in before[field]}
        now = {item[key]: item for item in after[field]}
        changes += [
            {"what": kind.value, "name": name, "booted": then.get(name), "configured": now.get(name)}
            for name in dict.fromkeys([*then, *now])
            if then.get(name) != now.get(name)
        ]
    changes += [
        {
            "what": "device",
            "name": match,
            "booted": match if match in before["devices"] else None,
            "configured": match if match in after["devices"] else None,
        }
        for match in dict.fromkeys([*before["devices"], *after["devices"]])
        if (match in before["devices"]) != (match in after["devices"])
    ]
    return changes


def _row(record: ZoneRecord, task: Task | None) -> dict[str, Any]:
    attrs = record.configuration.get("attrs", {})
    return {
        "name": record.name,
        "brand": record.brand,
        "status": record.status,
        "autoboot": bool(record.configuration.get("autoboot", False)),
        "ram": attrs.get("ram", DEFAULT_RAM),
        "vcpus": attrs.get("vcpus", DEFAULT_VCPUS),
        "zonepath": record.zonepath,
        "tags": list(record.tags),
        "notes": record.notes,
        "is_orphaned": record.is_orphaned,
        "auto_discovered": record.auto_discovered,
        "last_seen": stamp(record.last_seen),
        "current_task": None
        if task is None
        else {
            "id": task.id,
            "operation": task.operation,
            "status": task.status.value,
            "progress_percent": task.progress_percent,
        },
    }


def _queued(task: NewTask, message: str) -> dict[str, Any]:
    return {
        "success": True,
        "task_id": task.id,
        "zone_name": task.zone_name,
        "operation": task.kind.value,
        "status": Status.PENDING.value,
        "message": message,
    }


def _open(c: Connection, zone: str, kind: Kind) -> Task | None:
    return next((task for task in queue.active(c, zone) if task.operation == kind.value), None)


def _already_queued(c: Connection, task: NewTask, answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer for an identical task that waits already, if there is one."""
    for waiting in queue.active(c, str(task.zone_name)):
        same = waiting.operation == task.kind.value and waiting.metadata == task.metadata
        if same and waiting.status is Status.PENDING and waiting.depends_on == task.depends_on:
            return {**answer, "task_id": waiting.id, "status": waiting.status.value}
    return None


def _is_active(status: str) -> bool:
    return status in set(ZoneState) and ZoneState(status).active


def _unknown(name: str) -> NotFound:
    return NotFound("Zone not found", code="zone_not_found", details={"zone": name})

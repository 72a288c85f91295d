"""Provisioning: a zone's pipeline asked for, looked at, cancelled, rolled back; and the agent's own key for guests."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from anyio import to_thread
from sqlalchemy import Connection

from zoneweaver.domain import pipeline
from zoneweaver.domain.artifacts import Artifact, ArtifactState
from zoneweaver.domain.errors import Conflict, Invalid, NotFound
from zoneweaver.domain.pipeline import KINDS, SKIP, STAGE, Options, Stage
from zoneweaver.domain.recipe_values import MissingVariables, gather, missing
from zoneweaver.domain.recipes import Recipe
from zoneweaver.domain.secret import reveal
from zoneweaver.domain.tasks import Kind, NewTask, Status, Task, stamp
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import dladm, zfs
from zoneweaver.host.judge import Limits
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations import attachment, guest_addresses, guest_values, snapshots, stages, volumes
from zoneweaver.operations.guests import Access
from zoneweaver.operations.zone_provision_rollback import find
from zoneweaver.services import configurations, pipelines, recipes
from zoneweaver.services.callers import Caller
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.queueing import Proposal
from zoneweaver.store import artifacts, provisionings, zones
from zoneweaver.store.database import Database
from zoneweaver.store.ssh_key import SshKey
from zoneweaver.store.staging import Staging
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks import queue
from zoneweaver.tasks.context import Hosting

_OF_CARD: Final = re.compile(r"nic_\d{1,2}_[a-z_]+|vnic_name|mac(_short|_dashed)?", re.ASCII)
_MAC: Final = re.compile(r"(nic_\d{1,2}_)?mac(_short|_dashed)?", re.ASCII)

PRIORITY: Final = 60
"""Of every task of a pipeline, whatever its kind has otherwise."""

WAITED_FOR: Final = frozenset({Kind.ZONE_CREATE.value, Kind.ZONE_MODIFY.value, Kind.ZONE_START.value})
"""Operations that a pipeline builds on: without them it does not begin. Others are only before it."""

ACTIVE: Final = "provisioning"
"""What the status of a pipeline is called that is not at its end."""


Planned = Callable[[Kind, str | None, Mapping[str, Any]], Awaitable[Sequence[Mapping[str, Any]]]]
"""Returns the steps that a task would have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What the settings say of pipelines: where zones and guests are, seconds to wait, what an archive may become."""

    pool: str = "rpool"
    dataset: str = "zones"
    grace: float = 2.0
    seconds: float = 300.0
    every: float = 10.0
    provisioning_link: str = "estub_provision0"
    usual_key: str = "/etc/zoneweaver-agent/ssh/provision_key"
    """What in a zone's credentials means the agent's own key, wherever that lies."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a pipeline is made of, read in one transaction."""

    record: ZoneRecord | None
    configuration: dict[str, Any]
    recipe: Recipe | None
    artifact: Artifact | None
    waits_for: Task | None


@dataclass(kw_only=True, slots=True)
class Provisioning:
    """Everything that can be asked about the provisioning of zones."""

    database: Database
    host: Hosting
    files: ConfigFiles
    staging: Staging
    key: SshKey
    tasks: HostTasks
    defaults: Defaults

    async def ssh_key(self) -> dict[str, Any]:
        """Return the public half of the agent's key, which is made when there is none. Raises Unavailable."""
        public = await to_thread.run_sync(self.key.public)
        return {
            "success": True,
            "public_key": public.line,
            "fingerprint": public.fingerprint,
            "key_type": public.line.split()[0],
            "key_path": str(self.key.path),
        }

    # --- asking for it

    async def start(self, zone: str, options: Options, caller: Caller) -> Proposal:
        """Propose a pipeline: one task over six, each waiting for the one before it.

        Raises NotFound, Invalid naming what is missing, and Conflict when one is active.
        """
        asked = await self.database.read(lambda c: self._read(c, zone))
        on_host = self.files.index().get(zone)
        if asked.record is None and on_host is None and asked.waits_for is None:
            raise _unknown(zone)
        if not asked.configuration:
            raise Invalid(
                f"Zone {zone} has no provisioning configuration: set it with PUT /zones/{zone} first",
                field="provisioning",
                code="not_configured",
            )
        self._check_power(zone, asked, options)
        await self._check_attachment(zone, asked, options)
        skips = pipeline.skips(asked.configuration, options)
        pipeline_id = str(uuid.uuid4())
        tasks: list[NewTask] = []
        params = await self._params(zone, asked, skips)
        before = None if asked.waits_for is None else asked.waits_for.id
        for stage in Stage:
            tasks.append(
                NewTask(
                    id=str(uuid.uuid4()),
                    kind=KINDS[stage],
                    zone_name=zone,
                    params=_left_out(skips[stage], params[stage]) if stage in skips else params[stage],
                    created_by=caller.name,
                    depends_on=before,
                    parent_task_id=pipeline_id,
                    priority=PRIORITY,
                    metadata={STAGE: stage.value},
                )
            )
            before = tasks[-1].id
        ids = {stage.value: task.id for stage, task in zip(Stage, tasks, strict=True)}
        parent = NewTask(
            id=pipeline_id,
            kind=Kind.ZONE_PROVISION,
            zone_name=zone,
            created_by=caller.name,
            metadata={pipelines.PIPELINE: ids},
        )
        answer = {
            "success": True,
            "task_id": parent.id,
            "zone_name": zone,
            "operation": parent.kind.value,
            "status": Status.PENDING.value,
            "message": "Provisioning pipeline started",
            "pipeline_tasks": ids,
        }

        def guard(c: Connection) -> None:
            pipelines.refuse_active(c, zone)
            now = self._waits_for(c, zone)
            if (now and now.id) != (asked.waits_for and asked.waits_for.id):
                raise Conflict(f"Something else was asked of zone {zone} at the same moment: try again", code="busy")

        return Proposal(tasks=(parent, *tasks), body=answer, guard=guard)

    async def _check_attachment(self, zone: str, asked: _Asked, options: Options) -> None:
        """Refuse to give a card that cannot be given: no network to be on, or a zone that runs without."""
        if not _attaches(asked.configuration):
            return
        over = self.defaults.provisioning_link
        if over not in {link.link for link in await self.host.ask(dladm.show_links())}:
            raise Conflict(
                f"provisioning.network.attach: there is no {over}; POST /provisioning/network/setup makes it",
                code="no_provisioning_network",
            )
        there = zone in self.files.index()
        configured = self.files.read(zone) if there else None
        if asked.record is not None and asked.record.status == ZoneState.RUNNING.value:
            attachment.refuse_running(zone, configured=configured, booted=self.files.booted(zone))
        elif options.skip_boot and not attachment.has_card(configured, zone):
            raise Conflict("provisioning.network.attach: the card is given at the boot", code="runs_unattached")

    async def plan(self, proposal: Proposal, planned: Planned) -> list[dict[str, Any]]:
        """Return what the stages of a proposal would do, each with its steps, in their order; nothing is done."""
        found: list[dict[str, Any]] = []
        for task in proposal.tasks:
            stage = task.metadata.get(STAGE)
            if stage is None:
                continue
            if SKIP in task.params:
                found.append({"stage": stage, "step": stage, "commands": [], "undo": [], "skipped": task.params[SKIP]})
                continue
            found += [{"stage": stage, **step} for step in await planned(task.kind, task.zone_name, task.params)]
        return found

    def _read(self, c: Connection, zone: str) -> _Asked:
        pipelines.refuse_active(c, zone)
        record = zones.get(c, zone)
        own = self._coming(c, zone) if record is None else record.provisioning or {}
        configuration = configurations.effective(c, own)
        configurations.check_references(c, configuration)
        recipe, artifact = configuration.get("recipe_id"), configuration.get("artifact_id")
        return _Asked(
            record=record,
            configuration=configuration,
            recipe=None if recipe is None else recipes.find(c, recipe).recipe,
            artifact=None if artifact is None else artifacts.get(c, artifact),
            waits_for=self._waits_for(c, zone),
        )

    def _coming(self, c: Connection, zone: str) -> dict[str, Any]:
        """Return the configuration that a creation under way will leave."""
        for task in queue.active(c, zone):
            if task.operation == Kind.ZONE_CREATE.value:
                request = queue.params(c, task.id).get("request", {})
                return dict(request.get("provisioning") or {})
        return {}

    def _waits_for(self, c: Connection, zone: str) -> Task | None:
        """Return the last task of the zone that is under way; the pipeline begins when it is done."""
        waiting = queue.active(c, zone)
        if any(task.operation == Kind.ZONE_DELETE.value for task in waiting):
            raise Conflict(f"Zone {zone} is being deleted", code="being_deleted")
        return next((task for task in reversed(waiting) if task.operation in WAITED_FOR), None)

    def _check_power(self, zone: str, asked: _Asked, options: Options) -> None:
        """Refuse what cannot work with a zone that does not run, when nothing is under way that could start it."""
        if asked.record is None or asked.waits_for is not None:
            return
        boots = not options.skip_boot and options.begin in {Stage.EXTRACT, Stage.BOOT}
        if not boots and asked.record.status != ZoneState.RUNNING.value:
            raise Conflict(
                f"Zone {zone} is {asked.record.status}: it must run when it is not booted", code="not_running"
            )
        if asked.record.status in {ZoneState.CONFIGURED.value, ZoneState.INCOMPLETE.value}:
            raise Conflict(f"Zone {zone} is {asked.record.status}: it must be installed first", code="not_installed")

    async def _params(self, zone: str, asked: _Asked, skips: Mapping[Stage, str]) -> dict[Stage, dict[str, Any]]:
        """Return what each stage that is done is given. Raises Invalid naming what is missing."""
        configuration = asked.configuration
        root = volumes.root_of_zone(
            zone, self.defaults.pool, self.defaults.dataset, asked.record.root_dataset if asked.record else None
        )
        found: dict[Stage, dict[str, Any]] = {stage: {"root": root} for stage in Stage}
        found[Stage.BOOT] |= {"grace": self.defaults.grace, "listen": Stage.SETUP not in skips}
        if _attaches(configuration):
            found[Stage.BOOT]["attach"] = self.defaults.provisioning_link
            found[Stage.PROVISION]["detach"] = True
        if Stage.EXTRACT not in skips:
            found[Stage.EXTRACT] |= {"artifact": self._artifact(asked), "limits": asdict(self.defaults.limits)}
        if all(stage in skips for stage in (Stage.SETUP, Stage.WAIT_SSH, Stage.SYNC, Stage.PROVISION)):
            return found
        access = await self._access(zone, asked)
        for stage in (Stage.SETUP, Stage.WAIT_SSH, Stage.SYNC, Stage.PROVISION):
            found[stage]["access"] = access.as_json()
        if Stage.SETUP not in skips and asked.recipe is not None:
            await self._check_recipe(zone, asked.recipe, configuration)
            found[Stage.SETUP] |= {"recipe": asked.recipe.as_json(), "configuration": configuration}
        found[Stage.WAIT_SSH] |= {"seconds": self.defaults.seconds, "every": self.defaults.every}
        found[Stage.SYNC]["folders"] = configuration.get("sync_folders") or []
        found[Stage.PROVISION]["provisioners"] = configuration.get("provisioners") or []
        found[Stage.PROVISION]["variables"] = configuration.get("variables") or {}
        return found

    def _artifact(self, asked: _Asked) -> dict[str, Any]:
        artifact = asked.artifact
        packing = None if artifact is None else artifact.form.packing
        if artifact is None or packing is None or artifact.state is not ArtifactState.READY:
            name = artifact.filename if artifact else "the artifact"
            raise Conflict(f"{name} is not uploaded yet", code="not_uploaded")
        return {
            "path": str(self.staging.path(artifact.stored_as).absolute()),
            "packing": packing.value,
            "sha256": artifact.sha256,
            "filename": artifact.filename,
        }

    async def _known(self, zone: str, asked: _Asked) -> Mapping[str, Any]:
        """Return what is known of the guest's first card and address, as a recipe would be told."""
        nothing = Recipe.from_json({"name": "none", "os_family": "linux", "steps": [{"type": "delay", "seconds": 1}]})
        return await self._values(zone, asked.recipe or nothing, asked.configuration)

    async def _values(self, zone: str, recipe: Recipe, configuration: Mapping[str, Any]) -> Mapping[str, Any]:
        return gather(await self._levels(zone, recipe, configuration)).values

    async def _levels(self, zone: str, recipe: Recipe, configuration: Mapping[str, Any]) -> Any:
        macs = guest_values.macs_of(await self.host.ask(dladm.show_vnics()))
        config = self.files.read(zone) if zone in self.files.index() else None
        return guest_values.levels(recipe, config=config, macs=macs, provisioning=configuration, requested={})

    async def _check_recipe(self, zone: str, recipe: Recipe, configuration: Mapping[str, Any]) -> None:
        values = gather(await self._levels(zone, recipe, configuration))
        coming = _OF_CARD if zone not in self.files.index() else _MAC  # a card gets its address at its boot at last
        unresolved = [name for name in missing(recipe, values) if not coming.fullmatch(name)]
        if unresolved:
            raise MissingVariables(unresolved)

    async def _access(self, zone: str, asked: _Asked) -> Access:
        """Return how the guest is reached. Raises Invalid naming what is missing."""
        configuration = asked.configuration
        card = attachment.link_of(zone) if _attaches(configuration) else None
        given = configuration.get("ip") or (configuration.get("variables") or {}).get("ip")
        address: str | None = reveal(given) if given else None
        if address is None and card is None:
            address = str((await self._known(zone, asked)).get("ip") or "") or None
            if address is None and not await self._is_lent(zone):
                raise Invalid(
                    "The guest's address is not known: give provisioning.ip or provisioning.variables.ip, or a network "
                    "card with allowed_address or on a link that DHCP serves",
                    field="provisioning.ip",
                    code="no_address",
                )
        own = str(self.key.path.absolute())
        access = Access.of(configuration, address=address, own_key=own, card=card)
        if access.key in {own, self.defaults.usual_key}:
            await to_thread.run_sync(self.key.public)
            access = replace(access, key=own)
        return access

    async def _is_lent(self, zone: str) -> bool:
        """Say whether the guest has its address from our DHCP server, or may get it there."""
        ctx = self.tasks.looking(zone=zone)
        return await guest_addresses.found(ctx, zone) is not None or await guest_addresses.is_served(ctx, zone)

    # --- looking at it

    async def status(self, zone: str) -> dict[str, Any]:
        """Return how far a zone's last pipeline is. Raises NotFound."""

        def read(c: Connection) -> dict[str, Any]:
            if zones.get(c, zone) is None and not queue.active(c, zone):
                raise _unknown(zone)
            parent = pipelines.latest(c, zone)
            tasks = () if parent is None else pipelines.stages(c, parent)
            at = pipeline.current(tasks)
            moment = provisionings.provisioned_at(c, zone)
            failed = next((task for task in tasks if task.status is Status.FAILED), None)
            word = "not_started" if moment is None else Status.COMPLETED.value
            if parent is not None:
                word = parent.status.value if parent.status.terminal else ACTIVE
            return {
                "success": True,
                "zone_name": zone,
                "status": word,
                "current_stage": None if at is None else at.operation,
                "progress": pipeline.progress(tasks),
                "last_provisioned_at": stamp(moment),
                "pipeline_task_id": None if parent is None else parent.id,
                "error": None if failed is None else failed.error_message,
                "tasks": [task.as_json() for task in tasks],
            }

        return await self.database.read(read)

    # --- ending it, and going back

    async def cancel(self, zone: str, caller: Caller) -> dict[str, Any]:
        """Cancel a zone's pipeline: what runs is stopped, the rest ends; there may be none. Raises NotFound."""

        def write(c: Connection) -> dict[str, Any]:
            if zones.get(c, zone) is None and not queue.active(c, zone):
                raise _unknown(zone)
            parent = pipelines.active(c, zone)
            cancelled = [] if parent is None else pipelines.cancel(c, parent, by=caller.name)
            return {
                "success": True,
                "zone_name": zone,
                "pipeline_task_id": None if parent is None else parent.id,
                "cancelled_tasks": cancelled,
                "message": "Provisioning is being cancelled" if cancelled else "No provisioning is active",
            }

        return await self.database.run(write)

    async def rollback(self, zone: str, *, include_disks: bool, caller: Caller) -> Proposal:
        """Propose to go back to before the provisioners. Raises NotFound (the zone, the snapshot) and Conflict."""
        record = await self.database.read(lambda c: zones.get(c, zone))
        config = self.files.read(zone) if zone in self.files.index() else None
        if config is None:
            raise _unknown(zone)
        root = volumes.root_of_zone(
            zone, self.defaults.pool, self.defaults.dataset, record.root_dataset if record else None
        )
        volume = stages.boot_volume(config) if include_disks else None
        names = [stages.tree_of(root), *([] if volume is None else [volume])]
        found = find(zone, names, await self.host.ask(zfs.survey(names, recursive=True, snapshots=True)))
        task = NewTask(
            id=str(uuid.uuid4()),
            kind=Kind.ZONE_PROVISION_ROLLBACK,
            zone_name=zone,
            params={"root": root, "include_disks": include_disks, "grace": self.defaults.grace},
            created_by=caller.name,
            metadata={"include_disks": include_disks},
        )
        answer = {
            "success": True,
            "task_id": task.id,
            "zone_name": zone,
            "operation": task.kind.value,
            "status": Status.PENDING.value,
            "message": f"Rollback to {', '.join(snapshots.of(found, snapshots.PRE))} queued",
        }

        def guard(c: Connection) -> None:
            pipelines.refuse_active(c, zone)

        return Proposal(tasks=(task,), body=answer, guard=guard)


def _left_out(why: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stage is given that has nothing to do but what ends every pipeline."""
    return {SKIP: why, **{name: value for name, value in params.items() if name == "detach"}}


def _attaches(configuration: Mapping[str, Any]) -> bool:
    return bool((configuration.get("network") or {}).get("attach"))


def _unknown(zone: str) -> NotFound:
    return NotFound("Zone not found", code="zone_not_found", details={"zone": zone})

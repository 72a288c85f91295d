"""`/zones/{name}/provision` and `/provisioning/ssh-key`: from a bare zone to a configured server."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Query, Shown
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.names import ZoneName
from zoneweaver.domain.pipeline import Options, Stage

_IDS: Final[dict[str, Any]] = {stage.value: f"{stage.value.replace('_', '-')}-task-uuid" for stage in Stage}


class Provision(Body):
    """What is left out of the pipeline this time."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"skip_recipe": True}]})

    skip_boot: bool = NOT_GIVEN
    """Do not boot the zone: it runs (false)."""
    skip_recipe: bool = NOT_GIVEN
    """Do not play the recipe (false)."""
    dry_run: bool = NOT_GIVEN
    """The same as `?dry_run=true`."""


class Begin(Query):
    """Where the pipeline begins."""

    begin: Literal["extract", "boot", "setup", "wait_ssh", "sync", "provision"] = Field(default="extract", alias="from")
    """The first stage that is done; those before it end as skipped."""


class Rollback(Body):
    """How much goes back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"include_disks": False}]})

    include_disks: bool = NOT_GIVEN
    """The boot volume too, for which the zone is halted and started again (true)."""


class Pipeline(Shown):
    """The pipeline was queued; follow it at `Location`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "task_id": "provision-task-uuid",
                    "zone_name": "web-server-01",
                    "operation": "zone_provision",
                    "status": "pending",
                    "message": "Provisioning pipeline started",
                    "pipeline_tasks": _IDS,
                }
            ]
        }
    )

    success: bool
    task_id: str
    """The task over all stages."""
    zone_name: str
    operation: str
    status: str
    message: str
    pipeline_tasks: dict[str, str]
    """The task of each stage."""


class PipelineStatus(Shown):
    """How far a zone's last pipeline is."""

    success: bool
    zone_name: str
    status: str
    """`not_started`, `provisioning`, `completed`, `failed`, `cancelled`."""
    current_stage: str | None
    """The operation that runs, failed or comes next; null when all is done."""
    progress: dict[str, str]
    """Each stage: `pending`, `in_progress`, `completed`, `failed`, `cancelled`, `skipped`."""
    last_provisioned_at: str | None
    pipeline_task_id: str | None
    error: str | None
    tasks: list[dict[str, Any]]


class PipelineCancelled(Shown):
    """What was cancelled."""

    success: bool
    zone_name: str
    pipeline_task_id: str | None
    cancelled_tasks: list[str]
    """The tasks that had not ended; one that runs is stopped and undone first."""
    message: str


class RollbackQueued(Shown):
    """The rollback was queued; follow it at `Location`."""

    success: bool
    task_id: str
    zone_name: str
    operation: str
    status: str
    message: str


class SshKeyAnswer(Shown):
    """The public half of the agent's key."""

    success: bool
    public_key: str
    """One line, as for `authorized_keys`."""
    fingerprint: str
    """SHA-256, as ssh-keygen(1) shows it."""
    key_type: str
    """`ssh-ed25519`, unless another key was put there."""
    key_path: str
    """Where the private half lies on the agent's host."""


async def provision(call: Call) -> Answer:
    """Queue a pipeline, or show what it would do."""
    zone, asked = ZoneName.parse(call.path["name"]), call.asked(Begin)
    call.dry_run = call.dry_run or bool(call.body.get("dry_run"))
    options = Options(
        skip_boot=bool(call.body.get("skip_boot")),
        skip_recipe=bool(call.body.get("skip_recipe")),
        begin=Stage(asked.begin),
    )
    if call.dry_run:
        proposal = await call.services.provisioning.start(zone, options, call.caller)
        plan = await call.services.provisioning.plan(proposal, call.services.zones.plan)
        return Answer(body={"success": True, "dry_run": True, "plan": plan})
    return await queued(call, lambda: call.services.provisioning.start(zone, options, call.caller))


async def get_status(call: Call) -> Answer:
    """Answer with how far the pipeline is."""
    return Answer(body=await call.services.provisioning.status(ZoneName.parse(call.path["name"])))


async def cancel(call: Call) -> Answer:
    """Cancel the pipeline."""
    return Answer(body=await call.services.provisioning.cancel(ZoneName.parse(call.path["name"]), call.caller))


async def rollback(call: Call) -> Answer:
    """Queue a rollback."""
    zone, disks = ZoneName.parse(call.path["name"]), call.body.get("include_disks", True)
    return await queued(
        call, lambda: call.services.provisioning.rollback(zone, include_disks=disks, caller=call.caller)
    )


async def get_ssh_key(call: Call) -> Answer:
    """Return the public half."""
    return Answer(body=await call.services.provisioning.ssh_key())


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="POST",
        path="/zones/{name}/provision",
        summary="Provision a zone",
        description=(
            "Six tasks, one after the other, under one: the artifact is unpacked, the zone booted, the recipe played "
            "on its console, SSH waited for, folders synced, provisioners run. A stage with nothing to do ends as "
            "completed, and `progress_info.skipped` says why. 409 while a pipeline is active for the zone."
        ),
        handler=provision,
        tag="provisioning",
        scope=Scope.WRITE,
        query=Begin,
        body=Provision,
        body_optional=True,
        answer=Pipeline,
        status=202,
        refusals=(404, 409),
        audit="zone.provision",
        target="name",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/zones/{name}/provision/status",
        summary="Show how far a zone's provisioning is",
        handler=get_status,
        tag="provisioning",
        scope=Scope.READ,
        answer=PipelineStatus,
        refusals=(404,),
    ),
    Route(
        method="POST",
        path="/zones/{name}/provision/cancel",
        summary="Cancel a zone's provisioning",
        description="What runs is stopped, on the host and in the guest; the rest ends. Nothing active is no error.",
        handler=cancel,
        tag="provisioning",
        scope=Scope.WRITE,
        answer=PipelineCancelled,
        refusals=(404,),
        audit="zone.provision_cancel",
        target="name",
    ),
    Route(
        method="POST",
        path="/zones/{name}/provision/rollback",
        summary="Go back to before the provisioners",
        description=(
            "The zone's provisioning dataset and its boot volume as they were at `@pre-provision`. For the volume the "
            "zone is halted, and started again if it ran. 404 when there is no such snapshot, 409 while a pipeline is "
            "active."
        ),
        handler=rollback,
        tag="provisioning",
        scope=Scope.WRITE,
        body=Rollback,
        body_optional=True,
        answer=RollbackQueued,
        status=202,
        refusals=(404, 409),
        audit="zone.provision_rollback",
        target="name",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/provisioning/ssh-key",
        summary="Show the agent's public SSH key",
        description=(
            "The key with which guests are reached when their credentials name no other. It is made when it is first "
            "needed, and told to cloud-init (`cloud_init.sshkey`) when a zone is created without a key of its own."
        ),
        handler=get_ssh_key,
        tag="provisioning",
        scope=Scope.READ,
        answer=SshKeyAnswer,
    ),
)

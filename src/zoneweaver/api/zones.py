"""`/zones`: what may be asked about zones and of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from zoneweaver.api import zone_models as models
from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route, to_json
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.names import ZoneName
from zoneweaver.domain.tasks import Kind
from zoneweaver.services.callers import Caller
from zoneweaver.services.queueing import Proposal

MOST_RENDERED: Final = 64
"""Lists that are kept as bytes until something changes."""


class Zones(Protocol):
    """The service behind these routes: `zoneweaver.services.zones`, or a stub in tests."""

    async def list(
        self, *, status: str | None, brand: str | None, tag: str | None, name: str | None, limit: int, offset: int
    ) -> Mapping[str, Any]:
        """Return `{zones, total}`."""
        ...

    async def get(self, name: str) -> tuple[Mapping[str, Any], str]:
        """Return a zone's details and its ETag (without quotes). Raises NotFound."""
        ...

    async def config(self, name: str) -> Mapping[str, Any]:
        """Return the live configuration and its export. Raises NotFound."""
        ...

    async def pending(self, name: str) -> Mapping[str, Any]:
        """Return what waits for the next boot. Raises NotFound."""
        ...

    async def create(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose a creation. Raises Invalid and Conflict."""
        ...

    async def modify(
        self,
        name: str,
        body: Mapping[str, Any],
        caller: Caller,
        if_match: str | None,
        *,
        cancel_provisioning: bool = False,
    ) -> Proposal:
        """Propose a modification. Raises Invalid, NotFound, Conflict and PreconditionFailed."""
        ...

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
        """Propose a deletion. Raises NotFound, Conflict and PreconditionFailed."""
        ...

    async def forget(self, name: str) -> Mapping[str, Any]:
        """Forget the record. Raises NotFound, and Conflict when the host still has the zone."""
        ...

    async def power(
        self, name: str, verb: str, options: Mapping[str, Any], caller: Caller, *, cancel_provisioning: bool = False
    ) -> Proposal:
        """Propose `start`, `stop`, `restart`, `halt` or `reset`. Raises NotFound and Conflict."""
        ...

    async def discover(self, caller: Caller) -> Proposal:
        """Propose a look at the host."""
        ...

    async def plan(self, kind: Kind, zone_name: str | None, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return the steps of a task with their commands, nothing done."""
        ...


async def list_zones(call: Call) -> Answer:
    """Answer with the zones; the bytes are kept until the database changes."""
    asked = call.asked(models.ListZones)
    rendered, revision = call.services.rendered, call.services.database.revision
    key = ("zones", asked.status, asked.brand, asked.tag, asked.name, asked.limit, asked.offset)
    known = rendered.get(key)
    if known is not None and known[0] == revision:
        return Answer(body=known[1])
    content = to_json(await call.services.zones.list(**asked.model_dump()))
    call.services.metrics.lists_made.inc()
    if len(rendered) >= MOST_RENDERED:
        rendered.clear()
    rendered[key] = (revision, content)
    return Answer(body=content)


async def create_zone(call: Call) -> Answer:
    """Queue a creation."""
    return await queued(call, lambda: call.services.zones.create(call.body, call.caller))


async def get_zone(call: Call) -> Answer:
    """Answer with a zone's details and its ETag."""
    details, version = await call.services.zones.get(_name(call))
    return Answer(body=details, headers=(("etag", f'"{version}"'),))


async def get_config(call: Call) -> Answer:
    """Answer with the live configuration."""
    return Answer(body=await call.services.zones.config(_name(call)))


async def get_pending(call: Call) -> Answer:
    """Answer with what waits for the next boot."""
    return Answer(body=await call.services.zones.pending(_name(call)))


async def modify_zone(call: Call) -> Answer:
    """Queue a modification, or carry it out when only memory changes."""
    name, if_match, asked = _name(call), call.header(b"if-match"), call.asked(models.Unprovisioned)
    return await queued(
        call,
        lambda: call.services.zones.modify(
            name, call.body, call.caller, if_match, cancel_provisioning=asked.cancel_provisioning
        ),
    )


async def delete_zone(call: Call) -> Answer:
    """Queue a deletion."""
    name, asked = _name(call), call.asked(models.DeleteZone)
    return await queued(
        call,
        lambda: call.services.zones.delete(
            name,
            cleanup_datasets=asked.cleanup_datasets,
            force=asked.force,
            caller=call.caller,
            if_match=call.header(b"if-match"),
            cancel_provisioning=asked.cancel_provisioning,
        ),
    )


async def forget_zone(call: Call) -> Answer:
    """Forget the record of a zone that the host no longer has."""
    return Answer(body=await call.services.zones.forget(_name(call)))


async def stop_zone(call: Call) -> Answer:
    """Queue a stop."""
    name, asked = _name(call), call.asked(models.StopZone)
    given = asked.model_dump(exclude_none=True, exclude={"cancel_provisioning"})
    options = {"timeout": call.services.settings.zones.stop_timeout_seconds, **given}
    return await queued(
        call,
        lambda: call.services.zones.power(
            name, "stop", options, call.caller, cancel_provisioning=asked.cancel_provisioning
        ),
    )


async def start_zone(call: Call) -> Answer:
    """Queue a start."""
    return await _power(call, "start")


async def restart_zone(call: Call) -> Answer:
    """Queue a restart."""
    return await _power(call, "restart")


async def halt_zone(call: Call) -> Answer:
    """Queue a halt."""
    return await _power(call, "halt")


async def reset_zone(call: Call) -> Answer:
    """Queue a reset."""
    return await _power(call, "reset")


async def discover(call: Call) -> Answer:
    """Queue a look at the host."""
    return await queued(call, lambda: call.services.zones.discover(call.caller))


async def _power(call: Call, verb: str) -> Answer:
    name, asked = _name(call), call.asked(models.Unprovisioned)
    return await queued(
        call,
        lambda: call.services.zones.power(name, verb, {}, call.caller, cancel_provisioning=asked.cancel_provisioning),
    )


def _name(call: Call) -> str:
    return ZoneName.parse(call.path["name"])


_STOPPED: Final = "Already there: 200 with `status` `already_stopped` and no task."

ROUTES: Final = (
    Route(
        method="GET",
        path="/zones",
        summary="List zones",
        handler=list_zones,
        tag="zones",
        scope=Scope.READ,
        query=models.ListZones,
        answer=models.ZoneList,
    ),
    Route(
        method="POST",
        path="/zones",
        summary="Create a zone",
        description=(
            "Asynchronous. Only `name` and `brand` are required. If it fails at any stage, the host is left as it was: "
            "no configuration, and no dataset that the task made."
        ),
        handler=create_zone,
        tag="zones",
        scope=Scope.WRITE,
        body=models.CreateZone,
        answer=models.Queued,
        status=202,
        refusals=(409,),
        audit="zone.create",
        target="name",
        queues=True,
        plans=True,
    ),
    Route(
        method="POST",
        path="/zones/discover",
        summary="Look at the host now",
        description="Finds zones made, changed or removed by others.",
        handler=discover,
        tag="zones",
        scope=Scope.OPERATE,
        answer=models.Queued,
        status=202,
        audit="zone.discover",
        queues=True,
    ),
    Route(
        method="GET",
        path="/zones/{name}",
        summary="Show a zone",
        handler=get_zone,
        tag="zones",
        scope=Scope.READ,
        answer=models.ZoneDetails,
        refusals=(404,),
        conditional=True,
    ),
    Route(
        method="PUT",
        path="/zones/{name}",
        summary="Modify a zone",
        description=(
            "Asynchronous; takes effect at the next boot. `tags`, `notes` and `provisioning` alone apply at once: 200 "
            "without a task."
        ),
        handler=modify_zone,
        tag="zones",
        scope=Scope.WRITE,
        query=models.Unprovisioned,
        body=models.ModifyZone,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.modify",
        target="name",
        queues=True,
        plans=True,
        conditional=True,
    ),
    Route(
        method="DELETE",
        path="/zones/{name}",
        summary="Delete a zone",
        description=(
            "Asynchronous: halts, uninstalls, removes the configuration and the record. Datasets stay, unless "
            "`cleanup_datasets=true`; even then nothing outside the zone's own root is touched."
        ),
        handler=delete_zone,
        tag="zones",
        scope=Scope.WRITE,
        query=models.DeleteZone,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.delete",
        target="name",
        queues=True,
        plans=True,
        conditional=True,
    ),
    Route(
        method="DELETE",
        path="/zones/{name}/force",
        summary="Forget the record of a zone",
        description="Only when the host no longer has the zone; 409 if it still does. Nothing on the host changes.",
        handler=forget_zone,
        tag="zones",
        scope=Scope.WRITE,
        answer=models.Forgotten,
        refusals=(404, 409),
        audit="zone.forget",
        target="name",
    ),
    Route(
        method="GET",
        path="/zones/{name}/config",
        summary="Show the live configuration",
        handler=get_config,
        tag="zones",
        scope=Scope.READ,
        answer=models.ZoneConfiguration,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/zones/{name}/pending",
        summary="Show what waits for the next boot",
        description="The live configuration against what the running guest was booted with.",
        handler=get_pending,
        tag="zones",
        scope=Scope.READ,
        answer=models.ZonePending,
        refusals=(404,),
    ),
    Route(
        method="POST",
        path="/zones/{name}/start",
        summary="Start a zone",
        description="Already there: 200 with `status` `already_running` and no task.",
        handler=start_zone,
        tag="power",
        scope=Scope.OPERATE,
        query=models.Unprovisioned,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.start",
        target="name",
        queues=True,
    ),
    Route(
        method="POST",
        path="/zones/{name}/stop",
        summary="Stop a zone",
        description=f"Asks the guest to shut down; after the timeout its power is cut. {_STOPPED}",
        handler=stop_zone,
        tag="power",
        scope=Scope.OPERATE,
        query=models.StopZone,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.stop",
        target="name",
        queues=True,
    ),
    Route(
        method="POST",
        path="/zones/{name}/restart",
        summary="Restart a zone",
        handler=restart_zone,
        tag="power",
        scope=Scope.OPERATE,
        query=models.Unprovisioned,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.restart",
        target="name",
        queues=True,
    ),
    Route(
        method="POST",
        path="/zones/{name}/halt",
        summary="Halt a zone",
        description=f"Cuts its power at once. {_STOPPED}",
        handler=halt_zone,
        tag="power",
        scope=Scope.OPERATE,
        query=models.Unprovisioned,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.halt",
        target="name",
        queues=True,
    ),
    Route(
        method="POST",
        path="/zones/{name}/reset",
        summary="Reset a zone",
        description="The guest's reset button.",
        handler=reset_zone,
        tag="power",
        scope=Scope.OPERATE,
        query=models.Unprovisioned,
        answer=models.Queued,
        status=202,
        refusals=(404, 409),
        audit="zone.reset",
        target="name",
        queues=True,
    ),
)

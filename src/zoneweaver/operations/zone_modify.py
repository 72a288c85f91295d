"""zone_modify: new volumes, one zonecfg run, the record; all or nothing although zonecfg itself is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import Invalid, NotFound
from zoneweaver.domain.intended import modified
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.requests import ExistingVolume, ModifyZone
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zfs, zoneadm, zonecfg
from zoneweaver.operations import cards, configuration, links, records, volumes
from zoneweaver.operations.zone_create import COMPILING
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneModify:
    """Change a zone. Parameters: `request`, and `defaults` (`pool`, `dataset`) for where new volumes go."""

    kind = Kind.ZONE_MODIFY

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Look at the zone and decide what it shall become. Raises what stands in the way, naming it."""
        await ctx.progress(5, "validating")
        zone = str(ctx.zone_name)
        request = ModifyZone.from_json(ctx.params["request"])
        line = next((line for line in await ctx.ask(zoneadm.list_zones()) if line.name == zone), None)
        if line is None:
            raise NotFound("Zone not found", code="zone_not_found")
        before = await configuration.read(ctx, zone)
        if before is None:
            raise NotFound("Zone not found", code="zone_not_found")
        record = await records.recall(ctx, zone)
        records.refuse_changed(record, ctx.params.get("if_match"))
        await cards.refuse_unfit(
            ctx, zone, request.add_nics, name="add_nics", force=request.force, leaving=request.remove_nics
        )
        wanted = _wanted(zone, request, before, ctx.params["defaults"], record.root_dataset if record else None)
        storage = volumes.Storage()
        if request.add_disks:
            storage = volumes.decide(wanted, await ctx.ask(zfs.survey(wanted.asked())))
            if not request.force:
                volumes.refuse_in_use(zone, storage.attached, volumes.Users.of(ctx.files))
        modified(request, before, disks=storage.disks)
        return {
            "before": before.as_plain(),
            "remembered": None if record is None else _remembered(record),
            "running": line.state not in {ZoneState.CONFIGURED, ZoneState.INCOMPLETE, ZoneState.INSTALLED},
            "storage": storage.as_json(),
            "missing_images": [path for path in request.add_cdroms if not ctx.host.path(path).exists()],
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the steps that the survey decided on."""
        zone = str(ctx.zone_name)
        request = ModifyZone.from_json(ctx.params["request"])
        before = ZoneConfig.from_plain(survey["before"])
        storage = volumes.Storage.from_json(survey["storage"])
        after = modified(request, before, disks=storage.disks)
        return [
            *volumes.steps(ctx, storage, zone=zone),
            _reconfigure(zone, before, after, survey["missing_images"], running=survey["running"]),
            _remember(zone, request, after, storage.attached, survey["remembered"]),
        ]


def _wanted(
    zone: str, request: ModifyZone, before: ZoneConfig, defaults: Mapping[str, str], root: str | None
) -> volumes.Wanted:
    """Name the disks to be added; without pool and dataset they go where the zone's other volumes are."""
    pool, dataset = defaults["pool"], defaults["dataset"]
    if root is not None and root.endswith(f"/{zone}") and root.count("/") > 1:
        pool, _, dataset = root.removesuffix(f"/{zone}").partition("/")
    used = [name.rpartition("/")[2] for name in before.volumes]
    for disk in request.add_disks:
        if isinstance(disk, ExistingVolume) and disk.dataset in before.volumes:
            raise Invalid(f"{disk.field}: the zone has the disk {disk.dataset} already", field=disk.field)
    return volumes.Wanted(
        zone=zone,
        pool=DatasetName.parse(pool),
        dataset=dataset,
        disks=request.add_disks,
        taken=[name for name in used if name.startswith("disk")],
    )


def _reconfigure(
    zone: str, before: ZoneConfig, after: ZoneConfig, missing_images: Sequence[str], *, running: bool
) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        for percent, status in COMPILING:
            await ctx.progress(percent, status)
        for path in missing_images:
            await ctx.say(f"warning: {path} is not there; the zone will not boot until it is\n")
        if running:
            await links.note_unsettled(ctx, zone, after)
        await configuration.change(ctx, zone, before, after)

    async def undo(ctx: Context, _: Outputs) -> None:
        await configuration.restore(ctx, zone, before, after)

    planned = zonecfg.change(zone, before, after)
    planned_undo = zonecfg.change(zone, after, before, exactly=True)
    return Step(
        name="configuration",
        do=do,
        undo=undo,
        progress=40,
        status="configuring_zone",
        planned=() if planned is None else (planned,),
        planned_undo=() if planned_undo is None else (planned_undo,),
    )


def _remembered(record: ZoneRecord) -> dict[str, Any]:
    """Return what a modification may change of a record."""
    return {
        "configuration": dict(record.configuration),
        "attached": list(record.attached),
        "tags": list(record.tags),
        "notes": record.notes,
        "provisioning": record.provisioning,
    }


def _remember(
    zone: str, request: ModifyZone, after: ZoneConfig, attached: Sequence[str], before: Mapping[str, Any] | None
) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        record = await records.recall(ctx, zone)
        if record is None:
            return
        seen: dict[str, Any] = {"configuration": after.as_json()}
        # What lies below the zone's root stays noted, or a clean-up would take it for the zone's own from now on.
        own = f"{record.root_dataset}/"
        still = [name for name in record.attached if name in after.volumes or name.startswith(own)]
        seen["attached"] = tuple(dict.fromkeys([*still, *attached]))
        if request.tags is not None:
            seen["tags"] = request.tags
        if request.notes is not None:
            seen["notes"] = request.notes
        if request.provisioning is not None:
            seen["provisioning"] = dict(request.provisioning)
        await records.note(ctx, zone, **seen)

    async def undo(ctx: Context, _: Outputs) -> None:
        if before is not None:
            lists = {name: tuple(before[name]) for name in ("attached", "tags")}
            await records.note(ctx, zone, **{**before, **lists})

    return Step(name="record", do=do, undo=undo, progress=95, status="creating_database_record")

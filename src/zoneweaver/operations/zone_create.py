"""zone_create: storage, configuration, installation, record; undone at any stage to what was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import Failed, NotFound, Refused
from zoneweaver.domain.intended import created
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.requests import CreateZone, NewVolume
from zoneweaver.domain.tasks import Kind
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import zfs, zoneadm, zonecfg
from zoneweaver.operations import cards, configuration, records, volumes
from zoneweaver.operations.begun import begun
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

COMPILING = (
    (40, "configuring_zone"),
    (50, "configuring_bootdisk"),
    (60, "configuring_disks"),
    (70, "configuring_cdroms"),
    (75, "configuring_network"),
    (80, "configuring_cloud_init"),
)
"""The document's stages of configuring: sections of one zonecfg run."""


class ZoneCreate:
    """Make a zone. Parameters: the request, and `defaults` (`pool`, `dataset`) for what it leaves open."""

    kind = Kind.ZONE_CREATE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Look at the host and decide what will be made. Raises what stands in the way, naming it."""
        await ctx.progress(5, "validating")
        request = CreateZone.from_json(ctx.params["request"])
        if any(line.name == request.name for line in await ctx.ask(zoneadm.list_zones())):
            raise Refused(f"Zone {request.name} already exists on the system", code="zone_exists")
        for path in request.cdroms:
            if not ctx.host.path(path).exists():
                raise NotFound(f"Image {path} does not exist on the host", code="no_such_image")
        await cards.refuse_unfit(ctx, request.name, request.nics, name="nics", force=request.force)
        root = root_of(request, ctx.params["defaults"])
        wanted = volumes.Wanted(
            zone=request.name,
            pool=ctx.params["defaults"]["pool"],
            dataset=ctx.params["defaults"]["dataset"],
            boot=request.boot,
            disks=request.disks,
            template=request.template,
            root=root,
        )
        there = await ctx.ask(zfs.survey(wanted.asked()))
        storage = volumes.decide(wanted, there)
        if not request.force:
            volumes.refuse_in_use(request.name, storage.attached, volumes.Users.of(ctx.files))
        if root in there:
            await self._refuse_retained(ctx, root, storage)
        usual = f"{volumes.mountpoint_of(root, there)}/path"
        zonepath = request.zonepath or usual
        _refuse_zonepath(ctx, zonepath, storage, there)
        if zonepath != usual:
            await _refuse_reuse(ctx, zonepath)
        status, percent = volumes.PREPARING
        await ctx.progress(percent, status)
        return {
            "root": root,
            "zonepath": zonepath,
            "zonepath_dataset": f"{root}/path" if zonepath == usual else None,
            "storage": storage.as_json(),
        }

    async def _refuse_retained(self, ctx: Context, root: str, storage: volumes.Storage) -> None:
        """Refuse to build on what an earlier zone left, unless every dataset of it is attached by this request."""
        retained = await ctx.ask(zfs.survey([root], recursive=True))
        left = sorted(name for name in retained if name != root and name not in storage.attached)
        if left:
            raise Refused(f"Dataset {left[0]} exists already; it was left alone", code="dataset_exists")
        if any(volume.copy for volume in storage.volumes):
            raise Refused(f"Dataset {root} exists already; a copy needs a zone root of its own", code="dataset_exists")

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the steps that the survey decided on."""
        request = CreateZone.from_json(ctx.params["request"])
        storage = volumes.Storage.from_json(survey["storage"])
        config = created(request, zonepath=survey["zonepath"], boot=storage.boot, disks=storage.disks)
        return [
            *volumes.steps(ctx, storage, zone=request.name),
            _configure(request.name, config),
            _install(request.name, config, survey["zonepath_dataset"]),
            records.remember(
                request.name,
                config,
                root=survey["root"],
                attached=storage.attached,
                tags=request.tags,
                notes=request.notes,
                provisioning=ctx.params["request"].get("provisioning"),
            ),
        ]


def root_of(request: CreateZone, defaults: Mapping[str, str]) -> DatasetName:
    """Return the dataset that everything of the zone lies in."""
    boot = request.boot if isinstance(request.boot, NewVolume) else NewVolume()
    parent = DatasetName.parse(f"{boot.pool or defaults['pool']}/{boot.dataset or defaults['dataset']}")
    return parent.child(request.name)


def _refuse_zonepath(ctx: Context, zonepath: str, storage: volumes.Storage, there: Mapping[str, zfs.Dataset]) -> None:
    """Refuse a zonepath that is there, or under which a disk would lie: uninstalling the zone would destroy it."""
    if ctx.host.path(zonepath).exists():
        raise Refused(f"The zonepath {zonepath} exists already; it was left alone", code="zonepath_exists")
    for dataset in (*(volume.name for volume in storage.volumes), *storage.attached):
        above = next((there[name] for name in reversed(volumes.ancestors(dataset)) if name in there), None)
        if above is None or above.mountpoint is None:
            continue  # nothing is mounted above it, so that nothing that is made at the zonepath can hold it
        rest = dataset.rpartition("/")[0].removeprefix(above.name)
        if f"{above.mountpoint.rstrip('/')}{rest}/".startswith(f"{zonepath}/"):
            raise Refused(
                f"The disk {dataset} would lie below the zonepath {zonepath} and be destroyed with it",
                code="disk_below_zonepath",
            )


async def _refuse_reuse(ctx: Context, zonepath: str) -> None:
    """Refuse a zonepath whose dataset is there, though not mounted: zoneadm would use it, uninstalling destroy it."""
    parent, _, last = zonepath.rpartition("/")
    places = await ctx.ask(zfs.mountpoints())
    for name, place in places.items():
        if place == zonepath or (place == parent and f"{name}/{last}" in places):
            taken = name if place == zonepath else f"{name}/{last}"
            raise Refused(f"Dataset {taken} exists already; it was left alone", code="dataset_exists")


def _configure(zone: str, config: ZoneConfig) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        for percent, status in COMPILING:
            await ctx.progress(percent, status)
        await configuration.make(ctx, zone, config)

    async def undo(ctx: Context, _: Outputs) -> None:
        await configuration.unmake(ctx, zone, config)

    return Step(
        name="configuration",
        do=do,
        undo=undo,
        progress=40,
        status="configuring_zone",
        planned=(zonecfg.create(zone, config),),
        planned_undo=(zonecfg.delete(zone),),
    )


def _install(zone: str, config: ZoneConfig, dataset: str | None) -> Step[Context]:
    async def do(ctx: Context, _: Outputs) -> None:
        state = state_of(ctx, zone)
        if ctx.resumed and state is ZoneState.INSTALLED:
            return
        if ctx.resumed and state is ZoneState.INCOMPLETE:
            await ctx.run(zoneadm.uninstall(zone))
            with begun():
                await ctx.run(zoneadm.install(zone))
        else:
            await ctx.run(zoneadm.install(zone))
        state = state_of(ctx, zone)
        if state is not ZoneState.INSTALLED:
            raise Failed(
                f"zoneadm install reported success, but zone {zone} is {state.value if state else 'gone'}",
                code="not_installed",
            )

    async def undo(ctx: Context, _: Outputs) -> None:
        state = state_of(ctx, zone)
        if state is None:
            return
        current = await configuration.read(ctx, zone)
        if current is None or not configuration.within(current, config):
            raise Failed(f"Zone {zone} is not configured as this task did it; its installation was left alone")
        if state is not ZoneState.CONFIGURED:
            await ctx.run(zoneadm.uninstall(zone))
        elif dataset is not None:  # the brand gave up early and left the dataset that zoneadm had made
            found = (await ctx.ask(zfs.survey([dataset]))).get(dataset)
            if found is not None and found.below_owned(ctx.task_id):
                await ctx.run(zfs.destroy(dataset))

    return Step(
        name="installation",
        do=do,
        undo=undo,
        progress=90,
        status="installing_zone",
        planned=(zoneadm.install(zone),),
        planned_undo=(zoneadm.uninstall(zone),),
    )


def state_of(ctx: Context, zone: str) -> ZoneState | None:
    """Return the state that the zone index keeps (configured, incomplete, installed); None when it has no such zone."""
    entry = ctx.files.index().get(zone)
    return None if entry is None else entry.state

"""Steps on storage: the datasets of a zone, made with their owner's tag and destroyed only when they carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from zoneweaver.domain.errors import CommandFailed, Conflict, Failed, Invalid, NotFound, Refused
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.requests import BOOT_SIZE, DISK_SIZE, CloneStrategy, Disk, ExistingVolume, Template
from zoneweaver.domain.sizes import Size
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.host import zfs
from zoneweaver.host.command import Command
from zoneweaver.host.zonexml import BrokenFile, ConfigFiles
from zoneweaver.operations.begun import begun
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

PREPARING = ("preparing_storage", 10)
IMPORTING = ("importing_template", 30)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedVolume:
    """A volume that a task will make: empty, or from a snapshot; `grow` is the size to grow it to after that."""

    name: str
    size: int | None
    sparse: bool = True
    snapshot: str | None = None
    copy: bool = False
    grow: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """What a request means for storage: where each disk will be, what is to be made for it, in order."""

    boot: str | None = None
    disks: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    filesystems: tuple[str, ...] = ()
    volumes: tuple[PlannedVolume, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Storage:
        """Read what `as_json` wrote."""
        return cls(
            boot=data["boot"],
            disks=tuple(data["disks"]),
            attached=tuple(data["attached"]),
            filesystems=tuple(data["filesystems"]),
            volumes=tuple(PlannedVolume(**item) for item in data["volumes"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the decision as the intent log keeps it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The disks of a request, with the names that new volumes get; `template` is the boot volume's."""

    zone: str
    pool: str
    dataset: str
    boot: Disk | None = None
    disks: Sequence[Disk] = ()
    template: Template | None = None
    root: DatasetName | None = None
    """The zone's root, when it is to be made even without disks."""
    taken: Iterable[str] = ()
    """Names of further volumes (`disk0` …) that are used already."""

    def named(self) -> list[tuple[Disk, str, bool]]:
        """Return each disk with its dataset, and whether it is the boot disk."""
        found: list[tuple[Disk, str, bool]] = []
        if self.boot is not None:
            found.append((self.boot, self._name(self.boot, "root"), True))
        used = set(self.taken) | {disk.volume_name for disk in self.disks if not isinstance(disk, ExistingVolume)}
        number = 0
        for disk in self.disks:
            volume = f"disk{number}"
            if not isinstance(disk, ExistingVolume) and disk.volume_name is None:
                while volume in used:
                    number += 1
                    volume = f"disk{number}"
                used.add(volume)
            found.append((disk, self._name(disk, volume), False))
        names = [name for _, name, _ in found]
        for (disk, name, _), before in zip(found, range(len(found)), strict=True):
            if name in names[:before]:
                raise Invalid(f"{disk.field} names a volume that is named before: {name}", field=disk.field)
        return found

    def _name(self, disk: Disk, volume: str) -> str:
        if isinstance(disk, ExistingVolume):
            return disk.dataset
        return disk.name(self.zone, pool=self.pool, dataset=self.dataset, volume=volume)

    def asked(self) -> list[str]:
        """Return every dataset that must be looked at before anything is decided: parents first."""
        names: dict[str, None] = {}
        for _, name, _ in self.named():
            for ancestor in ancestors(name):
                names[ancestor] = None
            names[name] = None
        if self.root is not None:
            for ancestor in (*ancestors(self.root), self.root):
                names[ancestor] = None
        if self.template is not None:
            names[self.template.snapshot] = None
        return list(names)


def root_of_zone(zone: str, pool: str, dataset: str, remembered: str | None) -> str:
    """Return the dataset that everything of a zone lies in. Raises Conflict when it bears another name."""
    root = remembered or f"{pool}/{dataset}/{zone}"
    if root.rpartition("/")[2] != zone or root.count("/") < 1:
        raise Conflict(f"Dataset {root} is not the root of zone {zone}", code="not_its_root")
    return root


def ancestors(name: str) -> list[str]:
    """Return the datasets above this one, the pool first."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def decide(wanted: Wanted, there: Mapping[str, zfs.Dataset]) -> Storage:
    """Decide what is to be made. Raises NotFound, Conflict or Invalid naming the dataset that stands in the way."""
    boot: str | None = None
    disks: list[str] = []
    attached: list[str] = []
    filesystems: dict[str, None] = {}
    volumes: list[PlannedVolume] = []
    for disk, name, is_boot in wanted.named():
        if is_boot:
            boot = name
        else:
            disks.append(name)
        if isinstance(disk, ExistingVolume):
            found = there.get(name)
            if found is None:
                raise NotFound(f"Dataset {name} does not exist", code="no_such_dataset")
            if found.kind is not zfs.DatasetKind.VOLUME:
                raise Conflict(f"Dataset {name} is a {found.kind.value}, not a volume", code="not_a_volume")
            attached.append(name)
            continue
        if name in there:
            raise Refused(f"Dataset {name} exists already; it was left alone", code="dataset_exists")
        filesystems.update(dict.fromkeys(_missing_parents(name, there)))
        template = wanted.template if is_boot else None
        if template is None:
            size = disk.size or (BOOT_SIZE if is_boot else DISK_SIZE)
            volumes.append(PlannedVolume(name=name, size=int(size.rounded_up()), sparse=disk.sparse))
        else:
            volumes.append(_from_template(template, name, disk.size, there))
    if wanted.root is not None and wanted.root not in there:
        filesystems.update(dict.fromkeys([*_missing_parents(wanted.root, there), wanted.root]))
    return Storage(
        boot=boot,
        disks=tuple(disks),
        attached=tuple(attached),
        filesystems=tuple(sorted(filesystems)),
        volumes=tuple(sorted(volumes, key=lambda volume: volume.snapshot is not None)),
    )


def _from_template(template: Template, name: str, size: Size | None, there: Mapping[str, zfs.Dataset]) -> PlannedVolume:
    snapshot = there.get(template.snapshot)
    if snapshot is None:
        raise NotFound(f"Template snapshot {template.snapshot} does not exist", code="no_such_template")
    if snapshot.volsize is None:
        raise Conflict(f"Template {template.snapshot} is not of a volume", code="not_a_volume")
    if template.snapshot.dataset.pool != DatasetName(name).pool and template.strategy is CloneStrategy.CLONE:
        raise Conflict(
            f"Template {template.snapshot} is in another pool than {name}: use clone_strategy copy", code="other_pool"
        )
    if size is not None and size < snapshot.volsize:
        raise Invalid(
            f"boot_volume.size {size} is smaller than the template's {Size(snapshot.volsize)}",
            field="boot_volume.size",
        )
    return PlannedVolume(
        name=name,
        size=None,
        snapshot=template.snapshot,
        copy=template.strategy is CloneStrategy.COPY,
        grow=int(size) if size is not None and size > snapshot.volsize else None,
    )


def _missing_parents(name: str, there: Mapping[str, zfs.Dataset]) -> list[str]:
    missing = []
    for ancestor in ancestors(name):
        found = there.get(ancestor)
        if found is None and "/" not in ancestor:
            raise NotFound(f"Pool {ancestor} does not exist", code="no_such_pool")
        if found is None:
            missing.append(ancestor)
        elif found.kind is not zfs.DatasetKind.FILESYSTEM:
            raise Conflict(f"{ancestor} is a {found.kind.value}: nothing can lie below it", code="not_a_filesystem")
    return missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Users:
    """What the zones of a host may have open: what each is configured as, and what it was booted with while active.

    A disk that was taken away from a running zone is in its guest's hands until the zone stops.
    """

    zones: Mapping[str, Sequence[ZoneConfig]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    """Zones whose files cannot be read, with the reason: what they use cannot be told."""

    @classmethod
    def of(cls, files: ConfigFiles) -> Users:
        """Read the files of every zone."""
        configs = files.read_all()
        unread = {name: error.message for name, error in files.broken.items()}
        found: dict[str, list[ZoneConfig]] = {name: [config] for name, config in configs.items()}
        for name in files.index():
            try:
                booted = files.booted(name)
            except BrokenFile as error:
                unread[name] = error.message
                continue
            if booted is not None:
                found.setdefault(name, []).append(booted)
        return cls(zones=found, unread=unread)

    def user(self, dataset: str, *, but: str | None = None) -> str | None:
        """Return a zone (other than `but`) that uses a dataset, or None."""
        return next(
            (zone for zone, configs in self.zones.items() if zone != but and any(c.uses(dataset) for c in configs)),
            None,
        )

    def untold(self, *, but: str | None = None) -> str | None:
        """Return why it cannot be told what a zone (other than `but`) uses, or None."""
        return next((why for zone, why in self.unread.items() if zone != but), None)


def refuse_in_use(zone: str, datasets: Sequence[str], users: Users) -> None:
    """Raise Conflict when another zone uses one of the datasets, or when that cannot be told."""
    for dataset in datasets:
        other = users.user(dataset, but=zone)
        if other is not None:
            raise Conflict(f"Dataset {dataset} is already in use by zone {other}", code="dataset_in_use")
        untold = users.untold(but=zone)
        if untold is not None:
            raise Conflict(f"Whether dataset {dataset} is in use cannot be told: {untold}", code="dataset_in_use")


def steps(ctx: Context, storage: Storage, *, zone: str) -> list[Step[Context]]:
    """Return the steps that make the storage: parents, then volumes; the way back destroys what carries our tag."""
    tags = zfs.Tags(task=ctx.task_id, zone=zone)
    made = [_step(name, (zfs.create_filesystem(name, tags),), PREPARING) for name in storage.filesystems]
    for volume in storage.volumes:
        stage = IMPORTING if volume.snapshot is not None else PREPARING
        made.append(_step(volume.name, commands_for(volume, tags), stage))
    return made


def commands_for(volume: PlannedVolume, tags: zfs.Tags) -> tuple[Command, ...]:
    """Return the commands that make one volume."""
    if volume.snapshot is None:
        size = Size(volume.size or 0)
        return (zfs.create_volume(volume.name, size=size, sparse=volume.sparse, tags=tags),)
    if volume.copy:
        return (
            zfs.copy(volume.snapshot, volume.name),
            zfs.adopt(volume.name, tags=tags, volsize=None if volume.grow is None else Size(volume.grow)),
        )
    cloned = (zfs.clone(volume.snapshot, volume.name, tags),)
    return cloned if volume.grow is None else (*cloned, zfs.set_volsize(volume.name, Size(volume.grow)))


def _step(name: str, commands: tuple[Command, ...], stage: tuple[str, int]) -> Step[Context]:
    received = commands[0].pipe_to is not None
    destroy = zfs.destroy(name, recursive=received)

    async def ours(ctx: Context) -> bool:
        """Ask the host, at this moment, whether the dataset is there and was made by this task.

        What is received gets its own tag only afterwards; until then it has the tag of the zone's root, inherited.
        """
        found = (await ctx.ask(zfs.survey([name]))).get(name)
        return found is not None and (found.owned_by(ctx.task_id) or (received and found.below_owned(ctx.task_id)))

    async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
        first, *rest = commands
        there = ctx.resumed and await ours(ctx)
        if there and received:  # a copy that was cut off is begun anew
            await ctx.run(destroy)
        if not there or received:
            try:
                await ctx.run(first)
            except CommandFailed as error:
                if zfs.said_exists(error.stderr):
                    raise Refused(f"Dataset {name} exists already; it was left alone", code="dataset_exists") from error
                raise
        with begun():
            for command in rest:
                await ctx.run(command)
            await _expect(ctx, name, commands)
        return {"dataset": name}

    async def undo(ctx: Context, _: Outputs) -> None:
        if not await ours(ctx):
            return
        user = Users.of(ctx.files).user(name)
        if user is not None:
            raise Failed(f"The configuration of zone {user} names {name}; it was left alone", code="dataset_in_use")
        await ctx.run(destroy)

    return Step(
        name=f"dataset {name}",
        do=do,
        undo=undo,
        progress=stage[1],
        status=stage[0],
        planned=commands,
        planned_undo=(destroy,),
    )


async def _expect(ctx: Context, name: str, commands: Sequence[Command]) -> None:
    """See that what was reported as made is there. Raises Failed.

    A volume shows in /dev, which costs no process; what was set on it afterwards (size, tags) must be asked for.
    """
    words = commands[0].argv
    is_volume = "-V" in words or len(commands) > 1 or commands[0].pipe_to is not None or words[1] == "clone"
    if is_volume and not ctx.host.path(f"/dev/zvol/rdsk/{name}").exists():
        raise Failed(f"zfs reported success, but there is no volume {name}", code="not_as_meant")
    if len(commands) > 1:
        found = (await ctx.ask(zfs.survey([name]))).get(name)
        size = next((word.partition("=")[2] for word in commands[-1].argv if word.startswith("volsize=")), None)
        small = found is not None and size is not None and (found.volsize or 0) < int(Size.parse(size))
        if found is None or small or not found.owned_by(ctx.task_id):
            raise Failed(f"zfs reported success, but the size or owner of {name} is not as meant", code="not_as_meant")


def mountpoint_of(root: str, there: Mapping[str, zfs.Dataset]) -> str:
    """Return where a dataset is or will be mounted. Raises Refused when its nearest ancestor is not mounted."""
    rest: list[str] = []
    name = root
    while name not in there:
        name, _, last = name.rpartition("/")
        if not name:
            raise NotFound(f"Pool {root.partition('/')[0]} does not exist", code="no_such_pool")
        rest.insert(0, last)
    mountpoint = there[name].mountpoint
    if mountpoint is None or not there[name].mounted:
        raise Refused(f"Dataset {name} is not mounted, so that no zonepath can lie in {root}", code="not_mounted")
    return "/".join([mountpoint.rstrip("/"), *rest])

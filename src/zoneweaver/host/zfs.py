"""zfs(8): asking for many datasets at once, and making, growing and destroying them.

What we make carries the user property `zoneweaver:task`, set on it and not inherited: that, read from the host at the
moment of destroying, is the one proof that it is ours. Clones and children show the property of what they stem from or
lie below as `inherited from X`, which proves nothing.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Unparseable
from zoneweaver.domain.sizes import Size
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query

TASK_TAG: Final = "zoneweaver:task"
ZONE_TAG: Final = "zoneweaver:zone"

COPY_SECONDS: Final = 24 * 3600.0
"""Deadline for `zfs send | zfs recv`, which takes as long as the data is big."""

LOCAL: Final = "local"

_NONE: Final = "-"


class DatasetKind(enum.StrEnum):
    """What a dataset is."""

    FILESYSTEM = "filesystem"
    VOLUME = "volume"
    SNAPSHOT = "snapshot"
    BOOKMARK = "bookmark"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tags:
    """Who made a dataset, for which zone, as user properties."""

    task: str
    zone: str

    def options(self) -> tuple[str, ...]:
        """Return the tags as options of `zfs create`, `clone` and `snapshot`."""
        return ("-o", f"{TASK_TAG}={self.task}", "-o", f"{ZONE_TAG}={self.zone}")

    def assignments(self) -> tuple[str, ...]:
        """Return the tags as `zfs set` takes them."""
        return (f"{TASK_TAG}={self.task}", f"{ZONE_TAG}={self.zone}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """A property with its source: `local`, `default`, `received`, `temporary`, `inherited from X`, or empty."""

    value: str
    source: str = ""

    @property
    def local(self) -> bool:
        """Whether it was set on this very dataset."""
        return self.source == LOCAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset or snapshot as the host shows it; sizes in bytes. `task` and `zone` are our tags, wherever set."""

    name: str
    kind: DatasetKind
    origin: str | None = None
    """The snapshot that it is a clone of."""
    clones: tuple[str, ...] = ()
    """What was cloned from this snapshot."""
    volsize: int | None = None
    volblocksize: int | None = None
    used: int = 0
    referenced: int = 0
    available: int | None = None
    mountpoint: str | None = None
    """The folder it is to be mounted at; None for `none`, `legacy` and whatever cannot be mounted."""
    mounted: bool = False
    task: Property | None = None
    zone: Property | None = None

    def owned_by(self, task_id: str) -> bool:
        """Say whether this task made it: its tag is on it, not inherited."""
        return self.task is not None and self.task.local and self.task.value == task_id

    def owned_for_zone(self, zone: str) -> bool:
        """Say whether we made it for this zone: both tags are on it, not inherited."""
        return (
            self.task is not None
            and self.task.local
            and self.zone is not None
            and self.zone.local
            and self.zone.value == zone
        )

    def below_owned(self, task_id: str) -> bool:
        """Say whether it lies below something that this task made and has no tag of its own."""
        if self.task is None or self.task.value != task_id:
            return False
        above = self.task.source.removeprefix("inherited from ")
        return above != self.task.source and self.name.startswith((f"{above}/", f"{above}@"))


def survey(
    datasets: Sequence[str], *, recursive: bool = False, snapshots: bool = False
) -> Query[Mapping[str, Dataset]]:
    """Ask for all of these in one process, in the host's order; what does not exist is left out of the answer.

    `recursive` takes in what lies below, and with `snapshots` the snapshots of it all as well. Raises CommandFailed
    (anything but a missing dataset) and Unparseable.
    """
    below: tuple[str, ...] = ()
    if recursive:
        kinds = (
            "filesystem,volume,snapshot" if snapshots or any("@" in name for name in datasets) else "filesystem,volume"
        )
        below = ("-r", "-t", kinds)
    argv = ("zfs", "get", "-Hp", *below, "-o", "name,property,value,source", ",".join(_ASKED), *datasets)
    command = Command(argv=argv, ok=frozenset({0, 1}))
    asked = frozenset(datasets)
    return Query(command=command, parse=lambda completed: _read_survey(completed, asked))


def mountpoints() -> Query[Mapping[str, str]]:
    """Ask where each filesystem of the host is to be mounted; `none` and `legacy` are as zfs(8) says them."""
    argv = ("zfs", "list", "-H", "-o", "name,mountpoint", "-t", "filesystem")
    return Query(command=Command(argv=argv), parse=_read_mountpoints)


def create_filesystem(name: str, tags: Tags, *, mountpoint: str | None = None) -> Command:
    """Make a filesystem; the parent must exist, and the name must be free."""
    place = ("-o", f"mountpoint={mountpoint}") if mountpoint else ()
    return _change("create", *tags.options(), *place, name)


def create_volume(name: str, *, size: Size, sparse: bool, tags: Tags) -> Command:
    """Make a volume; the host rounds the size up to a multiple of the block size."""
    return _change("create", *(("-s",) if sparse else ()), *tags.options(), "-V", str(size), name)


def clone(snapshot: str, name: str, tags: Tags) -> Command:
    """Make a clone in the same pool; it shares its data with the snapshot, which cannot be destroyed before it."""
    return _change("clone", *tags.options(), snapshot, name)


def copy(snapshot: str, name: str) -> Command:
    """Make a full copy by `send | recv`. It has no tags of its own until `adopt`, since recv cannot set any."""
    return Command(
        argv=("zfs", "send", snapshot),
        pipe_to=("zfs", "recv", "-u", name),
        changes=True,
        timeout=COPY_SECONDS,
    )


def adopt(name: str, *, tags: Tags, volsize: Size | None = None) -> Command:
    """Put our tags on a dataset, and give it its size, in one go."""
    grown = (f"volsize={volsize}",) if volsize is not None else ()
    return _change("set", *tags.assignments(), *grown, name)


def set_tags(name: str, tags: Tags) -> Command:
    """Put our tags on a dataset that we made."""
    return adopt(name, tags=tags)


def set_volsize(name: str, size: Size) -> Command:
    """Change the size of a volume. Shrinking loses data: the caller must not ask for it."""
    return _change("set", f"volsize={size}", name)


def destroy(name: str, *, recursive: bool = False) -> Command:
    """Destroy a dataset or snapshot for ever, with `recursive` all below it too. Ask first whose it is."""
    return _change("destroy", *(("-r",) if recursive else ()), name)


def snapshot(name: str, tags: Tags | None = None, *, recursive: bool = False) -> Command:
    """Take the snapshot `dataset@name`; with `recursive` of all below it at the same moment."""
    return _change("snapshot", *(("-r",) if recursive else ()), *(tags.options() if tags else ()), name)


def rollback(name: str, *, destroy_newer: bool = False) -> Command:
    """Put a dataset back to a snapshot; nobody may have it open."""
    return _change("rollback", *(("-r",) if destroy_newer else ()), name)


def promote(name: str) -> Command:
    """Make a clone independent: its origin becomes a clone of it."""
    return _change("promote", name)


def rename(old: str, new: str) -> Command:
    """Rename a dataset within its pool."""
    return _change("rename", old, new)


def mount(name: str) -> Command:
    """Mount a filesystem at its mountpoint."""
    return _change("mount", name)


def unmount(name: str) -> Command:
    """Unmount a filesystem."""
    return _change("unmount", name)


def said_exists(stderr: str) -> bool:
    """Say whether the name was taken, so that nothing was made."""
    return "dataset already exists" in stderr or bool(re.search(r"destination '.*' exists", stderr))


def said_missing(stderr: str) -> bool:
    """Say whether the dataset, snapshot or pool did not exist."""
    return any(text in stderr for text in ("dataset does not exist", "no such pool", "could not find any snapshots"))


def said_no_parent(stderr: str) -> bool:
    """Say whether the dataset above did not exist, or cannot have children."""
    return "parent does not exist" in stderr or "parent is not a filesystem" in stderr


def said_busy(stderr: str) -> bool:
    """Say whether somebody has the dataset open or holds the snapshot."""
    return "dataset is busy" in stderr


def said_no_space(stderr: str) -> bool:
    """Say whether the pool or a quota is too small."""
    return any(text in stderr for text in ("out of space", "size is greater than available space"))


def dependents(stderr: str) -> tuple[str, ...]:
    """Return what stands in the way of a destroy: children, snapshots or clones, as zfs lists them."""
    _, found, rest = stderr.partition("to destroy the following datasets:\n")
    if not found:
        return ()
    return tuple(line.strip() for line in rest.splitlines() if line.strip())


def _change(*words: str) -> Command:
    return Command(argv=("zfs", *words), changes=True, timeout=CHANGE_SECONDS)


_ASKED: Final = (
    "type",
    "origin",
    "clones",
    "volsize",
    "volblocksize",
    "used",
    "referenced",
    "available",
    "mountpoint",
    "mounted",
    TASK_TAG,
    ZONE_TAG,
)

_MISSING: Final = re.compile(r"cannot open '.*': (?:dataset does not exist|no such pool(?: '.*')?)")


def _read_survey(completed: Completed, asked: Iterable[str]) -> Mapping[str, Dataset]:
    missing: set[str] = set()
    if completed.exit_status != 0:
        complaints = [line for line in completed.stderr.splitlines() if line.strip()]
        if not complaints or not all(_MISSING.fullmatch(line) for line in complaints):
            raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)
        missing = {line.split("'")[1] for line in complaints}
    rows: dict[str, dict[str, Property]] = {}
    for line in completed.stdout.splitlines():
        fields = line.split("\t")
        if len(fields) != 4 or fields[1] not in _ASKED:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}")
        name, prop, value, source = fields
        rows.setdefault(name, {})[prop] = Property(value=value, source="" if source == _NONE else source)
    found = {name: _dataset(completed, name, props) for name, props in rows.items()}
    for name in asked:
        if name not in found and name not in missing and not any(_above(gone, name) for gone in missing):
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"nothing about {name}")
    return found


def _read_mountpoints(completed: Completed) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for line in completed.stdout.splitlines():
        name, tab, place = line.partition("\t")
        if not tab:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}")
        found[name] = place
    return found


def _above(gone: str, name: str) -> bool:
    return name.startswith((f"{gone}/", f"{gone}@"))


def _dataset(completed: Completed, name: str, props: Mapping[str, Property]) -> Dataset:
    untold = next((prop for prop in _ASKED if prop not in props), None)
    if untold is not None:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"{untold} of {name} is not told")

    def unexpected(prop: str) -> Unparseable:
        why = f"{prop} of {name} is {props[prop].value!r}"
        return Unparseable(argv=completed.argv, text=completed.stdout, why=why)

    def number(prop: str) -> int | None:
        value = props[prop].value
        if value == _NONE:
            return None
        if not value.isdecimal():
            raise unexpected(prop)
        return int(value)

    def tag(prop: str) -> Property | None:
        return props[prop] if props[prop].source else None

    try:
        kind = DatasetKind(props["type"].value)
    except ValueError:
        raise unexpected("type") from None
    if kind is DatasetKind.VOLUME and number("volsize") is None:
        raise unexpected("volsize")
    origin, clones, mountpoint = (props[prop].value for prop in ("origin", "clones", "mountpoint"))
    return Dataset(
        name=name,
        kind=kind,
        origin=None if origin == _NONE else origin,
        clones=tuple(clone for clone in clones.split(",") if clone) if clones != _NONE else (),
        volsize=number("volsize"),
        volblocksize=number("volblocksize"),
        used=number("used") or 0,
        referenced=number("referenced") or 0,
        available=number("available"),
        mountpoint=mountpoint if mountpoint.startswith("/") else None,
        mounted=props["mounted"].value == "yes",
        task=tag(TASK_TAG),
        zone=tag(ZONE_TAG),
    )

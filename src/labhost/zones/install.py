"""zoneadm install, uninstall, clone and move: the zonepath and its dataset, and the brand's createzone."""

from __future__ import annotations

import os
import sys

from labhost.guests.disk import disk_folder
from labhost.zones import configurations, index
from labhost.zones.verifying import repair_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config

FATAL = 255
FOLDERS = ("dev", "etc", "usr", "sbin", "lib", "var/run", "tmp", "var/tmp")
PASSWD = "root:x:0:0:Super-User:/:/sbin/sh\n"


class BrandFailed(Exception):
    """A program of the brand ended badly; the zone stays incomplete."""

    def __init__(self, program: str, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = [*lines, f"'/usr/lib/brand/bhyve/{program}' failed with exit code {FATAL}."]


def install(world: World, name: str, *, dataset: bool = True) -> None:
    """Install a configured zone; without `dataset` none is made for it. Raises BrandFailed, leaving it incomplete."""
    config = configurations.load(world, name)
    path = config.get("zonepath")
    for line in repair_mode(world, path):
        sys.stderr.write(line + "\n")
    uuid = index.new_uuid()
    index.set_state(world, name, "incomplete", uuid)
    if dataset:
        make_dataset(world, path)
    make_folder(world, path)
    createzone(world, path, uuid)
    index.set_state(world, name, "installed")


def make_dataset(world: World, path: str) -> None:
    """Make a filesystem for the zonepath when the folder above is the mountpoint of one."""
    parent, _, last = path.rstrip("/").rpartition("/")
    with world.lock("zfs"):
        state = world.read("zfs")
        from labhost.zfs.datasets import Datasets, ZfsError

        datasets = Datasets(state, world)
        holder = datasets.mounted_at(parent or "/")
        if holder is not None and datasets.get(f"{holder}/{last}") is None:
            try:
                datasets.create_filesystem(f"{holder}/{last}", {"sharenfs": "off", "sharesmb": "off"})
                world.write("zfs", state)
                sys.stdout.write("A ZFS file system has been created for this zone.\n")
            except ZfsError as problem:
                sys.stderr.write("\n".join(problem.lines()) + "\n")


def make_folder(world: World, path: str) -> None:
    """Make the zonepath, or give what is there its mode."""
    place = world.host(path)
    os.makedirs(place, exist_ok=True)
    os.chmod(place, 0o700)


def dataset_at(world: World, path: str) -> str | None:
    """Return the filesystem mounted at a path of the host."""
    from labhost.zfs.datasets import Datasets

    return Datasets(world.read("zfs"), world).mounted_at(path)


def createzone(world: World, path: str, uuid: str) -> None:
    """Do what the brand's createzone does: an almost empty root. Raises BrandFailed."""
    if dataset_at(world, path) is None:
        parent = os.path.dirname(path.rstrip("/"))
        holder = dataset_at(world, parent)
        if holder is None:
            raise BrandFailed(
                "createzone", f"Could not find parent dataset for {path}", f"Make sure that {parent} is a ZFS dataset"
            )
        raise BrandFailed("createzone", f"Make sure that {path} is a ZFS dataset")
    root = world.host(f"{path}/root")
    try:
        os.mkdir(root, 0o755)
    except FileExistsError:
        raise BrandFailed("createzone", "Failed to build miniroot") from None
    for folder in FOLDERS:
        os.makedirs(f"{root}/{folder}")
    configurations.replace(f"{root}/etc/passwd", PASSWD)
    configurations.replace(f"{root}/etc/uuid", uuid + "\n")


def mounted_below(world: World, path: str) -> list[str]:
    """Return where filesystems are mounted below a zone's root."""
    from labhost.zfs.datasets import FILESYSTEM, Datasets

    datasets = Datasets(world.read("zfs"), world)
    places = [
        datasets.mountpoint(name)
        for name, facts in datasets.all.items()
        if facts["type"] == FILESYSTEM and not facts.get("unmounted")
    ]
    return sorted(place for place in places if place.startswith(f"{path}/root/"))


def uninstall(world: World, name: str, path: str) -> None:
    """Take an installed or incomplete zone's zonepath away, with every dataset below. Raises BrandFailed."""
    index.set_state(world, name, "incomplete")
    with world.lock("zfs"):
        state = world.read("zfs")
        from labhost.zfs.datasets import Datasets, ZfsError

        datasets = Datasets(state, world)
        dataset = datasets.mounted_at(path)
        if dataset is not None:
            try:
                datasets.destroy(dataset, recursive=True)
            except ZfsError as problem:
                world.write("zfs", state)
                raise BrandFailed("uninstall", *problem.lines()) from None
            world.write("zfs", state)
    remove_tree(world.host(path))
    remove_tree(f"{world.path}/run/{disk_folder(name)}")
    index.set_state(world, name, "configured", "")


def remove_tree(place: str) -> None:
    """Remove a folder and all in it, if it is there."""
    if os.path.isdir(place) and not os.path.islink(place):
        from shutil import rmtree

        rmtree(place)


def clone(world: World, name: str, source: str, *, snapshot: str = "", copy: bool = False) -> None:
    """Install a zone with another one's zonepath, cloned where both lie in one pool; never the guest's disks."""
    path = configurations.load(world, name).get("zonepath")
    uuid = index.new_uuid()
    index.set_state(world, name, "incomplete", uuid)
    origin = index.entry(world, source)
    source_path = origin.path if origin is not None else ""
    if copy or not _clone_dataset(world, source_path, path, snapshot):
        from shutil import copytree

        make_dataset(world, path)
        make_folder(world, path)
        sys.stdout.write(f"Copying {source_path}...\n")
        copytree(world.host(f"{source_path}/root"), world.host(f"{path}/root"), symlinks=True, ignore=_no_sockets)
    make_folder(world, path)
    configurations.replace(world.host(f"{path}/root/etc/uuid"), uuid + "\n")
    index.set_state(world, name, "installed")


def _clone_dataset(world: World, source_path: str, path: str, snapshot: str) -> bool:
    """Make the zonepath's filesystem a clone of the other one's; False where that cannot be."""
    from labhost.zfs import lineage, snapshots
    from labhost.zfs.change import Change
    from labhost.zfs.datasets import ZfsError

    parent, _, last = path.rstrip("/").rpartition("/")
    try:
        with Change(world) as datasets:
            holder, source = datasets.mounted_at(parent or "/"), datasets.mounted_at(source_path)
            if holder is None or source is None or datasets.get(f"{holder}/{last}") is not None:
                return False
            if not snapshot:
                number = 1
                while datasets.get(f"{source}@SUNWzone{number}") is not None:
                    number += 1
                snapshot = f"{source}@SUNWzone{number}"
                snapshots.take(datasets, [snapshot], {})
            sys.stdout.write(f"Cloning snapshot {snapshot}\n")
            lineage.clone(datasets, snapshot, f"{holder}/{last}", {})
    except ZfsError as problem:
        sys.stderr.write("\n".join(problem.lines()) + "\n")
        return False
    sys.stdout.write("Instead of copying, a ZFS clone has been created for this zone.\n")
    return True


def _no_sockets(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".vnc")]


def move(world: World, name: str, target: str) -> None:
    """Move an installed zone's zonepath: by renaming its dataset where the new parent is one, else by moving files."""
    config: Config = configurations.load(world, name)
    path = config.get("zonepath")
    with world.lock("zfs"):
        state = world.read("zfs")
        from labhost.zfs.datasets import Datasets

        datasets = Datasets(state, world)
        dataset = datasets.mounted_at(path)
        parent, _, last = target.rstrip("/").rpartition("/")
        holder = datasets.mounted_at(parent or "/")
        if dataset is not None and holder is not None:
            from labhost.zfs.lineage import rename

            rename(datasets, dataset, f"{holder}/{last}")
            world.write("zfs", state)
        else:
            os.rename(world.host(path), world.host(target))
    config.root["zonepath"] = target
    configurations.save(world, config)
    with index.Editing(world) as book:
        entry = book.get(name)
        if entry is not None:
            entry.path = target
            book.put(entry)

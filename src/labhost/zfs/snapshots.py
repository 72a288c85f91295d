"""Snapshots: taken together or not at all, gone back to, held."""

from __future__ import annotations

import os

from labhost.guests.stillness import Stillness
from labhost.zfs import contents, layers, removal
from labhost.zfs.errors import ZfsError
from labhost.zfs.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Dataset, Datasets


def take(datasets: Datasets, wanted: list[str], props: dict[str, str]) -> None:
    """Take snapshots at one moment; refuse them all when one cannot be, naming each that cannot."""
    complaints = []
    space = Space(datasets)
    needed: dict[str, int] = {}
    for full in dict.fromkeys(wanted):
        name, _, snap = full.partition("@")
        dataset = datasets.all[name]
        if snap in dataset.get("snapshots", {}):
            complaints.append(f"cannot create snapshot '{full}': dataset already exists")
            continue
        # With a refreservation, all that the live data shares from now on may have to be written anew.
        more = min(space.unique(dataset), int(dataset["local"].get("refreservation", 0)))
        pool = name.partition("/")[0]
        needed[pool] = needed.get(pool, 0) + more
        if more and needed[pool] > space.available(pool):
            complaints.append(f"cannot create snapshot '{full}': out of space")
    if complaints:
        raise ZfsError(complaints[0], complaints[1:])
    txg = datasets.advance()
    with Stillness(datasets.world, {full.partition("@")[0] for full in wanted}):
        for full in dict.fromkeys(wanted):
            name, _, snap = full.partition("@")
            dataset = datasets.all[name]
            facts = {**datasets.stamp(), "txg": txg, "refer": space.referenced(dataset), "local": dict(props)}
            _keep(datasets, name, facts)
            dataset.setdefault("snapshots", {})[snap] = facts


def _keep(datasets: Datasets, name: str, facts: Dataset) -> None:
    """Keep a dataset's content for a snapshot, if there is any, and mark what it looked like."""
    dataset, world = datasets.all[name], datasets.world
    goal = contents.place(world, facts["objset"])
    if dataset["type"] == "volume":
        facts["volsize"] = int(dataset["local"]["volsize"])
        source = contents.place(world, dataset["objset"])
        if not contents.is_hollow(source):
            contents.copy_volume(source, goal)
        layers.copy(source, goal)
    else:
        folder = datasets.folder(name)
        if folder is not None and not contents.folder_is_empty(folder):
            os.makedirs(goal, exist_ok=True)
            contents.copy_folder(folder, goal, datasets.folders_below(name))
    facts["mark"] = mark(datasets, name)


def mark(datasets: Datasets, name: str) -> str:
    """Return a short text that changes whenever a dataset's content is written."""
    dataset = datasets.all[name]
    if dataset["type"] == "volume":
        return contents.volume_mark(datasets.world, dataset["objset"])
    folder = datasets.folder(name)
    return "" if folder is None else contents.folder_mark(folder, datasets.folders_below(name))


def is_modified(datasets: Datasets, name: str) -> bool:
    """Tell whether a dataset was written since its last snapshot."""
    newest = None
    for newest in datasets.all[name].get("snapshots", {}).values():  # noqa: B007
        pass
    return newest is not None and newest.get("mark") != mark(datasets, name)


def newer(datasets: Datasets, full: str) -> list[str]:
    """Return the snapshots of the same dataset that were taken later."""
    name = full.partition("@")[0]
    all_of_it = datasets.snapshots(name)
    return all_of_it[all_of_it.index(full) + 1 :]


def roll_back(datasets: Datasets, full: str, *, recursive: bool, clones: bool) -> None:
    """Make a dataset what it was at a snapshot, together with the destruction of what came later if told."""
    name = full.partition("@")[0]
    later = newer(datasets, full)
    action = f"cannot rollback to '{full}'"
    if later and not recursive:
        raise ZfsError(
            f"{action}: more recent snapshots or bookmarks exist",
            ["use '-r' to force deletion of the following snapshots and bookmarks:", *later],
        )
    hanging = [other for snapshot in later for other in removal.dependents(datasets, snapshot)]
    if hanging and not clones:
        raise ZfsError(
            f"{action}: clones of previous snapshots exist",
            ["use '-R' to force deletion of the following clones and dependents:", *dict.fromkeys(hanging)],
        )
    busy = datasets.busy()
    for victim in [*dict.fromkeys(hanging), *reversed(later)]:
        removal.remove(datasets, victim, busy)
    restore(datasets, name, full)


def restore(datasets: Datasets, name: str, full: str) -> None:
    """Give a dataset the content of one of its snapshots."""
    dataset, facts, world = datasets.all[name], datasets.open(full), datasets.world
    datasets.advance()
    kept = contents.place(world, facts["objset"])
    if dataset["type"] == "volume":
        dataset["local"]["volsize"] = str(facts["volsize"])
        fill(datasets, kept, dataset["objset"], facts["volsize"])
    else:
        folder = datasets.folder(name)
        if folder is not None:
            below = datasets.folders_below(name)
            contents.empty_folder(folder, below)
            if os.path.isdir(kept):
                contents.copy_folder(kept, folder)
    facts["mark"] = mark(datasets, name)


def fill(datasets: Datasets, kept: str, objset: int, size: int) -> None:
    """Give a volume the content of a kept file, or none if nothing was kept."""
    goal = contents.place(datasets.world, objset)
    layers.copy(kept, goal)
    if os.path.exists(kept):
        contents.copy_volume(kept, goal, size)
    else:
        contents.make_volume(datasets.world, objset, 0)
        contents.resize_volume(datasets.world, objset, 0)
        contents.resize_volume(datasets.world, objset, size)


def hold(datasets: Datasets, full: str, tag: str) -> None:
    """Keep a snapshot from being destroyed, under a tag."""
    action = f"cannot hold snapshot '{full}'"
    facts = datasets.get(full)
    if facts is None:
        raise ZfsError(f"{action}: dataset does not exist")
    if tag in facts.get("holds", {}):
        raise ZfsError(f"{action}: tag already exists on this dataset")
    facts.setdefault("holds", {})[tag] = datasets.world.now()
    datasets.advance()


def release(datasets: Datasets, full: str, tag: str) -> None:
    """Take a hold back; a snapshot whose destruction was put off goes with its last one."""
    action = f"cannot release hold from snapshot '{full}'"
    facts = datasets.get(full)
    if facts is None:
        raise ZfsError(f"{action}: dataset does not exist")
    if tag not in facts.get("holds", {}):
        raise ZfsError(f"{action}: no such tag on this dataset")
    del facts["holds"][tag]
    if not facts["holds"]:
        del facts["holds"]
        if facts.get("deferred") and not datasets.clones(full):
            removal.remove(datasets, full, set())
    datasets.advance()

"""Clones, their promotion, and new names for datasets and snapshots."""

from __future__ import annotations

import os

from labhost.zfs import contents, layers, names, snapshots
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zfs.datasets import Dataset


def copy_ahead(world: World, origin: str) -> str | None:
    """Copy a volume snapshot's content into a passing file before any lock is held; None if there is nothing to copy.

    A clone costs a real pool nothing; here it is a copy, and nobody else should wait for it.
    """
    facts = Datasets(world.read("zfs"), world).get(origin)
    if facts is None or "volsize" not in facts:
        return None
    passing = f"{world.path}/volumes/clone.{os.getpid()}"
    try:
        contents.copy_volume(contents.place(world, facts["objset"]), passing)
    except FileNotFoundError:
        return None
    return passing


def clone(
    datasets: Datasets,
    origin: str,
    name: str,
    props: dict[str, str],
    *,
    parents: bool = False,
    ahead: str | None = None,
) -> None:
    """Make a dataset that begins as a snapshot, `ahead` being its copied content; a volume has no reservation."""
    action = f"cannot create '{name}'"
    facts = datasets.open(origin)
    source = datasets.all[origin.partition("@")[0]]
    datasets.check_new(name, action, parents=parents)
    if name in datasets.all:
        return
    if names.pool_of(origin) != names.pool_of(name):
        raise ZfsError(f"{action}: source and target pools differ")
    local = dict(props)
    if source["type"] == "volume":
        local = {"volsize": str(facts["volsize"]), **local}
        if "volblocksize" in source["local"]:
            local["volblocksize"] = source["local"]["volblocksize"]
    made = datasets.add(name, source["type"], local)
    made["origin"] = origin
    kept = contents.place(datasets.world, facts["objset"])
    if source["type"] == "volume":
        if ahead is None:
            snapshots.fill(datasets, kept, made["objset"], int(local["volsize"]))
        else:
            os.truncate(ahead, int(local["volsize"]))
            os.rename(ahead, contents.place(datasets.world, made["objset"]))
            layers.copy(kept, contents.place(datasets.world, made["objset"]))
        contents.add_nodes(datasets.world, name, made["objset"])
        return
    datasets.mount(name)
    folder = datasets.folder(name)
    if folder is not None and os.path.isdir(kept):
        contents.copy_folder(kept, folder)


def promote(datasets: Datasets, name: str) -> None:
    """Let a clone and its origin change places: the snapshots up to the origin become the clone's."""
    dataset = datasets.open(name)
    origin = dataset.get("origin")
    if origin is None:
        raise ZfsError(f"cannot promote '{name}': not a cloned filesystem")
    above, _, snap = origin.partition("@")
    parent = datasets.all[above]
    moving = []
    for moved in parent["snapshots"]:
        moving.append(moved)
        if moved == snap:
            break
    own = dataset.get("snapshots", {})
    for moved in moving:
        if moved in own:
            raise ZfsError(
                f"cannot promote '{name}': snapshot name '{above}@{moved}' from origin ",
                [f"conflicts with '{name}@{moved}' from target"],
            )
    dataset["snapshots"] = {**{moved: parent["snapshots"].pop(moved) for moved in moving}, **own}
    if not parent["snapshots"]:
        del parent["snapshots"]
    if "origin" in parent:
        dataset["origin"] = parent["origin"]
    else:
        del dataset["origin"]
    _point(datasets, {f"{above}@{moved}": f"{name}@{moved}" for moved in moving})
    parent["origin"] = f"{name}@{snap}"
    datasets.advance()


def _point(datasets: Datasets, renamed: dict[str, str]) -> None:
    """Let the clones of snapshots that have a new name know it."""
    for dataset in datasets.all.values():
        new = renamed.get(dataset.get("origin", ""))
        if new is not None:
            dataset["origin"] = new


def rename(datasets: Datasets, old: str, new: str, *, recursive: bool = False, parents: bool = False) -> None:
    """Give a dataset (with all under it) or a snapshot another name."""
    if "@" in old:
        _rename_snapshot(datasets, old, new, recursive=recursive)
        return
    action = f"cannot rename '{old}'"
    datasets.open(old)
    fault = names.fault_of(new)
    if fault is not None:
        raise ZfsError(f"{action}: {fault}")
    if names.pool_of(old) != names.pool_of(new):
        raise ZfsError(f"{action}: datasets must be within same pool")
    if "/" not in old:
        raise ZfsError(f"{action}: operation not supported on this type of dataset")
    if new == old or new.startswith(old + "/"):
        if new == old:
            raise ZfsError(f"{action}: dataset already exists")
        raise ZfsError(f"{action}: New dataset name cannot be a descendant of current dataset name")
    if parents:
        datasets.create_above(new)
    if new in datasets.all:
        raise ZfsError(f"{action}: dataset already exists")
    above = datasets.all.get(names.parent_of(new))
    if above is None:
        raise ZfsError(f"{action}: parent does not exist")
    if above["type"] != "filesystem":
        raise ZfsError(f"{action}: parent is not a filesystem")
    whole = [old, *datasets.below(old)]
    busy = datasets.busy()
    if any(name in busy for name in whole):
        raise ZfsError(f"{action}: dataset is busy")
    _move(datasets, whole, old, new)


def _move(datasets: Datasets, whole: list[str], old: str, new: str) -> None:
    before = {name: datasets.folder(name) for name in whole}
    moved: dict[str, Dataset] = {}
    snaps: dict[str, str] = {}
    for name in whole:
        goal = new + name[len(old) :]
        dataset = datasets.all.pop(name)
        moved[goal] = dataset
        if dataset["type"] == "volume":
            contents.remove_nodes(datasets.world, name)
            contents.add_nodes(datasets.world, goal, dataset["objset"])
        for snap in dataset.get("snapshots", ()):
            snaps[f"{name}@{snap}"] = f"{goal}@{snap}"
    datasets.all.update(moved)
    _point(datasets, snaps)
    for name in whole:
        datasets.move_folder(before[name], datasets.folder(new + name[len(old) :]))
    datasets.advance()


def _rename_snapshot(datasets: Datasets, old: str, new: str, *, recursive: bool) -> None:
    action = f"cannot rename '{old}'"
    datasets.open(old)
    name, _, snap = old.partition("@")
    if "@" not in new:
        new = f"{name}@{new}" if "/" not in new else new
    target, _, goal = new.partition("@")
    if target and target != name:
        raise ZfsError(f"{action}: snapshots must be part of same dataset")
    fault = names.fault_of(f"{name}@{goal}", snapshot=True)
    if fault is not None:
        raise ZfsError(f"{action}: {fault}")
    holders = [name, *(datasets.below(name) if recursive else ())]
    for holder in holders:
        if goal in datasets.all[holder].get("snapshots", {}):
            raise ZfsError(f"{action}: dataset already exists")
    for holder in holders:
        own = datasets.all[holder].get("snapshots", {})
        if snap in own:
            # The order of the snapshots is their age: the new name takes the old one's place.
            datasets.all[holder]["snapshots"] = {(goal if kept == snap else kept): facts for kept, facts in own.items()}
            _point(datasets, {f"{holder}@{snap}": f"{holder}@{goal}"})
    datasets.advance()

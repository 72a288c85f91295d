"""What a received stream becomes: new datasets, more snapshots of one that is there, or a refusal."""

from __future__ import annotations

import os

from labhost.zfs import contents, layers, names, removal, snapshots
from labhost.zfs.errors import ZfsError
from labhost.zfs.space import Space, reservation_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.zfs.datasets import Datasets

    Part = dict[str, Any]

NEW = "cannot receive new filesystem stream"
MORE = "cannot receive incremental stream"


def target_of(step: Part, wanted: str, *, last: bool, all_but_pool: bool) -> str:
    """Return the dataset a step of the stream goes to, by -e (last element), -d (all but the pool) or as given."""
    sent = step["snapshot"].partition("@")[0]
    if last:
        return f"{wanted}/{sent.rpartition('/')[2]}"
    if all_but_pool:
        below = sent.partition("/")[2]
        return f"{wanted}/{below}" if below else wanted
    return f"{wanted}{step['relative']}"


def check_first(datasets: Datasets, target: str, first: Part, *, force: bool) -> None:
    """Refuse a stream that cannot begin at its target."""
    action = MORE if first["from"] else NEW
    fault = names.fault_of(target)
    if fault is not None:
        raise ZfsError(f"cannot receive: {fault}")
    there = datasets.all.get(target)
    if first["from"]:
        if there is None:
            raise ZfsError(f"{action}: destination '{target}' does not exist")
        _check_increment(datasets, target, first, force=force)
        return
    if there is None:
        above = datasets.all.get(names.parent_of(target))
        if above is None:
            raise ZfsError(
                f"cannot open '{names.parent_of(target)}': dataset does not exist",
                [f"{action}: unable to restore to destination"],
            )
        if above["type"] != "filesystem":
            raise ZfsError(f"{action}: parent is not a filesystem")
        return
    if not force:
        raise ZfsError(f"{action}: destination '{target}' exists", ["must specify -F to overwrite it"])
    if there.get("snapshots"):
        eg = datasets.snapshots(target)[0]
        raise ZfsError(f"{action}: destination has snapshots (eg. {eg})", ["must destroy them to overwrite it"])
    if target in datasets.busy():
        raise ZfsError(f"{action}: destination '{target}' is busy")


def _check_increment(datasets: Datasets, target: str, first: Part, *, force: bool) -> None:
    own = datasets.all[target].get("snapshots", {})
    guids = [facts["guid"] for facts in own.values()]
    if first["from"] not in guids or (guids[-1] != first["from"] and not force):
        raise ZfsError(f"{MORE}: most recent snapshot of {target} does not", ["match incremental source"])
    if snapshots.is_modified(datasets, target) and not force:
        raise ZfsError(f"{MORE}: destination {target} has been modified", ["since most recent snapshot"])


def apply(datasets: Datasets, target: str, step: Part, *, force: bool, mount: bool, props: dict[str, str]) -> None:
    """Enter one received snapshot, and the dataset too if it is not there."""
    snap = step["snapshot"].partition("@")[2]
    check_first(datasets, target, step, force=force)
    if step["from"]:
        _roll_to(datasets, target, step["from"])
    elif target in datasets.all:
        removal.destroy(datasets, target, recursive=True)
    if target not in datasets.all:
        _begin(datasets, target, step, mount=mount, props=props)
    dataset = datasets.all[target]
    if step["props"]:
        dataset.setdefault("received", {}).update(step["props"])
    facts = {**datasets.stamp(), "guid": step["guid"], "created": step["created"], "local": step["local"]}
    facts["refer"] = step["refer"]
    kept = contents.place(datasets.world, facts["objset"])
    if dataset["type"] == "volume":
        facts["volsize"] = step["volsize"]
        dataset["local"]["volsize"] = str(step["volsize"])
        snapshots.fill(datasets, step["place"], dataset["objset"], step["volsize"])
        if not contents.is_hollow(step["place"]):
            os.rename(step["place"], kept)
        layers.move(step["place"], kept)
    else:
        folder = datasets.folder(target)
        if folder is not None:
            contents.empty_folder(folder, datasets.folders_below(target))
            contents.copy_folder(step["place"], folder)
        if not contents.folder_is_empty(step["place"]):
            os.rename(step["place"], kept)
    facts["mark"] = snapshots.mark(datasets, target)
    dataset.setdefault("snapshots", {})[snap] = facts


def _begin(datasets: Datasets, target: str, step: Part, *, mount: bool, props: dict[str, str]) -> None:
    local = dict(props)
    if step["type"] == "volume":
        local["volsize"] = str(step["volsize"])
        if step["block"]:
            local["volblocksize"] = str(step["block"])
        if step["reserved"]:
            wanted = reservation_for(step["volsize"], step["block"] or 8192)
            if wanted > Space(datasets).available(names.parent_of(target)):
                raise ZfsError(f"{NEW}: out of space")
            local["refreservation"] = str(wanted)
    made = datasets.add(target, step["type"], local)
    if step["origin"] and _by_guid(datasets, step["origin"]):
        made["origin"] = _by_guid(datasets, step["origin"])
    if step["type"] == "volume":
        contents.make_volume(datasets.world, made["objset"], step["volsize"])
        contents.add_nodes(datasets.world, target, made["objset"])
    elif mount:
        datasets.mount(target)
    else:
        made["unmounted"] = True


def _by_guid(datasets: Datasets, guid: int) -> str | None:
    for name in datasets.all:
        for full in datasets.snapshots(name):
            if datasets.open(full)["guid"] == guid:
                return full
    return None


def _roll_to(datasets: Datasets, target: str, guid: int) -> None:
    """Go back to the snapshot an increment begins at, without what came after it."""
    for full in datasets.snapshots(target):
        if datasets.open(full)["guid"] == guid:
            snapshots.roll_back(datasets, full, recursive=True, clones=False)
            return

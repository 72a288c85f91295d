"""How datasets and snapshots go: what depends on them first, what holds them back, and what is left if one stays."""

from __future__ import annotations

from labhost.zfs import contents, names
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Datasets


def dependents(datasets: Datasets, name: str) -> list[str]:
    """Return all that hangs on a dataset or snapshot, in an order in which it can go; a name may come twice."""
    found: list[str] = []
    _collect(datasets, name, found, set())
    return found


def _collect(datasets: Datasets, name: str, found: list[str], path: set[str]) -> None:
    if name in path:
        return
    path = path | {name}
    if "@" in name:
        for clone in datasets.clones(name):
            _collect(datasets, clone, found, path)
            found.append(clone)
        return
    depth = name.count("/") + 1
    for child in datasets.below(name):
        if child.count("/") == depth:
            _collect(datasets, child, found, path)
            found.append(child)
    for snapshot in datasets.snapshots(name):
        _collect(datasets, snapshot, found, path)
        found.append(snapshot)


def is_within(name: str, top: str) -> bool:
    """Tell whether a name is a dataset or snapshot under another, or that itself."""
    return name == top or name.startswith((top + "/", top + "@"))


def check(datasets: Datasets, name: str, *, recursive: bool, clones: bool) -> None:
    """Refuse to destroy a dataset whose dependents are not to go with it."""
    if clones:
        return
    action = f"cannot destroy '{name}'"
    kind = "snapshot" if "@" in name else datasets.all[name]["type"]
    hanging = dependents(datasets, name)
    inside = [other for other in hanging if is_within(other, name)]
    if inside and not recursive:
        # The walk names a clone that lies inside twice: as what hangs on the snapshot and as a child.
        raise ZfsError(f"{action}: {kind} has children", ["use '-r' to destroy the following datasets:", *inside])
    outside = [other for other in hanging if not is_within(other, name)]
    if outside:
        raise ZfsError(
            f"{action}: {kind} has dependent clones",
            ["use '-R' to destroy the following datasets:", *dict.fromkeys(outside)],
        )


def destroy(datasets: Datasets, name: str, *, recursive: bool, clones: bool) -> list[str]:
    """Destroy a filesystem or volume with its dependents as told; go on past one that stays, then refuse."""
    datasets.open(name)
    if name in datasets.pools and not recursive and not clones:
        raise ZfsError(
            f"cannot destroy '{name}': operation does not apply to pools",
            [
                f"use 'zfs destroy -r {name}' to destroy all datasets in the pool",
                f"use 'zpool destroy {name}' to destroy the pool itself",
            ],
        )
    check(datasets, name, recursive=recursive, clones=clones)
    gone: list[str] = []
    complaints: list[str] = []
    busy = datasets.busy()
    for victim in [*dict.fromkeys(dependents(datasets, name)), name]:
        if victim in datasets.pools:
            continue
        try:
            remove(datasets, victim, busy)
        except ZfsError as refusal:
            complaints.extend(refusal.lines())
        else:
            gone.append(victim)
    if complaints:
        raise ZfsError(complaints[0], complaints[1:])
    return gone


def remove(datasets: Datasets, name: str, busy: set[str]) -> None:
    """Remove one dataset or snapshot that nothing hangs on."""
    if "@" in name:
        _remove_snapshot(datasets, name)
        return
    dataset = datasets.all[name]
    if name in busy:
        if dataset["type"] == "volume":
            raise ZfsError(f"cannot destroy '{name}': dataset is busy")
        raise ZfsError(f"cannot unmount '{datasets.mountpoint(name)}': Device busy")
    if datasets.below(name) or dataset.get("snapshots"):
        raise ZfsError(f"cannot destroy '{name}': dataset already exists")
    if dataset["type"] == "volume":
        contents.remove_nodes(datasets.world, name)
    else:
        unmount(datasets, name)
    contents.forget(datasets.world, dataset["objset"])
    del datasets.all[name]
    origin = datasets.get(dataset.get("origin", "@"))
    if origin is not None and origin.get("deferred") and not datasets.clones(dataset["origin"]):
        _remove_snapshot(datasets, dataset["origin"])


def unmount(datasets: Datasets, name: str) -> None:
    """Take away a filesystem's folder with all that is in it."""
    import os

    if not datasets.is_mounted(name):
        return
    where = datasets.world.host(datasets.mountpoint(name))
    others = {
        datasets.world.host(datasets.mountpoint(other))
        for other in datasets.all
        if other != name and datasets.is_mounted(other)
    }
    contents.empty_folder(where, others)
    if "mountpoint" not in datasets.all[name]["local"]:
        try:
            os.rmdir(where)
        except OSError:
            return


def _remove_snapshot(datasets: Datasets, name: str) -> None:
    dataset, _, snap = name.partition("@")
    facts = datasets.open(name)
    if facts.get("holds") or datasets.clones(name):
        raise ZfsError(f"cannot destroy snapshot {name}: dataset is busy")
    contents.forget(datasets.world, facts["objset"])
    snapshots = datasets.all[dataset]["snapshots"]
    del snapshots[snap]
    if not snapshots:
        del datasets.all[dataset]["snapshots"]


def pool_of(name: str) -> str:
    """Return the pool of a dataset."""
    return names.pool_of(name)

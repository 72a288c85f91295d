"""How datasets and snapshots go: what depends on them first, what holds them back, and what is left if one stays."""

from __future__ import annotations

import os

from labhost.zfs import contents
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Datasets


def dependents(datasets: Datasets, name: str) -> list[str]:
    """Return all that hangs on a dataset or snapshot, in an order in which it can go; a name may come twice."""
    found: list[str] = []
    _collect(datasets, name, found, frozenset())
    return found


def _collect(datasets: Datasets, name: str, found: list[str], path: frozenset[str]) -> None:
    if name in path:
        return
    path |= {name}
    if "@" in name:
        clones = datasets.clones(name)
        for clone in clones:
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


def check(datasets: Datasets, name: str, *, recursive: bool) -> None:
    """Refuse to destroy a dataset or snapshot whose dependents are not to go with it (no -R)."""
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


def doomed(datasets: Datasets, name: str, *, recursive: bool, clones: bool) -> list[str]:
    """Return all that goes with a filesystem or volume, itself last; refuse what may not."""
    datasets.open(name)
    if name in datasets.pools and not recursive and not clones:
        raise ZfsError(
            f"cannot destroy '{name}': operation does not apply to pools",
            [
                f"use 'zfs destroy -r {name}' to destroy all datasets in the pool",
                f"use 'zpool destroy {name}' to destroy the pool itself",
            ],
        )
    if not clones:
        check(datasets, name, recursive=recursive)
    return [*dict.fromkeys(dependents(datasets, name)), name]


def destroy(
    datasets: Datasets, name: str, *, recursive: bool = False, clones: bool = False, force: bool = False
) -> None:
    """Destroy a filesystem or volume with its dependents as told; go on past one that stays, then refuse."""
    victims = doomed(datasets, name, recursive=recursive, clones=clones)
    complaints: list[str] = []
    busy = datasets.busy()
    for victim in victims:
        if victim in datasets.pools:
            continue
        try:
            remove(datasets, victim, busy, force=force)
        except ZfsError as refusal:
            complaints.extend(refusal.lines())
    if complaints:
        raise ZfsError(complaints[0], complaints[1:])


def remove(datasets: Datasets, name: str, busy: set[str], *, force: bool = False) -> None:
    """Remove one dataset or snapshot that nothing hangs on."""
    if "@" in name:
        _remove_snapshot(datasets, name)
        return
    dataset = datasets.all[name]
    if name in busy and dataset["type"] == "filesystem" and not force:
        raise ZfsError(f"cannot unmount '{datasets.mountpoint(name)}': Device busy")
    if datasets.below(name) or dataset.get("snapshots"):
        raise ZfsError(f"cannot destroy '{name}': dataset already exists")
    if dataset["type"] == "volume":
        if name in busy:
            raise ZfsError(f"cannot destroy '{name}': dataset is busy")
        contents.remove_nodes(datasets.world, name)
    else:
        _remove_folder(datasets, name)
    contents.forget(datasets.world, dataset["objset"])
    del datasets.all[name]
    datasets.advance()
    origin = datasets.get(dataset.get("origin", "@"))
    if origin is not None and origin.get("deferred") and not datasets.clones(dataset["origin"]):
        _remove_snapshot(datasets, dataset["origin"])


def _remove_folder(datasets: Datasets, name: str) -> None:
    """Take away a filesystem's files, and its folder too unless somebody else chose where it lies."""
    folder = datasets.folder(name)
    if folder is None:
        return
    contents.empty_folder(folder, datasets.folders_below(name))
    if "mountpoint" not in datasets.all[name]["local"]:
        try:
            os.rmdir(folder)
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
    datasets.advance()


def matching(datasets: Datasets, name: str, spec: str, *, recursive: bool) -> list[str]:
    """Return the snapshots that `a,b%c` after the @ means, oldest first, also of the datasets below if told."""
    found: list[str] = []
    for holder in [name, *(datasets.below(name) if recursive else ())]:
        own = list(datasets.all[holder].get("snapshots", ()))
        chosen: set[str] = set()
        for part in spec.split(","):
            first, range_, last = part.partition("%")
            if not range_:
                chosen.update({part} & set(own))
                continue
            start = own.index(first) if first in own else 0 if not first else len(own)
            end = own.index(last) + 1 if last in own else len(own) if not last else 0
            chosen.update(own[start:end])
        found.extend(f"{holder}@{snap}" for snap in own if snap in chosen)
    return found


def destroy_snapshots(datasets: Datasets, victims: list[str], *, defer: bool, clones: bool) -> None:
    """Destroy snapshots all at once or not at all; `defer` puts off those that are held or cloned."""
    busy = datasets.busy()
    if clones:
        for victim in victims:
            for hanging in dict.fromkeys(dependents(datasets, victim)):
                if datasets.get(hanging) is not None and hanging not in victims:
                    remove(datasets, hanging, busy)
    elif not defer:
        for victim in victims:
            check(datasets, victim, recursive=True)
    complaints = [
        f"cannot destroy snapshot {victim}: dataset is busy"
        for victim in victims
        if datasets.open(victim).get("holds") and not defer
    ]
    if complaints:
        raise ZfsError(complaints[0], complaints[1:])
    for victim in victims:
        facts = datasets.open(victim)
        if defer and (facts.get("holds") or datasets.clones(victim)):
            facts["deferred"] = True
            datasets.advance()
        else:
            _remove_snapshot(datasets, victim)

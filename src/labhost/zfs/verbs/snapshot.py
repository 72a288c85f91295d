"""zfs snapshot and zfs rollback."""

from __future__ import annotations

import sys

from labhost.zfs import names, options, snapshots
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def snapshot(world: World, argv: list[str]) -> int:
    """Take snapshots, all of them or none."""
    given = options.parse(argv, "ro:")
    if not given.operands:
        raise UsageError("missing snapshot argument")
    words = options.assignments(given.values.get("o", []))
    many = len(given.operands) > 1 or "r" in given
    with Change(world) as datasets:
        wanted = []
        for full in given.operands:
            name, at, snap = full.partition("@")
            if not at:
                raise UsageError
            if datasets.get(name) is None:
                fault = names.fault_of(name)
                raise UsageError(f"cannot open '{name}': {fault or 'dataset does not exist'}")
            wanted += [f"{holder}@{snap}" for holder in [name, *(datasets.below(name) if "r" in given else ())]]
        try:
            for full in wanted:
                names.check(full, f"cannot create snapshot '{full}'", snapshot=True)
            props = _user_only(words, wanted[0])
            need_privilege(world, f"cannot create snapshot '{wanted[0]}'")
            snapshots.take(datasets, wanted, props)
        except ZfsError as refusal:
            if many:
                refusal.details.append("no snapshots were created")
            raise
    return 0


def _user_only(words: dict[str, str], full: str) -> dict[str, str]:
    for word in words:
        if ":" not in word:
            raise ZfsError(f"cannot create snapshot '{full}': this property can not be modified for snapshots")
    return options.accepted(words, f"cannot create snapshot '{full}'", "snapshot")


def rollback(world: World, argv: list[str]) -> int:
    """Go back to a snapshot."""
    given = options.parse(argv, "rRf")
    (full,) = given.exactly("dataset")
    if "@" not in full:
        raise ZfsError(f"cannot open '{full}': missing '@' delimiter in snapshot name")
    with Change(world) as datasets:
        datasets.open(full)
        need_privilege(world, f"cannot rollback '{full.partition('@')[0]}'")
        snapshots.roll_back(datasets, full, recursive="r" in given or "R" in given, clones="R" in given)
    sys.stdout.flush()
    return 0

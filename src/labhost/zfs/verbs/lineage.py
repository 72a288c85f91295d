"""zfs clone, promote and rename."""

from __future__ import annotations

import os

from labhost.zfs import lineage, options
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def clone(world: World, argv: list[str]) -> int:
    """Make a dataset of a snapshot."""
    given = options.parse(argv, "o:p")
    origin, name = given.exactly("source dataset", "target dataset")
    words = options.assignments(given.values.get("o", []))
    if "@" not in origin:
        raise ZfsError(f"cannot open '{origin}': missing '@' delimiter in snapshot name")
    action = f"cannot create '{name}'"
    ahead = lineage.copy_ahead(world, origin)
    try:
        with Change(world) as datasets:
            datasets.open(origin)
            kind = datasets.all[origin.partition("@")[0]]["type"]
            props = options.accepted(words, action, kind)
            need_privilege(world, action)
            lineage.clone(datasets, origin, name, props, parents="p" in given, ahead=ahead)
    finally:
        if ahead is not None and os.path.exists(ahead):
            os.unlink(ahead)
    return 0


def promote(world: World, argv: list[str]) -> int:
    """Let a clone take its origin's place."""
    given = options.parse(argv, "")
    (name,) = given.exactly("clone filesystem")
    if "@" in name:
        raise ZfsError(f"cannot open '{name}': snapshot delimiter '@' is not expected here")
    with Change(world) as datasets:
        datasets.open(name)
        need_privilege(world, f"cannot promote '{name}'")
        lineage.promote(datasets, name)
    return 0


def rename(world: World, argv: list[str]) -> int:
    """Give a dataset or snapshot another name."""
    given = options.parse(argv, "prf")
    old, new = given.exactly("source dataset", "target dataset")
    if "r" in given and "p" in given:
        raise UsageError("-p and -r options are mutually exclusive")
    if "r" in given and "@" not in old:
        raise UsageError("source dataset for recursive rename must be a snapshot")
    with Change(world) as datasets:
        datasets.open(old)
        need_privilege(world, f"cannot rename '{old}'")
        lineage.rename(datasets, old, new, recursive="r" in given, parents="p" in given)
    return 0

"""zfs destroy."""

from __future__ import annotations

import sys

from labhost.zfs import options, removal, sizes
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zfs.datasets import Datasets


def destroy(world: World, argv: list[str]) -> int:
    """Destroy a filesystem or volume, or the snapshots that DS@a,b%c means."""
    given = options.parse(argv, "vpndfrR")
    (target,) = given.exactly("dataset")
    name, at, spec = target.partition("@")
    if "#" in name:
        raise ZfsError(f"bookmark '{name}' does not exist.")
    recursive = "r" in given or "R" in given
    with Change(world) as datasets:
        datasets.open(name)
        if at:
            _snapshots(datasets, name, spec, given, recursive=recursive)
            return 0
        if "d" in given:
            raise ZfsError(f"cannot open '{name}': missing '@' delimiter in snapshot name")
        victims = removal.doomed(datasets, name, recursive=recursive, clones="R" in given)
        _announce(given, victims, 0)
        if "n" not in given:
            need_privilege(world, f"cannot destroy '{name}'")
            removal.destroy(datasets, name, recursive=recursive, clones="R" in given, force="f" in given)
    return 0


def _snapshots(datasets: Datasets, name: str, spec: str, given: options.Options, *, recursive: bool) -> None:
    victims = removal.matching(datasets, name, spec, recursive=recursive)
    if not victims:
        raise ZfsError("could not find any snapshots to destroy; check snapshot names.")
    if "R" not in given and "d" not in given:
        for victim in victims:
            removal.check(datasets, victim, recursive=True)
    _announce(given, victims, 0)
    if "n" not in given:
        need_privilege(datasets.world, f"cannot destroy snapshot {victims[0]}")
        removal.destroy_snapshots(datasets, victims, defer="d" in given, clones="R" in given)


def _announce(given: options.Options, victims: list[str], freed: int) -> None:
    """Say what goes (-v, -p), or would go (-n)."""
    if "v" not in given and "p" not in given:
        return
    verb = "would" if "n" in given else "will"
    for victim in victims:
        sys.stdout.write(f"destroy\t{victim}\n" if "p" in given else f"{verb} destroy {victim}\n")
    if "@" in victims[-1]:
        sys.stdout.write(f"reclaim\t{freed}\n" if "p" in given else f"{verb} reclaim {sizes.show(freed)}\n")
    sys.stdout.flush()

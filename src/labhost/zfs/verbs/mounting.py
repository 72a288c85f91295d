"""zfs mount, unmount, share and unshare: as much as the lab host has of them."""

from __future__ import annotations

import sys

from labhost.zfs import options
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def mount(world: World, argv: list[str]) -> int:
    """Show what is mounted, or mount one filesystem or all."""
    given = options.parse(argv, "avOlo:")
    if not given.operands and "a" not in given:
        datasets = Datasets(world.read("zfs"), world)
        for name in sorted(datasets.all):
            if datasets.is_mounted(name):
                sys.stdout.write(f"{name:<30}  {datasets.mountpoint(name)}\n")
        return 0
    with Change(world) as datasets:
        need_privilege(world, f"cannot mount '{(given.operands or ['all'])[0]}'")
        wanted = given.operands or [name for name in sorted(datasets.all) if datasets.all[name].get("unmounted")]
        for name in wanted:
            _mount(datasets, name, everything="a" in given)
    return 0


def _mount(datasets: Datasets, name: str, *, everything: bool) -> None:
    dataset = datasets.open(name)
    where = datasets.mountpoint(name)
    if dataset["type"] != "filesystem":
        raise ZfsError(f"cannot open '{name}': operation not applicable to datasets of this type")
    if everything and (not where.startswith("/") or dataset["local"].get("canmount", "on") != "on"):
        return
    if not where.startswith("/"):
        reason = "legacy mountpoint" if where == "legacy" else "no mountpoint set"
        raise ZfsError(f"cannot mount '{name}': {reason}")
    if not dataset.get("unmounted"):
        raise ZfsError(f"cannot mount '{name}': filesystem already mounted")
    if dataset["local"].get("canmount") == "off":
        raise ZfsError(f"cannot mount '{name}': 'canmount' property is set to 'off'")
    datasets.mount(name, noauto=True)
    datasets.advance()


def unmount(world: World, argv: list[str]) -> int:
    """Put a filesystem's files out of reach."""
    given = options.parse(argv, "af")
    if not given.operands:
        raise UsageError("missing filesystem argument")
    with Change(world) as datasets:
        name = given.operands[0]
        if name.startswith("/"):
            name = datasets.mounted_at(name) or ""
            if not name:
                raise ZfsError(f"cannot unmount '{given.operands[0]}': not currently mounted")
        datasets.open(name)
        need_privilege(world, f"cannot unmount '{name}'")
        folder = datasets.folder(name)
        if folder is None:
            raise ZfsError(f"cannot unmount '{name}': not currently mounted")
        below = datasets.folders_below(name)
        if (name in datasets.busy() or below) and "f" not in given:
            raise ZfsError(f"cannot unmount '{datasets.mountpoint(name)}': Device busy")
        datasets.put_away(name, folder, below)
        datasets.advance()
    return 0


def share(world: World, argv: list[str]) -> int:
    """Accept a request to share; nobody outside the lab host sees its files."""
    return _sharing(world, argv)


def unshare(world: World, argv: list[str]) -> int:
    """Accept a request not to share."""
    return _sharing(world, argv)


def _sharing(world: World, argv: list[str]) -> int:
    given = options.parse(argv, "al")
    if not given.operands and "a" not in given:
        raise UsageError("missing filesystem argument")
    datasets = Datasets(world.read("zfs"), world)
    for name in given.operands:
        datasets.open(name)
    return 0

"""zfs create."""

from __future__ import annotations

from labhost.zfs import options, sizes
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def create(world: World, argv: list[str]) -> int:
    """Make a filesystem, or with -V a volume."""
    given = options.parse(argv, "Pnpsvb:o:V:", {"V": "missing size argument"})
    if not given.operands:
        raise UsageError(f"missing {'volume' if 'V' in given else 'filesystem'} argument")
    name = given.operands[0]
    props = dict(text.split("=", 1) for text in given.values.get("o", []))
    if "b" in given:
        props["volblocksize"] = given.last("b") or ""
    with world.lock("zfs"):
        state = world.read("zfs")
        datasets = Datasets(state, world)
        size = given.last("V")
        if size is None:
            datasets.create_filesystem(name, props, parents="p" in given)
        else:
            try:
                wanted = sizes.parse(size)
            except ZfsError as wrong:
                raise ZfsError(f"bad volume size '{size}': {wrong.text}") from None
            if "volblocksize" in props:
                props["volblocksize"] = str(sizes.parse(props["volblocksize"]))
            datasets.create_volume(name, wanted, props, sparse="s" in given, parents="p" in given)
        world.write("zfs", state)
    return 0

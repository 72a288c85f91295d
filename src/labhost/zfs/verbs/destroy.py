"""zfs destroy."""

from __future__ import annotations

from labhost.zfs import options
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def destroy(world: World, argv: list[str]) -> int:
    """Destroy a dataset or snapshots."""
    given = options.parse(argv, "dfnpRrv")
    if not given.operands:
        raise UsageError("missing dataset argument")
    with world.lock("zfs"):
        state = world.read("zfs")
        datasets = Datasets(state, world)
        try:
            datasets.destroy(given.operands[0], recursive="r" in given or "R" in given, clones="R" in given)
        finally:
            world.write("zfs", state)
    return 0

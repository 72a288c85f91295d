"""zfs list."""

from __future__ import annotations

import sys

from labhost.zfs import options
from labhost.zfs.datasets import Datasets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def list(world: World, argv: list[str]) -> int:  # noqa: A001
    """Show datasets as a table."""
    given = options.parse(argv, "HS:d:o:prs:t:")
    datasets = Datasets(world.read("zfs"), world)
    for name in given.operands or sorted(datasets.all):
        datasets.open(name)
        sys.stdout.write(name + "\n")
    return 0

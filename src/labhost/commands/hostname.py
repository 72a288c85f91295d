"""hostname(1): the host's name."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def main(world: World, argv: list[str]) -> int:
    """Print the name; it is changed in the settings of the world only."""
    if argv not in ([], ["-s"]):
        print("hostname: error in setting name: Not owner", file=sys.stderr)
        return 1
    print(world.setting("hostname", "lab"))
    return 0

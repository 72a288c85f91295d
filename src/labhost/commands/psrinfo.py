"""psrinfo(8): the processors."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def main(world: World, argv: list[str]) -> int:
    """List processors, or count them with -p (chips) and -t (threads)."""
    count = int(world.setting("processors", 16))
    if argv == ["-p"]:
        print(1)
    elif argv == ["-t"]:
        print(count)
    else:
        for number in range(count):
            print(f"{number}\ton-line   since 01/01/2026 00:00:00")
    return 0

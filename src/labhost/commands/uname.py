"""uname(1): what system this is."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

VERSION = "omnios-r151054-6bf5f3f9d1"
ORDER = "snrvmpi"


def main(world: World, argv: list[str]) -> int:
    """Print the asked parts in their fixed order."""
    letters = "".join(word[1:] for word in argv if word.startswith("-")) or "s"
    if any(letter not in ORDER + "aX" for letter in letters) or any(not word.startswith("-") for word in argv):
        print("usage:\tuname [-snrvmapiX]\n\tuname [-S system_name]", file=sys.stderr)
        return 1
    parts = {"s": "SunOS", "n": world.setting("hostname", "lab"), "r": "5.11", "v": VERSION}
    parts.update(m="i86pc", p="i386", i="i86pc")
    print(" ".join(parts[letter] for letter in ORDER if "a" in letters or letter in letters))
    return 0

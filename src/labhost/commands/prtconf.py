"""prtconf(8): how much memory there is."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def main(world: World, argv: list[str]) -> int:
    """Print the memory in MiB: bare with -m, in a sentence without."""
    memory = int(world.setting("memory_mib", 65536))
    if argv == ["-m"]:
        print(memory)
        return 0
    print(f"System Configuration:  Oracle Corporation  i86pc\nMemory size: {memory} Megabytes\n"
          "System Peripherals (Software Nodes):\n\ni86pc")  # fmt: skip
    return 0

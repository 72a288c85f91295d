"""What can run in a zone, by the setting `guest`: which of it is a machine of its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

REAL = ("container", "qemu")


def are_real(world: World) -> bool:
    """Tell whether the zones of a world have guests that are machines of their own, with networks and time as it is."""
    return world.setting("guest", "none") in REAL

"""The lock that one changing zoneadm holds on its zone, `/var/run/zones/NAME.zoneadm.lock`."""

from __future__ import annotations

import fcntl
import os

from labhost.zones.configurations import RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


class ZoneLock:
    """Holds a zone alone for its `with` block; whoever comes second waits."""

    __slots__ = ("number", "path")

    def __init__(self, world: World, name: str) -> None:
        self.path = f"{world.host(RUN)}/{name}.zoneadm.lock"
        self.number = -1

    def __enter__(self) -> None:
        self.number = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX)
        except BaseException:
            os.close(self.number)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

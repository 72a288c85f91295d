"""One change to the datasets: under the lock, written as a whole, even when part of it was refused."""

from __future__ import annotations

from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


class Change:
    """`with Change(world) as datasets:` holds the area `zfs` and writes it if a transaction happened."""

    __slots__ = ("began", "datasets", "lock", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = world.lock("zfs")

    def __enter__(self) -> Datasets:
        self.lock.__enter__()
        try:
            self.datasets = Datasets(self.world.read("zfs"), self.world)
        except BaseException:
            self.lock.__exit__()
            raise
        self.began = self.datasets.state.get("txg")
        return self.datasets

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            # A refusal half-way leaves what was done before it, as a real pool does.
            whole = kind is None or issubclass(kind, ZfsError)
            if whole and self.datasets.state.get("txg") != self.began:
                self.world.write("zfs", self.datasets.state)
        finally:
            self.lock.__exit__()


def need_privilege(world: World, action: str) -> None:
    """Refuse an unprivileged caller in the words of `action` ("cannot create 'X'")."""
    if int(world.setting("euid", 0)) != 0:
        raise ZfsError(f"{action}: permission denied")

"""Who uses how much of a pool, and what is left for whom."""

from __future__ import annotations

from labhost.zfs import contents, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Dataset, Datasets

FILESYSTEM_OWN = 24576
VOLUME_OWN = 12288
_SLOP_SHIFT, _SLOP_LEAST, _SLOP_MOST = 5, 128 << 20, 128 << 30


def reservation_for(size: int, block: int, copies: int = 1) -> int:
    """Return what a volume of `size` bytes needs at worst, with its indirect blocks (as libzfs reckons it)."""
    blocks = size // block
    indirect = 7
    while blocks > 1:
        blocks = (blocks + 1023) // 1024
        indirect += blocks
    return size * copies + indirect * min(3, copies + 1) * 131072


def usable(size: int) -> int:
    """Return what a pool of `size` bytes lets its datasets have."""
    return size - min(max(size >> _SLOP_SHIFT, _SLOP_LEAST), _SLOP_MOST, size // 2)


class Space:
    """One reckoning over all datasets of one moment."""

    __slots__ = ("datasets", "known", "tree")

    def __init__(self, datasets: Datasets) -> None:
        self.datasets = datasets
        self.known: dict[str, int] = {}
        self.tree: dict[str, list[str]] | None = None

    def children(self, name: str) -> list[str]:
        """Return the datasets directly under one."""
        if self.tree is None:
            self.tree = {}
            for other in self.datasets.all:
                self.tree.setdefault(names.parent_of(other), []).append(other)
        return self.tree.get(name, [])

    def referenced(self, dataset: Dataset) -> int:
        """Return what a dataset or snapshot can reach."""
        if "refer" in dataset:
            return int(dataset["refer"])
        if dataset["type"] == "volume":
            return VOLUME_OWN + contents.allocated(self.datasets.world, dataset["objset"])
        return FILESYSTEM_OWN

    def unique(self, dataset: Dataset) -> int:
        """Return what only the live dataset holds: not shared with its last snapshot or its origin."""
        shared = 0
        last = None
        for last in dataset.get("snapshots", {}).values():  # noqa: B007
            pass
        if last is None and "origin" in dataset:
            last = self.datasets.get(dataset["origin"])
        if last is not None:
            shared = last["refer"]
        return max(self.referenced(dataset) - int(shared), 0)

    def by_snapshots(self, dataset: Dataset) -> int:
        """Return what goes with the snapshots: as simple as what the last of them holds beyond the live data."""
        live = self.referenced(dataset)
        return sum(max(int(snap["refer"]) - live, 0) for snap in dataset.get("snapshots", {}).values())

    def by_dataset(self, dataset: Dataset) -> int:
        """Return what goes with the live data alone."""
        if "origin" in dataset:
            origin = self.datasets.get(dataset["origin"])
            if origin is not None:
                return max(self.referenced(dataset) - int(origin["refer"]), 0)
        return self.referenced(dataset)

    def by_refreservation(self, dataset: Dataset) -> int:
        """Return what a refreservation holds back beyond the data."""
        return max(int(dataset["local"].get("refreservation", 0)) - self.unique(dataset), 0)

    def by_children(self, name: str) -> int:
        """Return what the datasets under one take, their reservations included."""
        return sum(
            max(self.used(child), int(self.datasets.all[child]["local"].get("reservation", 0)))
            for child in self.children(name)
        )

    def used(self, name: str) -> int:
        """Return all that would be free without a dataset and what is under it."""
        known = self.known.get(name)
        if known is None:
            dataset = self.datasets.all[name]
            known = self.by_dataset(dataset) + self.by_children(name)
            if "snapshots" in dataset:
                known += self.by_snapshots(dataset)
            if "refreservation" in dataset["local"]:
                known += self.by_refreservation(dataset)
            self.known[name] = known
        return known

    def available(self, name: str) -> int:
        """Return how much a dataset and those under it can still take, by pool, quotas and reservations."""
        dataset = self.datasets.all[name]
        above = names.parent_of(name)
        if above:
            left = self.available(above) + max(int(dataset["local"].get("reservation", 0)) - self.used(name), 0)
        else:
            left = usable(int(self.datasets.pools[name]["size"])) - self.used(name)
        for limit in ("quota", "refquota"):
            if limit in dataset["local"]:
                left = min(left, int(dataset["local"][limit]) - self.used(name))
        if "refreservation" in dataset["local"]:
            left += self.by_refreservation(dataset)
        return max(left, 0)

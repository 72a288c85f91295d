"""The datasets of the host's pools: which there are, what they inherit, how they come and go.

Area `zfs`: `{"pools": {NAME: {"size", "guid", …}}, "datasets": {NAME: {"type", "objset", "guid", "created", "txg",
"local": {property: text}, "received"?, "masked"?, "origin"?: "DS@SNAP", "snapshots"?: {SNAP: {…}}, "unmounted"?}},
"txg", "objset"}`. A snapshot has also "refer", "volsize"?, "mark", "holds"?, "deferred"?.
"""

from __future__ import annotations

import os

from labhost.zfs import contents, names
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from labhost.world import World

    Dataset = dict[str, Any]

__all__ = ["Datasets", "ZfsError"]

FILESYSTEM, VOLUME = "filesystem", "volume"
VOLBLOCKSIZE = 8192
_FIRST_OBJSET = 54


def guid() -> int:
    """Return a new 64-bit identity."""
    return int.from_bytes(os.urandom(8), "little") | 1


class Datasets:
    """All datasets over one loaded state; the caller holds the lock and writes the state back."""

    __slots__ = ("all", "pools", "state", "world")

    def __init__(self, state: dict[str, Any], world: World) -> None:
        self.state = state
        self.world = world
        self.pools: dict[str, Any] = state.setdefault("pools", {})
        self.all: dict[str, Dataset] = state.setdefault("datasets", {})

    # -- looking -------------------------------------------------------------------------------------------

    def get(self, name: str) -> Dataset | None:
        """Return a filesystem or volume by name, or a snapshot by DS@SNAP."""
        dataset, at, snap = name.partition("@")
        found = self.all.get(dataset)
        if not at or found is None:
            return found
        return found.get("snapshots", {}).get(snap)  # type: ignore[no-any-return]

    def open(self, name: str) -> Dataset:
        """Return what has this name, or refuse as every command does that needs it."""
        found = self.get(name)
        if found is None:
            raise ZfsError(f"cannot open '{name}': dataset does not exist")
        return found

    def below(self, name: str) -> list[str]:
        """Return the names of all datasets under one, at any depth, parents first."""
        prefix = name + "/"
        return sorted(other for other in self.all if other.startswith(prefix))

    def snapshots(self, name: str) -> list[str]:
        """Return the full names of a dataset's snapshots, oldest first."""
        return [f"{name}@{snap}" for snap in self.all[name].get("snapshots", ())]

    def clones(self, snapshot: str) -> list[str]:
        """Return the datasets made of a snapshot, oldest first."""
        found = [name for name, dataset in self.all.items() if dataset.get("origin") == snapshot]
        return sorted(found, key=lambda name: self.all[name]["objset"])

    def lineage(self, name: str) -> Iterator[str]:
        """Yield a dataset's name, then the one above it, up to the pool's root."""
        while name:
            yield name
            name = names.parent_of(name)

    def mountpoint(self, name: str) -> str:
        """Return where a filesystem belongs in the host's file system; `none`, `legacy`, or `-` for a volume."""
        if self.all[name]["type"] != FILESYSTEM:
            return "-"
        suffix = ""
        for holder in self.lineage(name):
            dataset = self.all[holder]
            value = dataset["local"].get("mountpoint") or dataset.get("received", {}).get("mountpoint")
            if value is not None:
                if value in ("none", "legacy"):
                    return str(value)
                return f"{value.rstrip('/')}{suffix}" or "/"
            suffix = f"/{holder.rpartition('/')[2]}{suffix}"
        return suffix

    def folder(self, name: str) -> str | None:
        """Return the folder of this machine that holds a mounted filesystem's files, None for any other dataset."""
        return self.world.host(self.mountpoint(name)) if self.is_mounted(name) else None

    def folders_below(self, name: str) -> set[str]:
        """Return the folders of the other filesystems, which may lie inside this one's."""
        top = (self.folder(name) or "") + "/"
        found = {self.folder(other) for other in self.all if other != name}
        return {folder for folder in found if folder is not None and folder.startswith(top)}

    def is_mounted(self, name: str) -> bool:
        """Tell whether a filesystem can be reached by its path."""
        dataset = self.all[name]
        return dataset["type"] == FILESYSTEM and not dataset.get("unmounted") and self.mountpoint(name).startswith("/")

    def mounted_at(self, path: str) -> str | None:
        """Return the filesystem that is mounted exactly at a path of the host, or None."""
        path = os.path.normpath(path)
        # Most paths say their dataset: try that before asking all of them.
        likely = path.strip("/")
        if likely in self.all and self.mountpoint(likely) == path and self.is_mounted(likely):
            return likely
        for name, dataset in self.all.items():
            if dataset["type"] == FILESYSTEM and self.mountpoint(name) == path and self.is_mounted(name):
                return name
        return None

    def busy(self) -> set[str]:
        """Return the datasets that active zones hold open."""
        zones = self.world.read("zones").get("zones", {})
        return {name for zone in zones.values() for name in zone.get("volumes", ())}

    # -- coming --------------------------------------------------------------------------------------------

    def stamp(self) -> dict[str, Any]:
        """Return the birth facts of something new: objset, guid, time and transaction."""
        objset = self.state.get("objset", _FIRST_OBJSET)
        self.state["objset"] = objset + 1
        return {"objset": objset, "guid": guid(), "created": self.world.now(), "txg": self.advance()}

    def advance(self) -> int:
        """Begin a new transaction group and return its number."""
        self.state["txg"] = self.state.get("txg", 4) + 1
        return self.state["txg"]  # type: ignore[no-any-return]

    def create_pool(self, name: str, size: int, props: dict[str, str] | None = None, **facts: Any) -> None:
        """Make a pool and its root filesystem."""
        self.pools[name] = {"size": size, "guid": guid(), "health": "ONLINE", **facts}
        self.add(name, FILESYSTEM, dict(props or {}))
        self.mount(name)

    def create_filesystem(self, name: str, props: dict[str, str] | None = None, *, parents: bool = False) -> None:
        """Make and mount a filesystem; `parents` makes what is missing above and bears that it exists."""
        self.check_new(name, f"cannot create '{name}'", parents=parents)
        if name not in self.all:
            self.add(name, FILESYSTEM, dict(props or {}))
            self.mount(name)

    def create_volume(
        self,
        name: str,
        size: int,
        props: dict[str, str] | None = None,
        *,
        sparse: bool = False,
        parents: bool = False,
    ) -> None:
        """Make a volume of at least `size` bytes, whole blocks, with its reservation unless `sparse`."""
        self.check_new(name, f"cannot create '{name}'", parents=parents)
        if name in self.all:
            return
        local = dict(props or {})
        block = int(local.get("volblocksize", VOLBLOCKSIZE))
        size = -(-size // block) * block
        local["volsize"] = str(size)
        if not sparse and "refreservation" not in local:
            from labhost.zfs.space import reservation_for

            local["refreservation"] = str(reservation_for(size, block))
        wanted = int(local.get("refreservation", 0))
        if wanted:
            from labhost.zfs.space import Space

            if wanted > Space(self).available(names.parent_of(name)):
                raise ZfsError(f"cannot create '{name}': out of space")
        made = self.add(name, VOLUME, local)
        try:
            contents.make_volume(self.world, made["objset"], size)
        except OSError as problem:
            del self.all[name]
            raise ZfsError(f"cannot create '{name}': {os.strerror(problem.errno or 0).lower()}") from None
        contents.add_nodes(self.world, name, made["objset"])

    def check_new(self, name: str, action: str, *, parents: bool = False) -> None:
        """Refuse a name for a new dataset that is bad, taken, or has no filesystem above it."""
        names.check(name, action)
        if names.pool_of(name) not in self.pools:
            raise ZfsError(f"{action}: no such pool '{names.pool_of(name)}'")
        if name in self.all:
            if parents:
                return
            raise ZfsError(f"{action}: dataset already exists")
        above = names.parent_of(name)
        if parents:
            self.create_above(name)
        if not above:
            raise ZfsError(f"{action}: missing dataset name")
        holder = self.all.get(above)
        if holder is None:
            raise ZfsError(f"{action}: parent does not exist")
        if holder["type"] != FILESYSTEM:
            raise ZfsError(f"{action}: parent is not a filesystem")

    def create_above(self, name: str) -> None:
        """Make the filesystems that are missing above a name."""
        missing = [above for above in self.lineage(names.parent_of(name)) if above not in self.all]
        for above in reversed(missing):
            holder = self.all.get(names.parent_of(above))
            if holder is None or holder["type"] != FILESYSTEM:
                raise ZfsError(f"cannot create '{above}': parent is not a filesystem")
            self.add(above, FILESYSTEM, {})
            self.mount(above)

    def add(self, name: str, kind: str, local: dict[str, str]) -> Dataset:
        """Enter a new dataset and return it."""
        made: Dataset = {"type": kind, **self.stamp(), "local": local}
        self.all[name] = made
        return made

    def mount(self, name: str, *, noauto: bool = False) -> None:
        """Make a filesystem's folder where it belongs, unless it belongs nowhere; it must be empty if it is there."""
        dataset = self.all[name]
        where = self.mountpoint(name)
        if not where.startswith("/") or not (noauto or dataset["local"].get("canmount", "on") == "on"):
            dataset["unmounted"] = True
            return
        folder = self.world.host(where)
        if not contents.folder_is_empty(folder) and name not in self.pools:
            dataset["unmounted"] = True
            raise ZfsError(f"cannot mount '{where}': directory is not empty")
        os.makedirs(folder, exist_ok=True)
        kept = contents.place(self.world, dataset["objset"])
        if os.path.isdir(kept):
            contents.copy_folder(kept, folder)
            contents.forget(self.world, dataset["objset"])
        dataset.pop("unmounted", None)

    def put_away(self, name: str, folder: str, spared: set[str]) -> None:
        """Keep the files that a filesystem has in a folder, without the folders of others (`spared`), out of reach."""
        dataset = self.all[name]
        if not contents.folder_is_empty(folder):
            kept = contents.place(self.world, dataset["objset"])
            os.makedirs(kept, exist_ok=True)
            contents.copy_folder(folder, kept, spared)
            contents.empty_folder(folder, spared)
        dataset["unmounted"] = True

    def move_folder(self, old: str | None, new: str | None) -> None:
        """Let a filesystem's files follow it from one folder to another."""
        if old is None or new is None or old == new or not os.path.isdir(old):
            return
        os.makedirs(os.path.dirname(new), exist_ok=True)
        if os.path.isdir(new):
            contents.copy_folder(old, new)
            contents.empty_folder(old, ())
            os.rmdir(old)
        else:
            os.rename(old, new)

    # -- going ---------------------------------------------------------------------------------------------

    def destroy(self, name: str, *, recursive: bool = False, clones: bool = False) -> None:
        """Destroy a dataset; with what is under it (`recursive`) and what was made of that (`clones`)."""
        from labhost.zfs.removal import destroy

        destroy(self, name, recursive=recursive, clones=clones)

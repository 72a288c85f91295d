"""The pools of the host, as zpool(8) shows, makes and destroys them."""

from __future__ import annotations

import os
import sys

from labhost.zfs import options, removal, sizes, table
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError, ZfsError
from labhost.zfs.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

DEFAULT = "name,size,allocated,free,checkpoint,expandsize,fragmentation,capacity,dedupratio,health,altroot"
# Property: its column, and whether it is aligned to the right.
COLUMNS = {
    "name": ("NAME", False), "size": ("SIZE", True), "capacity": ("CAP", True), "altroot": ("ALTROOT", False),
    "health": ("HEALTH", False), "guid": ("GUID", False), "version": ("VERSION", True), "bootfs": ("BOOTFS", False),
    "delegation": ("DELEGATION", False), "autoreplace": ("REPLACE", False), "cachefile": ("CACHEFILE", False),
    "failmode": ("FAILMODE", False), "listsnapshots": ("LISTSNAPS", False), "autoexpand": ("EXPAND", False),
    "dedupratio": ("DEDUP", True), "free": ("FREE", True), "allocated": ("ALLOC", True), "readonly": ("RDONLY", False),
    "ashift": ("ASHIFT", True), "comment": ("COMMENT", False), "expandsize": ("EXPANDSZ", True),
    "freeing": ("FREEING", True), "fragmentation": ("FRAG", True), "leaked": ("LEAKED", True),
    "checkpoint": ("CKPOINT", True),
}  # fmt: skip
_ALIASES = {
    "alloc": "allocated", "cap": "capacity", "dedup": "dedupratio", "frag": "fragmentation", "expandsz": "expandsize",
    "ckpoint": "checkpoint", "listsnaps": "listsnapshots", "rdonly": "readonly", "expand": "autoexpand",
    "replace": "autoreplace",
}  # fmt: skip
_FIXED = {
    "altroot": "-", "version": "-", "bootfs": "-", "delegation": "on", "autoreplace": "off", "cachefile": "-",
    "failmode": "wait", "listsnapshots": "off", "autoexpand": "off", "readonly": "off", "ashift": "0", "comment": "-",
    "expandsize": "-", "checkpoint": "-", "freeing": "0", "leaked": "0",
}  # fmt: skip
_DEFAULTS = ("version", "bootfs", "delegation", "autoreplace", "cachefile", "failmode", "listsnapshots", "autoexpand")


def _open(datasets: Datasets, name: str) -> None:
    if name not in datasets.pools:
        raise ZfsError(f"cannot open '{name}': no such pool")


def _allocated(datasets: Datasets, name: str) -> int:
    """Return what is really stored: reservations are promises, not data."""
    space = Space(datasets)
    whole = 0
    for holder in [name, *datasets.below(name)]:
        dataset = datasets.all[holder]
        whole += space.by_dataset(dataset) + space.by_snapshots(dataset)
    return whole


def _value(datasets: Datasets, name: str, prop: str, *, exact: bool) -> str:
    pool = datasets.pools[name]
    if prop in ("name", "health"):
        return str(pool.get("health", "ONLINE")) if prop == "health" else name
    if prop == "guid":
        return str(pool["guid"])
    if prop in _FIXED:
        return _FIXED[prop]
    size = int(pool["size"])
    used = _allocated(datasets, name) if prop in ("allocated", "free", "capacity") else 0
    if prop in ("size", "allocated", "free"):
        number = {"size": size, "allocated": used, "free": size - used}[prop]
        return str(number) if exact else sizes.show(number)
    percent = "" if exact else "%"
    if prop == "capacity":
        return f"{used * 100 // size}{percent}"
    if prop == "fragmentation":
        return f"0{percent}"
    return "1.00" if exact else "1.00x"


def _props(text: str) -> list[str]:
    found = []
    for word in text.split(","):
        name = _ALIASES.get(word, word)
        if name not in COLUMNS:
            raise UsageError(f"bad property list: invalid property '{word}'")
        found.append(name)
    return found


def show(world: World, wanted: list[str], columns: str, *, exact: bool, scripted: bool) -> int:
    """Print the table of `zpool list`."""
    props = _props(columns)
    datasets = Datasets(world.read("zfs"), world)
    code = 0
    rows = []
    for name in wanted or sorted(datasets.pools):
        try:
            _open(datasets, name)
        except ZfsError as refusal:
            sys.stderr.write(refusal.text + "\n")
            code = 1
            continue
        rows.append([_value(datasets, name, prop, exact=exact) for prop in props])
    if not rows:
        if not wanted:
            sys.stdout.write("" if scripted else "no pools available\n")
        return code
    table.show([COLUMNS[prop] for prop in props], rows, scripted=scripted)
    return code


def get(world: World, props: str, wanted: list[str], fields: str | None, *, exact: bool, scripted: bool) -> int:
    """Print the lines of `zpool get`."""
    columns = ["name", "property", "value", "source"] if fields in (None, "all") else str(fields).split(",")
    chosen = [prop for prop in COLUMNS if prop != "name"] if props == "all" else _props(props)
    datasets = Datasets(world.read("zfs"), world)
    rows = []
    for name in wanted or sorted(datasets.pools):
        _open(datasets, name)
        for prop in chosen:
            known = {
                "name": name,
                "property": prop,
                "value": _value(datasets, name, prop, exact=exact),
                "source": "default" if prop in _DEFAULTS else "-",
            }
            rows.append([known[column] for column in columns])
    table.show([(column.upper(), False) for column in columns], rows, scripted=scripted)
    return 0


def status(world: World, wanted: list[str], *, brief: bool) -> int:
    """Print `zpool status`; `brief` (-x) says only that all is well, or what is not."""
    datasets = Datasets(world.read("zfs"), world)
    for name in wanted:
        _open(datasets, name)
    chosen = wanted or sorted(datasets.pools)
    if not chosen:
        sys.stdout.write("no pools available\n")
        return 0
    ill = [name for name in chosen if datasets.pools[name].get("health", "ONLINE") != "ONLINE"]
    if brief and not ill:
        sys.stdout.write(f"pool '{wanted[0]}' is healthy\n" if len(wanted) == 1 else "all pools are healthy\n")
        return 0
    for name in ill if brief else chosen:
        health = datasets.pools[name].get("health", "ONLINE")
        disks = datasets.pools[name].get("vdevs", ["c1t0d0"])
        lines = "".join(f"\t  {disk:<8}  {health:<8}     0     0     0\n" for disk in disks)
        sys.stdout.write(
            f"  pool: {name}\n state: {health}\n  scan: none requested\nconfig:\n\n"
            f"\tNAME        STATE     READ WRITE CKSUM\n\t{name:<10}  {health:<8}     0     0     0\n{lines}\n"
            "errors: No known data errors\n"
        )
    return 0


def create(world: World, name: str, vdevs: list[str], words: dict[str, str]) -> None:
    """Make a pool on files of the host; with the setting `disk_size` every disk that is not there has so many bytes."""
    size = 0
    need_privilege(world, f"cannot create '{name}'")
    for vdev in vdevs:
        if vdev in ("mirror", "raidz", "raidz1", "raidz2", "raidz3", "spare", "log", "cache"):
            continue
        try:
            size += os.stat(world.host(vdev if vdev.startswith("/") else f"/dev/dsk/{vdev}")).st_size
        except FileNotFoundError:
            size += int(world.setting("disk_size", 0))
            if not world.setting("disk_size", 0):
                raise ZfsError(f"cannot open '{vdev}': no such device in /dev/dsk") from None
    with Change(world) as datasets:
        if name in datasets.pools:
            raise ZfsError(f"cannot create '{name}': pool already exists")
        props = options.accepted(words, f"cannot create '{name}'", "filesystem", creating=True)
        datasets.create_pool(name, size, props, vdevs=vdevs)


def destroy(world: World, name: str, *, force: bool) -> None:
    """Destroy a pool with all that is in it, unless something of it is in use."""
    with Change(world) as datasets:
        _open(datasets, name)
        need_privilege(world, f"cannot destroy '{name}'")
        whole = [name, *datasets.below(name)]
        busy = datasets.busy()
        for holder in whole:
            if holder in busy and datasets.all[holder]["type"] == "filesystem" and not force:
                raise ZfsError(
                    f"cannot unmount '{datasets.mountpoint(holder)}': Device busy",
                    [f"could not destroy '{name}': could not unmount datasets"],
                )
        if any(holder in busy for holder in whole):
            raise ZfsError(f"cannot destroy '{name}': pool is busy")
        removal.destroy(datasets, name, recursive=True, clones=True, force=force)
        del datasets.pools[name]
        for snapshot in datasets.snapshots(name):
            removal.remove(datasets, snapshot, set())
        removal.remove(datasets, name, set())

"""Which datasets a command line means: names, types, depth, order."""

from __future__ import annotations

import sys

from labhost.zfs import names
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Datasets

TYPES = {
    "filesystem": "f", "volume": "v", "snapshot": "s", "snap": "s", "bookmark": "b", "all": "fvsb", "fs": "f",
    "vol": "v",
}  # fmt: skip


def types(words: list[str] | None, default: str) -> str:
    """Return the letters (f, v, s, b) of the types named by -t."""
    if not words:
        return default
    chosen = ""
    for word in words[-1].split(","):
        if word not in TYPES:
            raise UsageError(f"invalid type '{word}'")
        chosen += TYPES[word]
    return chosen


def depth(text: str | None, *, recursive: bool) -> int:
    """Return how far below a name to go: 0 for not at all, a large number for all the way."""
    if text is not None:
        if not text.lstrip("-").isdecimal():
            raise UsageError(f"{text} is not an integer")
        if int(text) < 0:
            raise UsageError("Depth can not be negative.")
        return int(text)
    return 1 << 30 if recursive else 0


def order(datasets: Datasets, name: str) -> tuple[str, int]:
    """Return the sort key of a name: datasets by name, each followed by its snapshots by age."""
    dataset, at, _ = name.partition("@")
    return (dataset, int(datasets.open(name)["txg"]) if at else -1)


def choose(
    datasets: Datasets, wanted: list[str], kinds: str, far: int, *, recursive: bool, walked: str | None = None
) -> tuple[list[str], int]:
    """Return the names meant, in order, and the exit code: 1 with a word on stderr for each that is not there.

    `kinds` may be named, `walked` (the same unless told) are found on the way down.
    """
    walked = kinds if walked is None else walked
    if not wanted:
        chosen = [name for name in datasets.all if datasets.all[name]["type"][0] in walked]
        if far < 1 << 30 and recursive:
            chosen = [name for name in chosen if name.count("/") <= far]
        if "s" in walked:
            chosen += [snapshot for name in datasets.all for snapshot in datasets.snapshots(name)]
        return sorted(chosen, key=lambda name: order(datasets, name)), 0
    chosen_set: dict[str, None] = {}
    code = 0
    for word in wanted:
        try:
            name = _by_path(datasets, word) if word.startswith("/") else word
            _check(datasets, name, kinds, recursive=recursive)
        except ZfsError as refusal:
            sys.stderr.write(refusal.text + "\n")
            code = 1
            continue
        chosen_set.update(dict.fromkeys(_around(datasets, name, walked, far)))
    return sorted(chosen_set, key=lambda name: order(datasets, name)), code


def _by_path(datasets: Datasets, path: str) -> str:
    """Return the filesystem that a path of the host lies on."""
    import os

    if not os.path.lexists(datasets.world.host(path)):
        raise ZfsError(f"cannot open '{path}': No such file or directory")
    where = path
    while True:
        found = datasets.mounted_at(where)
        if found is not None:
            return found
        if where == "/":
            raise ZfsError(f"cannot open '{path}': not a ZFS filesystem")
        where = os.path.dirname(where)


def _check(datasets: Datasets, name: str, kinds: str, *, recursive: bool) -> None:
    """Refuse a name that is bad, not there, or of a type that was not asked for."""
    allowed = kinds
    if recursive:
        allowed += "f"
        if "s" in kinds:
            allowed += "v"
    action = f"cannot open '{name}'"
    if "s" not in allowed and "@" in name:
        raise ZfsError(f"{action}: snapshot delimiter '@' is not expected here")
    if set(allowed) == {"s"} and "@" not in name:
        raise ZfsError(f"{action}: missing '@' delimiter in snapshot name")
    fault = names.fault_of(name, snapshot="@" in name)
    if fault is not None:
        raise ZfsError(f"{action}: {fault}")
    found = datasets.open(name)
    kind = "s" if "@" in name else found["type"][0]
    if kind not in allowed:
        raise ZfsError(f"{action}: operation not applicable to datasets of this type")


def _around(datasets: Datasets, name: str, kinds: str, far: int) -> list[str]:
    """Return a name and what is below it as far as asked, of the types asked."""
    if "@" in name:
        return [name]
    found = []
    level = name.count("/")
    for other in [name, *(datasets.below(name) if far else ())]:
        down = other.count("/") - level
        if down <= far and datasets.all[other]["type"][0] in kinds:
            found.append(other)
        if "s" in kinds and down + 1 <= far:
            found.extend(datasets.snapshots(other))
    return found

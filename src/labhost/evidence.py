"""A picture of the whole world that two moments can be compared by: "byte for byte as before"."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import blake2b

from labhost import jsontext
from labhost.zfs import contents, layers
from labhost.zfs.datasets import Datasets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

# Facts that differ between two lives of the same thing and say nothing about what it is.
VOLATILE = frozenset(
    (
        "created", "guid", "txg", "objset", "mark", "refer", "since", "time", "stime", "changed", "pid", "zoneid",
        "next_id", "contract", "restarts", "counters", "next",
    )
)  # fmt: skip
# What comes and goes by itself: scratch, locks, doors, sockets and logs of zones.
_PASSING_FOLDERS = ("/tmp", "/var/tmp", "/dev/zvol")
_PASSING_ENDINGS = (".lock", "_door", "_sock", ".log", "/lastexited")
_BLOCK = 8192
_CHUNK = 1 << 20


def evidence(world: World) -> dict[str, str]:
    """Return a line for each thing of the host: datasets, files, links, addresses, services, filters, active zones."""
    found: dict[str, str] = {}
    found.update(_datasets(world))
    found.update(_files(world))
    for area in ("links", "addresses", "smf", "filter"):
        for name, facts in sorted(_leaves(world.read(area))):
            found[f"{area} {name}"] = facts
    for name, zone in sorted(world.read("zones").get("zones", {}).items()):
        found[f"zone {name}"] = str(zone.get("state"))
    return found


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what changed between two pictures, a line each."""
    lines = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if old is None:
            lines.append(f"new: {key}: {new}")
        elif new is None:
            lines.append(f"gone: {key}: {old}")
        else:
            lines.append(f"changed: {key}: {old} -> {new}")
    return lines


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(value[key]) for key in sorted(value) if key not in VOLATILE}
    if isinstance(value, list):
        return [_steady(item) for item in value]
    return value


def _leaves(state: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the things an area keeps by name, each with its facts as one text."""
    found = []
    for kind, things in state.items():
        if kind in VOLATILE:
            continue
        if not isinstance(things, dict):
            found.append((kind, jsontext.dumps(_steady(things))))
            continue
        found += [(f"{kind} {name}", jsontext.dumps(_steady(facts))) for name, facts in things.items()]
    return found


def _datasets(world: World) -> dict[str, str]:
    datasets = Datasets(world.read("zfs"), world)
    found = {}
    for name, dataset in sorted(datasets.all.items()):
        facts = {key: value for key, value in dataset.items() if key != "snapshots"}
        found[f"dataset {name}"] = f"{jsontext.dumps(_steady(facts))} {_content(world, dataset['objset'])}"
        for snap, kept in dataset.get("snapshots", {}).items():
            facts = {**kept, "holds": sorted(kept.get("holds", ()))}
            found[f"snapshot {name}@{snap}"] = f"{jsontext.dumps(_steady(facts))} {_content(world, kept['objset'])}"
    for name, pool in sorted(datasets.pools.items()):
        found[f"pool {name}"] = jsontext.dumps(_steady(pool))
    return found


def _content(world: World, objset: int) -> str:
    place = contents.place(world, objset)
    if os.path.isdir(place):
        return contents.folder_mark(place)
    return digest_of(place) + layers.mark(place)


def digest_of(path: str) -> str:
    """Return a short digest over the blocks of a file that are not zero; `-` if there is no such file."""
    digest = blake2b(digest_size=12)
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "-"
    try:
        at, end = 0, os.fstat(number).st_size
        digest.update(f"{end}\n".encode())
        while at < end:
            try:
                at = os.lseek(number, at, os.SEEK_DATA) // _BLOCK * _BLOCK
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break
                raise
            hole = os.lseek(number, at, os.SEEK_HOLE)
            while at < hole:
                piece = os.pread(number, _CHUNK, at)
                for start in range(0, len(piece), _BLOCK):
                    block = piece[start : start + _BLOCK]
                    # Whether zeros are stored or a hole is the file system's affair.
                    if block.count(0) != len(block):
                        digest.update(f"{at + start}\n".encode())
                        digest.update(block)
                at += _CHUNK
    finally:
        os.close(number)
    return digest.hexdigest()


def _files(world: World) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(world.root):
        here = folder[len(world.root) :]
        folders[:] = sorted(name for name in folders if not _is_passing(f"{here}/{name}"))
        for name in [*folders, *files]:
            path = f"{here}/{name}"
            if _is_passing(path):
                continue
            try:
                facts = os.lstat(f"{folder}/{name}")
                text = _file(f"{folder}/{name}", facts)
            except FileNotFoundError:
                continue
            if text is not None:
                found[f"file {path}"] = text
    return dict(sorted(found.items()))


def _file(path: str, facts: os.stat_result) -> str | None:
    mode = f"{stat.S_IMODE(facts.st_mode):04o}"
    if stat.S_ISDIR(facts.st_mode):
        return f"folder {mode}"
    if stat.S_ISLNK(facts.st_mode):
        return f"link {os.readlink(path)}"
    if stat.S_ISREG(facts.st_mode):
        return f"file {mode} {digest_of(path)}"
    return None


def _is_passing(path: str) -> bool:
    if path.startswith(tuple(f"{folder}/" for folder in _PASSING_FOLDERS)):
        return True
    # The scratch folder of a zone's root is as passing as the host's.
    return path.endswith(_PASSING_ENDINGS) or "/root/tmp/" in path

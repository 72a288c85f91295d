"""zfs hold, holds and release."""

from __future__ import annotations

import sys

from labhost.zfs import options, snapshots
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError, ZfsError
from labhost.zfs.values import date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.world import World


def hold(world: World, argv: list[str]) -> int:
    """Hold snapshots under a tag."""
    return _each(world, argv, snapshots.hold, "hold snapshot")


def release(world: World, argv: list[str]) -> int:
    """Release snapshots from a tag."""
    return _each(world, argv, snapshots.release, "release hold from snapshot")


def _each(world: World, argv: list[str], do: Callable[[Datasets, str, str], None], what: str) -> int:
    given = options.parse(argv, "rt")
    if len(given.operands) < 2:
        raise UsageError
    tag, *wanted = given.operands
    if tag.startswith("."):
        raise UsageError("tag may not start with '.'")
    code = 0
    with Change(world) as datasets:
        for full in wanted:
            try:
                need_privilege(world, f"cannot {what} '{full}'")
                for one in _meant(datasets, full, recursive="r" in given):
                    do(datasets, one, tag)
            except ZfsError as refusal:
                sys.stderr.write("".join(line + "\n" for line in refusal.lines()))
                code = 1
    return code


def _meant(datasets: Datasets, full: str, *, recursive: bool) -> list[str]:
    """Return the snapshot, or with `recursive` also those of the same name below."""
    name, at, snap = full.partition("@")
    if not at:
        raise ZfsError(f"'{full}' is not a snapshot")
    datasets.open(name)
    if not recursive:
        return [full]
    below = [f"{holder}@{snap}" for holder in [name, *datasets.below(name)]]
    return [one for one in below if datasets.get(one) is not None] or [full]


def holds(world: World, argv: list[str]) -> int:
    """List the holds of snapshots."""
    given = options.parse(argv, "rH")
    if not given.operands:
        raise UsageError
    datasets = Datasets(world.read("zfs"), world)
    rows: list[tuple[str, str, str]] = []
    code = 0
    for full in given.operands:
        try:
            for one in _meant(datasets, full, recursive="r" in given):
                facts = datasets.open(one)
                rows += [(one, tag, date(when)) for tag, when in facts.get("holds", {}).items()]
        except ZfsError as refusal:
            sys.stderr.write(refusal.text + "\n")
            code = 1
    if not rows:
        sys.stderr.write("no datasets available\n")
        return code
    _show(rows, scripted="H" in given)
    return code


def _show(rows: list[tuple[str, str, str]], *, scripted: bool) -> None:
    if scripted:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in rows))
        return
    rows = [("NAME", "TAG", "TIMESTAMP"), *rows]
    name, tag = (max(len(row[at]) for row in rows) for at in (0, 1))
    sys.stdout.write("".join(f"{row[0]:<{name}}  {row[1]:<{tag}}  {row[2]}\n" for row in rows))

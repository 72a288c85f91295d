"""zfs send and zfs receive."""

from __future__ import annotations

import os
import sys

from labhost.zfs import contents, names, options, reception, sizes, streams
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Part = dict[str, Any]


def send(world: World, argv: list[str]) -> int:
    """Write a snapshot, or what changed since another, to stdout."""
    given = options.parse(argv, "i:I:RDpvnPLecwhb")
    (full,) = given.exactly("snapshot")
    dry = "n" in given
    if not dry and os.isatty(1):
        raise ZfsError("Error: Stream can not be written to a terminal.", ["You must redirect standard output."])
    if "@" not in full:
        raise ZfsError(f"cannot open '{full}': missing '@' delimiter in snapshot name")
    datasets = Datasets(world.read("zfs"), world)
    datasets.open(full)
    need_privilege(world, f"cannot send '{full}'")
    steps = _steps(datasets, full, given)
    _estimate(datasets, steps, given, dry=dry)
    if not dry:
        streams.send(datasets, steps, sys.stdout.buffer, float(world.setting("send_rate", 0)))
    return 0


def _steps(datasets: Datasets, full: str, given: options.Options) -> list[Part]:
    name, _, snap = full.partition("@")
    holders = [name]
    if "R" in given:
        holders += [below for below in datasets.below(name) if datasets.get(f"{below}@{snap}") is not None]
    found: list[Part] = []
    for holder in holders:
        found += _steps_of(datasets, holder, snap, name, given)
    return found


def _steps_of(datasets: Datasets, holder: str, snap: str, top: str, given: options.Options) -> list[Part]:
    dataset = datasets.all[holder]
    own = list(dataset["snapshots"])
    base = given.last("i") or given.last("I")
    begin: int | None = None
    first = own.index(snap)
    if base is not None:
        base = base.rpartition("@")[2]
        if base not in own or own.index(base) >= own.index(snap):
            if base not in own:
                raise ZfsError(f"cannot send '{holder}@{snap}': incremental source ({holder}@{base}) does not exist")
            raise ZfsError(f"cannot send '{holder}@{snap}': not an earlier snapshot from the same fs")
        begin = own.index(base)
    if "I" in given and begin is not None:
        first = begin + 1
    elif "R" in given and begin is None:
        first = 0
    elif "R" in given and begin is not None and "i" not in given:
        first = begin + 1
    origin = datasets.get(dataset.get("origin", "@"))
    steps: list[Part] = []
    for at in range(first, own.index(snap) + 1):
        before = begin if at == first else at - 1
        steps.append(
            {
                "snapshot": f"{holder}@{own[at]}",
                "from": dataset["snapshots"][own[before]]["guid"] if before is not None else None,
                "relative": holder[len(top) :],
                "props": _props(dataset, given) if own[at] == snap else {},
                "block": int(dataset["local"].get("volblocksize", 0)),
                "reserved": int(dataset["local"].get("refreservation", 0)) > 0,
                "origin": origin["guid"] if origin is not None and "R" in given else None,
            }
        )  # fmt: skip
    return steps


def _props(dataset: dict[str, Any], given: options.Options) -> dict[str, str]:
    if "p" not in given and "R" not in given:
        return {}
    own = {**dataset.get("received", {}), **dataset["local"]}
    return {
        prop: text
        for prop, text in own.items()
        if prop not in ("volsize", "volblocksize", "refreservation", "reservation")
    }


def _estimate(datasets: Datasets, steps: list[Part], given: options.Options, *, dry: bool) -> None:
    """Say what will be sent and how much it is about (-v, -P): a dry run on stdout, else on stderr."""
    if "v" not in given and "P" not in given:
        return
    stream = sys.stdout if dry else sys.stderr
    whole = 0
    for step in steps:
        size = streams.size_of(datasets, step["snapshot"])
        whole += size
        base = _name_of(datasets, step)
        if "P" in given:
            line = f"incremental\t{base}\t{step['snapshot']}" if base else f"full\t{step['snapshot']}"
            stream.write(f"{line}\t{size}\n")
        else:
            line = f"send from @{base} to {step['snapshot']}" if base else f"full send of {step['snapshot']}"
            stream.write(f"{line} estimated size is {sizes.show(size)}\n")
    stream.write(f"size\t{whole}\n" if "P" in given else f"total estimated size is {sizes.show(whole)}\n")
    stream.flush()


def _name_of(datasets: Datasets, step: Part) -> str | None:
    """Return the name of the snapshot that an incremental step begins at."""
    holder = datasets.all[step["snapshot"].partition("@")[0]]
    for snap, facts in holder["snapshots"].items():
        if facts["guid"] == step["from"]:
            return str(snap)
    return None


def receive(world: World, argv: list[str]) -> int:
    """Make datasets and snapshots of the stream on stdin, all of it or nothing."""
    given = options.parse(argv, "o:x:dehnuvFsA")
    (target,) = given.exactly("snapshot")
    if os.isatty(0):
        raise ZfsError("Error: Backup stream can not be read from a terminal.", ["You must redirect standard input."])
    wanted, _, snap = target.partition("@")
    need_privilege(world, "cannot receive")
    words = options.assignments(given.values.get("o", []))
    passing = f"{world.path}/volumes/receive.{os.getpid()}"
    _sweep(f"{world.path}/volumes")
    os.makedirs(passing)
    try:
        steps = streams.Receiver(sys.stdin.buffer, passing).read()
        _rename_last(steps, snap)
        with Change(world) as datasets:
            _enter(datasets, steps, wanted, given, words)
    finally:
        contents.empty_folder(passing, ())
        os.rmdir(passing)
    return 0


def _sweep(volumes: str) -> None:
    """Remove what receivers that were killed outright left behind."""
    for name in os.listdir(volumes):
        kind, _, pid = name.partition(".")
        if kind == "receive" and not os.path.exists(f"/proc/{pid}"):
            contents.empty_folder(f"{volumes}/{name}", ())
            os.rmdir(f"{volumes}/{name}")


def _rename_last(steps: list[Part], snap: str) -> None:
    if snap and steps:
        steps[-1]["snapshot"] = f"{steps[-1]['snapshot'].partition('@')[0]}@{snap}"


def _enter(datasets: Datasets, steps: list[Part], wanted: str, given: options.Options, words: dict[str, str]) -> None:
    for step in steps:
        target = reception.target_of(step, wanted, last="e" in given, all_but_pool="d" in given)
        if "d" in given or "e" in given:
            datasets.open(wanted)
            if names.parent_of(target) not in datasets.all:
                datasets.create_above(target)
        step["props"] = {prop: text for prop, text in step["props"].items() if prop not in given.values.get("x", [])}
        props = options.accepted(words, f"cannot receive into '{target}'", step["type"], creating=True)
        if "n" in given:
            reception.check_first(datasets, target, step, force="F" in given)
            return
        reception.apply(datasets, target, step, force="F" in given, mount="u" not in given, props=props)
        if "v" in given:
            kind = "incremental" if step["from"] else "full"
            sys.stdout.write(f"received {kind} stream of {step['snapshot']} into {target}\n")

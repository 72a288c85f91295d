"""zfs set and zfs inherit."""

from __future__ import annotations

import sys

from labhost.zfs import assignment, names, options, properties
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def assign(world: World, argv: list[str]) -> int:
    """Set properties of datasets."""
    if argv and len(argv[0]) > 1 and argv[0].startswith("-"):
        raise UsageError(f"invalid option '{argv[0][1]}'")
    if not argv:
        raise UsageError("missing arguments")
    if len(argv) < 2:
        raise UsageError("missing dataset name(s)" if "=" in argv[0] else "missing property=value argument(s)")
    first = next((at for at, word in enumerate(argv) if "=" not in word), len(argv))
    if first == len(argv):
        raise UsageError("missing dataset name(s)")
    if any("=" in word for word in argv[first:]):
        raise UsageError("invalid argument order")
    words = options.assignments(argv[:first])
    code = 0
    with Change(world) as datasets:
        for name in argv[first:]:
            try:
                fault = names.fault_of(name, snapshot="@" in name)
                if fault is not None:
                    raise ZfsError(f"cannot open '{name}': {fault}")
                datasets.open(name)
                need_privilege(world, f"cannot set property for '{name}'")
                assignment.assign(datasets, name, words)
            except ZfsError as refusal:
                sys.stderr.write("".join(line + "\n" for line in refusal.lines()))
                code = 1
    return code


def inherit(world: World, argv: list[str]) -> int:
    """Take a property back to what is above, or to what was received (-S)."""
    given = options.parse(argv, "rS")
    if not given.operands:
        raise UsageError("missing property argument")
    if len(given.operands) < 2:
        raise UsageError("missing dataset argument")
    word, *wanted = given.operands
    prop = properties.known(word)
    if prop is None:
        raise UsageError(f"invalid property '{word}'")
    _check(prop, received="S" in given)
    code = 0
    with Change(world) as datasets:
        for name in wanted:
            try:
                datasets.open(name)
                need_privilege(world, f"cannot inherit {prop} for '{name}'")
                for one in [name, *(datasets.below(name) if "r" in given and "@" not in name else ())]:
                    assignment.inherit(datasets, one, prop, received="S" in given)
            except ZfsError as refusal:
                sys.stderr.write("".join(line + "\n" for line in refusal.lines()))
                code = 1
    return code


def _check(prop: str, *, received: bool) -> None:
    """Refuse a property that has no inheritance."""
    if properties.is_user(prop):
        return
    change = properties.row(prop)[2]
    if change == properties.READ:
        raise UsageError(f"{prop} property is read-only")
    if change not in (properties.INHERIT, properties.ONCE) and not received:
        sys.stderr.write(f"'{prop}' property cannot be inherited\n")
        if prop in ("quota", "reservation", "refquota", "refreservation"):
            sys.stderr.write(f"use 'zfs set {prop}=none' to clear\n")
        raise ZfsError("")

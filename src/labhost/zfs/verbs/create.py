"""zfs create."""

from __future__ import annotations

import sys

from labhost.zfs import names, options, sizes
from labhost.zfs.change import Change, need_privilege
from labhost.zfs.datasets import VOLBLOCKSIZE, Datasets
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def create(world: World, argv: list[str]) -> int:
    """Make a filesystem, or with -V a volume."""
    given = options.parse(argv, "Pnpsvb:o:V:", {"V": "missing size argument"})
    kind = "volume" if "V" in given else "filesystem"
    if "s" in given and kind == "filesystem":
        raise UsageError("'-s' can only be used when creating a volume")
    if "b" in given and kind == "filesystem":
        raise UsageError("'-b' can only be used when creating a volume")
    (name,) = given.exactly(kind)
    size = _volume_size(given)
    words = options.assignments(given.values.get("o", []))
    if "b" in given:
        words.setdefault("volblocksize", given.last("b") or "")
    action = f"cannot create '{name}'"
    fault = names.fault_of(name)
    if fault is not None:
        raise ZfsError(f"{action}: {fault}")
    props = options.accepted(words, action, kind, creating=True)
    if props.get("volblocksize") == str(VOLBLOCKSIZE):
        del props["volblocksize"]
    need_privilege(world, action)
    if "n" in given:
        Datasets(world.read("zfs"), world).check_new(name, action)
        _report(given, name, props)
        return 0
    with Change(world) as datasets:
        before = set(datasets.all)
        try:
            if kind == "filesystem":
                datasets.create_filesystem(name, props, parents="p" in given)
            else:
                datasets.create_volume(name, size, props, sparse="s" in given, parents="p" in given)
        except ZfsError as refusal:
            if name in datasets.all and name not in before:
                refusal.details.append("filesystem successfully created, but not mounted")
            raise
    _report(given, name, props)
    return 0


def _volume_size(given: options.Options) -> int:
    text = given.last("V")
    if text is None:
        return 0
    try:
        size = sizes.parse(text)
    except ZfsError as wrong:
        raise ZfsError(f"bad volume size '{text}': {wrong.text}") from None
    if size == 0:
        raise ZfsError(f"cannot create '{(given.operands or [''])[0]}': volume size cannot be zero")
    return size


def _report(given: options.Options, name: str, props: dict[str, str]) -> None:
    """Say what was made (-v) or would be (-n), for programs with -P."""
    if "v" not in given and "P" not in given:
        return
    if "P" in given:
        lines = [f"create\t{name}", *(f"property\t{prop}\t{value}" for prop, value in props.items())]
    else:
        lines = [f"{'would create' if 'n' in given else 'create'} {name}"]
        lines += [f"\t{prop}={value}" for prop, value in props.items()]
    sys.stdout.write("".join(line + "\n" for line in lines))

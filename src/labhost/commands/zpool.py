"""zpool(8): as much of it as a program that runs zones asks for."""

from __future__ import annotations

import sys

from labhost.zfs import options, pools
from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

USAGE = {
    "create": "create [-fnd] [-B] [-o property=value] ... \n\t    [-O file-system-property=value] ... \n"
    "\t    [-m mountpoint] [-R root] [-t tempname] <pool> <vdev> ...",
    "destroy": "destroy [-f] <pool>",
    "get": 'get [-Hp] [-o "all" | field[,...]] <"all" | property[,...]> <pool> ...',
    "list": "list [-gHLpPv] [-o property[,...]] [-T d|u] [pool] ... [interval [count]]",
    "status": "status [-DgLPvx] [-T d|u] [pool] ... [interval [count]]",
}


def main(world: World, argv: list[str]) -> int:
    """Run one zpool command line."""
    verb = argv[0] if argv else ""
    if verb not in USAGE:
        sys.stderr.write(f"unrecognized command '{verb}'\n" if argv else "missing command\n")
        lines = "".join(f"\t{text}\n" for text in USAGE.values())
        sys.stderr.write(f"usage: zpool command args ...\nwhere 'command' is one of the following:\n\n{lines}")
        return 2
    try:
        return int(_VERBS[verb](world, argv[1:]))
    except ZfsError as refusal:
        sys.stdout.flush()
        sys.stderr.write("".join(line + "\n" for line in refusal.lines()))
        return refusal.code
    except UsageError as problem:
        sys.stderr.write((problem.text + "\n" if problem.text else "") + f"usage:\n\t{USAGE[verb]}\n")
        return 2


def _list(world: World, argv: list[str]) -> int:
    given = options.parse(argv, "gHLo:pPT:v")
    return pools.show(
        world, given.operands, given.last("o") or pools.DEFAULT, exact="p" in given, scripted="H" in given
    )


def _get(world: World, argv: list[str]) -> int:
    given = options.parse(argv, "Hpo:")
    if not given.operands:
        raise UsageError("missing property argument")
    return pools.get(
        world, given.operands[0], given.operands[1:], given.last("o"), exact="p" in given, scripted="H" in given
    )


def _status(world: World, argv: list[str]) -> int:
    given = options.parse(argv, "DgLPT:vx")
    return pools.status(world, given.operands, brief="x" in given)


def _create(world: World, argv: list[str]) -> int:
    given = options.parse(argv, ":fndBo:O:m:R:t:".lstrip(":"))
    if not given.operands:
        raise UsageError("missing pool name argument")
    if len(given.operands) < 2:
        raise UsageError("missing vdev specification")
    words = options.assignments(given.values.get("O", []))
    if "m" in given:
        words["mountpoint"] = given.last("m") or ""
    pools.create(world, given.operands[0], given.operands[1:], words)
    return 0


def _destroy(world: World, argv: list[str]) -> int:
    given = options.parse(argv, "f")
    (pool,) = given.exactly("pool")
    pools.destroy(world, pool, force="f" in given)
    return 0


_VERBS = {"create": _create, "destroy": _destroy, "get": _get, "list": _list, "status": _status}

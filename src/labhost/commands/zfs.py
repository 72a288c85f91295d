"""zfs(8): the grammar of each verb; the rules live in `labhost.zfs`."""

from __future__ import annotations

import sys

from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

# Which module of `labhost.zfs.verbs` speaks which verb; only that one is loaded.
VERBS = {
    "create": "create",
    "destroy": "destroy",
    "list": "list",
}


def main(world: World, argv: list[str]) -> int:
    """Run one zfs command line."""
    verb = argv[0] if argv else ""
    module = VERBS.get(verb)
    if module is None:
        sys.stderr.write(f"unrecognized command '{verb}'\n" if argv else "missing command\n")
        return 2
    name = f"labhost.zfs.verbs.{module}"
    __import__(name)
    try:
        return int(getattr(sys.modules[name], verb)(world, argv[1:]) or 0)
    except ZfsError as refusal:
        sys.stdout.flush()
        for line in refusal.lines():
            sys.stderr.write(line + "\n")
        return refusal.code
    except UsageError as problem:
        sys.stderr.write((problem.text + "\n" if problem.text else "") + f"usage:\n\t{verb}\n")
        return 2

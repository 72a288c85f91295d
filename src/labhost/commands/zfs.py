"""zfs(8): finds the module that speaks the verb, and says refusals and mistakes as zfs does."""

from __future__ import annotations

import sys

from labhost.zfs.errors import UsageError, ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

# Verb: its full name, the module of `labhost.zfs.verbs` that speaks it, the function there. Only that module is loaded.
VERBS = {
    "clone": ("clone", "lineage", "clone"),
    "create": ("create", "create", "create"),
    "destroy": ("destroy", "destroy", "destroy"),
    "get": ("get", "get", "get"),
    "hold": ("hold", "holds", "hold"),
    "holds": ("holds", "holds", "holds"),
    "inherit": ("inherit", "setting", "inherit"),
    "list": ("list", "listing", "show"),
    "mount": ("mount", "mounting", "mount"),
    "promote": ("promote", "lineage", "promote"),
    "receive": ("receive", "streaming", "receive"),
    "recv": ("receive", "streaming", "receive"),
    "release": ("release", "holds", "release"),
    "rename": ("rename", "lineage", "rename"),
    "rollback": ("rollback", "snapshot", "rollback"),
    "send": ("send", "streaming", "send"),
    "set": ("set", "setting", "assign"),
    "share": ("share", "mounting", "share"),
    "snap": ("snapshot", "snapshot", "snapshot"),
    "snapshot": ("snapshot", "snapshot", "snapshot"),
    "umount": ("unmount", "mounting", "unmount"),
    "unmount": ("unmount", "mounting", "unmount"),
    "unshare": ("unshare", "mounting", "unshare"),
}


def main(world: World, argv: list[str]) -> int:
    """Run one zfs command line."""
    found = VERBS.get(argv[0]) if argv else None
    if found is None:
        from labhost.zfs import usage

        if argv and argv[0] in ("-?", "-h", "--help"):
            sys.stdout.write(usage.of_all())
            return 0
        sys.stderr.write(f"unrecognized command '{argv[0]}'\n" if argv else "missing command\n")
        usage.show(None)
        return 2
    verb, module, function = found
    name = f"labhost.zfs.verbs.{module}"
    __import__(name)
    try:
        return int(getattr(sys.modules[name], function)(world, argv[1:]) or 0)
    except ZfsError as refusal:
        sys.stdout.flush()
        sys.stderr.write("".join(line + "\n" for line in refusal.lines()))
        return refusal.code
    except UsageError as problem:
        from labhost.zfs import usage

        if problem.text:
            sys.stderr.write(problem.text + "\n")
        usage.show(verb)
        return 2

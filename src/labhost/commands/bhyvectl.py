"""bhyvectl(8): press the buttons of a running guest."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import sys

from labhost.zones import lifecycle, states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

_ACTIONS = {
    "--force-poweroff": _signal.SIGUSR1,
    "--destroy": _signal.SIGUSR1,
    "--force-reset": _signal.SIGUSR2,
    "--inject-nmi": 0,
    "--get-all": 0,
    "--get-stats": 0,
}


def main(world: World, argv: list[str]) -> int:
    """Run bhyvectl: 0 done, 1 no such guest, 64 usage."""
    name, actions, at = "", [], 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if word.startswith("--vm="):
            name = word[5:]
        elif word == "--vm" and at < len(argv):
            name = argv[at]
            at += 1
        elif word in _ACTIONS:
            actions.append(word)
        else:
            return _usage()
    if not name:
        return _usage()
    zone = states.active(world).get(name)
    pid = zone.get("pid") if zone is not None and zone["state"] == "running" else None
    if world.setting("euid", 0) != 0:
        sys.stderr.write(f"vm_open: {name}: Permission denied\n")
        return 1
    if pid is None:
        sys.stderr.write(f"VM:{name} is not created.\n")
        return 1
    for action in actions:
        if _ACTIONS[action] and not lifecycle.press(pid, _ACTIONS[action]):
            sys.stderr.write(f"VM:{name} is not created.\n")
            return 1
    return 0


def _usage() -> int:
    sys.stderr.write("Usage: bhyvectl --vm=<vmname> [--force-poweroff] [--force-reset] [--inject-nmi] [--destroy]\n")
    return 64

"""ipf(8): filter rules of the kernel, which are kept and counted but judge no packet here."""

from __future__ import annotations

import sys

from labhost.net.options import OptionError, parse
from labhost.smf.services import IPFILTER, is_online

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

USAGE = (
    "usage: ipf [-6AdDEInoPrRsvVyzZ] [-l block|pass|nomatch|state|nat] [-F i|o|a|s|S|u] [-f filename] [-T <tuneopts>]"
)
ACTIONS = ("pass", "block", "log", "count", "call", "skip", "auth", "preauth", "set")


def main(world: World, argv: list[str]) -> int:
    """Flush and load; `-n` only checks."""
    try:
        options, operands = parse(argv, "6AdDEF:f:GIl:nN:oPrRsT:vVyzZ")
    except OptionError:
        print(USAGE, file=sys.stderr)
        return 1
    asked = dict(options)
    if operands or not options:
        print(USAGE, file=sys.stderr)
        return 1
    if "V" in asked:
        running = "yes" if is_online(world, IPFILTER) else "no"
        print(f"ipf: IP Filter: v4.1.9 (592)\nKernel: IP Filter: v4.1.9\nRunning: {running}")
        return 0
    if "n" not in asked and not is_online(world, IPFILTER):
        print("ioctl(SIOCIPFFL): I/O error", file=sys.stderr)
        return 1
    rules: list[str] = []
    if "f" in asked:
        try:
            with open(world.host(asked["f"]), encoding="utf-8") as file:
                lines = file.read().split("\n")
        except OSError as error:
            print(f"{asked['f']}: open: {error.strerror}", file=sys.stderr)
            return 1
        for number, raw in enumerate(lines, start=1):
            words = raw.partition("#")[0].split()
            if words and (words[0] not in ACTIONS or number == len(lines)):
                print(f'syntax error error at "{words[0]}", line {number}', file=sys.stderr)
                return 1
            if words:
                rules.append(" ".join(words))
    if "n" not in asked:
        with world.lock("filter"):
            state = world.read("filter")
            kept = [] if "F" in asked else state.get("rules", [])
            state["rules"] = [*kept, *rules]
            world.write("filter", state)
    return 0

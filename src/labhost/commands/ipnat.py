"""ipnat(8): translation rules of the kernel."""

from __future__ import annotations

import sys

from labhost.net.nat import RuleError, parse_rules
from labhost.net.options import OptionError, parse
from labhost.smf.services import IPFILTER, is_online

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

USAGE = "Usage: ipnat [-dFhlnrRsv] [-f filename]"


def main(world: World, argv: list[str]) -> int:
    """List, clear, flush, check or load; an option may come with others, as in `-CF -f FILE`."""
    try:
        options, operands = parse(argv, "CdFf:GhlM:nN:rRsvz:")
    except OptionError:
        print(USAGE, file=sys.stderr)
        return 1
    asked = dict(options)
    if operands or not options:
        print(USAGE, file=sys.stderr)
        return 1
    texts: list[str] = []
    dry = "n" in asked
    if not dry and world.setting("euid", 0) != 0:
        print("/dev/ipnat: open: Permission denied", file=sys.stderr)
        return 1
    if not dry and not is_online(world, IPFILTER):
        # The driver answers no request before the filter is enabled.
        print("ioctl(SIOCGNATS): I/O error", file=sys.stderr)
        return 1
    if "F" in asked and not dry:
        print("0 entries flushed from NAT table")
    if "C" in asked and not dry:
        with world.lock("filter"):
            state = world.read("filter")
            print(f"{len(state.get('nat', []))} entries flushed from NAT list")
            state["nat"] = []
            world.write("filter", state)
    if "f" in asked:
        try:
            if asked["f"] == "-":
                text = sys.stdin.read()
            else:
                with open(world.host(asked["f"]), encoding="utf-8") as file:
                    text = file.read()
        except OSError as error:
            print(f"{asked['f']}: open: {error.strerror}", file=sys.stderr)
            return 1
        try:
            texts = [rule.text for rule in parse_rules(text)]
        except RuleError as error:
            print(error.text, file=sys.stderr)
            return 1
        if not dry and not _load(world, texts, remove="r" in asked):
            return 1
    if "l" in asked:
        print("List of active MAP/Redirect filters:")
        for text in world.read("filter").get("nat", []):
            print(text)
        print("\nList of active sessions:")
    if "s" in asked:
        print(f"mapped\tin\t0\tout\t0\nadded\t0\texpired\t0\nno memory\t0\tbad nat\t0\ninuse\t0\n"
              f"rules\t{len(world.read('filter').get('nat', []))}\nwilds\t0")  # fmt: skip
    return 0


def _load(world: World, texts: list[str], *, remove: bool) -> bool:
    complete = True
    with world.lock("filter"):
        state = world.read("filter")
        nat = state.setdefault("nat", [])
        for number, text in enumerate(texts, start=1):
            if remove and text in nat:
                nat.remove(text)
            elif remove or text in nat:
                name, why = ("SIOCRMNAT", "No such process") if remove else ("SIOCADNAT", "File exists")
                print(f"{number}:ioctl({name}): {why}", file=sys.stderr)
                complete = False
            else:
                nat.append(text)
        world.write("filter", state)
    return complete

"""netstat(8), as far as the routing table goes."""

from __future__ import annotations

import sys

from labhost.net import addresses
from labhost.net.options import OptionError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

HEAD = """
Routing Table: IPv4
  Destination           Gateway           Flags  Ref     Use     Interface 
-------------------- -------------------- ----- ----- ---------- --------- """  # noqa: W291


def main(world: World, argv: list[str]) -> int:
    """Print the IPv4 routes for `netstat -rn [-f inet]`."""
    try:
        options, operands = parse(argv, "anrvf:P:I:")
    except OptionError:
        options, operands = [], ["?"]
    asked = dict(options)
    if operands or "r" not in asked:
        print("usage: netstat [-anuv] [-f address_family] [-T d|u] -r", file=sys.stderr)
        return 1
    if asked.get("f", "inet") != "inet":
        return 0
    state = addresses.load(world)
    print(HEAD)
    for destination, gateway, interface in state["routes"]:
        flags = "UG" if "/" in destination or destination == "default" else "UGH"
        _row(destination, gateway, flags, interface)
    for name, facts in state["addresses"].items():
        if not facts["up"] or "." not in facts["addr"]:
            continue
        interface = addresses.interface_of(name)
        host = facts["addr"].partition("/")[0]
        if interface == addresses.LOOPBACK:
            _row(host, host, "UH", interface)
            continue
        base, prefix = addresses.network(facts["addr"])
        dotted = ".".join(str(base >> shift & 255) for shift in (24, 16, 8, 0))
        _row(f"{dotted}/{prefix}" if "v" in asked else dotted, host, "U", interface)
    return 0


def _row(destination: str, gateway: str, flags: str, interface: str) -> None:
    print(f"{destination:<20} {gateway:<20} {flags:<5} {2:>5} {0:>10} {interface:<9} ")

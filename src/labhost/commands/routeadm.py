"""routeadm(8): IP forwarding and routing, now and for ever."""

from __future__ import annotations

import sys

from labhost.net.options import OptionError, parse
from labhost.smf import methods, services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

OPTIONS = {
    "ipv4-routing": "svc:/network/routing/route:default",
    "ipv6-routing": "svc:/network/routing/ripng:default",
    "ipv4-forwarding": services.FORWARDING["ipv4"],
    "ipv6-forwarding": services.FORWARDING["ipv6"],
}
VARIABLES = ("ipv4-routing-daemon", "ipv6-routing-daemon", "routing-svcs")
TITLES = {
    "ipv4-routing": "IPv4 routing",
    "ipv6-routing": "IPv6 routing",
    "ipv4-forwarding": "IPv4 forwarding",
    "ipv6-forwarding": "IPv6 forwarding",
}
USAGE = """usage: routeadm [-p [<option-name>]]
       routeadm [-R <root-dir>] [-e <option>] [-d <option>] [-r <option>] [-s <var>=<value>]
       routeadm -u"""


def main(world: World, argv: list[str]) -> int:
    """Show, set the persistent configuration, or apply it with -u."""
    if argv[:1] == ["-p"] and len(argv) <= 2:
        return _show(world, argv[1] if len(argv) == 2 else None)
    try:
        options, operands = parse(argv, "d:e:l:m:r:R:s:u")
    except OptionError as error:
        print(f"routeadm: {error.text}\n{USAGE}", file=sys.stderr)
        return 1
    if operands:
        print(USAGE, file=sys.stderr)
        return 1
    if not options:
        return _human(world)
    if world.setting("euid", 0) != 0:
        print("routeadm: insufficient privileges to change configuration", file=sys.stderr)
        return 1
    for letter, name in options:
        if letter in "der" and name not in OPTIONS:
            print(f"routeadm: no such option {name}", file=sys.stderr)
            return 1
    with world.lock("smf"):
        state = services.load(world)
        known = state["services"]
        for letter, name in options:
            if letter in "der":
                known[OPTIONS[name]]["enabled"] = letter == "e"
        if any(letter == "u" for letter, _ in options):
            _apply(world, known)
        world.write("smf", state)
    return 0


def _apply(world: World, known: dict[str, Any]) -> None:
    for fmri in OPTIONS.values():
        instance = known[fmri]
        if instance["enabled"] and instance["state"] != "online":
            instance["state"] = "maintenance" if methods.start(world, fmri, instance) else "online"
        elif not instance["enabled"] and instance["state"] != "disabled":
            methods.stop(world, fmri)
            instance["state"] = "disabled"


def _show(world: World, only: str | None) -> int:
    known = services.load(world)["services"]
    if only is not None and only not in OPTIONS and only not in VARIABLES:
        print(f"routeadm: no such option/variable {only}", file=sys.stderr)
        return 1
    for name, fmri in OPTIONS.items():
        if only in {None, name}:
            instance = known[fmri]
            persistent = "enabled" if instance["enabled"] else "disabled"
            current = "enabled" if instance["state"] == "online" else "disabled"
            lead = f"{name} " if only is None else ""
            print(f"{lead}persistent={persistent} default=disabled current={current}")
    for name in VARIABLES:
        if only in {None, name}:
            value = "route:default ripng:default" if name == "routing-svcs" else ""
            print(f'{name + " " if only is None else ""}persistent="{value}" default="{value}" ')
    return 0


def _human(world: World) -> int:
    known = services.load(world)["services"]
    print("              Configuration   Current              Current\n"
          "                     Option   Configuration        System State\n" + "-" * 63)  # fmt: skip
    for name, fmri in OPTIONS.items():
        persistent = "enabled" if known[fmri]["enabled"] else "disabled"
        current = "enabled" if known[fmri]["state"] == "online" else "disabled"
        print(f"{TITLES[name]:>27}   {persistent:<20} {current}")
    print('\n           Routing services   "route:default ripng:default"\n\nRouting daemons:\n')
    print("                      STATE   FMRI")
    for name in ("ipv4-routing", "ipv6-routing"):
        print(f"{known[OPTIONS[name]]['state']:>27}   {OPTIONS[name]}")
    return 0

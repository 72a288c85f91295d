"""route(8): add, delete and look up IPv4 routes."""

from __future__ import annotations

import sys

from labhost.net import addresses
from labhost.net.addresses import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World


def main(world: World, argv: list[str]) -> int:
    """Run `route [-np] add|delete|get DESTINATION [GATEWAY]` or `route -p show`."""
    words = [word for word in argv if not word.startswith("-") or word in {"-net", "-host"}]
    words = [word for word in words if word not in {"-net", "-host"}]
    if words[:1] == ["show"]:
        for destination, gateway, _ in addresses.load(world)["routes"]:
            print(f"persistent: route add {destination} {gateway}")
        return 0
    if len(words) < 2 or words[0] not in {"add", "delete", "get"}:
        print("usage: route [-fnpqv] cmd [[-<qualifers>] args]", file=sys.stderr)
        return 1
    verb, destination = words[0], words[1]
    if not _valid(destination) or (verb != "get" and (len(words) != 3 or not _valid(words[2]))):
        print(f"route: destination {destination}: bad value", file=sys.stderr)
        return 1
    if verb == "get":
        return _get(world, destination)
    gateway = words[2]
    lead = (
        f"{verb} {'net' if '/' in destination or destination == 'default' else 'host'} {destination}: gateway {gateway}"
    )
    complaint = (
        addresses.add_route(world, destination, gateway) if verb == "add" else _delete(world, destination, gateway)
    )
    print(lead if complaint is None else f"{lead}: {complaint}")
    return 0 if complaint is None else 128 if verb == "delete" else 17


def _valid(text: str) -> bool:
    if text == "default":
        return True
    try:
        addresses.parse_address(text)
    except AddressError:
        return False
    return "." in text


def _delete(world: World, destination: str, gateway: str) -> str | None:
    with world.lock("addresses"):
        state = addresses.load(world)
        left = [route for route in state["routes"] if route[:2] != [destination, gateway]]
        if len(left) == len(state["routes"]):
            return "not in table"
        state["routes"] = left
        world.write("addresses", state)
    return None


def _get(world: World, destination: str) -> int:
    found = addresses.route_to(addresses.load(world), destination.partition("/")[0])
    if found is None:
        print("route: writing to routing socket: not in table")
        return 1
    gateway, interface = found
    print(f"   route to: {destination}\ndestination: {'default' if gateway else destination}")
    if gateway:
        print(f"       mask: default\n    gateway: {gateway}")
    print(f"  interface: {interface}\n      flags: <UP,{'GATEWAY,' if gateway else ''}DONE,STATIC>")
    return 0

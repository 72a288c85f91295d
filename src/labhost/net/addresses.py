"""IP interfaces, addresses, forwarding and routes of the global zone (ipadm(8), route(8)).

Area `addresses`: `{"interfaces": {NAME: {"temporary", "forwarding": {"ipv4": "on"}}}, "addresses": {ADDROBJ:
{"type", "addr", "temporary", "up"}}, "routes": [[destination, gateway, interface]], "forwarding": {"ipv4": "on"}}`.
An untouched world has loopback and igb0.
"""

from __future__ import annotations

import _socket as socket

from labhost.net.links import all_links, lent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

FAMILIES = ("ipv4", "ipv6")
LOOPBACK = "lo0"
HOST_ADDRESS = "192.0.2.10/24"
HOST_ROUTER = "192.0.2.1"


class AddressError(Exception):
    """A refusal of libipadm in its own words."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def first_state() -> dict[str, Any]:
    """Addresses of a host that came up with one network card."""
    return {
        "interfaces": {LOOPBACK: {"temporary": False}, "igb0": {"temporary": False}},
        "addresses": {
            "lo0/v4": {"type": "static", "addr": "127.0.0.1/8", "temporary": False, "up": True},
            "lo0/v6": {"type": "static", "addr": "::1/128", "temporary": False, "up": True},
            "igb0/v4": {"type": "static", "addr": HOST_ADDRESS, "temporary": False, "up": True},
        },
        "routes": [["default", HOST_ROUTER, "igb0"]],
        "forwarding": {},
    }


def begin(world: World) -> None:
    """Write the first state, unless there is one."""
    with world.lock("addresses"):
        if not world.read("addresses"):
            world.write("addresses", first_state())


def load(world: World) -> dict[str, Any]:
    """Answer the state, of a fresh host when nothing was ever changed."""
    return world.read("addresses") or first_state()


def interface_of(addrobj: str) -> str:
    """Name of the interface an address object is on."""
    return addrobj.partition("/")[0]


def parse_address(text: str) -> str:
    """Normalise `ADDRESS[/PREFIX]`; without a prefix the class of an IPv4 address decides. Raises AddressError."""
    host, slash, prefix = text.partition("/")
    for family, bits in ((socket.AF_INET, 32), (socket.AF_INET6, 128)):
        try:
            packed = socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        if slash and not (prefix.isdecimal() and 0 < int(prefix) <= bits):
            raise AddressError("Invalid argument provided")
        if bits == 32 and (packed[0] >= 224 or not any(packed)):
            raise AddressError("Invalid address")
        if not slash:
            prefix = "64" if bits == 128 else "8" if packed[0] < 128 else "16" if packed[0] < 192 else "24"
        return f"{socket.inet_ntop(family, packed)}/{prefix}"
    raise AddressError("Invalid address")


def _plumb(world: World, state: dict[str, Any], name: str, *, temporary: bool) -> None:
    link = all_links(world).get(name)
    if link is None:
        raise AddressError("Datalink does not exist")
    if link.get("temporary") and not temporary:
        raise AddressError("Persistent operation on temporary object")
    if name in lent(world) or link["class"] == "bridge":
        raise AddressError("Could not open DLPI link")
    state["interfaces"][name] = {"temporary": temporary}


def create_interface(world: World, name: str, *, temporary: bool) -> None:
    """Plumb an interface on a link. Raises AddressError."""
    with world.lock("addresses", "links"):
        state = load(world)
        if name in state["interfaces"]:
            raise AddressError("Interface already exists")
        _plumb(world, state, name, temporary=temporary)
        world.write("addresses", state)


def delete_interface(world: World, name: str) -> None:
    """Unplumb an interface with all its addresses and the routes through it. Raises AddressError."""
    with world.lock("addresses"):
        state = load(world)
        if name not in state["interfaces"]:
            raise AddressError("No such interface")
        del state["interfaces"][name]
        state["addresses"] = {n: a for n, a in state["addresses"].items() if interface_of(n) != name}
        state["routes"] = [route for route in state["routes"] if route[2] != name]
        world.write("addresses", state)


def create_address(world: World, addrobj: str, kind: str, addr: str, *, temporary: bool, up: bool) -> None:
    """Make an address, plumbing its interface when needed. Raises AddressError."""
    with world.lock("addresses", "links"):
        state = load(world)
        if addrobj in state["addresses"]:
            raise AddressError("Address object already exists")
        name = interface_of(addrobj)
        if name not in state["interfaces"]:
            _plumb(world, state, name, temporary=temporary)
        elif state["interfaces"][name].get("temporary") and not temporary:
            raise AddressError("Persistent operation on temporary object")
        if kind == "static":
            host = addr.partition("/")[0]
            if any(a["addr"].partition("/")[0] == host for a in state["addresses"].values()):
                raise AddressError("Address already in use")
        elif kind == "dhcp":
            addr = _leased(world, state, name)
        else:
            addr = "fe80::8:20ff:fe00:1/10"
        state["addresses"][addrobj] = {"type": kind, "addr": addr, "temporary": temporary, "up": up}
        world.write("addresses", state)


def _leased(world: World, state: dict[str, Any], name: str) -> str:
    """Address that the office network hands out on physical links; nobody answers anywhere else."""
    if all_links(world)[name]["class"] not in {"phys", "aggr"}:
        return ""
    taken = {a["addr"] for a in state["addresses"].values()}
    return next(a for a in (f"192.0.2.{n}/24" for n in range(100, 250)) if a not in taken)


def delete_address(world: World, addrobj: str) -> None:
    """Delete an address; its interface stays. Raises AddressError."""
    with world.lock("addresses"):
        state = load(world)
        if state["addresses"].pop(addrobj, None) is None:
            raise AddressError("Object not found")
        world.write("addresses", state)


def set_up(world: World, addrobj: str, *, up: bool) -> None:
    """Mark an address up or down. Raises AddressError."""
    with world.lock("addresses"):
        state = load(world)
        if addrobj not in state["addresses"]:
            raise AddressError("Object not found")
        state["addresses"][addrobj]["up"] = up
        world.write("addresses", state)


def forwarding(state: dict[str, Any], family: str, interface: str | None = None) -> str:
    """`on` or `off` for the host or one interface; an interface follows the host until it was set itself."""
    host = str(state.get("forwarding", {}).get(family, "off"))
    if interface is None:
        return host
    return str(state["interfaces"][interface].get("forwarding", {}).get(family, host))


def set_forwarding(world: World, family: str, value: str, interface: str | None = None) -> None:
    """Switch forwarding for one interface, or for the host and with it every interface. Raises AddressError."""
    with world.lock("addresses"):
        state = load(world)
        # What is as it would be without being said is not kept: off and on again leaves no trace.
        if interface is None:
            state["forwarding"] = {k: v for k, v in state["forwarding"].items() if k != family}
            if value == "on":
                state["forwarding"][family] = value
            for name in state["interfaces"]:
                _own_forwarding(state, name, family, None)
        elif interface not in state["interfaces"]:
            raise AddressError("No such interface")
        else:
            _own_forwarding(state, interface, family, value if value != forwarding(state, family) else None)
        world.write("addresses", state)


def _own_forwarding(state: dict[str, Any], interface: str, family: str, value: str | None) -> None:
    own = {k: v for k, v in state["interfaces"][interface].pop("forwarding", {}).items() if k != family}
    if value is not None:
        own[family] = value
    if own:
        state["interfaces"][interface]["forwarding"] = own


def network(addr: str) -> tuple[int, int]:
    """Network number and prefix of an IPv4 `ADDRESS/PREFIX`."""
    host, _, prefix = addr.partition("/")
    number = int.from_bytes(socket.inet_aton(host), "big")
    return number >> (32 - int(prefix)) << (32 - int(prefix)) if int(prefix) else 0, int(prefix)


def add_route(world: World, destination: str, gateway: str) -> str | None:
    """Add a route through the interface that reaches the gateway; answers a complaint, None when it is done."""
    with world.lock("addresses"):
        state = load(world)
        interface = reached_through(state, gateway)
        if interface is None:
            return "Network is unreachable"
        if any(route[0] == destination and route[1] == gateway for route in state["routes"]):
            return "entry exists"
        state["routes"].append([destination, gateway, interface])
        world.write("addresses", state)
    return None


def route_to(state: dict[str, Any], host: str) -> tuple[str, str] | None:
    """Gateway (empty for a host of an own network) and interface on the way to an IPv4 address, or to `default`."""
    if ":" in host:
        return None
    if host != "default":
        interface = reached_through(state, host)
        if interface is not None:
            return "", interface
        nearest = -1
        found = None
        for destination, gateway, through in state["routes"]:
            if destination == "default":
                continue
            base, prefix = network(destination if "/" in destination else f"{destination}/32")
            if prefix > nearest and network(f"{host}/{prefix}")[0] == base:
                nearest, found = prefix, (gateway, through)
        if found is not None:
            return found
    for destination, gateway, through in state["routes"]:
        if destination == "default":
            return gateway, through
    return None


def reached_through(state: dict[str, Any], host: str) -> str | None:
    """Interface whose own network holds this IPv4 address."""
    for name, facts in state["addresses"].items():
        if facts["up"] and "." in facts["addr"]:
            base, prefix = network(facts["addr"])
            if network(f"{host}/{prefix}")[0] == base:
                return interface_of(name)
    return None

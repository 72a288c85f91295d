"""What the lab's namespace must hold, from the state of the world alone."""

from __future__ import annotations

import os
from hashlib import blake2b

from labhost.net import addresses
from labhost.net.links import all_links, lent, overs
from labhost.net.names import parse_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.net.links import Link
    from labhost.world import World

    Plan = dict[str, Any]

NAMESPACES, PREFIX = "/run/netns", "lab-"
MOST = 15  # characters of a device's name
CARRIERS = ("phys", "etherstub", "aggr", "simnet", "bridge")


def _digest(text: str, size: int) -> str:
    return blake2b(text.encode(errors="surrogateescape"), digest_size=size).hexdigest()


def namespace(world: World) -> str:
    """Return the name of the lab's network namespace: its folder's, and a digest of where that is."""
    path = os.path.realpath(world.path)
    stem = "".join(c if c.isalnum() else "-" for c in os.path.basename(path) if c.isascii())[:24]
    return f"{PREFIX}{stem}-{_digest(path, 4)}"


def place(world: World) -> str:
    """Return the file that stands for the lab's network namespace."""
    return f"{NAMESPACES}/{namespace(world)}"


def device_name(link: str) -> str:
    """Return the name of a link's device: the link's, cut and made unique where it is too long for Linux."""
    return link if len(link) <= MOST else f"{link[:8]}_{_digest(link, 3)}"


def segment(links: dict[str, Link], name: str) -> str:
    """Return the bridge that a link is (on): its own, that of the link below, that of the VLAN on it."""
    link = links[name]
    if link["class"] in CARRIERS:
        return device_name(name)
    below = overs(link)[0]
    vid = link.get("vid", 0)
    return device_name(f"{below}-{vid}" if vid else below)


def carrier(links: dict[str, Link], name: str) -> str:
    """Return the device that holds the addresses of a link: a VNIC's own, otherwise the bridge."""
    return device_name(name) if links[name]["class"] == "vnic" else segment(links, name)


def padded(mac: str) -> str:
    """Return a MAC with two digits in each part."""
    plain = parse_mac(mac)
    return ":".join(part.zfill(2) for part in plain.split(":")) if plain else ""


def plan(world: World) -> Plan:
    """Return the devices with their addresses, the routes, who forwards, and the rules of the filter."""
    links = all_links(world)
    state = addresses.load(world)
    devices: dict[str, dict[str, Any]] = {}
    given = lent(world)
    for name, link in links.items():
        if link["class"] in CARRIERS:
            devices[segment(links, name)] = _bridge(name, link)
        elif overs(link) and overs(link)[0] in links:
            below = f"{overs(link)[0]}-{link.get('vid', 0)}" if link.get("vid") else overs(link)[0]
            devices.setdefault(segment(links, name), _bridge(below, {}))
        if link["class"] == "vnic" and name in state["interfaces"] and name not in given:
            _vnic(devices, links, name)
        if link["class"] in ("bridge", "aggr"):
            for member in overs(link):
                _patch(devices, name, member)
    for addrobj, facts in state["addresses"].items():
        name = addresses.interface_of(addrobj)
        if name in links and facts["up"] and facts["addr"] and facts["type"] != "addrconf":
            devices[carrier(links, name)].setdefault("addresses", []).append(facts["addr"])
    forwards = [
        carrier(links, name)
        for name in state["interfaces"]
        if name in links and addresses.forwarding(state, "ipv4", name) == "on"
    ]
    return {
        "devices": devices,
        "lent": sorted(device_name(name) for name in given),
        "routes": [[route[0], route[1]] for route in state["routes"] if ":" not in route[0]],
        "forwards": forwards,
        "nat": [_renamed(links, rule) for rule in world.read("filter").get("nat", [])],
        "guards": _guards(links, given),
        "reach": bool(world.setting("reach", True)),
    }


def _bridge(name: str, link: Link) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": "bridge", "alias": name}
    if link.get("class") == "phys" and link.get("mac"):
        facts["mac"] = padded(link["mac"])
    return facts


def _vnic(devices: dict[str, dict[str, Any]], links: dict[str, Link], name: str) -> None:
    """A VNIC of the host itself: one end of a pair; the other is a port of the bridge."""
    device, port = device_name(name), device_name(f"{name}-port")
    devices[device] = {"kind": "veth", "peer": port, "alias": name, "mac": padded(links[name]["mac"])}
    devices[port] = {"kind": "veth", "alias": f"{name}-port", "master": segment(links, name)}


def _patch(devices: dict[str, dict[str, Any]], name: str, member: str) -> None:
    """A pair between two bridges."""
    one, other = device_name(f"{name}-{member}"), device_name(f"{member}-{name}")
    devices[one] = {"kind": "veth", "peer": other, "alias": f"{name}-{member}", "master": device_name(name)}
    devices[other] = {"kind": "veth", "alias": f"{member}-{name}", "master": device_name(member)}


def _renamed(links: dict[str, Link], rule: str) -> str:
    """Return a rule with the device in place of its interface."""
    kind, interface, rest = rule.split(" ", 2)
    return f"{kind} {carrier(links, interface) if interface in links else interface} {rest}"


def _guards(links: dict[str, Link], given: dict[str, str]) -> list[list[str]]:
    """Return the guests' ports that may send from certain addresses only."""
    found = []
    for name in sorted(given):
        props = links.get(name, {}).get("props", {})
        allowed = [each.partition("/")[0] for each in props.get("allowed-ips", "").split(",") if "." in each]
        if "ip-nospoof" in props.get("protection", "") and allowed:
            found.append([device_name(name), *allowed])
    return found

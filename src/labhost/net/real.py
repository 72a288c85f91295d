"""The lab's networks made real: Linux bridges and veth pairs in a network namespace that belongs to the lab alone.

Every link that carries others (physical, etherstub, aggregation, bridge) is a Linux bridge, and so is each VLAN on one;
a VNIC is a port of the bridge below it: of a guest while one has it, of the namespace itself while it carries an
address. `realise` brings the namespace to what the state of the world says and does nothing where it is so already.
"""

from __future__ import annotations

import os

from labhost.guests import kinds
from labhost.net import real_machine, real_plan
from labhost.net.iproute import NetworkError, ip, ip_try, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from labhost.net.real_plan import Plan
    from labhost.world import World

_ALIAS_MOST = 255  # bytes
_ROUTES = "77"  # the protocol by which our routes are known
# An address answers on the device that has it, not on every bridge that hears the question; what only passes a bridge
# is not forwarded, and none of the filter's business.
_MANNERS = (
    "cd /proc/sys/net/ipv4/conf/all && echo 1 >arp_ignore && echo 2 >arp_announce && echo 0 >rp_filter;"
    "cd /proc/sys/net/bridge 2>/dev/null && for each in bridge-nf-call-*; do echo 0 >$each; done; true"
)

namespace = real_plan.namespace
place = real_plan.place


def is_wanted(world: World) -> bool:
    """Tell whether the zones of this world have guests with a network."""
    return kinds.are_real(world) and os.geteuid() == 0


def realise(world: World, *, anyhow: bool = False) -> None:
    """Bring the lab's namespace to what its state says; `anyhow` also when nothing changed since the last time."""
    if not is_wanted(world):
        return
    with world.lock("network"):
        known = world.read("network")
        number = _founded(world, known.get("namespace"))
        if number != known.get("namespace"):
            known = {"namespace": number}
            world.write("network", known)
        wanted = real_plan.plan(world)
        said = {"namespace": number, "plan": wanted}
        if not anyhow and known == said:
            return
        _change(world, wanted)
        world.write("network", said)


def _founded(world: World, known: int | None) -> int:
    """Make the namespace, unless it is the known one, and return its number."""
    name = namespace(world)
    if os.path.exists(place(world)):
        number = os.stat(place(world)).st_ino
        if number == known:
            return number
        # Somebody died on the way here, or the machine was started anew: what is not whole is made again.
        ip_try("netns", "del", name)
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "alias", world.path[:_ALIAS_MOST])
    ip("netns", "exec", name, "sh", "-c", _MANNERS)
    return os.stat(place(world)).st_ino


def follow(world: World) -> None:
    """Realise what a command changed; what this machine refuses is written down, the command has done its work."""
    try:
        realise(world)
    except OSError as problem:
        real_machine.note(world, str(problem))


def _change(world: World, wanted: Plan) -> None:
    name = namespace(world)
    there = look(name)
    kept = {*wanted["lent"], real_machine.CABLE}
    kept |= {device for device, facts in there.items() if _is_it(facts, wanted["devices"].get(device))}
    batch = [f"link del {device}" for device in _leaving(there, kept)]
    there = {device: facts for device, facts in there.items() if device in kept}
    for device, facts in wanted["devices"].items():
        batch += _device(device, facts, there.get(device))
    for device, facts in wanted["devices"].items():
        batch += _addresses(device, facts.get("addresses", []), there.get(device, {}))
    batch.append("link set lo up")
    ip("-n", name, "-force", "-batch", "-", said="\n".join(batch))
    ip_try("-n", name, "route", "flush", "proto", _ROUTES)
    for destination, gateway in wanted["routes"]:
        ip_try("-n", name, "route", "add", destination, "via", gateway, "proto", _ROUTES)
    real_machine.filter_(world, wanted)
    real_machine.join(world, wanted)


def _is_it(there: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    """Tell whether a device is what is wanted under its name; another one may have taken that."""
    return wanted is not None and bool(there.get("linkinfo", {}).get("info_kind") == wanted["kind"])


def _leaving(there: dict[str, dict[str, Any]], kept: set[str]) -> list[str]:
    """Return what is to be taken away; a pair goes with either of its ends."""
    found: list[str] = []
    for device, facts in there.items():
        if device not in kept and facts.get("link") not in found:
            found.append(device)
    return found


def _device(device: str, facts: dict[str, Any], there: dict[str, Any] | None) -> list[str]:
    """Return what makes a device, or makes it right."""
    lines = []
    if there is None:
        if facts["kind"] == "bridge":
            lines.append(f"link add {device} type bridge mcast_snooping 0")
        elif facts.get("peer"):
            lines.append(f"link add {device} type veth peer name {facts['peer']}")
        lines.append(f"link set {device} addrgenmode none alias {facts['alias']}")
    if facts.get("mac") and (there or {}).get("address") != facts["mac"]:
        lines.append(f"link set {device} address {facts['mac']}")
    if facts.get("master") and (there or {}).get("master") != facts["master"]:
        lines.append(f"link set {device} master {facts['master']}")
    if there is None or "UP" not in there.get("flags", ()):
        lines.append(f"link set {device} up")
    return lines


def _addresses(device: str, wanted: list[str], there: dict[str, Any]) -> list[str]:
    have = {
        f"{each['local']}/{each['prefixlen']}" for each in there.get("addr_info", ()) if each.get("scope") == "global"
    }
    lines = [f"address del {each} dev {device}" for each in sorted(have - set(wanted))]
    return lines + [f"address add {each} dev {device}" for each in wanted if each not in have]


def unrealise(world: World) -> None:
    """Take the namespace with all in it away, and what joins it to the machine."""
    if os.path.isdir(f"{world.path}/state"):
        with world.lock("network"):
            _unrealise(world)
    else:
        _unrealise(world)


def _unrealise(world: World) -> None:
    from labhost.net import real_dhcp

    real_dhcp.stop(world)
    real_machine.leave(world)
    if os.path.exists(place(world)):
        ip_try("netns", "del", namespace(world))
    try:
        os.unlink(f"{world.path}/state/network.json")
    except FileNotFoundError:
        return


def sweep() -> list[str]:
    """Remove the namespaces of labs whose folders are gone; return their names."""
    from json import loads

    folder = real_plan.NAMESPACES
    gone = []
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if not name.startswith(real_plan.PREFIX):
            continue
        try:
            lo = loads(ip("-n", name, "-j", "link", "show", "dev", "lo"))[0]
        except (NetworkError, ValueError):
            continue
        path = lo.get("ifalias", "")
        if 0 < len(path) < _ALIAS_MOST and not os.path.isdir(f"{path}/state") and ip_try("netns", "del", name):
            gone.append(name)
    return gone


def plug(world: World, link: str, pid: int, name: str) -> None:
    """Give a VNIC to the network namespace of a process, as a card of this name there. Raises NetworkError."""

    def pair(device: str, mac: str) -> list[str]:
        return ["link", "add", device, "type", "veth", "peer", "name", name, "address", mac, "netns", str(pid)]

    _put(world, link, pair)


def tap(world: World, link: str) -> str:
    """Make a VNIC a tap in the lab's namespace and return its name there. Raises NetworkError."""
    return _put(world, link, lambda device, _: ["tuntap", "add", device, "mode", "tap"])


def _put(world: World, link: str, words: Callable[[str, str], list[str]]) -> str:
    """Make a VNIC's port on its bridge and return its name. Raises NetworkError."""
    realise(world)
    try:
        return _port(world, link, words)
    except NetworkError:
        # Somebody was at the namespace: it is put right once.
        realise(world, anyhow=True)
        return _port(world, link, words)


def _port(world: World, link: str, words: Callable[[str, str], list[str]]) -> str:
    from labhost.net.links import all_links
    from labhost.zones.cloudinit import padded

    links = all_links(world)
    if link not in links:
        raise NetworkError(f"{link}: no such link")
    device, bridge = real_plan.device_name(link), real_plan.segment(links, link)
    name = namespace(world)
    ip_try("-n", name, "link", "del", device)
    ip("-n", name, *words(device, padded(links[link]["mac"])))
    ip("-n", name, "link", "set", device, "addrgenmode", "none", "alias", link, "master", bridge, "up")
    return device


def unplug(world: World, link: str) -> None:
    """Take a VNIC's port away when its guest is gone."""
    ip_try("-n", namespace(world), "link", "del", real_plan.device_name(link))

"""Data links: which exist, what they sit on, and what forbids making or deleting them (dladm(8)).

Area `links`: `{"links": {NAME: {"class", "over", "mac", "mac_type", "vid", "mtu", "temporary", "props"}}}`.
Other areas are only read: `zones` for links lent to active zones, `addresses` for links that carry IP.
"""

from __future__ import annotations

from labhost.net.names import is_multicast, random_mac, valid_bridge_name, valid_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from labhost.world import World

    Link = dict[str, Any]

MTU_ETHERSTUB = 9000
MTU_ETHERNET = 1500
NO_VNIC_OVER = ("vnic", "vlan", "bridge")
LENDABLE_TO_BRIDGE = ("phys", "aggr", "etherstub", "simnet")


class LinkError(Exception):
    """A refusal of dladm, worded as it prints it, without the leading `dladm: `."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def all_links(world: World) -> dict[str, Link]:
    """Every link by name, in the order of making."""
    links: dict[str, Link] = world.read("links").get("links", {})
    return links


def vnic(world: World, name: str) -> Link | None:
    """Answer the VNIC of this name, None when there is no link or it is of another class."""
    link = all_links(world).get(name)
    return link if link is not None and link["class"] == "vnic" else None


def lent(world: World) -> dict[str, str]:
    """Links that active zones hold: link name to zone name."""
    zones = world.read("zones").get("zones", {})
    return {link: zone for zone, facts in zones.items() for link in facts.get("links", ())}


def plumbed(world: World) -> set[str]:
    """Links that carry an IP interface of the global zone."""
    from labhost.net.addresses import load

    return set(load(world)["interfaces"])


def overs(link: Link) -> list[str]:
    """Names of the links below: one for a VNIC or VLAN, the ports of an aggregation, the members of a bridge."""
    over = link.get("over")
    if isinstance(over, list):
        return over
    return [over] if over else []


def users(links: dict[str, Link], name: str) -> list[str]:
    """Names of the links that sit on this one."""
    return [n for n, link in links.items() if name in overs(link)]


def bridge_of(links: dict[str, Link], name: str) -> str:
    """Name of the bridge this link is a member of, or nothing."""
    for bridge, link in links.items():
        if link["class"] == "bridge" and name in overs(link):
            return bridge[:-1]
    return ""


def state_of(links: dict[str, Link], name: str) -> str:
    """Link state: a VNIC or VLAN is as the link below, one over an etherstub is up, the stub itself unknown."""
    link = links[name]
    if link["class"] in {"etherstub", "bridge"}:
        return "unknown"
    below = overs(link)
    if link["class"] in {"vnic", "vlan"} and below and below[0] in links:
        return "up" if links[below[0]]["class"] == "etherstub" else state_of(links, below[0])
    return str(link.get("state", "up"))


def speed_of(links: dict[str, Link], name: str) -> int:
    """Speed in Mb/s, that of the link below for a virtual one, 0 over an etherstub."""
    link = links[name]
    if link["class"] in {"etherstub", "bridge"}:
        return 0
    below = overs(link)
    if below and below[0] in links:
        return speed_of(links, below[0])
    return int(link.get("speed", 1000)) if state_of(links, name) == "up" else 0


def _new(links: dict[str, Link], name: str, failed: str, **facts: Any) -> Link:
    if name in links:
        raise LinkError(f"{failed}: object already exists")
    links[name] = {"vid": 0, "props": {}, "temporary": False, **facts}
    return links[name]


def _check_persistence(links: dict[str, Link], below: Iterable[str], failed: str, *, temporary: bool) -> None:
    if not temporary and any(links[name].get("temporary") for name in below):
        raise LinkError(f"{failed}: can't create persistent object on top of temporary object")


def create_vnic(
    world: World,
    name: str,
    over: str,
    mac: str | None = None,
    vid: int = 0,
    *,
    temporary: bool = False,
    props: dict[str, str] | None = None,
) -> Link:
    """Make a VNIC and answer it; without a MAC it gets a random one. Raises LinkError."""
    if not valid_link_name(name):
        raise LinkError(f"invalid link name '{name}'")
    failed = f"vnic creation over {over} failed"
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if over not in links:
            raise LinkError(f"invalid link name '{over}'")
        if links[over]["class"] in NO_VNIC_OVER:
            raise LinkError(f"{failed}: invalid argument")
        _check_persistence(links, [over], failed, temporary=temporary)
        if name in links:
            raise LinkError(f"{failed}: object already exists")
        if mac is not None:
            if is_multicast(mac):
                raise LinkError(f"{failed}: invalid MAC address value")
            if links[over].get("mac") == mac and vid == 0:
                raise LinkError(f"{failed}: MAC address reserved for use by underlying data-link")
            peers = [links[n] for n in users(links, over) if links[n]["class"] == "vnic"]
            if any(peer.get("mac") == mac and peer.get("vid", 0) == vid for peer in peers):
                raise LinkError(f"{failed}: MAC address is already in use")
        props = dict(props or {})
        most = int(links[over].get("mtu", MTU_ETHERNET))
        mtu = int(props.pop("mtu", most))
        if mtu > most:
            raise LinkError(f"{failed}: MTU check failed, MTU outside of device's supported range")
        link = _new(
            links,
            name,
            failed,
            **{"class": "vnic"},
            over=over,
            mac=mac or random_mac(),
            mac_type="random" if mac is None else "fixed",
            vid=vid,
            mtu=mtu,
            temporary=temporary,
            props=props,
        )
        world.write("links", state)
    return link


def create_etherstub(world: World, name: str, *, temporary: bool = False) -> None:
    """Make an etherstub. Raises LinkError."""
    if not valid_link_name(name):
        raise LinkError(f"invalid link name '{name}'")
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        facts = {"class": "etherstub", "mtu": MTU_ETHERSTUB, "temporary": temporary}
        _new(links, name, "etherstub creation failed", **facts)
        world.write("links", state)


def create_vlan(world: World, name: str | None, over: str, vid: int, *, temporary: bool = False) -> None:
    """Make a VLAN link; without a name it is called driver, then VID * 1000 + instance. Raises LinkError."""
    failed = f"create operation over {over} failed"
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if over not in links:
            raise LinkError(f"invalid link name '{over}'")
        if name is None:
            stem = over.rstrip("0123456789")
            name = f"{stem}{vid * 1000 + int(over[len(stem) :] or 0)}"
        if not valid_link_name(name):
            raise LinkError(f"invalid link name '{name}'")
        if links[over]["class"] in NO_VNIC_OVER:
            raise LinkError(f"{failed}: invalid argument")
        _check_persistence(links, [over], failed, temporary=temporary)
        if any(links[n]["class"] == "vlan" and links[n]["vid"] == vid for n in users(links, over)):
            raise LinkError(f"{failed}: object already exists")
        mtu = links[over].get("mtu", MTU_ETHERNET)
        facts = {"class": "vlan", "over": over, "mac": links[over].get("mac"), "mtu": mtu, "vid": vid}
        _new(links, name, failed, **facts, temporary=temporary)
        world.write("links", state)


def create_aggr(world: World, name: str, ports: list[str], *, temporary: bool = False, **facts: str) -> None:
    """Join free physical links into an aggregation. Raises LinkError."""
    if not valid_link_name(name):
        raise LinkError(f"invalid link name '{name}'")
    failed = "create operation failed"
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        for port in ports:
            if port not in links:
                raise LinkError(f"invalid link name '{port}': object not found")
        if name in links:
            raise LinkError(f"{failed}: object already exists")
        for port in ports:
            if links[port]["class"] != "phys":
                raise LinkError(f"{failed}: invalid argument")
            _check_unused(world, links, port, failed)
        below = {"over": list(ports), "mac": links[ports[0]].get("mac"), "mtu": links[ports[0]].get("mtu")}
        _new(links, name, failed, **{"class": "aggr"}, **below, **facts, temporary=temporary)
        world.write("links", state)


def create_bridge(world: World, name: str, members: list[str], protect: str = "stp", priority: int = 32768) -> None:
    """Make a bridge over links; the link it shows as is its name with `0` behind. Raises LinkError."""
    if not valid_bridge_name(name):
        raise LinkError(f"invalid bridge name '{name}'")
    failed = "create operation failed"
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        _check_members(links, members, failed)
        facts = {"class": "bridge", "over": list(members), "mtu": MTU_ETHERNET}
        _new(links, name + "0", failed, **facts, protect=protect, priority=priority)
        world.write("links", state)


def _check_members(links: dict[str, Link], members: list[str], failed: str) -> None:
    for member in members:
        if member not in links:
            raise LinkError(f"invalid link name '{member}'")
        if links[member]["class"] not in LENDABLE_TO_BRIDGE:
            raise LinkError(f"{failed}: invalid argument")
        if bridge_of(links, member):
            raise LinkError(f"{failed}: link busy")


def change_members(world: World, bridge: str, *, add: list[str] = [], remove: list[str] = []) -> None:  # noqa: B006
    """Put links into a bridge or take them out. Raises LinkError."""
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        link = links.get(bridge + "0")
        if link is None or link["class"] != "bridge":
            raise LinkError(f"invalid bridge name '{bridge}'")
        _check_members(links, add, "add operation failed")
        for member in remove:
            if member not in overs(link):
                raise LinkError(f"link '{member}' is not on bridge '{bridge}'")
        link["over"] = [m for m in overs(link) if m not in remove] + add
        world.write("links", state)


def delete_vnic(world: World, name: str) -> None:
    """Delete a VNIC. Raises LinkError."""
    delete(world, name, "vnic")


def delete(world: World, name: str, kind: str) -> None:
    """Delete an unused link of this class. Raises LinkError."""
    failed = "vnic deletion failed" if kind in {"vnic", "etherstub"} else "delete operation failed"
    with world.lock("addresses", "links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if name not in links:
            raise LinkError(f"{failed}: object not found" if kind == "aggr" else f"invalid link name '{name}'")
        found = links[name]["class"]
        if found != kind:
            if {found, kind} == {"vnic", "etherstub"}:
                raise LinkError(f"'{name}' is not {'a vnic' if kind == 'vnic' else 'an etherstub'}")
            raise LinkError(f"{failed}: invalid argument")
        _check_unused(world, links, name, failed)
        del links[name]
        world.write("links", state)


def delete_bridge(world: World, name: str) -> None:
    """Delete a bridge that has no members. Raises LinkError."""
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        link = links.get(name + "0")
        if link is None or link["class"] != "bridge":
            raise LinkError("delete operation failed: object not found")
        if overs(link):
            raise LinkError("delete operation failed: link busy")
        del links[name + "0"]
        world.write("links", state)


def rename(world: World, old: str, new: str) -> None:
    """Rename a link that nothing uses. Raises LinkError."""
    failed = "rename operation failed"
    if not valid_link_name(new):
        raise LinkError(f"invalid link name '{new}'")
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if old not in links:
            raise LinkError(f"{failed}: object not found")
        if new in links:
            raise LinkError(f"{failed}: object already exists")
        if old in lent(world) or old in plumbed(world):
            raise LinkError(f"{failed}: link busy")
        state["links"] = {new if n == old else n: link for n, link in links.items()}
        for link in state["links"].values():
            if isinstance(link.get("over"), list):
                link["over"] = [new if n == old else n for n in link["over"]]
            elif link.get("over") == old:
                link["over"] = new
        world.write("links", state)


def _check_unused(world: World, links: dict[str, Link], name: str, failed: str) -> None:
    if users(links, name) or name in lent(world) or name in plumbed(world):
        raise LinkError(f"{failed}: link busy")

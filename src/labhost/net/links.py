"""Data links: which exist, what they sit on, and what forbids making or deleting them (dladm(8)).

Area `links`: `{"links": {NAME: {"class", "over", "mac", "mac_type", "vid", "mtu", "temporary", "props", …}}}`.
The other areas are only read: `zones` for links lent to active zones, `addresses` for links that carry IP.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Link = dict[str, Any]

from labhost.net.names import is_multicast, random_mac, valid_link_name

MTU_ETHERSTUB = 9000
MTU_ETHERNET = 1500
AGGREGABLE = ("phys",)
BRIDGEABLE = ("phys", "aggr", "etherstub", "simnet", "vnic")


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
    return set(world.read("addresses").get("interfaces", {}))


def users(links: dict[str, Link], name: str) -> list[str]:
    """Names of the links that sit on this one."""
    return [n for n, link in links.items() if name in overs(link)]


def overs(link: Link) -> list[str]:
    """Names of the links below: one for a VNIC or VLAN, the ports of an aggregation, none for the others."""
    over = link.get("over")
    if isinstance(over, list):
        return over
    return [over] if over else []


def bridge_of(links: dict[str, Link], name: str) -> str | None:
    """The bridge this link is a member of."""
    for bridge, link in links.items():
        if link["class"] == "bridge" and name in link.get("members", ()):
            return bridge.rstrip("0") if bridge.endswith("0") else bridge
    return None


def _add(links: dict[str, Link], name: str, failed: str, link: Link) -> Link:
    if name in links:
        raise LinkError(f"{failed}: object already exists")
    links[name] = link
    return link


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
        if links[over]["class"] in {"vnic", "vlan", "bridge"}:
            raise LinkError(f"{failed}: invalid argument")
        if name in links:
            raise LinkError(f"{failed}: object already exists")
        if mac is not None:
            if is_multicast(mac):
                raise LinkError(f"{failed}: invalid MAC address value")
            if any(x.get("mac") == mac and x.get("vid", 0) == vid for n, x in links.items() if n == over or over in overs(x)):
                raise LinkError(f"{failed}: MAC address in use")
        link = _add(
            links,
            name,
            failed,
            {
                "class": "vnic",
                "over": over,
                "mac": mac or random_mac(),
                "mac_type": "random" if mac is None else "fixed",
                "vid": vid,
                "mtu": links[over].get("mtu", MTU_ETHERNET),
                "temporary": temporary,
                "props": dict(props or {}),
            },
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
        _add(
            links,
            name,
            "etherstub creation failed",
            {"class": "etherstub", "mac": None, "vid": 0, "mtu": MTU_ETHERSTUB, "temporary": temporary, "props": {}},
        )
        world.write("links", state)


def create_vlan(world: World, name: str | None, over: str, vid: int, *, temporary: bool = False, force: bool = False) -> str:
    """Make a VLAN link and answer its name, which by custom is driver, VID * 1000 + instance. Raises LinkError."""
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if over not in links:
            raise LinkError(f"invalid link name '{over}'")
        if name is None:
            stem = over.rstrip("0123456789")
            name = f"{stem}{vid * 1000 + int(over[len(stem) :] or 0)}"
        failed = f"vlan creation over {over} failed" if not force else f"vlan creation over {over} failed"
        if links[over]["class"] in {"vnic", "vlan", "bridge"}:
            raise LinkError(f"{failed}: invalid argument")
        if any(x["class"] == "vlan" and x["over"] == over and x["vid"] == vid for x in links.values()):
            raise LinkError(f"{failed}: object already exists")
        _add(
            links,
            name,
            failed,
            {
                "class": "vlan",
                "over": over,
                "mac": links[over].get("mac"),
                "vid": vid,
                "mtu": links[over].get("mtu", MTU_ETHERNET),
                "temporary": temporary,
                "props": {},
            },
        )
        world.write("links", state)
    return name


def delete_vnic(world: World, name: str) -> None:
    """Delete a VNIC. Raises LinkError."""
    delete(world, name, "vnic")


def delete(world: World, name: str, kind: str) -> None:
    """Delete a link that must be of this class and unused. Raises LinkError."""
    failed = "vnic deletion failed" if kind in {"vnic", "etherstub"} else "delete operation failed"
    with world.lock("links"):
        state = world.read("links")
        links = state.setdefault("links", {})
        if name not in links:
            raise LinkError(f"invalid link name '{name}'")
        if links[name]["class"] != kind:
            article = "an" if kind[0] in "ae" else "a"
            raise LinkError(f"'{name}' is not {article} {kind}")
        if users(links, name) or bridge_of(links, name) or name in lent(world) or name in plumbed(world):
            raise LinkError(f"{failed}: link busy")
        del links[name]
        world.write("links", state)

"""Properties of data links: defaults, what is possible, which links have them (dladm(8))."""

from __future__ import annotations

from labhost.net.links import LinkError, overs, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Link = dict[str, Any]

PROTECTIONS = ("mac-nospoof", "restricted", "ip-nospoof", "dhcp-nospoof")
ETHERNET = ("phys", "vnic", "vlan", "aggr", "etherstub", "bridge")


class Property:
    """One link property; `default` and `possible` are texts as dladm prints them."""

    __slots__ = ("classes", "default", "name", "perm", "possible")

    def __init__(self, name: str, perm: str, default: str, possible: str, classes: tuple[str, ...] = ETHERNET) -> None:
        self.name = name
        self.perm = perm
        self.default = default
        self.possible = possible
        self.classes = classes

    def allows(self, value: str) -> bool:
        """Say whether this value may be set."""
        if self.name == "mtu":
            return value.isdecimal() and 60 <= int(value) <= 9216
        if self.name == "protection":
            return all(part in PROTECTIONS for part in value.split(","))
        if self.name == "maxbw":
            return value[:-1].isdecimal() and (value[-1].isdecimal() or value[-1] in "kKmMgG")
        if self.name in {"allowed-ips", "allowed-dhcp-cids", "zone", "cpus", "pool", "rxfanout"}:
            return True
        if self.name == "default_tag":
            return value.isdecimal() and 0 <= int(value) <= 4094
        return value in self.possible.split(",")


PROPERTIES = (
    Property("speed", "r-", "", "", ("phys", "vnic", "vlan", "aggr")),
    Property("autopush", "rw", "", ""),
    Property("zone", "rw", "", ""),
    Property("duplex", "r-", "", "half,full", ("phys",)),
    Property("state", "r-", "up", "up,down"),
    Property("mtu", "rw", "1500", "60-9216"),
    Property("maxbw", "rw", "", ""),
    Property("cpus", "rw", "", ""),
    Property("priority", "rw", "high", "low,medium,high"),
    Property("protection", "rw", "", ",".join(PROTECTIONS)),
    Property("promisc-filtered", "rw", "on", "off,on"),
    Property("allowed-ips", "rw", "", ""),
    Property("allowed-dhcp-cids", "rw", "", ""),
    Property("flowctrl", "rw", "bi", "no,tx,rx,bi", ("phys", "aggr")),
    Property("default_tag", "rw", "1", "", ("phys", "aggr", "etherstub")),
    Property("learn_limit", "rw", "1000", "", ("phys", "aggr")),
    Property("stp", "rw", "1", "1,0", ("phys", "aggr")),
    Property("forward", "rw", "1", "1,0", ("phys", "aggr")),
)
BY_NAME = {prop.name: prop for prop in PROPERTIES}


def shown(
    links: dict[str, Link], zones: dict[str, str], name: str, prop: Property, *, persistent: bool
) -> dict[str, str]:
    """Row of `dladm show-linkprop` for one property of one link."""
    link = links[name]
    value = link.get("props", {}).get(prop.name, prop.default)
    default = prop.default
    if prop.name == "mtu":
        value = str(link.get("mtu", 1500))
        default = "9000" if link["class"] == "etherstub" else "1500"
    elif prop.name == "state":
        value = state_of(links, name)
    elif prop.name == "zone":
        value = zones.get(name, value)
    elif prop.name == "speed":
        value = str(link.get("speed", 1000))
    elif prop.name == "duplex":
        value = "full"
    if persistent and prop.name in link.get("temporary_props", ()):
        value = ""
    row = {"LINK": name, "PROPERTY": prop.name, "PERM": prop.perm, "VALUE": value, "DEFAULT": default}
    row["POSSIBLE"] = prop.possible
    return row


def applicable(link: Link) -> list[Property]:
    """Properties that this class of link has."""
    return [prop for prop in PROPERTIES if link["class"] in prop.classes]


def parse(text: str, *, values: bool) -> list[tuple[str, str]]:
    """Read `name=value[,more][,name=value]` or, without values, `name[,name]`. Raises LinkError."""
    found: list[tuple[str, str]] = []
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and not name:
            raise LinkError("invalid link properties specified")
        if not values or equals:
            if name:
                found.append((name, value))
        elif not found:
            raise LinkError("invalid link properties specified")
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]},{part}")
    return found


def change(world: World, name: str, wanted: list[tuple[str, str | None]], *, temporary: bool) -> list[str]:
    """Set properties, None means back to the default; answers the complaints, the rest is done."""
    complaints = []
    with world.lock("links"):
        state = world.read("links")
        links = state.get("links", {})
        if name not in links:
            raise LinkError(f"link {name} is not valid: object not found")
        link = links[name]
        for key, value in wanted:
            prop = BY_NAME.get(key)
            if prop is None or link["class"] not in prop.classes:
                complaints.append(f"invalid link property '{key}'")
            elif prop.perm == "r-":
                verb = "set" if value is not None else "reset"
                complaints.append(f"cannot {verb} link property '{key}' on '{name}': read-only property")
            elif value is not None and not prop.allows(value):
                if prop.possible and prop.name != "mtu":
                    complaints.append(f"link property '{key}' must be one of: {prop.possible}")
                else:
                    complaints.append(f"cannot set link property '{key}' on '{name}': invalid value")
            elif key == "mtu":
                _set_mtu(links, name, value, complaints)
            else:
                props = link.setdefault("props", {})
                marks = [k for k in link.get("temporary_props", ()) if k != key]
                if value is None:
                    props.pop(key, None)
                else:
                    props[key] = value
                    marks += [key] if temporary else []
                link.pop("temporary_props", None)
                if marks:
                    link["temporary_props"] = marks
        world.write("links", state)
    return complaints


def _set_mtu(links: dict[str, Link], name: str, value: str | None, complaints: list[str]) -> None:
    link = links[name]
    mtu = int(value) if value is not None else 9000 if link["class"] == "etherstub" else 1500
    below = [links[n].get("mtu", 1500) for n in overs(link) if n in links]
    if link["class"] in {"vnic", "vlan"} and below and mtu > max(below):
        complaints.append(
            f"cannot set link property 'mtu' on '{name}': MTU check failed, MTU outside of device's supported range"
        )
    else:
        link["mtu"] = mtu

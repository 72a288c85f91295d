"""dladm(8): administer data links."""

from __future__ import annotations

import sys

from labhost.net import links as store
from labhost.net.fields import FieldError, Table
from labhost.net.links import LinkError
from labhost.net.names import parse_mac, valid_link_name
from labhost.net.options import OptionError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

LINK = {"LINK": 12, "CLASS": 10, "MTU": 7, "STATE": 9, "BRIDGE": 11, "OVER": 30}
PHYS = {"LINK": 13, "MEDIA": 21, "STATE": 11, "SPEED": 9, "DUPLEX": 9, "DEVICE": 13, "FLAGS": 7}
PHYS_MAC = {"LINK": 13, "SLOT": 9, "ADDRESS": 19, "INUSE": 5, "CLIENT": 13}
VNIC = {"LINK": 13, "OVER": 13, "SPEED": 9, "MACADDRESS": 18, "MACADDRTYPE": 20, "VID": 7, "ZONE": 20}
VLAN = {"LINK": 16, "VID": 9, "OVER": 13, "FLAGS": 7}
AGGR = {"LINK": 16, "POLICY": 9, "ADDRPOLICY": 21, "LACPACTIVITY": 14, "LACPTIMER": 12, "FLAGS": 8}
AGGR_PORT = {"LINK": 12, "PORT": 15, "SPEED": 9, "DUPLEX": 9, "STATE": 9, "ADDRESS": 19, "PORTSTATE": 16}
BRIDGE = {"BRIDGE": 12, "PROTECT": 9, "ADDRESS": 19, "PRIORITY": 10, "DESROOT": 22}
BRIDGE_LINK = {"LINK": 12, "STATE": 11, "UPTIME": 9, "DESROOT": 22}
LINKPROP = {"LINK": 13, "PROPERTY": 16, "PERM": 5, "VALUE": 15, "DEFAULT": 15, "POSSIBLE": 20}
SHOW = {"parsable": "p", "parseable": "p", "output": "o", "persistent": "P", "extended": "x"}
MAKE = {"temporary": "t", "root-dir": "R", "link": "l", "vlan-id": "v", "mac-address": "m", "policy": "P",
        "lacp-mode": "L", "lacp-timer": "T", "unicast": "u", "slot": "n", "forcible": "f", "prop": "p"}  # fmt: skip
USAGE = """usage:\tdladm <subcommand> <args> ...
    rename-link      <oldlink> <newlink>
    show-link        [-pP] [-o <field>,..] [-s [-i <interval>]] [<link>]

    create-aggr      [-t] [-P <policy>] [-L <mode>] [-T <time>] [-u <address>]
\t\t     -l <link> [-l <link>...] <link>
    delete-aggr      [-t] <link>
    show-aggr        [-pPLx] [-o <field>,..] [-s [-i <interval>]] [<link>]

    set-linkprop     [-t] -p <prop>=<value>[,...] <name>
    reset-linkprop   [-t] [-p <prop>,...] <name>
    show-linkprop    [-cP] [-o <field>,...] [-p <prop>,...] <name>

    create-vlan      [-ft] -l <link> -v <vid> [link]
    delete-vlan      [-t] <link>
    show-vlan        [-pP] [-o <field>,..] [<link>]

    show-phys        [-m | -H | -P] [[-p] [-o <field>[,...]] [<link>]

    create-vnic      [-t] -l <link> [-m <value> | auto |
\t\t     {factory [-n <slot-id>]} | {random [-r <prefix>]} |
\t\t     {vrrp -V <vrid> -A {inet | inet6}} [-v <vid> [-f]]
\t\t     [-p <prop>=<value>[,...]] <vnic-link>
    delete-vnic      [-t] <vnic-link>
    show-vnic        [-pP] [-l <link>] [-s [-i <interval>]] [<link>]

    create-etherstub [-t] <link>
    delete-etherstub [-t] <link>
    show-etherstub   [-t] [<link>]

    create-bridge    [-R <root-dir>] [-P <protect>] [-p <priority>]
\t\t     [-m <max-age>] [-h <hello-time>] [-d <forward-delay>]
\t\t     [-f <force-protocol>] [-l <link>]... <bridge>
    delete-bridge    [-R <root-dir>] <bridge>
    add-bridge       [-R <root-dir>] -l <link> [-l <link>]... <bridge>
    remove-bridge    [-R <root-dir>] -l <link> [-l <link>]... <bridge>
    show-bridge      [-p] [-o <field>,...] [-s [-i <interval>]] [<bridge>]
    show-bridge      -l [-p] [-o <field>,...] [-s [-i <interval>]] <bridge>"""


class Usage(Exception):
    """The words do not fit the subcommand."""


def main(world: World, argv: list[str]) -> int:
    """Run one subcommand; without any, show the links."""
    word = argv[0] if argv else "show-link"
    run = COMMANDS.get(word)
    if word == "help":
        print(USAGE, file=sys.stderr)
        return 0
    if run is None:
        print(f"dladm: unknown subcommand '{word}'\n{USAGE}", file=sys.stderr)
        return 1
    try:
        if not word.startswith(("show-", "help")) and world.setting("euid", 0) != 0:
            raise LinkError(f"{_failed(word, argv)}: permission denied")
        return run(world, argv[1:]) or 0
    except Usage:
        print(USAGE, file=sys.stderr)
    except OptionError as error:
        lines = [text[4:].strip() for text in USAGE.split("\n") if text.strip().startswith(word)]
        print(f"dladm: {error.text}\nusage: {(lines or [word])[0]}", file=sys.stderr)
    except FieldError as error:
        print(f"dladm: {error}", file=sys.stderr)
    except LinkError as error:
        print(f"dladm: {error.text}", file=sys.stderr)
    return 1


def _failed(word: str, argv: list[str]) -> str:
    """Say what failed, for a caller without the privilege."""
    if word == "create-vnic" and "-l" in argv[:-1]:
        return f"vnic creation over {argv[argv.index('-l') + 1]} failed"
    if word in {"delete-vnic", "delete-etherstub"}:
        return "vnic deletion failed"
    verb = word.partition("-")[0]
    return "etherstub creation failed" if word == "create-etherstub" else f"{verb} operation failed"


class Asked:
    """Options of one call: single letters with their last value, and operands."""

    __slots__ = ("all", "last", "operands")

    def __init__(self, argv: list[str], short: str, long: dict[str, str], *, operands: tuple[int, int]) -> None:
        self.all, self.operands = parse(argv, short, long)
        self.last = dict(self.all)
        if not operands[0] <= len(self.operands) <= operands[1]:
            raise Usage

    def __contains__(self, letter: str) -> bool:
        return letter in self.last

    def values(self, letter: str) -> list[str]:
        """Every value given with this letter."""
        return [value for name, value in self.all if name == letter]

    def table(self, known: dict[str, int], default: str | None = None) -> Table:
        """Table of the chosen columns."""
        return Table("dladm", known, self.last.get("o"), parsable="p" in self.last, default=default)


def _chosen(links: dict[str, store.Link], asked: Asked, kind: str | None, missing: str) -> list[str]:
    """Names of the links a show command is about."""
    if asked.operands:
        name = asked.operands[0]
        if name not in links:
            raise LinkError(f"{missing.format(name)}: object not found")
        found = links[name]["class"]
        if kind is not None and found != kind:
            article = "an" if kind[0] in "ae" else "a"
            raise LinkError(f"datalink {name} is not {article} {kind}: found class {found}")
        return [name]
    persistent = "P" in asked
    return [n for n, x in links.items() if kind in {None, x["class"]} and not (persistent and x.get("temporary"))]


def show_link(world: World, argv: list[str]) -> None:
    """Every link, of every class."""
    asked = Asked(argv, "pPso:i:S", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, None, "link {} is not valid")
    table = asked.table(LINK)
    for name in names:
        link = links[name]
        row = {
            "LINK": name,
            "CLASS": link["class"],
            "MTU": str(link.get("mtu", 1500)),
            "OVER": " ".join(store.overs(link)),
        }
        row["BRIDGE"] = store.bridge_of(links, name)
        row["STATE"] = "" if "P" in asked else store.state_of(links, name)
        table.row(row)


def show_phys(world: World, argv: list[str]) -> None:
    """Physical links, or with -m their MACs."""
    asked = Asked(argv, "pPo:mHL", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, "phys", "link {} is not valid")
    table = asked.table(
        PHYS_MAC if "m" in asked else PHYS, None if "m" in asked else "LINK,MEDIA,STATE,SPEED,DUPLEX,DEVICE"
    )
    for name in names:
        link = links[name]
        row = {"LINK": name, "SLOT": "primary", "ADDRESS": str(link.get("mac")), "INUSE": "yes", "CLIENT": name}
        row.update(MEDIA=link.get("media", "Ethernet"), STATE=store.state_of(links, name), FLAGS="-----")
        row.update(
            SPEED=str(store.speed_of(links, name)), DUPLEX=link.get("duplex", "full"), DEVICE=link.get("device", name)
        )
        table.row(row)


def show_vnic(world: World, argv: list[str]) -> None:
    """VNICs, also those lent to a running zone, whose name is in ZONE."""
    asked = Asked(argv, "pPl:si:o:", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, "vnic", "invalid vnic name '{}'")
    lower = asked.last.get("l")
    if lower is not None and lower not in links:
        raise LinkError(f"invalid link name '{lower}': object not found")
    table = asked.table(VNIC)
    zones = store.lent(world)
    for name in names:
        link = links[name]
        if lower is not None and link["over"] != lower:
            continue
        row = {
            "LINK": name,
            "OVER": link["over"],
            "SPEED": str(store.speed_of(links, name)),
            "VID": str(link.get("vid", 0)),
        }
        row.update(MACADDRESS=link["mac"], MACADDRTYPE=link.get("mac_type", "random"), ZONE=zones.get(name, ""))
        table.row(row)


def show_etherstub(world: World, argv: list[str]) -> None:
    """Etherstubs."""
    asked = Asked(argv, "pPl:si:o:t", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, "etherstub", "invalid etherstub name '{}'")
    table = asked.table({"LINK": 13})
    for name in names:
        table.row({"LINK": name})


def show_vlan(world: World, argv: list[str]) -> None:
    """VLAN links."""
    asked = Asked(argv, "pPo:", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, "vlan", "link {} is not valid")
    table = asked.table(VLAN)
    for name in names:
        table.row({"LINK": name, "VID": str(links[name]["vid"]), "OVER": links[name]["over"], "FLAGS": "-----"})


def show_aggr(world: World, argv: list[str]) -> None:
    """Aggregations, or with -x their ports."""
    asked = Asked(argv, "LpPxsi:o:", SHOW, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, "aggr", "invalid aggregation name '{}'")
    table = asked.table(AGGR_PORT if "x" in asked else AGGR)
    for name in names:
        link = links[name]
        if "x" not in asked:
            row = {"LINK": name, "POLICY": link.get("policy", "L4"), "ADDRPOLICY": "auto", "FLAGS": "-----"}
            table.row({**row, "LACPACTIVITY": link.get("lacp", "off"), "LACPTIMER": link.get("timer", "short")})
            continue
        mac = str(link.get("mac"))
        table.row(
            {"LINK": name, "SPEED": f"{store.speed_of(links, name)}Mb", "DUPLEX": "full", "STATE": "up", "ADDRESS": mac}
        )
        for port in store.overs(link):
            row = {"PORT": port, "SPEED": f"{store.speed_of(links, port)}Mb", "DUPLEX": "full", "PORTSTATE": "attached"}
            table.row({**row, "STATE": store.state_of(links, port), "ADDRESS": str(links[port].get("mac"))})


def show_bridge(world: World, argv: list[str]) -> None:
    """Bridges, or with -l the links of one."""
    asked = Asked(argv, "fi:lo:pst", SHOW, operands=(0, 1))
    links = store.all_links(world)
    bridges = {n[:-1]: x for n, x in links.items() if x["class"] == "bridge"}
    if asked.operands and asked.operands[0] not in bridges:
        raise LinkError(f"bridge {asked.operands[0]} is not valid: object not found")
    if "l" in asked:
        if not asked.operands:
            raise LinkError("bridge name required for -l, -f, or -t")
        table = asked.table(BRIDGE_LINK)
        for name in store.overs(bridges[asked.operands[0]]):
            table.row({"LINK": name, "STATE": "forwarding", "UPTIME": "1", "DESROOT": "32768/0:0:0:0:0:0"})
        return
    table = asked.table(BRIDGE)
    for name, link in bridges.items():
        if asked.operands in ([], [name]):
            priority = link.get("priority", 32768)
            row = {"BRIDGE": name, "PROTECT": link.get("protect", "stp"), "ADDRESS": f"{priority}/0:0:0:0:0:0"}
            table.row({**row, "PRIORITY": str(priority), "DESROOT": f"{priority}/0:0:0:0:0:0"})


def show_linkprop(world: World, argv: list[str]) -> None:
    """Properties of one link or all."""
    from labhost.net import linkprops

    long = {"parsable": "c", "parseable": "c", "output": "o", "prop": "p", "persistent": "P"}
    asked = Asked(argv, "p:cPo:", long, operands=(0, 1))
    links = store.all_links(world)
    names = _chosen(links, asked, None, "link {} is not valid")
    table = Table("dladm", LINKPROP, asked.last.get("o"), parsable="c" in asked)
    zones = store.lent(world)
    wanted = [name for text in asked.values("p") for name, _ in linkprops.parse(text, values=False)]
    strange = [name for name in wanted if name not in linkprops.BY_NAME]
    for name in names:
        for prop in [linkprops.BY_NAME[n] for n in wanted if n not in strange] or linkprops.applicable(links[name]):
            if not strange:
                table.row(linkprops.shown(links, zones, name, prop, persistent="P" in asked))
    if strange:
        raise LinkError(f"warning: cannot get link property '{strange[0]}' for {names[0]}: object not found")


def set_linkprop(world: World, argv: list[str], *, reset: bool = False) -> int:
    """Give properties new values, or their defaults."""
    from labhost.net import linkprops

    asked = Asked(argv, "p:R:t", {"prop": "p", "temporary": "t", "root-dir": "R"}, operands=(1, 1))
    name = asked.operands[0]
    pairs = [pair for text in asked.values("p") for pair in linkprops.parse(text, values=not reset)]
    links = store.all_links(world)
    if not pairs and not reset:
        raise LinkError("link property must be specified")
    if name not in links:
        raise LinkError(f"link {name} is not valid: object not found")
    if reset and not pairs:
        pairs = [(prop.name, "") for prop in linkprops.applicable(links[name]) if prop.perm == "rw"]
    wanted = [(key, None if reset else value) for key, value in pairs]
    complaints = linkprops.change(world, name, wanted, temporary="t" in asked)
    for text in complaints:
        print(f"dladm: warning: {text}", file=sys.stderr)
    return 1 if complaints else 0


def reset_linkprop(world: World, argv: list[str]) -> int:
    """Give properties their defaults."""
    return set_linkprop(world, argv, reset=True)


def _vid(asked: Asked) -> int:
    if "v" not in asked:
        return 0
    text = asked.last["v"]
    if not text.isdecimal() or not 1 <= int(text) <= 4094:
        raise LinkError(f"invalid VLAN identifier '{text}'")
    return int(text)


def create_vnic(world: World, argv: list[str]) -> None:
    """Make a VNIC."""
    from labhost.net import linkprops

    asked = Asked(argv, "tfR:l:m:n:p:r:v:V:A:H", {**MAKE, "mac-prefix": "r", "vrid": "V"}, operands=(0, 9))
    mac = None
    if "m" in asked and asked.last["m"] not in {"auto", "random"}:
        mac = parse_mac(asked.last["m"])
        if asked.last["m"] == "fixed":
            raise LinkError("'fixed' is not a valid MAC address")
        if asked.last["m"] != "factory" and mac is None:
            raise LinkError("invalid MAC address")
    vid = _vid(asked)
    if "l" not in asked or len(asked.operands) != 1:
        raise Usage
    name, over = asked.operands[0], asked.last["l"]
    if not valid_link_name(name):
        raise LinkError(f"link name too long '{name}'" if len(name) > 31 else f"invalid link name '{name}'")
    if asked.last.get("m") == "factory":
        raise LinkError(f"vnic creation over {over} failed: factory MAC address slots not supported")
    props = dict(pair for text in asked.values("p") for pair in linkprops.parse(text, values=True))
    for key, value in props.items():
        prop = linkprops.BY_NAME.get(key)
        if prop is None or not prop.allows(value):
            raise LinkError(f"vnic creation over {over} failed: invalid property")
    store.create_vnic(world, name, over, mac, vid, temporary="t" in asked, props=props)


def create_etherstub(world: World, argv: list[str]) -> None:
    """Make an etherstub."""
    asked = Asked(argv, "tR:", MAKE, operands=(1, 1))
    name = asked.operands[0]
    if len(name) > 31:
        raise LinkError(f"link name too long '{name}'")
    store.create_etherstub(world, name, temporary="t" in asked)


def create_vlan(world: World, argv: list[str]) -> None:
    """Make a VLAN link."""
    asked = Asked(argv, "tfR:l:v:p:", MAKE, operands=(0, 1))
    vid = _vid(asked)
    if not vid or "l" not in asked:
        raise Usage
    name = asked.operands[0] if asked.operands else None
    store.create_vlan(world, name, asked.last["l"], vid, temporary="t" in asked)


def create_aggr(world: World, argv: list[str]) -> None:
    """Make an aggregation."""
    asked = Asked(argv, "d:l:L:P:R:tfu:T:p:", MAKE, operands=(1, 1))
    ports = asked.values("l") + asked.values("d")
    facts = {
        "policy": asked.last.get("P", "L4"),
        "lacp": asked.last.get("L", "off"),
        "timer": asked.last.get("T", "short"),
    }
    if not set(facts["policy"].split(",")) <= {"L2", "L3", "L4"}:
        raise LinkError(f"invalid policy '{facts['policy']}'")
    if facts["lacp"] not in {"off", "active", "passive"}:
        raise LinkError(f"invalid LACP mode '{facts['lacp']}'")
    if facts["timer"] not in {"short", "long"}:
        raise LinkError(f"invalid LACP timer value '{facts['timer']}'")
    if not ports:
        raise Usage
    name = asked.operands[0]
    store.create_aggr(world, f"aggr{name}" if name.isdecimal() else name, ports, temporary="t" in asked, **facts)


def create_bridge(world: World, argv: list[str]) -> None:
    """Make a bridge."""
    asked = Asked(argv, "P:R:d:f:h:l:m:p:", {"protect": "P", "link": "l", "priority": "p"}, operands=(1, 1))
    protect = asked.last.get("P", "stp")
    if protect not in {"stp", "trill"}:
        raise LinkError(f"invalid protection value '{protect}'")
    priority = asked.last.get("p", "32768")
    if not priority.isdecimal() or int(priority) > 65535:
        raise LinkError(f"invalid priority value '{priority}'")
    store.create_bridge(world, asked.operands[0], asked.values("l"), protect, int(priority) & 0xF000)


def add_bridge(world: World, argv: list[str]) -> None:
    """Put links into a bridge."""
    _bridge_links(world, argv, add=True)


def remove_bridge(world: World, argv: list[str]) -> None:
    """Take links out of a bridge."""
    _bridge_links(world, argv, add=False)


def _bridge_links(world: World, argv: list[str], *, add: bool) -> None:
    asked = Asked(argv, "R:l:", {"link": "l", "root-dir": "R"}, operands=(1, 1))
    names = asked.values("l")
    if not names:
        raise Usage
    store.change_members(world, asked.operands[0], add=names if add else [], remove=[] if add else names)


def _delete(kind: str) -> Command:
    def run(world: World, argv: list[str]) -> None:
        asked = Asked(argv, "R:t", MAKE, operands=(1, 1))
        store.delete(world, asked.operands[0], kind)

    return run


def delete_bridge(world: World, argv: list[str]) -> None:
    """Delete a bridge."""
    asked = Asked(argv, "R:", MAKE, operands=(1, 1))
    store.delete_bridge(world, asked.operands[0])


def rename_link(world: World, argv: list[str]) -> None:
    """Rename a link."""
    asked = Asked(argv, "R:", MAKE, operands=(2, 2))
    store.rename(world, *asked.operands)


if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[World, list[str]], int | None]

COMMANDS: dict[str, Command] = {
    "rename-link": rename_link,
    "show-link": show_link,
    "show-phys": show_phys,
    "show-vnic": show_vnic,
    "show-etherstub": show_etherstub,
    "show-vlan": show_vlan,
    "show-aggr": show_aggr,
    "show-bridge": show_bridge,
    "show-linkprop": show_linkprop,
    "set-linkprop": set_linkprop,
    "reset-linkprop": reset_linkprop,
    "create-vnic": create_vnic,
    "create-etherstub": create_etherstub,
    "create-vlan": create_vlan,
    "create-aggr": create_aggr,
    "create-bridge": create_bridge,
    "add-bridge": add_bridge,
    "remove-bridge": remove_bridge,
    "delete-vnic": _delete("vnic"),
    "delete-etherstub": _delete("etherstub"),
    "delete-vlan": _delete("vlan"),
    "delete-aggr": _delete("aggr"),
    "delete-bridge": delete_bridge,
}

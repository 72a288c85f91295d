"""ipadm(8): IP interfaces, addresses and their properties."""

from __future__ import annotations

import sys

from labhost.net import addresses as store
from labhost.net.addresses import AddressError
from labhost.net.fields import FieldError, Table
from labhost.net.options import OptionError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from labhost.world import World

    Command = Callable[[World, list[str]], int | None]

ADDR = {"ADDROBJ": 18, "TYPE": 9, "STATE": 13, "CURRENT": 8, "PERSISTENT": 11, "ADDR": 46}
IF = {"IFNAME": 11, "CLASS": 10, "STATE": 9, "CURRENT": 13, "PERSISTENT": 11}
PROP = {"PROTO": 6, "PROPERTY": 22, "PERM": 5, "CURRENT": 13, "PERSISTENT": 13, "DEFAULT": 13, "POSSIBLE": 15}
IFPROP = {"IFNAME": 12, "PROPERTY": 16, "PROTO": 6, "PERM": 5, "CURRENT": 11, "PERSISTENT": 11, "DEFAULT": 11,
          "POSSIBLE": 16}  # fmt: skip
USAGES = {
    "create-if": "\tcreate-if\t[-t] <interface>",
    "disable-if": "\tdisable-if\t-t <interface>",
    "enable-if": "\tenable-if\t-t <interface>",
    "delete-if": "\tdelete-if\t<interface>",
    "show-if": "\tshow-if\t\t[[-p] -o <field>,...] [<interface>]\n",
    "set-ifprop": "\tset-ifprop\t[-t] -p <prop>=<value[,...]> -m <protocol> <interface>",
    "reset-ifprop": "\treset-ifprop\t[-t] -p <prop> -m <protocol> <interface>",
    "show-ifprop": "\tshow-ifprop\t[[-c] -o <field>,...] [-p <prop>,...] [-m <protocol>] [interface]\n",
    "create-addr": "\tcreate-addr\t[-t] -T static [-d] -a {local|remote}=addr[/prefixlen] <addrobj>\n"
    "\tcreate-addr\t[-t] -T dhcp [-w <seconds> | forever] [-1] [-h <hostname>] <addrobj>\n"
    "\tcreate-addr\t[-t] -T addrconf [-i interface-id] [-p {stateful|stateless}={yes|no}] <addrobj>",
    "down-addr": "\tdown-addr\t[-t] <addrobj>",
    "up-addr": "\tup-addr\t\t[-t] <addrobj>",
    "delete-addr": "\tdelete-addr\t[-r] <addrobj>",
    "show-addr": "\tshow-addr\t[[-p] -o <field>,...] [<addrobj>]",
    "refresh-addr": "\trefresh-addr\t[-i] <addrobj>",
    "set-prop": "\tset-prop\t[-t] -p <prop>[+|-]=<value[,...]> <protocol>",
    "reset-prop": "\treset-prop\t[-t] -p <prop> <protocol>",
    "show-prop": "\tshow-prop\t[[-c] -o <field>,...] [-p <prop>,...] [protocol]",
}
ON_OFF = "on,off"


class Fatal(Exception):
    """The command gives up with this sentence."""


def main(world: World, argv: list[str]) -> int:
    """Run one subcommand; without any, show the addresses."""
    word = argv[0] if argv else "show-addr"
    run = COMMANDS.get(word)
    if run is None:
        if word != "help":
            print(f"ipadm: unknown subcommand '{word}'", file=sys.stderr)
        print("usage:  ipadm <subcommand> <args> ...\n" + "\n".join(USAGES.values()), file=sys.stderr)
        return 0 if word == "help" else 1
    try:
        if not word.startswith("show-") and world.setting("euid", 0) != 0:
            raise Fatal(_DENIED.get(word, "{0}: {1}").format(word, "Permission denied", name=argv[-1]))
        return run(world, argv[1:]) or 0
    except OptionError as error:
        text = f"{error.text}\nusage: {USAGES[word]}"
    except (Fatal, FieldError) as error:
        text = str(error)
    # The sentence goes to one stream and its newline to the other, as the program does.
    sys.stderr.write(f"ipadm: {text}")
    sys.stderr.flush()
    sys.stdout.write("\n")
    return 1


_DENIED = {
    "create-if": "Could not create {name} : {1}",
    "delete-if": "Could not delete {name}: {1}",
    "create-addr": "Could not create address: {1}",
    "delete-addr": "could not delete address: {1}",
}


def _operand(operands: list[str], word: str) -> str:
    if len(operands) != 1:
        raise Fatal(f"Usage: {USAGES[word]}")
    return operands[0]


def show_if(world: World, argv: list[str]) -> None:
    """Interfaces."""
    options, operands = parse(argv, "po:", {"parsable": "p", "output": "o"})
    asked = dict(options)
    if len(operands) > 1:
        raise Fatal(f"Usage: {USAGES['show-if']}")
    table = Table("ipadm", IF, asked.get("o"), parsable="p" in asked)
    state = store.load(world)
    if operands and operands[0] not in state["interfaces"]:
        raise Fatal("Could not get interface(s): No such interface")
    for name, facts in state["interfaces"].items():
        if operands in ([], [name]):
            loop = name == store.LOOPBACK
            up = [a for n, a in state["addresses"].items() if store.interface_of(n) == name and a["up"] and a["addr"]]
            row = {"IFNAME": name, "CLASS": "VIRTUAL" if loop else "IP", "STATE": "ok" if up else "down"}
            families = ("4" if any("." in a["addr"] for a in up) or not up else "-") + "6"
            row["CURRENT"] = ("-m-v------" if loop else "bm--------") + families
            row["PERSISTENT"] = "---" if facts.get("temporary") or loop else "-46"
            table.row(row)


def show_addr(world: World, argv: list[str]) -> None:
    """Addresses."""
    options, operands = parse(argv, "po:", {"parsable": "p", "output": "o"})
    asked = dict(options)
    if "p" in asked and "o" not in asked:
        raise Fatal("-p requires -o")
    if len(operands) > 1:
        raise Fatal(f"Usage: {USAGES['show-addr']}")
    if operands and "/" not in operands[0]:
        raise Fatal("Invalid address object name provided")
    table = Table("ipadm", ADDR, asked.get("o"), parsable="p" in asked, default="ADDROBJ,TYPE,STATE,ADDR")
    found = False
    for name, facts in store.load(world)["addresses"].items():
        wanted = operands[0] if operands else name
        if name == wanted or (wanted.endswith("/") and store.interface_of(name) == wanted[:-1]):
            found = True
            table.row(_address_row(name, facts))
    if operands and not found:
        raise Fatal("Could not get address: Object not found")


def _address_row(name: str, facts: dict[str, Any]) -> dict[str, str]:
    row = {"ADDROBJ": name, "TYPE": facts["type"], "ADDR": facts["addr"] or "?"}
    row["STATE"] = "ok" if facts["up"] and facts["addr"] else "down"
    row["CURRENT"] = ("U" if row["STATE"] == "ok" else "-") + "--" + ("t" if facts["temporary"] else "-") + "-"
    row["PERSISTENT"] = "---" if facts["temporary"] else "U--"
    return row


def create_if(world: World, argv: list[str]) -> None:
    """Plumb an interface."""
    options, operands = parse(argv, "t", {"temporary": "t"})
    name = _operand(operands, "create-if")
    try:
        store.create_interface(world, name, temporary=("t", "") in options)
    except AddressError as error:
        raise Fatal(f"Could not create {name} : {error.text}") from None


def delete_if(world: World, argv: list[str]) -> None:
    """Unplumb an interface."""
    name = _operand(argv, "delete-if")
    try:
        store.delete_interface(world, name)
    except AddressError as error:
        raise Fatal(f"Could not delete {name}: {error.text}") from None


def create_addr(world: World, argv: list[str]) -> None:
    """Make an address."""
    long = {"address": "a", "down": "d", "primary": "1", "reqhost": "h", "temporary": "t", "type": "T", "wait": "w"}
    options, operands = parse(argv, "1T:a:dh:i:p:w:t", {**long, "interface-id": "i", "prop": "p"})
    asked = dict(options)
    kind = asked.get("T")
    usage = USAGES["create-addr"]
    if kind is None or len(operands) != 1:
        raise Fatal(f"Invalid arguments\nusage: {usage}")
    addrobj = operands[0]
    if not addrobj.partition("/")[2]:
        raise Fatal(f"invalid address object name: {addrobj}\nusage: {usage}")
    foreign = {"static": "iphw1", "dhcp": "ipad", "addrconf": "adhw1"}.get(kind)
    if foreign is None:
        raise Fatal(f"Invalid address type {kind}")
    if any(letter in asked for letter in foreign) or (kind == "static" and "a" not in asked):
        raise Fatal(f"Invalid arguments for type {kind}\nusage: {usage}")
    addr = _static(asked["a"], usage) if kind == "static" else ""
    if not _valid_addrobj(addrobj):
        raise Fatal("Error in creating address object: Invalid argument provided")
    try:
        store.create_address(world, addrobj, kind, addr, temporary="t" in asked, up="d" not in asked)
    except AddressError as error:
        raise Fatal(f"Could not create address: {error.text}") from None


def _valid_addrobj(text: str) -> bool:
    name = text.partition("/")[2]
    return len(text) <= 63 and name[0].isalpha() and all(c.isalnum() or c in "_-" for c in name)


def _static(text: str, usage: str) -> str:
    local = None
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if equals and key == "remote":
            continue
        if local is not None:
            raise Fatal("Multiple local addresses provided")
        local = value if equals and key == "local" else part
    if not local:
        raise Fatal(f"Missing local address\nusage: {usage}")
    try:
        return store.parse_address(local)
    except AddressError as error:
        raise Fatal(f"Error in setting local address: {error.text}") from None


def delete_addr(world: World, argv: list[str]) -> None:
    """Delete an address."""
    _, operands = parse(argv, "r", {"release": "r"})
    try:
        store.delete_address(world, _operand(operands, "delete-addr"))
    except AddressError as error:
        raise Fatal(f"could not delete address: {error.text}") from None


def up_addr(world: World, argv: list[str], *, up: bool = True) -> None:
    """Mark an address up."""
    word = "up-addr" if up else "down-addr"
    _, operands = parse(argv, "t", {"temporary": "t"})
    try:
        store.set_up(world, _operand(operands, word), up=up)
    except AddressError as error:
        raise Fatal(f"Could not mark the address {word.partition('-')[0]}: {error.text}") from None


def down_addr(world: World, argv: list[str]) -> None:
    """Mark an address down."""
    up_addr(world, argv, up=False)


def refresh_addr(world: World, argv: list[str]) -> None:
    """Ask for the lease again, which changes nothing here."""
    _, operands = parse(argv, "i", {"inform": "i"})
    if _operand(operands, "refresh-addr") not in store.load(world)["addresses"]:
        raise Fatal("could not refresh address: Object not found")


def _families(protocol: str) -> tuple[str, ...]:
    if protocol not in {"ip", "ipv4", "ipv6", "tcp", "udp", "sctp", "icmp"}:
        raise Fatal(f"invalid protocol '{protocol}' specified")
    return store.FAMILIES if protocol == "ip" else (protocol,)


def _pair(asked: dict[str, str], usage: str, *, reset: bool) -> tuple[str, str]:
    if "p" not in asked:
        raise Fatal(f"Usage: {usage}")
    name, equals, value = asked["p"].partition("=")
    if reset and equals:
        raise Fatal(f"incorrect syntax used for -p.\n{usage}")
    if not reset and not value:
        raise Fatal(f"please specify the value to be set.\n{usage}")
    return name, value


def set_prop(world: World, argv: list[str], *, reset: bool = False) -> None:
    """Change a property of a protocol; forwarding is the one that means something here."""
    word = "reset-prop" if reset else "set-prop"
    options, operands = parse(argv, "p:t", {"prop": "p", "temporary": "t"})
    name, value = _pair(dict(options), USAGES[word], reset=reset)
    families = _families(_operand(operands, word))
    _forward(world, word, (name, "off" if reset else value), families, None)


def set_ifprop(world: World, argv: list[str], *, reset: bool = False) -> None:
    """Change a property of an interface; forwarding is the one that means something here."""
    word = "reset-ifprop" if reset else "set-ifprop"
    options, operands = parse(argv, "m:p:t", {"module": "m", "prop": "p", "temporary": "t"})
    asked = dict(options)
    name, value = _pair(asked, USAGES[word], reset=reset)
    if "m" not in asked:
        raise Fatal(f"Usage: {USAGES[word]}")
    families = _families(asked["m"])
    _forward(world, word, (name, "off" if reset else value), families, _operand(operands, word))


def _forward(world: World, word: str, pair: tuple[str, str], families: tuple[str, ...], interface: str | None) -> None:
    name, value = pair
    if name != "forwarding" or not set(families) <= set(store.FAMILIES):
        raise Fatal(f"{word}: {name}: Unknown property")
    if value not in {"on", "off"}:
        raise Fatal(f"{word}: {name}: Invalid argument provided")
    try:
        for family in families:
            store.set_forwarding(world, family, value, interface)
    except AddressError as error:
        raise Fatal(f"{word}: {name}: {error.text}") from None


def show_prop(world: World, argv: list[str]) -> None:
    """Properties of protocols."""
    options, operands = parse(argv, "p:co:", {"prop": "p", "parsable": "c", "output": "o"})
    asked = dict(options)
    if "p" in asked and not operands:
        raise Fatal("protocol must be specified when property name is used")
    families = _families(operands[0]) if operands else store.FAMILIES
    table = Table("ipadm", PROP, asked.get("o"), parsable="c" in asked)
    state = store.load(world)
    if "p" in asked and (asked["p"] != "forwarding" or not set(families) <= set(store.FAMILIES)):
        raise Fatal(f"warning: cannot get property '{asked['p']}' for {families[0]}: Unknown property")
    for family in families:
        if family in store.FAMILIES:
            current = store.forwarding(state, family)
            row = {"PROTO": family, "PROPERTY": "forwarding", "PERM": "rw", "CURRENT": current, "DEFAULT": "off"}
            table.row({**row, "PERSISTENT": current if current == "on" else "", "POSSIBLE": ON_OFF})


def show_ifprop(world: World, argv: list[str]) -> None:
    """Properties of interfaces."""
    options, operands = parse(argv, "p:m:co:", {"prop": "p", "module": "m", "parsable": "c", "output": "o"})
    asked = dict(options)
    families = _families(asked["m"]) if "m" in asked else store.FAMILIES
    table = Table("ipadm", IFPROP, asked.get("o"), parsable="c" in asked)
    state = store.load(world)
    if operands and operands[0] not in state["interfaces"]:
        raise Fatal(f"Interface '{operands[0]}' does not exist: No such interface")
    if asked.get("p", "forwarding") != "forwarding":
        raise Fatal(f"warning: cannot get property '{asked['p']}' for interface: Unknown property")
    for name in state["interfaces"]:
        for family in families:
            if operands in ([], [name]) and family in store.FAMILIES:
                current = store.forwarding(state, family, name)
                row = {"IFNAME": name, "PROPERTY": "forwarding", "PROTO": family, "PERM": "rw", "CURRENT": current}
                own = family in state["interfaces"][name].get("forwarding", {})
                table.row({**row, "PERSISTENT": current if own else "", "DEFAULT": "off", "POSSIBLE": ON_OFF})


COMMANDS: dict[str, Command] = {
    "create-if": create_if,
    "create-ip": create_if,
    "delete-if": delete_if,
    "delete-ip": delete_if,
    "show-if": show_if,
    "create-addr": create_addr,
    "delete-addr": delete_addr,
    "show-addr": show_addr,
    "up-addr": up_addr,
    "down-addr": down_addr,
    "refresh-addr": refresh_addr,
    "set-prop": set_prop,
    "reset-prop": lambda world, argv: set_prop(world, argv, reset=True),
    "show-prop": show_prop,
    "set-ifprop": set_ifprop,
    "reset-ifprop": lambda world, argv: set_ifprop(world, argv, reset=True),
    "show-ifprop": show_ifprop,
}

"""OmniOS: root on the console without sudo; dladm, ipadm, route, svcs, digest."""

from __future__ import annotations

from labhost.guests.unix import Unix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Streams


class System(Unix):
    """The machine."""

    BANNER = (
        "Loading unix...\nLoading /platform/i86pc/amd64/boot_archive...\n",
        "OmniOS r151054 Version omnios-r151054-b3c4a5d 64-bit\n",
        "Copyright (c) 2012-2017 OmniTI Computer Consulting, Inc.\n",
        "Copyright (c) 2017-2025 OmniOS Community Edition (OmniOSce) Association.\n",
        "Hostname: {host}\n",
    )
    ISSUE = "{host} console login: "
    MOTD = "Last login: Tue Nov  4 10:15:02 on console\nOmniOS r151054\tVersion omnios-r151054-b3c4a5d\tMay 2025\n"
    ACCOUNTS = ("root", "startcloud")
    HAS_SUDO = False
    LINE_LIMIT = 511
    SEED: Mapping[str, str] = {
        "/etc/nsswitch.conf": "passwd: files\nhosts: files\n",
        "/etc/nsswitch.dns": "passwd: files\nhosts: files dns\n",
        "/etc/release": "  OmniOS v11 r151054\n",
        "/etc/defaultrouter": "",
        "/var/adm/messages": "",
    }

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.objects: dict[str, tuple[str, str]] = {}
        self.interfaces: set[str] = set()
        self.shell.commands.update(
            {
                "dladm": dladm, "ipadm": ipadm, "route": route, "netstat": netstat, "svcs": svcs,
                "svcadm": lambda *_: 0, "pfexec": pfexec, "uname": uname, "ping": lambda *_: 0, "zonename": zonename,
            }
        )  # fmt: skip

    def nic_name(self, number: int, count: int) -> str:
        """Return the driver's name and instance."""
        return f"vioif{number}" if count else ""

    def power_on(self) -> None:
        """Boot; temporary routes are gone."""
        self.routes[:] = [(where, via) for where, via in self.routes if where.startswith("persistent ")]
        super().power_on()

    def going_down(self) -> None:
        """Say that the machine stops."""
        super().going_down()
        self.terminal.say("syncing file systems... done\n")


def uname(shell: Shell, argv: list[str], streams: Streams) -> int:
    flags = "".join(word[1:] for word in argv[1:]) or "s"
    facts = {
        "s": "SunOS", "n": shell.system.host, "r": "5.11", "v": "omnios-r151054-b3c4a5d", "m": "i86pc", "p": "i386",
        "i": "i86pc",
    }  # fmt: skip
    streams.out(" ".join(facts[f] for f in (facts if "a" in flags else flags) if f in facts) + "\n")
    return 0


def zonename(_shell: Shell, _argv: list[str], streams: Streams) -> int:
    streams.out("global\n")
    return 0


def pfexec(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    from labhost.guests.tools.users import as_user

    return (yield from as_user(shell, "root", argv[1:] or ["true"], streams))


def _plain(mac: str) -> str:
    return ":".join(part.lstrip("0") or "0" for part in mac.split(":"))


def _table(rows: list[dict[str, str]], wanted: list[str], streams: Streams, *, parsable: bool) -> None:
    if parsable:
        for row in rows:
            fields = [row.get(name, "") for name in wanted]
            if len(fields) > 1:
                fields = [field.replace("\\", "\\\\").replace(":", "\\:") for field in fields]
            streams.out(":".join(fields) + "\n")
        return
    streams.out(" ".join(name.ljust(18) for name in wanted).rstrip() + "\n")
    for row in rows:
        streams.out(" ".join((row.get(name, "") or "--").ljust(18) for name in wanted).rstrip() + "\n")


def _fields(argv: list[str], usual: list[str]) -> list[str]:
    for place, word in enumerate(argv):
        if word.startswith("-") and word.endswith("o") and place + 1 < len(argv):
            return argv[place + 1].upper().split(",")
    return usual


def _operands(argv: list[str]) -> list[str]:
    found, skip = [], False
    for word in argv[2:]:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word[-1] in "oTa"
        else:
            found.append(word)
    return found


def dladm(shell: Shell, argv: list[str], streams: Streams) -> int:
    """dladm(8): show-link, show-phys, show-ether, rename-link."""
    system = shell.system
    verb = argv[1] if len(argv) > 1 else "show-link"
    names = _operands(argv)
    parsable = any(word.startswith("-") and "p" in word for word in argv[2:])
    rows = [
        {
            "LINK": nic.name, "CLASS": "phys", "MTU": "1500", "STATE": "up", "BRIDGE": "", "OVER": "",
            "MEDIA": "Ethernet", "SPEED": "1000", "DUPLEX": "full", "DEVICE": f"vioif{number}",
            "ADDRESS": _plain(nic.mac), "INUSE": "yes", "CLIENT": nic.name, "SLOT": "primary",
        }
        for number, nic in enumerate(system.nics)
        if not names or nic.name in names
    ]  # fmt: skip
    if verb == "rename-link" and len(names) == 2:
        if not shell.is_root:
            streams.err("dladm: rename operation failed: permission denied\n")
            return 1
        if names[0] in system.interfaces:
            streams.err("dladm: rename operation failed: link busy\n")
            return 1
        nic = system.nic(names[0])
        if nic is None:
            streams.err("dladm: rename operation failed: object not found\n")
            return 1
        nic.name = names[1]
        return 0
    if verb not in ("show-link", "show-phys", "show-ether"):
        streams.err(f"dladm: unrecognized subcommand: '{verb}'\n")
        return 1
    if names and not rows:
        streams.err(f"dladm: link {names[0]} is not valid: object not found\n")
        return 1
    if verb == "show-phys" and any(word.startswith("-") and "m" in word for word in argv[2:]):
        usual = ["LINK", "SLOT", "ADDRESS", "INUSE", "CLIENT"]
    elif verb == "show-phys":
        usual = ["LINK", "MEDIA", "STATE", "SPEED", "DUPLEX", "DEVICE"]
    else:
        usual = ["LINK", "CLASS", "MTU", "STATE", "BRIDGE", "OVER"]
    _table(rows, _fields(argv, usual), streams, parsable=parsable)
    return 0


def ipadm(shell: Shell, argv: list[str], streams: Streams) -> int:
    """ipadm(8): show-if, show-addr, create-if, delete-if, create-addr, delete-addr."""
    system = shell.system
    verb = argv[1] if len(argv) > 1 else "show-addr"
    names = _operands(argv)
    parsable = any(word.startswith("-") and "p" in word for word in argv[2:])
    if verb == "show-if":
        rows = [{"IFNAME": n, "STATE": "ok", "CURRENT": "bm--------46", "PERSISTENT": "-46"} for n in system.interfaces]
        _table(rows, _fields(argv, ["IFNAME", "STATE", "CURRENT", "PERSISTENT"]), streams, parsable=parsable)
        return 0
    if verb == "show-addr":
        rows = [{"ADDROBJ": "lo0/v4", "TYPE": "static", "STATE": "ok", "ADDR": "127.0.0.1/8"}]
        rows += [{"ADDROBJ": o, "TYPE": t, "STATE": "ok", "ADDR": a} for o, (t, a) in system.objects.items()]
        chosen = [row for row in rows if not names or row["ADDROBJ"] in names or row["ADDROBJ"] == names[0]]
        if names and not chosen:
            streams.err(f"ipadm: address object not found: {names[0]}\n")
            return 1
        _table(chosen, _fields(argv, ["ADDROBJ", "TYPE", "STATE", "ADDR"]), streams, parsable=parsable)
        return 0
    if not shell.is_root:
        streams.err("ipadm: Insufficient user authorization\n")
        return 1
    name = names[0] if names else ""
    link = name.partition("/")[0]
    if verb in ("create-if", "create-addr") and system.nic(link) is None:
        streams.err(f"ipadm: Could not create {'interface' if verb == 'create-if' else 'address'}: No such interface\n")
        return 1
    if verb == "create-if":
        if name in system.interfaces:
            streams.err(f"ipadm: Could not create {name} : Interface already exists\n")
            return 1
        system.interfaces.add(name)
    elif verb == "delete-if":
        if name not in system.interfaces:
            streams.err(f"ipadm: Could not delete {name}: No such interface\n")
            return 1
        system.interfaces.discard(name)
        for each in [each for each in system.objects if each.partition("/")[0] == name]:
            del system.objects[each]
    elif verb == "create-addr":
        kind = argv[argv.index("-T") + 1] if "-T" in argv[:-1] else ""
        address = argv[argv.index("-a") + 1] if "-a" in argv[:-1] else ""
        address = address.rpartition("=")[2]
        if name in system.objects:
            streams.err("ipadm: Could not create address: Address object already exists\n")
            return 1
        if kind == "static" and not address:
            streams.err("ipadm: Could not create address: Invalid argument provided\n")
            return 1
        system.interfaces.add(link)
        system.objects[name] = (kind, address or "192.0.2.50/24")
        nic = system.nic(link)
        nic.addresses = [address]
        nic.up = True
    elif verb == "delete-addr":
        if name not in system.objects:
            streams.err("ipadm: could not delete address: Object not found\n")
            return 1
        del system.objects[name]
        nic = system.nic(link)
        if nic is not None:
            nic.addresses = []
    else:
        streams.err(f"ipadm: unrecognized subcommand: '{verb}'\n")
        return 1
    return 0


def route(shell: Shell, argv: list[str], streams: Streams) -> int:
    """route(8): add, delete, show; `-p` outlives a boot."""
    words = [word for word in argv[1:] if not word.startswith("-")]
    keep = "persistent " if any(word.startswith("-") and "p" in word for word in argv[1:]) else ""
    if not words or words[0] in ("show", "get"):
        streams.out("".join(f"{where}: route add default {via}\n" for where, via in shell.system.routes))
        return 0
    if not shell.is_root:
        streams.err("route: insufficient privileges\n")
        return 1
    where, via = words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else ""
    entry = (keep + where, via)
    if words[0] == "add":
        if entry in shell.system.routes:
            streams.err(f"add net {where}: gateway {via}: entry exists\n")
            return 17
        shell.system.routes.append(entry)
        streams.out(
            f"add net {where}: gateway {via}\n" + (f"add persistent net {where}: gateway {via}\n" if keep else "")
        )
        return 0
    before = len(shell.system.routes)
    shell.system.routes[:] = [each for each in shell.system.routes if not (each[0].endswith(where) and each[1] == via)]
    if len(shell.system.routes) == before:
        streams.err(f"delete net {where}: gateway {via}: not in table\n")
        return 1
    streams.out(f"delete net {where}: gateway {via}\n")
    return 0


def netstat(shell: Shell, _argv: list[str], streams: Streams) -> int:
    streams.out("\nRouting Table: IPv4\n  Destination           Gateway           Flags  Ref     Use     Interface\n")
    for where, via in shell.system.routes:
        streams.out(f"{where.removeprefix('persistent '):<20} {via:<20} UG        2          0\n")
    return 0


def svcs(_shell: Shell, argv: list[str], streams: Streams) -> int:
    if "-x" not in argv:
        streams.out("STATE          STIME    FMRI\nonline         10:15:02 svc:/system/console-login:default\n")
    return 0

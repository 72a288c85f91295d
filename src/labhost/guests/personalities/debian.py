"""Debian 12 with netplan: `netplan generate`, `try` and `apply` read /etc/netplan/*.yaml."""

from __future__ import annotations

from labhost.guests import linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from labhost.guests.shell import Shell, Streams

FIRST = "/etc/netplan/50-cloud-init.yaml"


class System(linux.Linux):
    """The machine."""

    SEED: Mapping[str, str] = {
        **linux.Linux.SEED,
        FIRST: "network:\n  version: 2\n  ethernets: {}\n",
    }

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.shell.commands.update(linux.COMMANDS)
        self.shell.commands["netplan"] = netplan

    def nic_name(self, number: int, count: int) -> str:
        """Return the name by slot: all cards are functions of slot 6."""
        return f"enp0s6f{number}" if count > 1 else "enp0s6"

    def on_up(self) -> None:
        """Apply what netplan has."""
        apply(self, ethernets(self))


def ethernets(system: Any) -> list[dict[str, Any]]:
    """Return the ethernets of all netplan files: name, mac, set-name, addresses, via. Raises ValueError."""
    found: list[dict[str, Any]] = []
    for path in system.disk.matches("/etc/netplan/*.yaml"):
        if "*" in path:
            continue
        found += _read(system.disk.read(path), path)
    return found


def _read(text: str, path: str) -> list[dict[str, Any]]:
    """Read as much of YAML as netplan files use: maps by indentation, lists in `[…]` or with dashes."""
    entries: list[dict[str, Any]] = []
    above: list[tuple[int, str]] = []
    entry: dict[str, Any] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition(" #")[0].rstrip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise ValueError(f"{path}:{number}:1: Invalid YAML: tabs are not allowed for indent")
        depth = len(line) - len(line.lstrip())
        body = line.strip()
        dashed = body.startswith("- ")
        while above and above[-1][0] >= depth + (1 if dashed else 0):
            above.pop()
        while body.startswith("- "):
            body = body[2:].strip()
        key, colon, value = body.partition(": ") if ": " in body else (body.rstrip(":"), body[-1:] == ":", "")
        value = value.strip().strip("\"'")
        path_now = [name for _, name in above]
        if not dashed and not colon:
            raise ValueError(f"{path}:{number}:{depth + 1}: Invalid YAML: did not find expected key")
        if path_now[-1:] == ["ethernets"] and not dashed:
            entry = {"name": key.strip("\"'"), "mac": "", "set-name": "", "addresses": [], "via": [], "dhcp4": False}
            if value not in ("", "{}") or key != "{}":
                entries.append(entry)
        elif entry is not None:
            if key == "macaddress":
                entry["mac"] = value.lower()
            elif key == "set-name":
                entry["set-name"] = value
            elif key in ("dhcp4", "dhcp6"):
                entry[key] = value in ("true", "yes")
            elif key == "addresses" and "nameservers" not in path_now and value:
                entry["addresses"] += [each.strip(" \"'") for each in value.strip("[]").split(",") if each.strip()]
            elif dashed and path_now[-1:] == ["addresses"] and "nameservers" not in path_now:
                entry["addresses"].append(body.strip("\"'"))
            elif key in ("via", "gateway4"):
                entry["via"].append(value)
        if colon and not value:
            above.append((depth, key))
    for each in entries:
        for address in each["addresses"]:
            if "/" not in address:
                raise ValueError(f"{path}: Error in network definition: address '{address}' is missing /prefixlength")
    return entries


def apply(system: Any, entries: list[dict[str, Any]]) -> None:
    """Give the cards what netplan says."""
    for entry in entries:
        for nic in system.nics:
            if nic.mac != entry["mac"] and not (not entry["mac"] and nic.name == entry["name"]):
                continue
            nic.name = entry["set-name"] or nic.name
            nic.addresses = list(entry["addresses"])
            nic.up = True
            system.routes[:] = [("default", via) for via in entry["via"]] or system.routes
    system.show_cards()


def netplan(shell: Shell, argv: list[str], streams: Streams) -> int:
    """netplan(8): generate, try, apply, get."""
    verb = next((word for word in argv[1:] if not word.startswith("-")), "")
    if verb not in ("apply", "generate", "try", "get"):
        streams.err("You need to specify a command\n")
        return 1
    if not shell.is_root:
        streams.err("Permission denied: '/run/netplan'\n" if verb != "get" else "")
        return 1
    try:
        entries = ethernets(shell.system)
    except ValueError as problem:
        streams.err(f"{problem}\n")
        return 78
    if verb in ("apply", "try"):
        apply(shell.system, entries)
    return 0

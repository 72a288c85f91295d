"""An older Debian: /etc/network/interfaces.d, ifup and ifdown, ifconfig; no netplan."""

from __future__ import annotations

from labhost.guests import linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from labhost.guests.shell import Shell, Streams


class System(linux.Linux):
    """The machine."""

    SEED: Mapping[str, str] = {
        **linux.Linux.SEED,
        "/etc/network/interfaces": "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n",
        "/etc/network/interfaces.d/.keep": "",
    }

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.shell.commands.update(linux.COMMANDS)
        self.shell.commands.update({"ifup": ifup, "ifdown": ifdown, "route": route})

    def on_up(self) -> None:
        """Bring up what is `auto`."""
        for nic in self.nics:
            facts = stanza(self, nic.name)
            if facts is not None:
                configure(self, nic, facts)


def stanza(system: Any, name: str) -> dict[str, str] | None:
    """Return what the interface files say of a card, None if they do not name it."""
    for path in ["/etc/network/interfaces", *system.disk.matches("/etc/network/interfaces.d/*")]:
        if not system.disk.exists(path):
            continue
        found: dict[str, str] | None = None
        for line in system.disk.read(path).splitlines():
            words = line.split()
            if words[:1] == ["iface"]:
                found = {"method": words[3] if len(words) > 3 else ""} if words[1:2] == [name] else None
                if found is not None:
                    result = found
            elif found is not None and len(words) > 1:
                found[words[0]] = " ".join(words[1:])
        if "result" in locals():
            return result
    return None


def configure(system: Any, nic: Any, facts: dict[str, str]) -> None:
    """Give a card its address."""
    address = facts.get("address", "")
    if address and "/" not in address:
        address += f"/{linux.prefix(facts.get('netmask', '255.255.255.0'))}"
    nic.addresses = [address] if address else []
    nic.up = True
    if facts.get("gateway"):
        system.routes[:] = [("default", facts["gateway"])]


def _given(shell: Shell, argv: list[str], streams: Streams) -> Any:
    name = next((word for word in argv[1:] if not word.startswith("-")), "")
    if not shell.is_root:
        streams.err(f"{argv[0]}: failed to open lockfile /run/network/.ifstate.lock: Permission denied\n")
        return None
    nic = shell.system.nic(name)
    if nic is None or stanza(shell.system, name) is None:
        streams.err(f"{argv[0]}: unknown interface {name}\n")
        return None
    return nic


def ifup(shell: Shell, argv: list[str], streams: Streams) -> int:
    nic = _given(shell, argv, streams)
    if nic is None:
        return 1
    configure(shell.system, nic, stanza(shell.system, nic.name) or {})
    return 0


def ifdown(shell: Shell, argv: list[str], streams: Streams) -> int:
    nic = _given(shell, argv, streams)
    if nic is None:
        return 1
    if not nic.up:
        streams.err(f"ifdown: interface {nic.name} not configured\n")
        return 0
    nic.up = False
    nic.addresses = []
    return 0


def route(shell: Shell, argv: list[str], streams: Streams) -> int:
    if "add" in argv:
        if not shell.is_root:
            streams.err("SIOCADDRT: Operation not permitted\n")
            return 7
        shell.system.routes[:] = [("default", argv[-1])]
    else:
        streams.out("".join(f"{where}  {via}\n" for where, via in shell.system.routes))
    return 0

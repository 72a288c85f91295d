"""ipadm(8): IP interfaces of the global zone, their addresses, and which of them forward.

Offers `show_interfaces`, `show_addresses`, `find_address`, `show_forwarding`; `create_interface`, `delete_interface`,
`create_address`, `delete_address`, `set_forwarding`, `reset_forwarding`; and what a refusal meant: `said_exists`,
`said_missing`.
"""

from __future__ import annotations

import math
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Unparseable
from zoneweaver.domain.network import Address, AddressKind, Forwarding, Interface
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query
from zoneweaver.host.parsable import rows

DHCP_SECONDS: Final = 30
"""How long a new dynamic address is waited for."""


def show_interfaces() -> Query[tuple[Interface, ...]]:
    """Ask for every IP interface. Raises Unparseable."""
    command = Command(argv=("ipadm", "show-if", "-p", "-o", ",".join(_IF)))
    return Query(command=command, parse=_read_interfaces)


def show_addresses() -> Query[tuple[Address, ...]]:
    """Ask for every address object. Raises Unparseable."""
    command = Command(argv=("ipadm", "show-addr", "-p", "-o", ",".join(_ADDR)))
    return Query(command=command, parse=_read_addresses)


def find_address(addrobj: str) -> Query[Address | None]:
    """Ask for one address object; None when it does not exist. Raises CommandFailed and Unparseable."""
    command = Command(argv=("ipadm", "show-addr", "-p", "-o", ",".join(_ADDR), addrobj), ok=frozenset({0, 1}))
    return Query(command=command, parse=_read_address)


def show_forwarding(family: str = "ipv4") -> Query[dict[str, Forwarding]]:
    """Ask which interfaces forward packets of a family (ipv4, ipv6). Raises Unparseable.

    What was never set for an interface alone does not persist for it: it follows the host.
    """
    argv = ("ipadm", "show-ifprop", "-p", "forwarding", "-m", family, "-c", "-o", ",".join(_IFPROP))
    return Query(command=Command(argv=argv), parse=_read_forwarding)


def create_interface(interface: str) -> Command:
    """Put IP on a link, for good."""
    return _change("create-if", interface)


def delete_interface(interface: str) -> Command:
    """Take IP off a link, with every address on it."""
    return _change("delete-if", interface)


def create_address(
    addrobj: str, kind: AddressKind, *, address: str | None = None, seconds: int = DHCP_SECONDS
) -> Command:
    """Make an address that stays over reboots, and the interface where it is missing.

    `address` is `ADDRESS/PREFIX` of a static one; `seconds` is how long a lease is waited for.
    """
    words: tuple[str, ...] = ("-T", kind.value)
    if kind is AddressKind.STATIC:
        words += ("-a", f"local={address}")
    elif kind is AddressKind.DHCP:
        words += ("-w", str(math.ceil(seconds)))
    return _change("create-addr", *words, addrobj)


def delete_address(addrobj: str, *, release: bool = False) -> Command:
    """Take an address away; the interface stays. `release` gives a lease back to its server."""
    return _change("delete-addr", *(("-r",) if release else ()), addrobj)


def set_forwarding(interface: str, *, on: bool, family: str = "ipv4") -> Command:
    """Let an interface forward packets of a family or not, now and after reboots."""
    return _change("set-ifprop", "-p", f"forwarding={'on' if on else 'off'}", "-m", family, interface)


def said_exists(stderr: str) -> bool:
    """Say whether the interface, the address object or the address was there, so that nothing was made."""
    return any(text in stderr for text in ("already exists", "already in use"))


def said_missing(stderr: str) -> bool:
    """Say whether the interface, the address object or the link did not exist."""
    return any(text in stderr for text in ("Object not found", "No such interface", "Datalink does not exist"))


def reset_forwarding(interface: str, *, family: str = "ipv4") -> Command:
    """Let an interface forward as if it had never been set for it."""
    return _change("reset-ifprop", "-p", "forwarding", "-m", family, interface)


_IF: Final = ("IFNAME", "CLASS", "STATE", "PERSISTENT")
_ADDR: Final = ("ADDROBJ", "TYPE", "STATE", "PERSISTENT", "ADDR")
_IFPROP: Final = ("IFNAME", "CURRENT", "PERSISTENT")


def _change(*words: str) -> Command:
    return Command(argv=("ipadm", *words), changes=True, timeout=CHANGE_SECONDS)


def _read_interfaces(completed: Completed) -> tuple[Interface, ...]:
    return tuple(
        Interface(
            name=row["IFNAME"], kind=row["CLASS"], state=row["STATE"], persistent=bool(row["PERSISTENT"].strip("-"))
        )
        for row in rows(completed, _IF)
    )


def _read_addresses(completed: Completed) -> tuple[Address, ...]:
    found = []
    for row in rows(completed, _ADDR):
        if "/" not in row["ADDROBJ"]:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"address object {row['ADDROBJ']!r}")
        found.append(
            Address(
                name=row["ADDROBJ"],
                kind=row["TYPE"],
                state=row["STATE"],
                address=row["ADDR"] if row["ADDR"] not in {"", "?", "--"} else None,
                persistent=bool(row["PERSISTENT"].strip("-")),
            )
        )
    return tuple(found)


def _read_address(completed: Completed) -> Address | None:
    if completed.exit_status != 0:
        if said_missing(completed.stderr):
            return None
        raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)
    found = _read_addresses(completed)
    if len(found) != 1:
        why = f"{len(found)} lines about one address object"
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=why)
    return found[0]


def _read_forwarding(completed: Completed) -> dict[str, Forwarding]:
    words = {"on": True, "off": False}
    found: dict[str, Forwarding] = {}
    for row in rows(completed, _IFPROP):
        current = row["CURRENT"]
        if current not in words:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"forwarding is {current!r}")
        found[row["IFNAME"]] = Forwarding(now=words[current], persistent=words.get(row["PERSISTENT"], False))
    return found

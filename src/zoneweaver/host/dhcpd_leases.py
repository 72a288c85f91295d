"""dhcpd.leases(5): who was given which address. Offers `parse` and `FILE`.

The server appends to the file, so the last word about an address counts; the very last may be half written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any, Final

from zoneweaver.domain.dhcp import Lease, LeaseState
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import MacAddress
from zoneweaver.host.dhcpd_syntax import Statement, statements
from zoneweaver.host.zonexml import BrokenFile

FILE: Final = "/var/db/dhcpd.leases"


def parse(text: str, *, path: str = FILE) -> tuple[Lease, ...]:
    """Return the newest lease of every address, by address. Raises BrokenFile."""
    found: dict[IPv4Address, Lease] = {}
    for item in statements(text, path=path, may_be_cut_off=True):
        match item.words:
            case ("lease", address) if item.body is not None:
                try:
                    lease = _lease(IPv4Address(address), item.body)
                except (ValueError, Invalid) as error:
                    raise BrokenFile(path=path, why=f"line {item.line}: lease {address}: {error}") from error
                found[lease.ip] = lease
    return tuple(found[address] for address in sorted(found))


def _lease(address: IPv4Address, body: tuple[Statement, ...]) -> Lease:
    facts: dict[str, Any] = {"mac": None, "state": LeaseState.ACTIVE, "starts": None, "ends": None}
    for item in body:
        match item.words:
            case ("starts" | "ends" as when, *words):
                facts[when] = _moment(words)
            case ("binding", "state", state):
                facts["state"] = LeaseState(state)
            case ("hardware", "ethernet", mac):
                facts["mac"] = MacAddress.parse(mac)
            case ("client-hostname", name):
                facts["hostname"] = name
    return Lease(ip=address, **facts)


def _moment(words: list[str]) -> datetime | None:
    """Read `WEEKDAY YYYY/MM/DD HH:MM:SS` (UTC), `epoch SECONDS` or `never`."""
    if words == ["never"]:
        return None
    if len(words) == 2 and words[0] == "epoch":
        return datetime.fromtimestamp(int(words[1]), tz=UTC)
    if len(words) != 3:
        raise ValueError(f"no time: {' '.join(words)}")
    return datetime.strptime(f"{words[1]} {words[2]}", "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)

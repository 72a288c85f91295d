"""dhcpd(8), the ISC DHCP server: its configuration as text, the check of it, and what others told it.

Offers `render` and `parse` of a block of ours (`domain.dhcp.DhcpConfig`), `foreign` for the rest of the file, the
command `check`, and `complaint`. The service itself is `svcs.DHCP`; its leases are read by `dhcpd_leases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final

from zoneweaver.domain.dhcp import DhcpConfig, DhcpSubnet, Foreign, Held, Reservation
from zoneweaver.domain.errors import AgentError, Invalid
from zoneweaver.domain.names import MacAddress
from zoneweaver.host.command import Command
from zoneweaver.host.dhcpd_syntax import Statement, statements
from zoneweaver.host.zonexml import BrokenFile

FILE: Final = "/etc/dhcpd.conf"
LISTEN: Final = "config/listen_ifnames"
"""The property of the service that names the interfaces it serves."""


def render(config: DhcpConfig) -> tuple[str, ...]:
    """Write subnets and reservations as lines of dhcpd.conf(5)."""
    lines: list[str] = []
    for subnet in config.subnets:
        network = subnet.network
        lines.append(f"subnet {network.network_address} netmask {network.netmask} {{")
        if subnet.authoritative:
            lines.append("  authoritative;")
        lines.append(f"  option routers {subnet.router};")
        if subnet.dns:
            lines.append(f"  option domain-name-servers {', '.join(str(server) for server in subnet.dns)};")
        lines += [f"  range {subnet.first} {subnet.last};", "}"]
    for item in config.reservations:
        lines.append(f"host {item.hostname} {{")
        lines += [f"  hardware ethernet {item.mac};", f"  fixed-address {item.ip};", "}"]
    return tuple(lines)


def parse(lines: Sequence[str], *, path: str = FILE) -> DhcpConfig:
    """Read the lines of a block of ours. Raises BrokenFile at what we did not write."""
    subnets: list[DhcpSubnet] = []
    reservations: list[Reservation] = []
    for item in statements("".join(f"{line}\n" for line in lines), path=path):
        try:
            match item.words:
                case ("subnet", address, "netmask", netmask) if item.body is not None:
                    subnets.append(_subnet(address, netmask, item.body))
                case ("host", name) if item.body is not None:
                    reservations.append(_reservation(name, item.body))
                case _:
                    raise Invalid("it is neither a subnet nor a host")
        except AgentError as error:
            said = " ".join(item.words)
            why = f"{said!r} stands in a block of the agent's, which did not write it so: {error}"
            raise BrokenFile(path=path, why=why) from error
    return DhcpConfig(subnets=tuple(subnets), reservations=tuple(reservations))


def foreign(text: str, *, path: str = FILE) -> Foreign:
    """Read what others told the server: every subnet and every host, however deep. Raises BrokenFile."""
    networks: list[IPv4Network] = []
    hosts: list[Held] = []
    waiting = list(statements(text, path=path))
    while waiting:
        item = waiting.pop(0)
        match item.words:
            case ("subnet", address, "netmask", netmask):
                try:
                    networks.append(IPv4Network(f"{address}/{netmask}", strict=False))
                except ValueError:
                    raise BrokenFile(path=path, why=f"line {item.line}: no subnet: {address} {netmask}") from None
            case ("host", name):
                hosts += _held(name, item.body or ())
        waiting = [*(item.body or ()), *waiting]
    return Foreign(networks=tuple(networks), hosts=tuple(hosts))


def check(path: str = FILE) -> Command:
    """Read a configuration without serving it; it fails when it is wrong."""
    return Command(argv=("dhcpd", "-t", "-cf", path))


def complaint(stderr: str) -> str:
    """Return what the server found wrong, without its greeting and its farewell."""
    lines = [line for line in stderr.splitlines() if " line " in line or line.startswith("Can't open")]
    return "; ".join(line.strip() for line in lines[:3]) or stderr.strip()[-200:]


def _subnet(address: str, netmask: str, body: Sequence[Statement]) -> DhcpSubnet:
    said: dict[str, Any] = {"subnet": address, "netmask": netmask}
    for item in body:
        match item.words:
            case ("authoritative",):
                said["authoritative"] = True
            case ("option", "routers", router):
                said["router"] = router
            case ("option", "domain-name-servers", *servers):
                said["dns"] = servers
            case ("range", first, last):
                said |= {"range_start": first, "range_end": last}
            case _:
                raise Invalid(" ".join(item.words))
    return DhcpSubnet.from_json(said)


def _reservation(name: str, body: Sequence[Statement]) -> Reservation:
    said: dict[str, Any] = {"hostname": name}
    for item in body:
        match item.words:
            case ("hardware", "ethernet", mac):
                said["mac"] = mac
            case ("fixed-address", address):
                said["ip"] = address
            case _:
                raise Invalid(" ".join(item.words))
    return Reservation.from_json(said)


def _held(name: str, body: Sequence[Statement]) -> list[Held]:
    """Return what is said of a foreign host, once for each of its addresses; names in place of addresses are left."""
    mac: str | None = None
    addresses: list[IPv4Address] = []
    for item in body:
        match item.words:
            case ("hardware", "ethernet", text):
                try:
                    mac = MacAddress.parse(text)
                except Invalid:
                    mac = text
            case ("fixed-address", *texts):
                for text in texts:
                    try:
                        addresses.append(IPv4Address(text))
                    except ValueError:
                        continue
    if not addresses:
        return [Held(hostname=name, mac=mac)]
    return [Held(hostname=name, mac=mac, ip=address) for address in addresses]

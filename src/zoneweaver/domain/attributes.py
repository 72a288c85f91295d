"""The attributes that a bhyve zone is made of (bhyve(7) of OmniOS), and what each may hold."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import plain_value
from zoneweaver.domain.sizes import Size

MOST_CPUS: Final = 32
"""The kernel's VM_MAXCPU."""

DEFAULT_RAM: Final = "1G"
DEFAULT_VCPUS: Final = "1"

ON_OFF: Final = {
    "true": "on",
    "yes": "on",
    "on": "on",
    "1": "on",
    "false": "off",
    "no": "off",
    "off": "off",
    "0": "off",
}

Check = Callable[[str, str], str]
"""(value, field) to the value as it is written. Raises Invalid naming the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One attribute: the field of the API, the name in zonecfg, and the check of its value."""

    field: str
    attr: str
    check: Check
    secret: bool = False


def attribute(known: Attribute, value: object, *, prefix: str = "") -> str:
    """Return a value as zonecfg shall hold it; `true` and `false` become `on` and `off`. Raises Invalid."""
    field = f"{prefix}{known.field}"
    text = {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
    return known.check(plain_value(text, field=field), field)


def _one_of(*words: str) -> Check:
    def check(value: str, field: str) -> str:
        if value not in words:
            raise Invalid(f"{field} must be one of {', '.join(words)}, not {value[:40]!r}", field=field)
        return value

    return check


def _form(pattern: str, means: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str, field: str) -> str:
        if not compiled.fullmatch(value):
            raise Invalid(f"{field} must be {means}, not {value[:60]!r}", field=field)
        return value

    return check


def _on_off(value: str, field: str) -> str:
    if value.lower() not in ON_OFF:
        raise Invalid(f"{field} must be on or off, not {value[:40]!r}", field=field)
    return ON_OFF[value.lower()]


def _ram(value: str, field: str) -> str:
    if value.isascii() and value.isdigit():
        value = f"{value}M"  # the brand reads a plain number as MiB
    size = Size.parse(value, field=field)
    if not 2**20 <= size <= 2**46:
        raise Invalid(f"{field} must be from 1M to 64T, not {value[:40]!r}", field=field)
    return str(size)


_TOPOLOGY: Final = re.compile(r"(?:cpus=)?([1-9]\d{0,3})((?:,(?:sockets|cores|threads)=[1-9]\d{0,3}){0,3})", re.ASCII)


def _vcpus(value: str, field: str) -> str:
    match = _TOPOLOGY.fullmatch(value)
    if match is None:
        raise Invalid(f"{field} must be a number, or N,sockets=,cores=,threads=, not {value[:60]!r}", field=field)
    count = int(match.group(1))
    parts = dict(part.split("=") for part in match.group(2).split(",")[1:])
    product = 1
    for number in parts.values():
        product *= int(number)
    if count > MOST_CPUS:
        raise Invalid(f"{field}: at most {MOST_CPUS} virtual CPUs", field=field)
    if parts and (product != count or match.group(2).count("=") != len(parts)):
        raise Invalid(f"{field}: sockets, cores and threads must multiply to {count}", field=field)
    return value


def _vnc(value: str, field: str) -> str:
    if value.lower() in ON_OFF:
        return ON_OFF[value.lower()]
    if not re.fullmatch(r"(wait|(unix=/[^,\s]+|w=\d{1,5}|h=\d{1,5}|password=[^,]+|wait)(,|$))+", value):
        raise Invalid(f"{field} must be on, off, wait, or a list of unix=, w=, h=, password=, wait", field=field)
    return value


def _resolvers(value: str, field: str) -> str:
    addresses = [part.strip() for part in value.split(",")]
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise Invalid(f"{field} must be a comma list of addresses, not {value[:60]!r}", field=field) from None
    return ",".join(addresses)


def _any(value: str, field: str) -> str:
    if value != value.strip():
        raise Invalid(f"{field} must not begin or end with a blank", field=field)
    return value


_BRIDGES: Final = r"i440fx|q35|amd|netapp|intel|none|vendor=[0-9A-Za-z]+,device=[0-9A-Za-z]+"
_DISKS: Final = ("virtio", "virtio-blk", "nvme", "ahci", "ahci-hd", "ahci-cd")
_NETS: Final = ("virtio", "virtio-net-viona", "virtio-net", "e1000")
_ORDER: Final = r"(cd|dc|(shell|path\d*|boot\d+|bootdisk|disk\d*|cdrom\d*|net\d*(=pxe|=http)?)(,(?!$)|$))+"

ATTRIBUTES: Final = (
    Attribute(field="ram", attr="ram", check=_ram),
    Attribute(field="vcpus", attr="vcpus", check=_vcpus),
    Attribute(field="cpu", attr="cpu", check=_form(r"[A-Za-z0-9_.,+=-]+", "a CPU model name")),
    Attribute(field="bootrom", attr="bootrom", check=_form(r"[A-Za-z0-9_./+-]+", "a firmware name or path")),
    Attribute(field="hostbridge", attr="hostbridge", check=_form(_BRIDGES, "a host bridge such as i440fx or q35")),
    Attribute(field="diskif", attr="diskif", check=_one_of(*_DISKS)),
    Attribute(field="netif", attr="netif", check=_one_of(*_NETS)),
    Attribute(field="os_type", attr="type", check=_form(r"[A-Za-z0-9_.+-]+", "a word such as generic or windows")),
    Attribute(field="vnc", attr="vnc", check=_vnc),
    Attribute(field="acpi", attr="acpi", check=_on_off),
    Attribute(field="xhci", attr="xhci", check=_on_off),
    Attribute(
        field="bootorder", attr="bootorder", check=_form(_ORDER, "a comma list such as cdrom0,bootdisk,net0=pxe")
    ),
    Attribute(field="rng", attr="rng", check=_on_off),
    Attribute(field="extra", attr="extra", check=_any),
)
"""The document's table and what stands beside it, in the order in which they are written."""

CLOUD_INIT: Final = (
    Attribute(
        field="enabled",
        attr="cloud-init",
        check=_form(r"on|off|/[^\s]+|https?://[^\s]+", "on, off, a file of user data or a URL"),
    ),
    Attribute(field="dns_domain", attr="dns-domain", check=_form(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", "a domain name")),
    Attribute(field="password", attr="password", check=_any, secret=True),
    Attribute(field="resolvers", attr="resolvers", check=_resolvers),
    Attribute(field="sshkey", attr="sshkey", check=_any),
)
"""What cloud-init is told (bhyve(7), section cloud-init)."""

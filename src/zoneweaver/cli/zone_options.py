"""What can be said of a zone on a command line, as the API's body: attributes, volumes, NICs, cloud-init."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Group, Parameter

from zoneweaver.cli.entry import UsageError

MACHINE: Final = Group("Machine", sort_key=10)
CLOUD_INIT: Final = Group("Cloud-init", sort_key=40)
_PLAIN: Final = (
    "ram",
    "vcpus",
    "bootrom",
    "hostbridge",
    "diskif",
    "netif",
    "os_type",
    "cpu",
    "bootorder",
    "extra",
    "autoboot",
    "notes",
)
SWITCH: Final = Parameter(negative_bool="no-")


@Parameter(name="*", group=MACHINE)
@dataclass(frozen=True, kw_only=True, slots=True)
class Attributes:
    """The virtual machine's attributes."""

    ram: str | None = None
    """Memory, such as 2G."""
    vcpus: str | None = None
    """Number of virtual CPUs, or a topology such as 4,sockets=1,cores=2,threads=2."""
    bootrom: str | None = None
    """Boot ROM firmware, such as BHYVE_RELEASE_CSM."""
    hostbridge: str | None = None
    """Emulated host bridge, such as i440fx."""
    diskif: str | None = None
    """Disk interface, such as virtio."""
    netif: str | None = None
    """Network interface type, such as virtio."""
    os_type: str | None = None
    """Type of the guest's system, such as generic."""
    vnc: Annotated[bool | None, SWITCH] = None
    """Whether the guest has a screen to be seen with VNC."""
    acpi: Annotated[bool | None, SWITCH] = None
    """Whether the guest has ACPI."""
    xhci: Annotated[bool | None, SWITCH] = None
    """Whether the guest has the xHCI USB controller."""
    autoboot: Annotated[bool | None, SWITCH] = None
    """Whether the zone is booted with the host."""
    rng: Annotated[bool | None, SWITCH] = None
    """Whether the guest has the random number device."""
    cpu: str | None = None
    """CPU model that the guest is shown."""
    bootorder: str | None = None
    """What is booted from, in order, such as cdrom0,bootdisk,net0=pxe."""
    extra: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Further options of bhyve(8), as they are."""
    attr: Annotated[tuple[str, ...], Parameter(name="--attr")] = ()
    """An attribute by the name it has in the API, such as vnc=unix=/tmp/web.vnc; may be repeated."""
    tag: Annotated[tuple[str, ...], Parameter(name="--tag")] = ()
    """A tag; may be repeated. All tags that the zone shall have are given together."""
    notes: str | None = None
    """Remarks for people."""

    def body(self) -> dict[str, Any]:
        """Return the fields that were given."""
        found: dict[str, Any] = {}
        for name in _PLAIN:
            if (value := getattr(self, name)) is not None:
                found[name] = value
        for name in ("vnc", "acpi", "xhci", "rng"):
            if (value := getattr(self, name)) is not None:
                found[name] = "on" if value else "off"
        found.update(pair(text, option="--attr") for text in self.attr)
        if self.tag:
            found["tags"] = [tag for tag in self.tag if tag]
        return found


@Parameter(name="*", group=CLOUD_INIT)
@dataclass(frozen=True, kw_only=True, slots=True)
class CloudInit:
    """What the guest is told by cloud-init; a password is never given as a word of the command."""

    cloud_init: Annotated[bool | None, SWITCH] = None
    """Whether the guest is set up by cloud-init (implied by the options below)."""
    cloud_init_dns_domain: str | None = None
    """The guest's DNS domain."""
    cloud_init_resolvers: str | None = None
    """Addresses of name servers, with commas."""
    cloud_init_sshkey: str | None = None
    """Public SSH key, or the file that holds it."""
    cloud_init_password_file: Path | None = None
    """File with the password (- is stdin); ZONEWEAVER_CLOUD_INIT_PASSWORD works too."""
    cloud_init_ask_password: bool = False
    """Ask for the password."""

    def body(self) -> dict[str, Any]:
        """Return the `cloud_init` object, empty when nothing of it was given."""
        found: dict[str, Any] = {}
        if self.cloud_init_dns_domain is not None:
            found["dns_domain"] = self.cloud_init_dns_domain
        if self.cloud_init_resolvers is not None:
            found["resolvers"] = self.cloud_init_resolvers
        if self.cloud_init_sshkey is not None:
            found["sshkey"] = _public_key(self.cloud_init_sshkey)
        if (password := self._password()) is not None:
            found["password"] = password
        if self.cloud_init is not None or found:
            found["enabled"] = "off" if self.cloud_init is False else "on"
        return found

    def _password(self) -> str | None:
        if self.cloud_init_password_file is not None:
            if str(self.cloud_init_password_file) == "-":
                return sys.stdin.readline().rstrip("\r\n")
            return _text_of(self.cloud_init_password_file).splitlines()[0]
        if self.cloud_init_ask_password:
            if not sys.stdin.isatty():
                raise UsageError("--cloud-init-ask-password needs a terminal: use --cloud-init-password-file -")
            first = getpass.getpass("Password for the guest: ")
            if first != getpass.getpass("Again: "):
                raise UsageError("The two passwords differ")
            return first
        return os.environ.get("ZONEWEAVER_CLOUD_INIT_PASSWORD") or None


def _text_of(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as problem:
        raise UsageError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}") from problem
    if not text.strip():
        raise UsageError(f"{path} is empty")
    return text


def _public_key(given: str) -> str:
    if " " in given:
        return given.strip()
    text = _text_of(Path(given).expanduser()).strip()
    if "PRIVATE KEY" in text:
        raise UsageError(f"{given} is a private key: give the public one ({given}.pub)")
    return text


def pair(text: str, *, option: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} wants NAME=VALUE, not {text!r}")
    return name, value


def settings(texts: Iterable[str], *, option: str, known: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE pairs of known names."""
    found = {}
    for text in texts:
        name, value = pair(text, option=option)
        if name not in known:
            raise UsageError(f"{option} does not know {name!r}: there are {', '.join(known)}")
        found[name] = value
    return found


def volume(text: str, *, option: str, pool: str | None = None, dataset: str | None = None) -> dict[str, Any]:
    """Read a new volume: SIZE[,name=…][,pool=…][,dataset=…][,sparse=yes|no]."""
    size, *more = text.split(",")
    given = settings(more, option=option, known=("name", "pool", "dataset", "sparse"))
    if not size or "=" in size:
        raise UsageError(f"{option} begins with a size such as 30G, not {size!r}")
    found: dict[str, Any] = {"create_new": True, "size": size}
    if where := given.get("pool") or pool:
        found["pool"] = where
    if where := given.get("dataset") or dataset:
        found["dataset"] = where
    if "name" in given:
        found["volume_name"] = given["name"]
    if "sparse" in given:
        if given["sparse"] not in {"yes", "no"}:
            raise UsageError(f"{option}: sparse is yes or no, not {given['sparse']!r}")
        found["sparse"] = given["sparse"] == "yes"
    return found


def existing(dataset: str) -> dict[str, Any]:
    """Return a volume that exists already."""
    return {"create_new": False, "existing_dataset": dataset}


def nic(text: str, *, option: str) -> dict[str, Any]:
    """Read a NIC: VNIC[@LINK][,vlan=…][,mac=…][,address=…][,router=…]."""
    first, *more = text.split(",")
    physical, at, link = first.partition("@")
    if not physical or (at and not link):
        raise UsageError(f"{option} wants VNIC@LINK such as vnic0@igb0, or a VNIC that exists, not {first!r}")
    given = settings(more, option=option, known=("vlan", "mac", "address", "router"))
    found: dict[str, Any] = {"physical": physical}
    if link:
        found["global_nic"] = link
    if "vlan" in given:
        if not given["vlan"].isdigit():
            raise UsageError(f"{option}: vlan is a number, not {given['vlan']!r}")
        found["vlan_id"] = int(given["vlan"])
    if "mac" in given:
        found["mac_addr"] = given["mac"]
    if "address" in given:
        found["allowed_address"] = given["address"]
    if "router" in given:
        found["defrouter"] = given["router"]
    return found

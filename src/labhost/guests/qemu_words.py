"""A QEMU machine as a zone's configuration describes it: where bhyve would put each device, there it is.

Slots are those of the brand: CDs 3 or 7, boot disk 4, disks 5 and 8, cards 6 and 12, random numbers 10, shared
folders 11, cloud-init's CD 29, screen and tablet 30. A slot's functions are numbered without gaps, or a guest would
not find them.
"""

from __future__ import annotations

import os

from labhost.zones import bhyve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config, Resource

PROGRAM = "qemu-system-x86_64"
CODE, VARIABLES = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
_USUAL_ORDER = "bootdisk,cdrom0"
_ALIASES = {"cd": "bootdisk,cdrom0", "dc": "cdrom0,bootdisk"}
_CARDS = {"virtio-net-viona": "virtio-net-pci", "virtio-net": "virtio-net-pci", "e1000": "e1000"}
_HARDWARE = ("-accel", "kvm", "-cpu", "host")
# More than one thread, a buffer that does not grow without end, a processor without what makes guests try to nest.
_EMULATED = ("-accel", "tcg,thread=multi,tb-size=128", "-cpu", "Nehalem,-svm")


class Words:
    """The words of a command line as they come together."""

    __slots__ = ("bus", "config", "functions", "list", "order", "root", "world")

    def __init__(self, world: World, config: Config, root: str) -> None:
        self.world = world
        self.config = config
        self.root = root  # the zone's root as a path of the host
        self.list: list[str] = []
        self.bus = "pcie.0" if config.attr("hostbridge") == "q35" else "pci.0"
        self.functions: dict[int, int] = {}
        self.order = _boot_order(config)

    def add(self, option: str, *parts: str, **properties: object) -> None:
        """Add an option and its value."""
        said = [*parts, *(f"{key.replace('__', '.')}={_safe(value)}" for key, value in properties.items())]
        self.list += [option, ",".join(said)]

    def at(self, slot: int) -> dict[str, object]:
        """Return the properties that put a device into the next function of a slot."""
        function = self.functions.get(slot, 0)
        self.functions[slot] = function + 1
        return {"bus": self.bus, "addr": f"{slot:#x}.{function:#x}", "multifunction": "on"}

    def boots(self, name: str) -> dict[str, object]:
        """Return the property that gives a device its place among those to start from."""
        return {"bootindex": self.order.index(name)} if name in self.order else {}

    def file(self, path: str) -> str:
        """Return where a path of the zone is on this machine: what is mounted there, or a device of the host."""
        for fs in self.config.of("fs"):
            if fs.get("dir") == path:
                return self.world.host(fs.get("special"))
        place = self.world.host(path)
        return place if path.startswith("/dev/") or os.path.exists(place) else self.world.host(self.root + path)


def _safe(value: object) -> str:
    return str(value).replace(",", ",,")


def _boot_order(config: Config) -> list[str]:
    wanted = config.attr("bootorder") or _USUAL_ORDER
    wanted = _ALIASES.get(wanted, wanted)
    if config.attr("bootnext"):
        wanted = f"{config.attr('bootnext')},{wanted}"
    names = []
    for word in wanted.split(","):
        name = word.strip().partition("=")[0]
        names.append(f"{name}0" if name in ("disk", "cdrom", "net") else name)
    return list(dict.fromkeys(names))


def words(world: World, config: Config, root: str, taps: list[str], *, hardware: bool) -> list[str]:
    """Return the command line of a zone's machine, with one tap for each net; none for a network of its own alone."""
    made = Words(world, config, root)
    made.list += [PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc"]
    made.add("-name", f"guest={_safe(config.get('name'))}")
    screen = bool(bhyve.vnc_socket(config))
    made.add("-machine", "q35" if made.bus == "pcie.0" else "pc", graphics="on" if screen else "off", usb="off")
    made.list += _HARDWARE if hardware else _EMULATED
    _processor(made)
    identity = bhyve.identity(world, config, root.rpartition("/")[0])
    made.add("-uuid", identity)
    made.add(
        "-smbios", "type=1", manufacturer="OmniOS", product="OmniOS HVM", version="1.0",
        serial=bhyve.serial_number(config, identity), uuid=identity, sku="001", family="Virtual Machine",
    )  # fmt: skip
    _firmware(made)
    for number, _, path in bhyve.numbered(config, "cdrom"):
        _cd(made, bhyve.cd_slot(config), f"cdrom{number}", made.file(path))
    _disks(made)
    _cards(made, taps)
    for number, _, value in bhyve.numbered(config, "virtfs"):
        share, _, rest = value.partition(",")
        path, _, mode = rest.partition(",")
        read_only = {"readonly": "on"} if mode == "ro" else {}
        made.add("-fsdev", "local", id=f"fs{number}", path=made.file(path), security_model="mapped-xattr", **read_only)
        made.add("-device", "virtio-9p-pci", fsdev=f"fs{number}", mount_tag=share, **made.at(11))
    if bhyve.boolean(config, "rng"):
        made.add("-device", "virtio-rng-pci", **made.at(10))
    if os.path.exists(seed := world.host(f"{root}/cloud-init.iso")):
        _cd(made, 29, "cloud-init", seed)
    if screen:
        _screen(made)
    return made.list


def _processor(made: Words) -> None:
    facts = {"cpus": 0, "sockets": 0, "cores": 1, "threads": 1}
    for part in (made.config.attr("vcpus") or "1").split(","):
        key, equals, value = part.partition("=")
        facts[key if equals else "cpus"] = int(value if equals else key)
    each = facts["cores"] * facts["threads"]
    total = facts["cpus"] or max(facts["sockets"], 1) * each
    made.add(
        "-smp", str(total), sockets=facts["sockets"] or total // each, cores=facts["cores"], threads=facts["threads"]
    )
    ram = made.config.attr("ram") or "1G"
    made.add("-m", f"{ram}M" if ram.isdigit() else ram.upper())


def _firmware(made: Words) -> None:
    if not bhyve.is_uefi(made.config):
        return
    kept = made.world.host(f"{made.root}/etc/uefivars")
    if not os.path.exists(kept) or os.stat(kept).st_size != os.stat(VARIABLES).st_size:
        with open(VARIABLES, "rb") as source, open(kept, "wb") as target:
            target.write(source.read())
    forgetful = {} if bhyve.boolean(made.config, "uefivars") else {"snapshot": "on"}
    made.add("-drive", "if=pflash", unit=0, format="raw", readonly="on", file=CODE)
    made.add("-drive", "if=pflash", unit=1, format="raw", file=kept, **forgetful)


def _cd(made: Words, slot: int, name: str, path: str) -> None:
    made.add("-drive", "if=none", id=name, format="raw", readonly="on", file=path, file__locking="off")
    made.add("-device", "ahci", id=f"{name}-port", **made.at(slot))
    made.add("-device", "ide-cd", bus=f"{name}-port.0", drive=name, **made.boots(name))


def _disks(made: Words) -> None:
    config = made.config
    usual = config.attr("diskif") or "virtio-blk"
    found = []
    if config.attr("bootdisk"):
        found.append((4, "bootdisk", config.attr("bootdisk"), config.attr("bootdiskif") or usual))
    for number, _, value in bhyve.numbered(config, "disk"):
        slot = 5 if number < 8 else 8
        found.append((slot, f"disk{number}", value, config.attr(f"diskif{number}") or usual))
    for slot, name, value, interface in found:
        _disk(made, slot=slot, name=name, value=value, interface=bhyve.DISK_INTERFACES[interface])


def _disk(made: Words, *, slot: int, name: str, value: str, interface: str) -> None:
    volume, *options = value.split(",")
    path = volume if volume.startswith("/") else f"/dev/zvol/rdsk/{volume}"
    facts = dict(option.partition("=")[::2] for option in options)
    # The file may be replaced (a rollback) or grow: it is opened by what it is, not by the device's name.
    place = os.path.realpath(made.file(path))
    read_only = {"readonly": "on"} if "ro" in facts else {}
    if interface == "ahci-cd":
        _cd(made, slot, name, place)
        return
    made.add(
        "-drive", "if=none", "detect-zeroes=unmap", id=name, format="raw", file=place, cache="unsafe", discard="unmap",
        file__locking="off", **read_only,
    )  # fmt: skip
    device: dict[str, object] = {"drive": name, "serial": facts.get("serial") or _serial(path), **made.boots(name)}
    if facts.get("sectorsize"):
        logical, _, physical = facts["sectorsize"].partition("/")
        device.update(logical_block_size=logical, physical_block_size=physical or logical)
    if interface == "ahci-hd":
        made.add("-device", "ahci", id=f"{name}-port", **made.at(slot))
        made.add("-device", "ide-hd", bus=f"{name}-port.0", **device)
    else:
        kind = "nvme" if interface == "nvme" else "virtio-blk-pci"
        made.add("-device", kind, id=f"{name}-device", **device, **made.at(slot))


def _serial(path: str) -> str:
    """Return the serial number that bhyve makes of a disk's path."""
    from hashlib import md5

    found = md5(path.encode(), usedforsecurity=False).hexdigest().upper()
    return f"BHYVE-{found[:4]}-{found[4:8]}-{found[8:12]}"


def _cards(made: Words, taps: list[str]) -> None:
    from labhost.zones.cloudinit import padded

    links = made.world.read("links").get("links", {})
    usual = bhyve.NET_INTERFACES[made.config.attr("netif") or "virtio-net-viona"]
    for number, net in enumerate(made.config.of("net")):
        if taps:
            made.add("-netdev", "tap", id=f"net{number}", ifname=taps[number], script="no", downscript="no")
        else:
            made.add("-netdev", "user", id=f"net{number}", restrict="on")
        device: dict[str, object] = {"netdev": f"net{number}"}
        mac = padded(links.get(net.get("physical"), {}).get("mac", ""))
        if mac:
            device["mac"] = mac
        place = made.boots(f"net{number}")
        if not place:
            device["romfile"] = ""
        slot = 6 if number < 8 else 12
        made.add("-device", _CARDS[_own(net) or usual], **device, **place, **made.at(slot))


def _own(net: Resource) -> str:
    """Return the interface that a net asks for by a property of its own."""
    return dict(item for item in net.items if len(item) == 2).get("netif", "")


def _screen(made: Words) -> None:
    facts = dict(part.partition("=")[::2] for part in made.config.attr("vnc").split(","))
    size = {}
    if facts.get("w", "").isdigit() and facts.get("h", "").isdigit():
        size = {"xres": facts["w"], "yres": facts["h"]}
    made.add("-device", "VGA", **size, **made.at(30))
    if bhyve.boolean(made.config, "xhci"):
        made.add("-device", "qemu-xhci", id="usb", **made.at(30))
        made.list += ["-device", "usb-tablet,bus=usb.0"]
    # Whoever looks is handed over one by one: a zone's path may be longer than a socket's address.
    made.add("-vnc", "none", **({"password": "on"} if "password" in facts else {}))
    if "wait" in facts:
        made.list.append("-S")

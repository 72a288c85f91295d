"""The bhyve brand's boot hook: attributes become `bhyve.cfg`.

It says no where the real hook says no, and foresees what bhyve itself will die of.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config

FIRMWARE = "/usr/share/bhyve/firmware"
BOOTROM = "BHYVE_RELEASE_CSM"
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
BOOLEANS = {
    "acpi": "on", "debug.persist": "off", "memreserve": "off", "priv.debug": "off", "rng": "off", "uefivars": "on",
    "xhci": "on",
}  # fmt: skip
DISK_INTERFACES = {
    "virtio": "virtio-blk", "virtio-blk": "virtio-blk", "nvme": "nvme", "ahci": "ahci-hd", "ahci-hd": "ahci-hd",
    "ahci-cd": "ahci-cd",
}  # fmt: skip
NET_INTERFACES = {
    "virtio": "virtio-net-viona", "virtio-net-viona": "virtio-net-viona", "virtio-net": "virtio-net",
    "e1000": "e1000",
}  # fmt: skip
HOST_BRIDGES = ("i440fx", "q35", "amd", "netapp", "intel", "none")
# type -> highest number of its numbered attributes
NUMBERED = {"disk": 15, "cdrom": 7, "virtfs": 7, "extra": 15}
OLD_FIRMWARE = {
    "BHYVE_RELEASE_RAM": "BHYVE_RELEASE", "BHYVE_RELEASE_CSM_RAM": "BHYVE_RELEASE_CSM",
    "BHYVE_DEBUG_RAM": "BHYVE_DEBUG", "BHYVE_DEBUG_CSM_RAM": "BHYVE_DEBUG_CSM",
}  # fmt: skip
MAX_VCPUS = 32
USAGE_STATUS, ERROR_STATUS = 64, 4


class HookError(Exception):
    """The boot hook ends with this line and the zone does not boot."""


class Plan:
    """A guest to start: the lines of bhyve.cfg, the volumes it holds open, and what it will die of, if anything."""

    __slots__ = ("doom", "lines", "serial", "vnc", "volumes")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.volumes: list[str] = []
        self.vnc = ""
        self.serial = ""  # path in the zone of the socket that stands in for its console
        self.doom: tuple[int, str] | None = None

    def set(self, key: str, value: object) -> None:
        """Set one of bhyve's configuration variables."""
        self.lines.append(f"{key}={value}")

    def dies(self, status: int, text: str) -> None:
        """Note what bhyve will say and exit with; the first reason is the one that counts."""
        if self.doom is None:
            self.doom = (status, text)


def boolean(config: Config, name: str) -> bool:
    """Return a boolean attribute. Raises HookError for any other word."""
    value = config.attr(name) or BOOLEANS[name]
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise HookError(f"Invalid value {value} for boolean variable {name}")


def vnc_socket(config: Config) -> str:
    """Return the path, in the zone, of the guest's VNC socket; empty without one."""
    value = config.attr("vnc", "off")
    if value.lower() in FALSE or not value:
        return ""
    for part in value.split(","):
        key, _, rest = part.partition("=")
        if key == "unix" and rest.startswith("/"):
            return rest
    return "/tmp/vm.vnc"


def is_uefi(config: Config) -> bool:
    """Tell whether a zone's firmware is UEFI; otherwise it is a BIOS."""
    return "_CSM" not in (config.attr("bootrom") or BOOTROM)


def cd_slot(config: Config) -> int:
    """Return the PCI slot of a zone's CDs."""
    # The CSM boots what comes first on the bus, and the boot disk has slot 4.
    return 7 if not is_uefi(config) and config.attr("bootorder").startswith("bootdisk") else 3


def numbered(config: Config, kind: str) -> list[tuple[int, str, str]]:
    """Return (number, attribute's name, value) of `kind` and `kindN`, by number. Raises HookError."""
    taken: dict[int, tuple[str, str]] = {}
    free: list[tuple[str, str]] = []
    most = NUMBERED[kind]
    for resource in config.of("attr"):
        name, value = resource.get("name"), resource.get("value")
        if name == kind:
            free.append((name, value))
            continue
        digits = name[len(kind) :]
        if not name.startswith(kind) or not digits.isdecimal():
            continue
        number = int(digits)
        if number > most:
            raise HookError(f"{kind}{number} slot out of range")
        if number in taken:
            raise HookError(f"{kind}{number} appears more than once in configuration")
        taken[number] = (name, value)
    for name, value in free:
        number = next((n for n in range(most + 1) if n not in taken), -1)
        if number < 0:
            raise HookError(f"{kind}: no more available slots")
        taken[number] = (name, value)
    return [(number, *taken[number]) for number in sorted(taken)]


def plan(world: World, config: Config, zone_path: str) -> Plan:
    """Return what the hook makes of a configuration. Raises HookError."""
    made = Plan()
    for name in BOOLEANS:
        boolean(config, name)
    windows = config.attr("type") == "windows"
    made.set("name", config.get("name"))
    uuid = identity(world, config, zone_path)
    made.set("uuid", uuid)
    made.set("system.serial_number", serial_number(config, uuid))
    _processor(made, config)
    _firmware(world, made, config)
    bridge = config.attr("hostbridge", "i440fx") or "i440fx"
    if bridge not in HOST_BRIDGES and not bridge.startswith("vendor="):
        raise HookError(f"Invalid hostbridge value {bridge}")
    made.set("pci.0.0.0.device", "hostbridge")
    made.set("pci.0.0.0.model", "netapp" if bridge == "intel" else bridge)
    made.set(f"pci.0.{31 if windows else 1}.0.device", "lpc")
    console = config.attr("console", "/dev/zconsole") or "/dev/zconsole"
    made.set("lpc.com1.path", console)
    if console.startswith("socket,"):
        made.serial = console.partition(",")[2]
    slot = cd_slot(config)
    for number, _, path in numbered(config, "cdrom"):
        made.set(f"pci.0.{slot}.{number}.device", "ahci-cd")
        made.set(f"pci.0.{slot}.{number}.path", path)
        if not any(fs.get("dir") == path for fs in config.of("fs")):
            _missing(made, path)
    _disks(world, made, config)
    _nets(made, config)
    _vga(world, made, config)
    for resource in config.of("attr"):
        name = resource.get("name")
        if name.startswith("ppt") and name[3:].isdecimal() and resource.get("value") not in FALSE:
            made.set(f"pci.0.9.{int(name[3:]) % 8}.device", "passthru")
            if not _given(config, f"/dev/{name}"):
                _missing(made, f"/dev/{name}")
    for number, _, value in numbered(config, "virtfs"):
        made.set(f"pci.0.11.{number}.device", "virtio-9p")
        made.set(f"pci.0.11.{number}.sharename", value.partition(",")[0])
    for number, name, value in numbered(config, "extra"):
        made.set(f"extra.{number}", f"{name} {value}")
    if boolean(config, "rng"):
        made.set("pci.0.10.0.device", "virtio-rnd")
    return made


def identity(world: World, config: Config, zone_path: str) -> str:
    """Return the guest's UUID: the attribute, else what createzone wrote down."""
    given = config.attr("uuid")
    if given:
        return given
    try:
        with open(world.host(f"{zone_path}/root/etc/uuid"), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        from labhost.zones.index import new_uuid

        return new_uuid()


def serial_number(config: Config, uuid: str) -> str:
    """Return the serial number of the machine, which also tells a guest where its cloud-init data is."""
    cloud = config.attr("cloud-init", "off") or "off"
    if cloud.lower() in FALSE:
        return uuid
    return f"ds=nocloud-net;s={cloud};i={uuid}" if cloud.startswith("http") else f"ds=nocloud;i={uuid}"


def _processor(made: Plan, config: Config) -> None:
    vcpus = config.attr("vcpus", "1") or "1"
    facts = {"sockets": 1, "cores": 1, "threads": 1}
    total, topology, good = 0, False, True
    for part in vcpus.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            key, value = "cpus", key
        if not value.isdecimal() or int(value) < 1 or key not in ("cpus", *facts):
            good = False
        elif key == "cpus":
            total = int(value)
        else:
            facts[key], topology = int(value), True
    if good and topology:
        product = facts["sockets"] * facts["cores"] * facts["threads"]
        good = total in (0, product)
        total = product
    if not good:
        made.dies(ERROR_STATUS, f'invalid cpu topology "{vcpus}"')
    elif total > MAX_VCPUS:
        made.dies(ERROR_STATUS, f"Specified number of vCPUs ({total}) exceeds the maximum of {MAX_VCPUS}")
    made.set("cpus", total or vcpus)
    ram = config.attr("ram", "1G") or "1G"
    number = ram[:-1] if ram[-1:].upper() in ("K", "M", "G", "T") else ram
    if not number.isdecimal() or int(number) == 0:
        made.dies(USAGE_STATUS, f"invalid memsize '{ram}'")
    made.set("memory.size", ram)
    if boolean(config, "memreserve"):
        made.set("memory.use_reservoir", "true")


def _firmware(world: World, made: Plan, config: Config) -> None:
    wanted = config.attr("bootrom") or BOOTROM
    name = OLD_FIRMWARE.get(wanted, wanted)
    path = name if name.startswith("/") else f"{FIRMWARE}/{name}"
    for candidate in (path, f"{path}.fd"):
        if os.path.isfile(world.host(candidate)):
            made.set("lpc.bootrom", candidate)
            break
    else:
        raise HookError(f"bootrom {wanted} not found.")
    if boolean(config, "uefivars") and "_CSM" not in name:
        made.set("lpc.bootvars", "/etc/uefivars")


def _disks(world: World, made: Plan, config: Config) -> None:
    usual = config.attr("diskif", "virtio-blk") or "virtio-blk"
    found = []
    boot = config.attr("bootdisk")
    if boot:
        found.append(("4.0", boot, config.attr("bootdiskif") or usual))
    for number, _, value in numbered(config, "disk"):
        slot = f"5.{number}" if number < 8 else f"8.{number - 8}"
        found.append((slot, value, config.attr(f"diskif{number}") or usual))
    for slot, value, interface in found:
        name = value.partition(",")[0]
        path = name if name.startswith("/") else f"/dev/zvol/rdsk/{name}"
        made.set(f"pci.0.{slot}.device", DISK_INTERFACES.get(interface, interface))
        made.set(f"pci.0.{slot}.path", path)
        if interface not in DISK_INTERFACES:
            made.dies(ERROR_STATUS, f"PCI device emulation for '{interface}' is not known")
        if not _given(config, path) or not os.path.exists(world.host(path)):
            _missing(made, path)
        elif path.startswith(("/dev/zvol/rdsk/", "/dev/zvol/dsk/")):
            made.volumes.append(path.partition("dsk/")[2])


def _given(config: Config, path: str) -> bool:
    """Tell whether a device is in the zone."""
    matches = [device.get("match") for device in config.of("device")]
    if path in matches or any(fs.get("dir") == path for fs in config.of("fs")):
        return True
    if any("*" in match or "?" in match or "[" in match for match in matches):
        from fnmatch import fnmatchcase

        return any(fnmatchcase(path, match) for match in matches)
    return False


def _missing(made: Plan, path: str) -> None:
    made.dies(
        ERROR_STATUS,
        f"Could not open backing file: {path}: No such file or directory\n"
        "Device emulation initialization error: No such file or directory",
    )


def _nets(made: Plan, config: Config) -> None:
    usual = config.attr("netif", "virtio-net-viona") or "virtio-net-viona"
    usual = NET_INTERFACES.get(usual, usual)
    for number, net in enumerate(config.of("net")):
        slot = f"6.{number}" if number < 8 else f"12.{number - 8}"
        given = dict(item for item in net.items if len(item) == 2)
        interface = given.pop("netif", usual)
        made.set(f"pci.0.{slot}.device", interface)
        made.set(f"pci.0.{slot}.vnic", net.get("physical"))
        for key, value in given.items():
            made.set(f"pci.0.{slot}.{key}", value)
        if interface not in NET_INTERFACES.values():
            made.dies(ERROR_STATUS, f"PCI device emulation for '{interface}' is not known")


def _vga(world: World, made: Plan, config: Config) -> None:
    vga = config.attr("vga", "off") or "off"
    if vga not in ("off", "on", "io"):
        raise HookError(f"Invalid value {vga} for vga")
    made.vnc = vnc_socket(config)
    if made.vnc:
        made.set("pci.0.30.0.device", "fbuf")
        made.set("pci.0.30.0.unix", made.vnc)
        made.set("pci.0.30.0.vga", vga)
        if boolean(config, "xhci"):
            made.set("pci.0.30.1.device", "xhci")
        for part in config.attr("vnc").split(","):
            if part.startswith("password="):
                made.set("pci.0.30.0.password", part[9:])
    cloud = config.attr("cloud-init", "off") or "off"
    if cloud.lower() not in FALSE and not cloud.startswith("http"):
        made.set("pci.0.29.0.device", "ahci-cd")
        made.set("pci.0.29.0.path", "/cloud-init.iso")
        made.set("pci.0.29.0.ro", "true")
    if cloud.startswith("/") and not os.path.isfile(world.host(cloud)):
        raise HookError(f"cloud-init file {cloud} not found.")

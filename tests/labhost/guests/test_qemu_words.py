"""What becomes of a zone's configuration as the command line of a QEMU machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.labhost.zones.conftest import Host

from labhost.guests import qemu_words
from labhost.world import World
from labhost.zones import configurations

DISK = "add device; set match=/dev/zvol/rdsk/{0}; end; "


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(World.create(str(tmp_path / "host"), guest="none"))
    made.ok("zfs", "create", "-p", "rpool/vms")
    firmware = tmp_path / "VARS.fd"
    firmware.write_bytes(b"variables")
    monkeypatch.setattr(qemu_words, "VARIABLES", str(firmware))
    return made


def line(host: Host, more: str = "", *, taps: list[str] | None = None, hardware: bool = False) -> str:
    """Return the command line of a zone that was configured so."""
    host.configure("web", more)
    config = configurations.load(host.world, "web")
    root = "/rpool/zones/web/root"
    for folder in ("etc", "tmp"):
        os.makedirs(host.world.host(f"{root}/{folder}"), exist_ok=True)
    return " ".join(qemu_words.words(host.world, config, root, taps or [], hardware=hardware))


def option(said: str, words: str) -> str:
    """Return the one option with these words in it."""
    found = [each for each in said.split(" -") if words in each]
    assert len(found) == 1, (words, said)
    return found[0]


def test_a_zone_without_attributes_is_what_bhyve_would_make_of_it(host: Host) -> None:
    """One processor, a gibibyte, a BIOS, no screen, the maker's name and the zone's identity."""
    said = line(host)
    assert option(said, "smp ") == "smp 1,sockets=1,cores=1,threads=1"
    assert option(said, "m 1G") == "m 1G"
    assert option(said, "machine ") == "machine pc,graphics=off,usb=off"
    assert "pflash" not in said
    assert "-device" not in said
    assert "manufacturer=OmniOS,product=OmniOS HVM" in said
    assert "-vnc" not in said


@pytest.mark.parametrize(
    ("vcpus", "smp"),
    [
        ("4", "4,sockets=4,cores=1,threads=1"),
        ("cpus=4", "4,sockets=4,cores=1,threads=1"),
        ("sockets=2,cores=3,threads=2", "12,sockets=2,cores=3,threads=2"),
        ("cpus=8,cores=4", "8,sockets=2,cores=4,threads=1"),
        ("8,sockets=1,cores=4,threads=2", "8,sockets=1,cores=4,threads=2"),
    ],
)
def test_processors_come_in_the_topology_that_is_asked_for(host: Host, vcpus: str, smp: str) -> None:
    """Sockets, cores and threads are those of the attribute; what is missing follows."""
    assert option(line(host, host.attrs(vcpus=vcpus)), "smp ") == f"smp {smp}"


@pytest.mark.parametrize(("ram", "said"), [("512", "512M"), ("512M", "512M"), ("2g", "2G"), ("1T", "1T")])
def test_memory_is_in_mebibytes_unless_said_otherwise(host: Host, ram: str, said: str) -> None:
    """A plain number counts mebibytes, as bhyve does."""
    assert f" -m {said} " in line(host, host.attrs(ram=ram))


def test_disks_are_in_the_slots_of_the_brand(host: Host) -> None:
    """Boot disk, further disks and CDs have their slots, kinds and serial numbers, and the order to start from."""
    more = ""
    for name in ("root", "data", "log", "more"):
        host.ok("zfs", "create", "-s", "-V", "1G", f"rpool/vms/{name}")
        more += DISK.format(f"rpool/vms/{name}")
    host.file("/iso/install.iso").write_bytes(b"iso")
    more += "add fs; set dir=/iso/install.iso; set special=/iso/install.iso; set type=lofs; end; "
    more += host.attrs(
        bootdisk="rpool/vms/root,serial=ROOT1", disk1="rpool/vms/data,ro,sectorsize=512/4096", disk3="rpool/vms/log",
        diskif3="nvme", disk8="rpool/vms/more", diskif8="ahci", cdrom="/iso/install.iso",
    )  # fmt: skip
    said = line(host, more)
    objset = host.world.read("zfs")["datasets"]["rpool/vms/root"]["objset"]
    assert f"id=bootdisk,format=raw,file={host.world.path}/volumes/{objset}," in option(said, "id=bootdisk,")
    boot = option(said, "drive=bootdisk")
    assert "virtio-blk-pci" in boot
    assert "serial=ROOT1,bootindex=0,bus=pci.0,addr=0x4.0x0" in boot
    data = option(said, "drive=disk1")
    assert "logical_block_size=512,physical_block_size=4096" in data
    assert "addr=0x5.0x0" in data, "a guest looks for the first function of a slot"
    assert re.search(r"serial=BHYVE-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}", data)
    assert "readonly=on" in option(said, "id=disk1,")
    log = option(said, "drive=disk3")
    assert log.startswith("device nvme,")
    assert "addr=0x5.0x1" in log
    assert "ahci,id=disk8-port,bus=pci.0,addr=0x8.0x0" in said
    assert "ide-hd,bus=disk8-port.0,drive=disk8" in said
    assert "ahci,id=cdrom0-port,bus=pci.0,addr=0x3.0x0" in said
    assert "ide-cd,bus=cdrom0-port.0,drive=cdrom0,bootindex=1" in said


def test_the_boot_order_is_the_order_of_the_devices(host: Host) -> None:
    """A CD and a card come first when they are asked for; only a card to start from carries code for that."""
    host.file("/iso/install.iso").write_bytes(b"iso")
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    more = "add fs; set dir=/iso/install.iso; set special=/iso/install.iso; set type=lofs; end; "
    more += "add net; set physical=web0; end; " + host.attrs(cdrom0="/iso/install.iso", bootorder="net0=pxe,cdrom")
    said = line(host, more)
    assert "bootindex=0" in option(said, "netdev=net0")
    assert "romfile" not in said
    assert "bootindex=1" in option(said, "drive=cdrom0")


@pytest.mark.parametrize(
    ("attributes", "slots"),
    [
        ({"bootorder": "bootdisk,cdrom0"}, ["0x7.0x0", "0x7.0x1"]),
        ({"bootorder": "bootdisk,cdrom0", "bootrom": "BHYVE_DEBUG_CSM"}, ["0x7.0x0", "0x7.0x1"]),
        ({"bootorder": "bootdisk,cdrom0", "bootrom": "BHYVE_RELEASE"}, ["0x3.0x0", "0x3.0x1"]),
        ({"bootorder": "cdrom0,bootdisk"}, ["0x3.0x0", "0x3.0x1"]),
        ({}, ["0x3.0x0", "0x3.0x1"]),
    ],
)
def test_a_bios_finds_cds_behind_the_boot_disk_when_that_comes_first(
    host: Host, attributes: dict[str, str], slots: list[str]
) -> None:
    """It starts from what is first on the bus: the brand moves the CDs for it, and for it alone."""
    more = ""
    for name in ("one", "two"):
        host.file(f"/iso/{name}.iso").write_bytes(b"iso")
        more += f"add fs; set dir=/iso/{name}.iso; set special=/iso/{name}.iso; set type=lofs; end; "
    said = line(host, more + host.attrs(cdrom0="/iso/one.iso", cdrom1="/iso/two.iso", **attributes))
    assert re.findall(r"id=cdrom\d-port,bus=pci\.0,addr=(\S+?),", said) == slots


def test_cards_have_the_mac_that_dladm_shows(host: Host) -> None:
    """Each net is a card on its tap, of the kind that is asked for, with two digits in each part of its MAC."""
    host.ok("dladm", "create-vnic", "-m", "2:8:20:a:b:c", "-l", "igb0", "web0")
    host.ok("dladm", "create-vnic", "-m", "2:8:20:a:b:d", "-l", "igb0", "web1")
    more = "add net; set physical=web0; end; add net; set physical=web1; add property (name=netif,value=e1000); end; "
    said = line(host, more, taps=["web0", "web1"])
    first, second = option(said, "netdev=net0"), option(said, "netdev=net1")
    assert "virtio-net-pci" in first
    assert "mac=02:08:20:0a:0b:0c,romfile=,bus=pci.0,addr=0x6.0x0" in first
    assert "device e1000" in second
    assert "addr=0x6.0x1" in second
    assert "tap,id=net0,ifname=web0,script=no,downscript=no" in said


def test_without_taps_a_card_leads_nowhere(host: Host) -> None:
    """A machine without the lab's networks gets one of its own, which is closed."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    assert "user,id=net0,restrict=on" in line(host, "add net; set physical=web0; end; ")


def test_uefi_keeps_its_variables_in_the_zone(host: Host) -> None:
    """The variables are a file of the zone, begun as the firmware's; unless they are to be forgotten."""
    said = line(host, host.attrs(bootrom="BHYVE_RELEASE", hostbridge="q35"))
    kept = host.file("/rpool/zones/web/root/etc/uefivars")
    assert kept.read_bytes() == b"variables"
    assert f"file={kept}" in said
    assert "snapshot" not in said
    assert option(said, "machine ") == "machine q35,graphics=off,usb=off"
    kept.write_bytes(b"variableX")
    config = configurations.load(host.world, "web")
    qemu_words.words(host.world, config, "/rpool/zones/web/root", [], hardware=False)
    assert kept.read_bytes() == b"variableX"


def test_variables_that_are_switched_off_are_forgotten(host: Host) -> None:
    """What the guest writes into them is gone with the machine."""
    said = line(host, host.attrs(bootrom="BHYVE_RELEASE", uefivars="off"))
    assert "snapshot=on" in option(said, "unit=1")


def test_a_screen_has_its_size_and_its_tablet(host: Host) -> None:
    """Screen and tablet share a slot; without xhci there is no tablet; who waits for somebody stands still."""
    said = line(host, host.attrs(vnc="unix=/tmp/vm.vnc,w=1024,h=768,password=secret,wait"))
    assert "VGA,xres=1024,yres=768,bus=pci.0,addr=0x1e.0x0" in said
    assert "qemu-xhci,id=usb,bus=pci.0,addr=0x1e.0x1" in said
    assert "-vnc none,password=on" in said
    assert "secret" not in said
    assert said.endswith(" -S")


def test_a_screen_without_xhci_has_no_tablet(host: Host) -> None:
    """The attribute xhci switches it off."""
    assert "xhci" not in line(host, host.attrs(vnc="on", xhci="off"))


def test_random_numbers_and_shared_folders_are_devices(host: Host) -> None:
    """Both are where the brand puts them."""
    os.makedirs(host.world.host("/export/src"))
    more = "add fs; set dir=/src; set special=/export/src; set type=lofs; end; "
    said = line(host, more + host.attrs(rng="on", virtfs0="sources,/src,ro"))
    assert "virtio-rng-pci,bus=pci.0,addr=0xa.0x0" in said
    assert f"path={host.world.host('/export/src')},security_model=mapped-xattr,readonly=on" in said
    assert "mount_tag=sources,bus=pci.0,addr=0xb.0x0" in said


def test_commas_in_names_are_no_separators(tmp_path: Path) -> None:
    """A folder with a comma in its name is still one file."""
    made = Host(World.create(str(tmp_path / "a,b"), guest="none"))
    made.ok("zfs", "create", "-s", "-V", "1G", "rpool/root")
    said = line(made, DISK.format("rpool/root") + made.attrs(bootdisk="rpool/root"))
    assert f"file={str(tmp_path).replace(',', ',,')}/a,,b/volumes/" in said


def test_the_processor_is_used_where_it_can_be(host: Host) -> None:
    """With hardware virtualisation the guest has the machine's processor, without it a plain one."""
    assert "-accel kvm -cpu host" in line(host, hardware=True)

"""Zones whose guests are QEMU machines: firmware, a disk to boot from, devices, and what goes wrong.

A machine without a processor of its own takes half a minute to its login: two are booted, side by side, for all tests
that look at one from inside, one for each firmware. The others have no disk, and stop where the firmware does.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.labhost.guests.conftest import Person
from tests.labhost.guests.machines import STUB, TEMPLATE, clean, does, key_pair, left_behind, log_in
from tests.labhost.guests.virtual import NOTHING, SECONDS, Virtual, founded, leased, missing, until

from labhost import processes
from labhost.ending import end
from labhost.guests import qemu_words
from labhost.zones.cloudinit import padded
from labhost.zones.iso import image

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=f"no machines: {missing()}")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Virtual]:
    host = founded(tmp_path_factory.mktemp("virtual") / "host")
    try:
        host.furnish()
        yield host
    finally:
        host.leave()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Virtual]:
    """Return a lab of one test's own, without a template."""
    made = founded(tmp_path / "host")
    try:
        yield made
    finally:
        made.leave()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the private half of a key."""
    return key_pair(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def both(lab: Virtual, key: Path) -> tuple[Person, Person]:
    """Return people logged in to two machines that were booted side by side."""
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(_bios, lab), pool.submit(_uefi, lab, key.with_suffix(".pub").read_text().strip())]
        return made[0].result(), made[1].result()


@pytest.fixture(scope="module")
def bios(both: tuple[Person, Person]) -> Person:
    """Return somebody logged in to a machine with a BIOS, further disks of several kinds and a CD."""
    return both[0]


@pytest.fixture(scope="module")
def uefi(both: tuple[Person, Person]) -> Person:
    """Return somebody logged in to a machine with UEFI, a screen, other devices, and cloud-init's disc."""
    return both[1]


def _bios(lab: Virtual) -> Person:
    more = lab.volume("rpool/vms/data", "1G") + lab.volume("rpool/vms/log", "2G") + lab.volume("rpool/vms/old", "3G")
    lab.file("/iso/tools.iso").write_bytes(image("TOOLS", {"hello.txt": b"hello from the disc\n"}))
    more += "add fs; set dir=/iso/tools.iso; set special=/iso/tools.iso; set type=lofs; end; "
    more += lab.attrs(
        ram="512M", vcpus="cpus=2,sockets=1,cores=2", disk0="rpool/vms/data,serial=DATA1", disk1="rpool/vms/log",
        diskif1="nvme", disk2="rpool/vms/old", diskif2="ahci", cdrom="/iso/tools.iso",
    )  # fmt: skip
    lab.machine("bios", more=more)
    return lab.at_shell("bios")


def _uefi(lab: Virtual, key: str) -> Person:
    lab.ok("zfs", "clone", f"{TEMPLATE}@ready", "rpool/vms/cloud")
    net = (
        f"add net; set physical=cloud0; set global-nic={STUB}; "
        "set allowed-address=10.190.190.20/24; set defrouter=10.190.190.1; end; "
    )
    disk = "add device; set match=/dev/zvol/rdsk/rpool/vms/cloud; end; "
    attrs = lab.attrs(
        ram="512M", vcpus="2", bootrom="BHYVE_RELEASE", bootdisk="rpool/vms/cloud", vnc="on", hostbridge="q35",
        acpi="on", xhci="on", rng="on", netif="e1000", cloud_init="on", password="Another1@", sshkey=key,
        dns_domain="example.com", resolvers="10.190.190.1",
    )  # fmt: skip
    lab.installed("cloud", net + disk + attrs)
    person = lab.boot("cloud")
    person.read_to("finished at")  # cloud-init's last word: from now on the password is the zone's
    person.type("\r")
    person.read_to("login: ")
    log_in(person, "Another1@")
    return person


# -- a BIOS, from inside


def test_a_clone_of_the_template_boots_by_a_bios(lab: Virtual, bios: Person) -> None:
    """A whole system with the processors and the memory of the zone, and nothing of it has failed."""
    assert lab.state("bios") == "running"
    assert does(bios, "test ! -e /sys/firmware/efi && cat /sys/class/dmi/id/product_name") == "OmniOS HVM\n"
    assert does(bios, "nproc") == "2\n"
    assert "Core(s) per socket:" in (cores := does(bios, "lscpu | grep 'Core(s)'"))
    assert cores.split()[-1] == "2"
    assert 400_000 < int(does(bios, "grep MemTotal /proc/meminfo").split()[1]) < 512 * 1024
    assert does(bios, "sudo -n id -u") == "0\n"
    does(bios, "systemctl is-system-running --wait >/dev/null; systemctl --no-pager --plain --no-legend --failed")
    assert does(bios, "systemctl --no-pager --plain --no-legend --failed | wc -l") == "0\n"


def test_further_disks_and_a_cd_are_seen(bios: Person) -> None:
    """lsblk shows the size and the kind of each, the serial number that was given, and the disc can be read."""
    rows = [line.split() for line in does(bios, "lsblk -dbno NAME,SIZE,TYPE").splitlines()]
    found = {name: (int(size), kind) for name, size, kind in rows}
    gibibyte = 1 << 30
    assert found["vda"] == (8 * gibibyte, "disk")
    assert found["vdb"] == (1 * gibibyte, "disk")
    assert found["nvme0n1"] == (2 * gibibyte, "disk")
    assert found["sda"] == (3 * gibibyte, "disk")
    assert found["sr0"][1] == "rom"
    assert does(bios, "lsblk -dno SERIAL /dev/vdb") == "DATA1\n"
    assert (
        does(bios, "sudo mount -r /dev/sr0 /mnt && cat /mnt/hello.txt && sudo umount /mnt") == "hello from the disc\n"
    )


def test_what_is_written_to_a_disk_is_in_its_volume(lab: Virtual, bios: Person) -> None:
    """The host's file of a volume has what the guest wrote, and a clone of it begins with that."""
    does(bios, "echo written by the guest | sudo dd of=/dev/vdb conv=fsync status=none")
    assert lab.place("rpool/vms/data").read_bytes().startswith(b"written by the guest\n")
    lab.ok("zfs", "snapshot", "rpool/vms/data@now")
    does(bios, "echo overwritten since then | sudo dd of=/dev/vdb conv=fsync status=none")
    lab.ok("zfs", "clone", "rpool/vms/data@now", "rpool/vms/copy")
    assert lab.place("rpool/vms/copy").read_bytes().startswith(b"written by the guest\n")


def test_a_volume_that_grows_grows_in_the_guest(lab: Virtual, bios: Person) -> None:
    """A new volsize is noticed while the machine runs."""
    lab.ok("zfs", "set", "volsize=4G", "rpool/vms/data")
    does(bios, f"until [ $(lsblk -dbno SIZE /dev/vdb) = {4 << 30} ]; do :; done")


def test_a_card_gets_its_address_from_the_hosts_server(lab: Virtual, bios: Person) -> None:
    """The template asks for a lease; the card's MAC is the VNIC's, in the guest, in dladm and in the server's book."""
    mac = padded(lab.ok("dladm", "show-vnic", "-p", "-o", "macaddress", "bios0").strip())
    assert does(bios, "cat /sys/class/net/eth0/address").strip() == mac
    address = leased(bios)
    assert f"hardware ethernet {mac}" in lab.file("/var/db/dhcpd.leases").read_text()
    assert lab.banner(address).startswith("SSH-2.0-OpenSSH")


def test_zones_on_one_etherstub_reach_each_other(bios: Person, uefi: Person) -> None:
    """Each finds the other by its address."""
    does(bios, "ping -c 1 -W 20 10.190.190.20")
    does(uefi, f"ping -c 1 -W 20 {leased(bios)}")


def test_a_reboot_from_inside_keeps_what_the_zone_was_booted_with(lab: Virtual, bios: Person) -> None:
    """A changed configuration waits for the next boot of the zone; the power button ends the machine."""
    zoneid = lab.row("bios")[0]
    lab.ok("zonecfg", "-z", "bios", "select attr name=vcpus; set value=1; end")
    bios.type("sudo reboot\r")
    bios.read_to("login: ")
    log_in(bios)
    assert does(bios, "nproc") == "2\n"
    assert (lab.row("bios")[0], lab.state("bios")) == (zoneid, "running")
    lab.ok("zoneadm", "-z", "bios", "shutdown")
    assert (lab.state("bios"), lab.status("bios")) == ("installed", "1")
    bios.read_to("[NOTICE: Zone halted]")
    assert "bios0" not in lab.inside("ip", "-br", "link").stdout


# -- UEFI, from inside


def test_a_clone_of_the_template_boots_by_uefi(lab: Virtual, uefi: Person) -> None:
    """The firmware is UEFI, and its variables are kept in the zone."""
    does(uefi, "test -d /sys/firmware/efi")
    kept = lab.file("/rpool/zones/cloud/root/etc/uefivars")
    assert kept.stat().st_size == os.stat(qemu_words.VARIABLES).st_size
    assert kept.read_bytes() != Path(qemu_words.VARIABLES).read_bytes()


def test_devices_are_those_that_were_asked_for(uefi: Person) -> None:
    """Host bridge, card, random numbers and tablet are of the kind that the zone's attributes name."""
    assert does(uefi, "cat /sys/bus/pci/devices/0000:00:00.0/device") == "0x29c0\n", "a q35"
    assert does(uefi, "basename $(readlink /sys/class/net/cloud0/device/driver)") == "e1000\n"
    assert "virtio_rng" in does(uefi, "cat /sys/class/misc/hw_random/rng_available")
    assert "QEMU USB Tablet" in does(uefi, "cat /sys/bus/usb/devices/*/product")
    assert "LNXPWRBN" in does(uefi, "cat /sys/bus/acpi/devices/*/hid"), "a power button"


def test_cloud_init_does_what_the_zone_says(lab: Virtual, uefi: Person) -> None:
    """The guest has the zone's name, identity, address and resolver; the password it was logged in with is its own."""
    assert does(uefi, "hostname") == "cloud\n"
    uuid = lab.file("/rpool/zones/cloud/root/etc/uuid").read_text().strip()
    assert does(uefi, "sudo cat /var/lib/cloud/data/instance-id") == f"{uuid}\n"
    assert "10.190.190.20/24" in does(uefi, "ip -br -4 address show cloud0")
    assert "default via 10.190.190.1" in does(uefi, "ip route")
    said = does(uefi, "cat /run/systemd/resolve/resolv.conf")
    assert "nameserver 10.190.190.1" in said
    assert "search example.com" in said


def test_the_zones_key_opens_the_guest(lab: Virtual, uefi: Person, key: Path) -> None:
    """Whoever has the key logs in by SSH over the lab's own network, at the address that cloud-init gave."""
    said = lab.ssh(key, "10.190.190.20", "sudo -n cat /etc/hostname", patience=SECONDS)
    assert (said.returncode, said.stdout) == (0, "cloud\n"), said.stderr


def test_a_screen_shows_pictures(lab: Virtual, uefi: Person) -> None:
    """The zone's VNC socket speaks the protocol, to two at a time, and sends a picture that is not all dark."""
    place = lab.file("/rpool/zones/cloud/root/tmp/vm.vnc")
    with connected(place) as one, connected(place) as other:
        pictures = [picture(one), picture(other)]
    for width, height, pixels in pictures:
        assert len(pixels) == width * height * 4
        assert any(pixels)


def connected(place: Path) -> socket.socket:
    """Return a connection to a socket, as soon as somebody listens; its path may be longer than an address can be."""
    deadline = time.monotonic() + SECONDS
    while True:
        folder = os.open(place.parent, os.O_RDONLY)
        viewer = socket.socket(socket.AF_UNIX)
        viewer.settimeout(60)
        try:
            viewer.connect(f"/proc/self/fd/{folder}/{place.name}")
        except OSError as problem:
            viewer.close()
            assert time.monotonic() < deadline, f"{place}: {problem}"
            time.sleep(0.05)
        else:
            return viewer
        finally:
            os.close(folder)


def left(place: Path) -> None:
    """Leave a socket behind that nobody listens to."""
    folder = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{place.name}")
    os.close(folder)


def picture(viewer: socket.socket) -> tuple[int, int, bytes]:
    """Return width, height and pixels of the screen, as RFC 6143 brings them."""

    def take(size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = viewer.recv(size - len(data))
            assert piece, "the end"
            data += piece
        return data

    assert take(12) == b"RFB 003.008\n"
    viewer.sendall(b"RFB 003.008\n")
    assert 1 in take(take(1)[0])
    viewer.sendall(b"\x01")
    assert take(4) == bytes(4)
    viewer.sendall(b"\x01")
    width, height = struct.unpack(">HH", take(20)[:4])
    take(struct.unpack(">I", take(4))[0])
    viewer.sendall(struct.pack(">BxHi", 2, 1, 0))  # raw pixels
    viewer.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    pixels = bytearray(width * height * 4)
    _, count = struct.unpack(">BxH", take(4))
    for _ in range(count):
        x, y, wide, high, kind = struct.unpack(">HHHHi", take(12))
        assert kind == 0
        for row in range(high):
            at = ((y + row) * width + x) * 4
            pixels[at : at + wide * 4] = take(wide * 4)
    return width, height, bytes(pixels)


def test_a_guest_that_panics_is_still_a_machine(lab: Virtual, uefi: Person) -> None:
    """Its last words are on the console and the zone runs on, as with bhyve; a forced power-off ends it at once."""
    uefi.type("echo c | sudo tee /proc/sysrq-trigger\r")
    uefi.read_to("Kernel panic")
    assert lab.state("cloud") == "running"
    lab.ok("bhyvectl", "--vm=cloud", "--force-poweroff")
    lab.becomes("cloud", "installed")
    assert lab.status("cloud") == "1"
    assert not lab.file("/rpool/zones/cloud/root/tmp/vm.vnc").exists()


# -- without a disk


def test_a_zone_without_a_disk_waits_in_its_firmware(host: Virtual) -> None:
    """It runs, hears no power button, can be reset in place and switched off."""
    host.installed("bare", host.attrs(ram="64M"))
    person = host.waits()
    machine = host.machine_of("bare")
    host.ok("bhyvectl", "--vm=bare", "--force-reset")
    person.read_to(NOTHING)
    assert host.machine_of("bare") == machine
    host.ok("bhyvectl", "--vm=bare", "--force-poweroff")
    host.becomes("bare", "installed")
    assert not processes.is_alive(machine)


def test_a_halt_that_is_not_heard_ends_when_the_patience_does(host: Virtual) -> None:
    """The machine is asked, waited for as the brand does by the lab's clock, and taken away."""
    host.world.configure(time_scale=0.0005)
    host.installed("bare", host.attrs(ram="64M"))
    host.waits()
    machine = host.machine_of("bare")
    host.ok("zoneadm", "-z", "bare", "halt")
    assert host.state("bare") == "installed"
    assert not processes.is_alive(machine)


def test_a_uefi_zone_without_a_disk_comes_to_its_shell(host: Virtual) -> None:
    """The firmware opens its shell on the console, takes what is typed, and turns the machine off and so the zone."""
    host.installed("bare", host.attrs(ram="256M", bootrom="BHYVE_RELEASE"))
    person = host.sit_down("bare")
    host.ok("zoneadm", "-z", "bare", "boot")
    person.read_to("Shell> ")
    person.type("ver\r")
    person.read_to("UEFI")
    person.read_to("Shell> ")
    person.type("reset -s\r")
    host.becomes("bare", "installed")
    assert host.status("bare") == "1"


def test_a_screen_may_ask_for_a_password_and_for_somebody(host: Virtual) -> None:
    """A machine that waits for a viewer starts with the first one, who is asked for the password."""
    # A BIOS that has a screen is silent on the console.
    host.installed("bare", host.attrs(ram="256M", bootrom="BHYVE_RELEASE", vnc="unix=/tmp/my.vnc,password=secret,wait"))
    person = host.sit_down("bare")
    host.ok("zoneadm", "-z", "bare", "boot")
    place = host.file("/rpool/zones/bare/root/tmp/my.vnc")
    with connected(place) as viewer:
        assert viewer.recv(12) == b"RFB 003.008\n"
        viewer.sendall(b"RFB 003.008\n")
        assert viewer.recv(2) == b"\x01\x02", "a password, and nothing else"
        person.read_to("UEFI")


def test_a_machine_that_is_killed_is_a_crash(host: Virtual) -> None:
    """The zone is installed again, the log names the signal, the tap is gone, and it boots again."""
    host.installed("bare", f"add net; set physical=bare0; set global-nic=igb0; end; {host.attrs(ram='64M')}")
    person = host.waits()
    assert "bare0" in host.inside("ip", "-br", "link").stdout
    os.kill(host.machine_of("bare"), signal.SIGKILL)
    host.becomes("bare", "installed")
    assert host.status("bare") == "4"
    assert "was ended by signal 9" in host.log("bare")
    assert "bare0" not in host.inside("ip", "-br", "link").stdout
    host.ok("zoneadm", "-z", "bare", "boot")
    person.read_to(NOTHING)


def test_a_machine_does_not_outlive_its_process(host: Virtual) -> None:
    """Killing the process that stands for bhyve ends the machine; the zone is installed and boots again."""
    host.installed("bare", host.attrs(ram="64M"))
    person = host.waits()
    machine = host.machine_of("bare")
    os.kill(host.world.read("zones")["zones"]["bare"]["pid"], signal.SIGKILL)
    until(lambda: not processes.is_alive(machine), lambda: f"{machine} still runs")
    host.becomes("bare", "installed")
    host.ok("zoneadm", "-z", "bare", "boot")
    person.read_to(NOTHING)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, f"{qemu_words.PROGRAM}: No such file or directory"),
        ("echo 'could not set up its devices' >&2; exit 1", "could not set up its devices"),
    ],
)
def test_a_machine_that_does_not_start_says_why(host: Virtual, tmp_path: Path, script: str | None, words: str) -> None:
    """Without QEMU, or with one that fails, the zone ends as after an error of bhyve; repaired, it boots."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if script is not None:
        program = folder / qemu_words.PROGRAM
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    host.installed("bare", host.attrs(ram="64M"))
    argv = [host.command("zoneadm"), "-z", "bare", "boot"]
    subprocess.run(argv, env={"PATH": str(folder), "ZONEWEAVER_LAB_PROGRAMS": str(folder)}, check=True, timeout=60)
    host.becomes("bare", "installed")
    assert host.status("bare") == "4"
    assert words in host.log("bare")
    host.waits()


def test_more_memory_than_there_can_be_is_an_error(host: Virtual) -> None:
    """The machine says so; with less memory the zone boots."""
    host.installed("bare", host.attrs(ram="200T"))
    host.ends("bare", "memory")
    host.ok("zonecfg", "-z", "bare", "select attr name=ram; set value=64M; end")
    host.waits()


def test_a_disk_whose_file_is_gone_is_said(host: Virtual) -> None:
    """The zone ends with the words of bhyve; with the file back it boots."""
    disk = host.volume("rpool/disk")
    host.installed("bare", disk + host.attrs(ram="64M", bootdisk="rpool/disk"))
    place = host.place("rpool/disk")
    place.rename(f"{place}.away")
    host.ends("bare", "Could not open backing file")
    os.rename(f"{place}.away", place)
    host.waits()


def test_places_that_are_taken(host: Virtual) -> None:
    """A socket that somebody left is replaced, as are devices named like a card or its bridge; a folder is not, as is said."""
    net = "add net; set physical=bare0; set global-nic=igb0; end; "
    host.installed("bare", net + host.attrs(ram="64M", vnc="on"))
    place = host.file("/rpool/zones/bare/root/tmp/vm.vnc")
    place.mkdir(parents=True)
    host.ends("bare", "Is a directory")
    assert "bare0" not in host.inside("ip", "-br", "link").stdout
    place.rmdir()
    left(place)
    assert host.inside("ip", "link", "del", "igb0").returncode == 0
    for name, stray in (("bare0", "stray0"), ("igb0", "stray1")):
        assert host.inside("ip", "link", "add", name, "type", "veth", "peer", "name", stray).returncode == 0
    host.ok("zoneadm", "-z", "bare", "boot")
    with connected(place) as viewer:
        assert viewer.recv(12) == b"RFB 003.008\n"
    assert host.state("bare") == "running"
    assert "stray" not in host.inside("ip", "-br", "link").stdout
    assert "master igb0" in host.inside("ip", "link", "show", "dev", "bare0").stdout


def test_nothing_is_left_of_a_lab_that_was_ended(host: Virtual) -> None:
    """No namespace, device or process."""
    host.installed("bare", f"add net; set physical=bare0; set global-nic=igb0; end; {host.attrs(ram='64M')}")
    host.waits()
    machine = host.machine_of("bare")
    end(host.world)
    assert clean(host), left_behind(host)
    assert not processes.is_alive(machine)


def test_a_machine_whose_lab_is_deleted_goes_with_it(host: Virtual) -> None:
    """Whoever removes the folder has removed the lab, with its networks and machines."""
    host.installed("bare", f"add net; set physical=bare0; set global-nic=igb0; end; {host.attrs(ram='64M')}")
    host.waits()
    machine = host.machine_of("bare")
    shutil.rmtree(host.world.path)
    until(lambda: not processes.is_alive(machine), lambda: f"{machine} still runs")
    assert clean(host), left_behind(host)

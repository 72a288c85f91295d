"""A lab whose guests are QEMU machines, and somebody with the patience for them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.labhost.guests.conftest import Person
from tests.labhost.guests.machines import GATEWAY, STUB, Machines, does

from labhost.guests import qemu
from labhost.templates import recipe
from labhost.templates.cache import Template
from labhost.templates.placing import put
from labhost.world import World
from labhost.zfs import contents

SECONDS = 240  # to a login, on a machine that has much else to do
NOTHING = "No bootable device"


def missing() -> str:
    """Return why these tests cannot be run here; empty when they can."""
    return qemu.why_not() or ("" if Template(recipe.NAME).has_disk else "no Debian is built here")


class Operator(Person):
    """Someone with the patience that an emulated processor asks for."""

    patience = SECONDS


class Virtual(Machines):
    """A lab whose guests are QEMU machines."""

    __slots__ = ()

    def furnish(self) -> None:
        put(self.world, Template(recipe.NAME))
        self.ok("zfs", "create", "-p", "rpool/vms")
        self.ok("dladm", "create-etherstub", STUB)
        self.ok("dladm", "create-vnic", "-l", STUB, GATEWAY)
        self.ok("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.1/24", f"{GATEWAY}/v4")
        self.file("/etc/dhcpd.conf").write_text(
            "default-lease-time 3600;\nping-check false;\nauthoritative;\n"
            "subnet 10.190.190.0 netmask 255.255.255.0 {\n"
            "  option routers 10.190.190.1;\n  range 10.190.190.100 10.190.190.110;\n}\n"
        )
        self.ok("svcadm", "enable", "-s", "dhcp:ipv4")

    def sit_down(self, zone: str) -> Person:
        person = Operator(self, zone)
        self.people.append(person)
        person.read_to("console]")
        return person

    def volume(self, name: str, size: str = "1G") -> str:
        """Make an empty volume and return what gives it to a zone."""
        self.ok("zfs", "create", "-s", "-V", size, name)
        return f"add device; set match=/dev/zvol/rdsk/{name}; end; "

    def place(self, name: str) -> Path:
        """Return the file of a volume."""
        return Path(contents.place(self.world, self.world.read("zfs")["datasets"][name]["objset"]))

    def log(self, zone: str) -> str:
        place = self.file(f"/rpool/zones/{zone}/root/tmp/init.log")
        return place.read_text() if place.exists() else "no init.log"

    def status(self, zone: str) -> str:
        return self.file(f"/rpool/zones/{zone}/lastexited").read_text().split()[-1]

    def becomes(self, zone: str, state: str) -> None:
        until(lambda: self.state(zone) == state, lambda: f"{zone} is {self.state(zone)}: {self.log(zone)}")

    def waits(self, zone: str = "bare") -> Person:
        """Boot a zone without anything to start from, in front of somebody."""
        person = self.sit_down(zone)
        self.ok("zoneadm", "-z", zone, "boot")
        person.read_to(NOTHING)
        return person

    def ends(self, zone: str, words: str) -> None:
        """Boot a zone that cannot start, and see that it ends as after an error of bhyve, with these words."""
        self.ok("zoneadm", "-z", zone, "boot")
        self.becomes(zone, "installed")
        assert self.status(zone) == "4"
        assert words in self.log(zone)

    def machine_of(self, zone: str) -> int:
        """Return the process of a zone's QEMU."""
        guest = self.world.read("zones")["zones"][zone]["pid"]
        children = Path(f"/proc/{guest}/task/{guest}/children")
        until(lambda: children.read_text().split(), lambda: f"{guest} has no child")
        return int(children.read_text().split()[0])


def until(state: Callable[[], object], seen: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not state():
        assert time.monotonic() < deadline, seen()
        time.sleep(0.02)


def founded(folder: Path, *, reach: bool = False) -> Virtual:
    return Virtual(World.create(str(folder), guest="qemu", reach=reach))


def leased(person: Person) -> str:
    """Return the address that a guest got, as soon as it has it."""
    shown = does(person, "until ip -br -4 address show eth0 | grep -F 10.190.190.1; do sleep 1; done")
    found = re.search(r"10\.190\.190\.1[01]\d(?=/24)", shown)
    assert found is not None, shown
    return found[0]

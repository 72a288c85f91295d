"""How a new lab host comes to be: its folders, its first state and its commands."""

from __future__ import annotations

import os
import sys

from labhost.guests import kinds
from labhost.net import addresses
from labhost.smf import methods, services
from labhost.world import TEBIBYTE, World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDERS = (
    "bin", "faults", "state", "volumes", "root/etc/zones", "root/var/run/zones", "root/iso", "root/dev/zvol/dsk",
    "root/dev/zvol/rdsk", "root/tmp", "root/usr/share/bhyve/firmware", "root/etc/opt", "root/var/opt", "root/var/log",
    "root/etc/ipf", "root/var/db",
)  # fmt: skip
FIRMWARE = (
    "BHYVE", "BHYVE_CSM", "BHYVE_DEBUG", "BHYVE_DEBUG_CSM", "BHYVE_RELEASE", "BHYVE_RELEASE_CSM", "BHYVE_VARS",
)  # fmt: skip
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE zone PUBLIC "-//Sun Microsystems Inc//DTD Zones//EN" "file:///usr/share/lib/xml/dtd/zonecfg.dtd.1">\n'
)
TEMPLATES = {
    "SUNWblank.xml": '<zone name="blank" zonepath="" autoboot="false" brand="" ip-type="exclusive"/>\n',
    "SUNWdefault.xml": '<zone name="default" zonepath="" autoboot="false" brand="lipkg" ip-type="exclusive"/>\n',
    "OMNIbhyve.xml": '<zone name="bhyve" zonepath="" autoboot="false" brand="bhyve" ip-type="exclusive"/>\n',
}


def _place(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file that a world begins with, unless it is there."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return
    with open(number, "w", encoding="utf-8") as file:
        file.write(text)


PROGRAMS = ("env", "rsync", "ansible-playbook", "ansible-galaxy")


def commands() -> list[str]:
    """Return the names of the commands that the host has, one per module in `labhost.commands`."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "commands")
    names = [name[:-3] for name in os.listdir(here) if name.endswith(".py") and not name.startswith("__")]
    return sorted(name.replace("_", "-") for name in names)


def _shims(path: str) -> None:
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = os.path.realpath(sys.executable)
    for name in commands():
        place = f"{path}/bin/{name}"
        passing = f"{place}.{os.getpid()}"
        with open(passing, "w", encoding="utf-8") as file:
            file.write(
                f"#!{python} -IS\nimport sys\nsys.path.insert(0, {source!r})\n"
                f"from labhost.shim import main\nmain({name!r}, {path!r})\n"
            )
        os.chmod(passing, 0o755)
        os.rename(passing, place)


def _programs(path: str) -> None:
    """Put the programs that the host has besides its own commands beside these, as far as this machine has them."""
    from shutil import which

    from labhost import machine

    beside = os.path.dirname(sys.executable)
    for name in PROGRAMS:
        place, found = f"{path}/bin/{name}", which(name, path=beside) or machine.find(name)
        if found is None or (os.path.islink(place) and os.readlink(place) == found):
            continue
        passing = f"{place}.{os.getpid()}"
        os.symlink(found, passing)
        os.rename(passing, place)


def _card(number: int) -> dict[str, Any]:
    card: dict[str, Any] = {
        "class": "phys",
        "over": "",
        "mac": f"0:c:29:3a:5b:{0x7C + number:x}",
        "vid": 0,
        "mtu": 1500,
    }
    card.update(
        temporary=False, state="up", speed=1000, duplex="full", media="Ethernet", device=f"igb{number}", props={}
    )
    return card


def _networks(world: World) -> None:
    """Give the host its cards, as many as the setting `cards` says; the first one is in use."""
    with world.lock("links"):
        if not world.read("links"):
            count = int(world.setting("cards", 1))
            world.write("links", {"links": {f"igb{number}": _card(number) for number in range(count)}})
    addresses.begin(world)
    services.begin(world)
    methods.begin(world)


def found(path: str, settings: dict[str, object]) -> World:
    """Make or complete the world at a folder and return it."""
    path = os.path.abspath(path)
    for folder in FOLDERS:
        os.makedirs(f"{path}/{folder}", exist_ok=True)
    world = World(path)
    if settings:
        world.configure(**settings)
    for name, text in TEMPLATES.items():
        _place(f"{path}/root/etc/zones/{name}", _HEAD + text)
    _place(f"{path}/root/etc/zones/index", "global:installed:/:\n")
    for name in FIRMWARE:
        _place(f"{path}/root/usr/share/bhyve/firmware/{name}.fd", f"{name}\n")
    _place(f"{path}/root/var/db/dhcpd.leases", "")
    _networks(world)
    with world.lock("zfs"):
        state = world.read("zfs")
        if not state:
            from labhost.zfs.datasets import Datasets

            datasets = Datasets(state, world)
            datasets.create_pool("rpool", int(world.setting("pool_size", TEBIBYTE)))
            datasets.create_filesystem("rpool/zones")
            world.write("zfs", state)
    _shims(path)
    _programs(path)
    if kinds.are_real(world) and os.geteuid() == 0:
        from labhost.net import real

        real.sweep()
        real.realise(world, anyhow=True)
        methods.resume(world)
    return world

"""The images and datasets that the examples of the documentation name."""

from __future__ import annotations

import os

from labhost.zfs import contents, snapshots
from labhost.zfs.change import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

IMAGES = ("/iso/omnios-r151050.iso", "/iso/install.iso")
TEMPLATE, TEMPLATE_SIZE = "rpool/templates/omnios-base", 20 << 30
VOLUMES = {"rpool/vms/old-server/root": 30 << 30, "rpool/shared/backup-vol": 10 << 30}
_ISO_SIZE = 1 << 20
_SECTOR = 2048


def make(world: World) -> list[str]:
    """Make what is missing of them and return a line for each that was made."""
    made = []
    for path in IMAGES:
        place = world.host(path)
        if not os.path.exists(place):
            _image(place)
            made.append(path)
    with Change(world) as datasets:
        for name, size in {TEMPLATE: TEMPLATE_SIZE, **VOLUMES}.items():
            if name not in datasets.all:
                datasets.create_volume(name, size, sparse=True, parents=True)
                _boot_sector(contents.place(world, datasets.all[name]["objset"]), name)
                made.append(name)
        if datasets.get(f"{TEMPLATE}@ready") is None:
            snapshots.take(datasets, [f"{TEMPLATE}@ready"], {})
            made.append(f"{TEMPLATE}@ready")
    return made


def _image(place: str) -> None:
    """Write something that looks like an empty ISO 9660 image."""
    with open(place, "wb") as file:
        file.truncate(_ISO_SIZE)
        file.seek(16 * _SECTOR)
        file.write(b"\x01CD001\x01\x00")


def _boot_sector(place: str, name: str) -> None:
    """Write something into a volume, so that copies of it can be told from emptiness."""
    with open(place, "r+b") as file:
        file.write(f"boot sector of {name}\n".encode().ljust(510, b"\x00") + b"\x55\xaa")

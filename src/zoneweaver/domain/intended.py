"""From a request to the configuration that a zone shall have: pure, so that a plan can be shown before it is done."""

from __future__ import annotations

from collections.abc import Sequence

from zoneweaver.domain.attributes import CLOUD_INIT
from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.requests import LARGEST_CDROM_NUMBER, LARGEST_DISK_NUMBER, CreateZone, ModifyZone
from zoneweaver.domain.zone import ResourceKind, ZoneConfig, cdrom_fs, device, lowest_free, zvol_device

_CLOUD_INIT_ATTRS = frozenset(known.attr for known in CLOUD_INIT)


def created(request: CreateZone, *, zonepath: str, boot: str | None, disks: Sequence[str]) -> ZoneConfig:
    """Return the configuration of a new zone; `boot` and `disks` are the datasets that its disks will be."""
    config = ZoneConfig(
        globals=(
            ("brand", request.brand),
            ("zonepath", zonepath),
            ("autoboot", "true" if request.autoboot else "false"),
            ("ip-type", "exclusive"),
        )
    )
    for name, value in request.attributes:
        if name not in _CLOUD_INIT_ATTRS:
            config = config.with_attr(name, value)
    if boot is not None:
        config = config.with_attr("bootdisk", boot).with_resource(device(zvol_device(boot)))
    config = _with_disks(config, disks)
    for number, path in enumerate(request.cdroms):
        name = "cdrom" if len(request.cdroms) == 1 else f"cdrom{number}"
        config = config.with_attr(name, path).with_resource(cdrom_fs(path))
    for nic in request.nics:
        config = config.with_resource(nic.resource())
    for name, value in request.attributes:
        if name in _CLOUD_INIT_ATTRS:
            config = config.with_attr(name, value)
    return config


def modified(request: ModifyZone, before: ZoneConfig, *, disks: Sequence[str]) -> ZoneConfig:
    """Return the configuration after a modification; `disks` are the datasets of `add_disks`, in order.

    Raises Conflict naming what is not there to be removed, or there already.
    """
    config = before
    for name, value in request.attributes:
        config = config.with_attr(name, value)
    if request.autoboot is not None:
        config = config.with_global("autoboot", "true" if request.autoboot else "false")
    for link in request.remove_nics:
        if link not in {item.key for item in config.of(ResourceKind.NET)}:
            raise Conflict(f"The zone has no network card on {link}", code="no_such_nic")
        config = config.without(ResourceKind.NET, link)
    for name in request.remove_disks:
        config = _without_disk(config, name)
    for name in request.remove_cdroms:
        config = _without_cdrom(config, name)
    for dataset in disks:
        if dataset in config.volumes:
            raise Conflict(f"The zone has the disk {dataset} already", code="disk_attached")
    config = _with_disks(config, disks)
    for path in request.add_cdroms:
        config = _with_cdrom(config, path)
    for nic in request.add_nics:
        if nic.physical in {item.key for item in config.of(ResourceKind.NET)}:
            raise Conflict(f"The zone has a network card on {nic.physical} already", code="nic_attached")
        config = config.with_resource(nic.resource())
    return config


def _with_disks(config: ZoneConfig, datasets: Sequence[str]) -> ZoneConfig:
    for dataset in datasets:
        taken = [name for name in config.disks if name != "bootdisk"]
        name = lowest_free("disk", taken, limit=LARGEST_DISK_NUMBER)
        if name is None:
            raise Conflict(f"The zone has {LARGEST_DISK_NUMBER} disks already", code="too_many_disks")
        config = config.with_attr(name, dataset).with_resource(device(zvol_device(dataset)))
    return config


def _without_disk(config: ZoneConfig, name: str) -> ZoneConfig:
    dataset = config.disks.get(name)
    if dataset is None:
        raise Conflict(f"The zone has no disk named {name}", code="no_such_disk")
    config = config.without(ResourceKind.ATTR, name)
    path = _device_of(dataset)
    if path in {_device_of(other) for other in config.disks.values()}:
        return config  # another attribute names the same volume
    return config.without(ResourceKind.DEVICE, path)


def _device_of(disk: str) -> str:
    return disk if disk.startswith("/") else zvol_device(disk)


def _with_cdrom(config: ZoneConfig, path: str) -> ZoneConfig:
    if path in config.cdroms.values():
        raise Conflict(f"The zone has the CD-ROM {path} already", code="cdrom_attached")
    name = "cdrom" if not config.cdroms else lowest_free("cdrom", config.cdroms, limit=LARGEST_CDROM_NUMBER)
    if name is None:
        raise Conflict(f"The zone has {LARGEST_CDROM_NUMBER} CD-ROMs already", code="too_many_cdroms")
    config = config.with_attr(name, path)
    mounted = {item.key for item in config.of(ResourceKind.FS)}
    return config if path in mounted else config.with_resource(cdrom_fs(path))


def _without_cdrom(config: ZoneConfig, named: str) -> ZoneConfig:
    """Take away a CD-ROM, named by its attribute or by its image."""
    found = next((name for name, path in config.cdroms.items() if named in {name, path}), None)
    if found is None:
        raise Conflict(f"The zone has no CD-ROM {named}", code="no_such_cdrom")
    path = config.cdroms[found]
    config = config.without(ResourceKind.ATTR, found)
    return config if path in config.cdroms.values() else config.without(ResourceKind.FS, path)

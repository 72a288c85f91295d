"""Configurations of zones, as values."""

from __future__ import annotations

import json

import pytest

from zoneweaver.domain.intended import modified
from zoneweaver.domain.requests import ModifyZone
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig, attr, device


def test_what_is_shown_comes_back_from_json_as_it_was() -> None:
    """A record that was read again equals a fresh look at the host, or every look would find a change."""
    limit = Resource(
        kind=ResourceKind.RCTL,
        props=(("name", "zone.cpu-shares"),),
        lists=(("value", "(priv=privileged,limit=10,action=none)"),),
    )
    shown = ZoneConfig(globals=(("brand", "bhyve"), ("zonepath", "/zones/web")), resources=(limit,)).as_json()
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("resource", "dataset", "used"),
    [
        (attr("bootdisk", "rpool/web/root,serial=1"), "rpool/web/root", True),
        (attr("disk3", "/dev/zvol/rdsk/rpool/web/root,ro"), "rpool/web/root", True),
        (attr("disk3", "rpool/web/root2"), "rpool/web/root", False),
        (device("/dev/zvol/dsk/rpool/web/root"), "rpool/web/root", True),
        (device("/dev/zvol/*dsk/rpool/web/*"), "rpool/web/root", True),
        (device("/dev/zvol/rdsk/rpool/web/*"), "rpool/web2/root", False),
        (Resource(kind=ResourceKind.DATASET, props=(("name", "rpool/web"),)), "rpool/web/root", True),
        (Resource(kind=ResourceKind.DATASET, props=(("name", "rpool/web"),)), "rpool/web2", False),
        (Resource(kind=ResourceKind.FS, props=(("special", "/dev/zvol/dsk/rpool/a"),)), "rpool/a", True),
        (attr("extra", "-s 9,virtio-blk,/dev/zvol/rdsk/rpool/a"), "rpool/a", True),
        (attr("extra0", "-s 9,virtio-blk,path=/dev/zvol/rdsk/rpool/a2"), "rpool/a", False),
    ],
)
def test_a_zone_uses_a_volume_by_whatever_way_it_gets_at_it(resource: Resource, dataset: str, used: bool) -> None:
    """Options, wildcards, delegation and words of bhyve's do not hide it, and a prefix is not it."""
    assert ZoneConfig(resources=(resource,)).uses(dataset) is used


def test_a_disk_that_is_named_twice_keeps_its_device() -> None:
    """The device goes with the last attribute that names the volume, in whatever way."""
    config = ZoneConfig(
        resources=(
            attr("bootdisk", "rpool/a"),
            attr("disk0", "/dev/zvol/rdsk/rpool/a"),
            device("/dev/zvol/rdsk/rpool/a"),
        )
    )
    once = modified(ModifyZone(remove_disks=("disk0",)), config, disks=())
    assert once.volumes == {"rpool/a"}
    assert [item.key for item in once.of(ResourceKind.DEVICE)] == ["/dev/zvol/rdsk/rpool/a"]
    assert modified(ModifyZone(remove_disks=("bootdisk",)), once, disks=()).resources == ()

"""Creations and modifications, checked in themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.intended import created, modified
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.requests import CreateZone, ExistingVolume, ModifyZone, NewVolume
from zoneweaver.domain.secret import Secret
from zoneweaver.domain.zone import ResourceKind, ZoneConfig

SMALL = {"name": "web", "brand": "bhyve"}


def refused(body, *, modify=False):
    """Return the refusal of a body."""
    with pytest.raises(Invalid) as caught:
        (ModifyZone if modify else CreateZone).from_json(body)
    return caught.value


@pytest.mark.parametrize("body", [{}, {"name": "web"}, {"brand": "bhyve"}, {"name": "", "brand": "bhyve"}])
def test_name_and_brand_are_required(body):
    """The document's sentence is said."""
    assert refused(body).message == "Missing required parameters: name and brand"


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"brand": "lx"}, "brand"),
        ({"ram": "banana"}, "ram"),
        ({"ram": "0"}, "ram"),
        ({"vcpus": "0"}, "vcpus"),
        ({"vcpus": "33"}, "vcpus"),
        ({"vcpus": "4,sockets=3"}, "vcpus"),
        ({"vcpus": "4,sockets=2,sockets=2"}, "vcpus"),
        ({"bootrom": "a b"}, "bootrom"),
        ({"hostbridge": "x"}, "hostbridge"),
        ({"diskif": "ide"}, "diskif"),
        ({"netif": "rtl"}, "netif"),
        ({"os_type": "a;b"}, "os_type"),
        ({"vnc": "maybe"}, "vnc"),
        ({"acpi": "si"}, "acpi"),
        ({"xhci": 'o"n'}, "xhci"),
        ({"bootorder": "disk0,,"}, "bootorder"),
        ({"extra": "a\nb"}, "extra"),
        ({"zonepath": "rel"}, "zonepath"),
        ({"boot_volume": {"create_new": False}}, "boot_volume.existing_dataset"),
        ({"boot_volume": {"create_new": True, "existing_dataset": "a/b"}}, "boot_volume"),
        ({"boot_volume": {"existing_dataset": "a/b", "size": "1G"}}, "boot_volume.size"),
        ({"boot_volume": {"size": "0"}}, "boot_volume.size"),
        ({"boot_volume": {"volume_name": "path"}}, "boot_volume.volume_name"),
        ({"boot_volume": {"volume_name": "a/b"}}, "boot_volume.volume_name"),
        ({"boot_volume": {"pool": "a/b"}}, "boot_volume.pool"),
        ({"boot_volume": {"dataset": "../x"}}, "boot_volume.dataset"),
        ({"additional_disks": [{"existing_dataset": "a/b"}, {"existing_dataset": "a/b"}]}, "additional_disks[1]"),
        ({"nics": [{}]}, "nics[0].physical"),
        ({"nics": [{"physical": "web"}]}, "nics[0].physical"),
        ({"nics": [{"physical": "web0"}, {"physical": "web0"}]}, "nics[1].physical"),
        ({"nics": [{"physical": "web0", "vlan_id": 4095}]}, "nics[0].vlan_id"),
        ({"nics": [{"physical": "web0", "mac_addr": "1:2:3"}]}, "nics[0].mac_addr"),
        ({"nics": [{"physical": "web0", "global_nic": "auto"}]}, "nics[0].global_nic"),
        ({"nics": [{"physical": "web0", "allowed_address": "10.0.0.1"}]}, "nics[0].allowed_address"),
        ({"cdroms": [{"path": "x"}]}, "cdroms[0].path"),
        ({"cdroms": [{"path": "/x"}, {"path": "/x"}]}, "cdroms[1].path"),
        ({"source": {"type": "image"}}, "source.type"),
        ({"source": {"type": "template"}}, "source.template_dataset"),
        ({"source": {"template_dataset": "a/b", "clone_strategy": "x"}}, "source.clone_strategy"),
        ({"source": {"template_dataset": "a/b"}, "boot_volume": {"existing_dataset": "a/c"}}, "source"),
        ({"cloud_init": {"enabled": "perhaps not"}}, "cloud_init.enabled"),
        ({"cloud_init": {"resolvers": "8.8.8.8,x"}}, "cloud_init.resolvers"),
        ({"cloud_init": {"sshkey": 'ssh-rsa "x"'}}, "cloud_init.sshkey"),
        ({"cloud_init": {"password": "a\nb"}}, "cloud_init.password"),
        ({"cloud_init": {"dns_domain": "a b"}}, "cloud_init.dns_domain"),
        ({"tags": [""]}, "tags[0]"),
        ({"notes": "x" * 65537}, "notes"),
    ],
)
def test_each_bad_value_is_refused_by_the_name_of_its_field(given_, field):
    """The refusal says which field."""
    assert refused({**SMALL, **given_}).field == field


def test_the_documents_creation_becomes_the_documents_configuration():
    """Every field of the large example has its place."""
    request = CreateZone.from_json(
        {
            "name": "web-server-01",
            "brand": "bhyve",
            "ram": "2G",
            "vcpus": "2",
            "diskif": "virtio",
            "netif": "virtio",
            "vnc": "on",
            "boot_volume": {
                "create_new": True,
                "pool": "rpool",
                "dataset": "zones",
                "volume_name": "root",
                "size": "30G",
            },
            "nics": [{"physical": "vnic0", "global_nic": "igb0"}],
            "cdroms": [{"path": "/iso/omnios-r151050.iso"}],
            "start_after_create": True,
        }
    )
    assert isinstance(request.boot, NewVolume)
    assert request.boot.name("web-server-01", pool="x", dataset="y", volume="z") == "rpool/zones/web-server-01/root"
    config = created(
        request, zonepath="/rpool/zones/web-server-01/path", boot="rpool/zones/web-server-01/root", disks=()
    )
    assert config.attrs == {
        "ram": "2G",
        "vcpus": "2",
        "diskif": "virtio",
        "netif": "virtio",
        "vnc": "on",
        "bootdisk": "rpool/zones/web-server-01/root",
        "cdrom": "/iso/omnios-r151050.iso",
    }
    assert [item.key for item in config.of(ResourceKind.DEVICE)] == ["/dev/zvol/rdsk/rpool/zones/web-server-01/root"]
    assert config.of(ResourceKind.NET)[0].get("global-nic") == "igb0"
    assert config.of(ResourceKind.FS)[0].lists == (("options", "ro"), ("options", "nodevices"))
    assert config.volumes == {"rpool/zones/web-server-01/root"}


def test_cloud_init_is_on_when_anything_of_it_is_given_and_its_password_is_a_secret():
    """A password is never a plain value."""
    request = CreateZone.from_json({**SMALL, "cloud_init": {"password": "changeme"}})
    assert dict(request.attributes) == {"cloud-init": "on", "password": Secret("changeme")}
    assert "changeme" not in repr(request)


def test_a_vnc_password_is_a_secret_too():
    """What holds password= is not printed."""
    request = CreateZone.from_json({**SMALL, "vnc": "w=1024,h=768,password=hunter2"})
    assert "hunter2" not in repr(request)


def test_template_defaults():
    """A template's snapshot is @ready, its boot volume is a clone, unless said otherwise."""
    request = CreateZone.from_json({**SMALL, "source": {"type": "template", "template_dataset": "rpool/t"}})
    assert request.template is not None
    assert request.template.snapshot == "rpool/t@ready"
    assert request.template.strategy == "clone"
    assert isinstance(request.boot, NewVolume)


@pytest.mark.parametrize("body", [{}, {"force": True}, {"ram": None}, {"add_nics": []}])
def test_a_modification_must_change_something(body):
    """The document's sentence is said."""
    assert refused(body, modify=True).message == "No modification fields specified"


def before():
    """A zone with a boot disk, two disks, a CD-ROM and two cards."""
    request = CreateZone.from_json(
        {
            **SMALL,
            "ram": "2G",
            "nics": [{"physical": "vnic0", "global_nic": "igb0"}, {"physical": "vnic1"}],
            "cdroms": [{"path": "/iso/a.iso"}],
        }
    )
    return created(request, zonepath="/z/path", boot="rpool/web/root", disks=("rpool/web/a", "rpool/web/b"))


def test_removing_the_first_disk_keeps_the_others_under_their_names_and_frees_its_number():
    """disk0 goes with its device; the next disk takes its place."""
    config = modified(ModifyZone.from_json({"remove_disks": ["disk0"]}), before(), disks=())
    assert config.disks == {"bootdisk": "rpool/web/root", "disk1": "rpool/web/b"}
    assert "/dev/zvol/rdsk/rpool/web/a" not in [item.key for item in config.of(ResourceKind.DEVICE)]
    again = modified(ModifyZone(add_disks=(ExistingVolume(dataset=DatasetName("p/x")),)), config, disks=("p/x",))
    assert again.disks["disk0"] == "p/x"


def test_a_second_cdrom_gets_a_number():
    """The bare cdrom counts as number 0."""
    config = modified(ModifyZone.from_json({"add_cdroms": [{"path": "/iso/b.iso"}]}), before(), disks=())
    assert config.cdroms == {"cdrom": "/iso/a.iso", "cdrom1": "/iso/b.iso"}
    gone = modified(ModifyZone.from_json({"remove_cdroms": ["/iso/a.iso"]}), config, disks=())
    assert gone.cdroms == {"cdrom1": "/iso/b.iso"}
    assert [item.key for item in gone.of(ResourceKind.FS)] == ["/iso/b.iso"]


@pytest.mark.parametrize(
    "body",
    [
        {"remove_nics": ["vnic9"]},
        {"remove_disks": ["disk9"]},
        {"remove_cdroms": ["cdrom9"]},
        {"add_nics": [{"physical": "vnic0"}]},
        {"add_cdroms": [{"path": "/iso/a.iso"}]},
    ],
)
def test_what_is_not_there_cannot_be_removed_nor_added_twice(body):
    """The refusal names the thing."""
    from zoneweaver.domain.errors import Conflict

    named = next(iter(body.values()))[0]
    word = named if isinstance(named, str) else next(iter(named.values()))
    with pytest.raises(Conflict, match=word.replace(".", r"\.")):
        modified(ModifyZone.from_json(body), before(), disks=())


def test_a_card_can_be_replaced_in_one_modification():
    """Removal goes before addition."""
    body = {"remove_nics": ["vnic0"], "add_nics": [{"physical": "vnic0", "vlan_id": 7}]}
    config = modified(ModifyZone.from_json(body), before(), disks=())
    assert [item.key for item in config.of(ResourceKind.NET)] == ["vnic1", "vnic0"]


@given(st.dictionaries(st.sampled_from(["ram", "vcpus", "os_type", "extra", "vnc"]), st.text(max_size=40), min_size=1))
def test_no_text_gets_through_that_zonecfg_cannot_carry(values):
    """Attributes are refused or hold neither quotes nor newlines."""
    try:
        request = CreateZone.from_json({**SMALL, **values})
    except Invalid as error:
        assert error.field in values
    else:
        config = created(request, zonepath="/z", boot=None, disks=())
        assert all('"' not in str(value) and "\n" not in str(value) for value in config.attrs.values())
        assert isinstance(config, ZoneConfig)

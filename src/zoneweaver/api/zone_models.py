"""Zones on the wire: the bodies and query strings of `/zones`, with the examples of the guide."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.wire import NOT_GIVEN, Amount, Body, Hidden, Line, Page, Query, Shown, Switch

Name = Annotated[str, Field(max_length=1024)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
Notes = Annotated[str, Field(max_length=65536)]

MOST: Final = 64
"""Items of one kind in one request."""


class BootVolume(Body):
    """A disk: a new volume, or an existing dataset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "create_new": True,
                    "pool": "rpool",
                    "dataset": "zones",
                    "volume_name": "root",
                    "size": "30G",
                    "sparse": True,
                },
                {"create_new": False, "existing_dataset": "rpool/vms/old-server/root"},
            ]
        }
    )

    create_new: bool = NOT_GIVEN
    """Make a new volume. The default, unless `existing_dataset` is given."""
    existing_dataset: Name = NOT_GIVEN
    """Attach this volume as it is; it is never destroyed with the zone."""
    pool: Name = NOT_GIVEN
    """Pool of the new volume (`zones.default_pool`)."""
    dataset: Name = NOT_GIVEN
    """Dataset in the pool that holds the zones' own datasets (`zones.default_dataset`)."""
    volume_name: Name = NOT_GIVEN
    """Name of the new volume below the zone's dataset: `root` for the boot volume, else `diskN`."""
    size: Amount = NOT_GIVEN
    """Size of the new volume: `512M`, `30G`, `1.5T` or bytes. 30G for the boot volume, else 50G."""
    sparse: bool = NOT_GIVEN
    """Reserve no space for the new volume (true)."""


class Source(Body):
    """Where the boot volume's content comes from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "template",
                    "template_dataset": "rpool/templates/omnios-base",
                    "clone_strategy": "clone",
                }
            ]
        }
    )

    type: Literal["template"] = NOT_GIVEN
    """What kind of source: `template`."""
    template_dataset: Name = NOT_GIVEN
    """The template; its snapshot `@ready` is taken unless one is named (`rpool/templates/base@2024`)."""
    clone_strategy: Literal["clone", "copy"] = NOT_GIVEN
    """`clone` shares blocks with the template and is instant; `copy` is independent of it and slower."""


class Nic(Body):
    """A network card."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"physical": "vnic0", "global_nic": "igb0"}]})

    physical: Name
    """The VNIC: 1 to 31 characters, ending in a number."""
    global_nic: Name = NOT_GIVEN
    """The link over which the VNIC is made at boot. Left out for a VNIC that exists already."""
    vlan_id: int = NOT_GIVEN
    """VLAN of the VNIC, 1 to 4094."""
    mac_addr: Name = NOT_GIVEN
    """MAC address of the VNIC; made up by the host when left out."""
    allowed_address: Name = NOT_GIVEN
    """The one address (with prefix) that the guest may use on this card."""
    defrouter: Name = NOT_GIVEN
    """Default router that goes with `allowed_address`."""


class Cdrom(Body):
    """A CD-ROM."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "/iso/omnios-r151050.iso"}]})

    path: Name
    """The image, as an absolute path on the host."""


class CloudInit(Body):
    """What cloud-init in the guest is told at its first boot."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "enabled": "on",
                    "dns_domain": "example.com",
                    "password": "changeme",
                    "resolvers": "8.8.8.8,8.8.4.4",
                    "sshkey": "ssh-rsa AAAA...",
                }
            ]
        }
    )

    enabled: Switch = NOT_GIVEN
    """`on`, `off`, or a file or URL with user data."""
    dns_domain: Line = NOT_GIVEN
    """DNS domain of the guest."""
    password: Hidden = NOT_GIVEN
    """Password of the guest's first user. Shown as asterisks ever after."""
    resolvers: Line = NOT_GIVEN
    """Name servers, separated by commas."""
    sshkey: Line = NOT_GIVEN
    """Public key (or a file with one) for the guest's first user. Default at creation: the agent's own."""
    provision_key: bool = NOT_GIVEN
    """At creation: take the agent's own key for `sshkey` when that is left out (true)."""


class Attributes(Body):
    """The attributes of a bhyve zone (bhyve(7))."""

    ram: Amount = NOT_GIVEN
    """Memory: `2G`; a plain number is MiB."""
    vcpus: Amount = NOT_GIVEN
    """Virtual CPUs: `2`, or with a topology `4,sockets=1,cores=2,threads=2`."""
    cpu: Line = NOT_GIVEN
    """CPU model shown to the guest."""
    bootrom: Line = NOT_GIVEN
    """Firmware: `BHYVE_RELEASE_CSM`, `BHYVE_RELEASE`, a file."""
    hostbridge: Line = NOT_GIVEN
    """Host bridge emulation: `i440fx`, `q35`, `amd`, `netapp`, `none`, …"""
    diskif: Line = NOT_GIVEN
    """Disk interface: `virtio`, `nvme`, `ahci`, …"""
    netif: Line = NOT_GIVEN
    """Network interface: `virtio`, `e1000`, …"""
    os_type: Line = NOT_GIVEN
    """Guest system: `generic`, `windows`, `openbsd`, …"""
    vnc: Switch = NOT_GIVEN
    """VNC console: `on`, `off`, or options such as `unix=/tmp/vm.vnc,wait`."""
    acpi: Switch = NOT_GIVEN
    """ACPI support, `on` or `off`."""
    xhci: Switch = NOT_GIVEN
    """xHCI USB controller, `on` or `off`."""
    rng: Switch = NOT_GIVEN
    """Random number device, `on` or `off`."""
    bootorder: Line = NOT_GIVEN
    """What to boot from, in order: `cdrom0,bootdisk,net0=pxe`."""
    extra: Line = NOT_GIVEN
    """Further options for bhyve(8), as they are."""
    autoboot: bool = NOT_GIVEN
    """Boot the zone with the host (false)."""


Provisioning = dict[str, Any]


class CreateZone(Attributes):
    """A zone to be made. Only `name` and `brand` are required."""

    model_config = ConfigDict(
        json_schema_extra={
            "required": ["name", "brand"],
            "examples": [
                {"name": "test-vm-01", "brand": "bhyve"},
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
                        "sparse": True,
                    },
                    "nics": [{"physical": "vnic0", "global_nic": "igb0"}],
                    "cdroms": [{"path": "/iso/omnios-r151050.iso"}],
                    "start_after_create": True,
                },
                {
                    "name": "from-template",
                    "brand": "bhyve",
                    "source": {
                        "type": "template",
                        "template_dataset": "rpool/templates/omnios-base",
                        "clone_strategy": "clone",
                    },
                    "boot_volume": {"pool": "rpool", "dataset": "zones", "volume_name": "root", "size": "30G"},
                },
            ],
        }
    )

    name: Name = NOT_GIVEN
    """Zone name: 1 to 63 of letters, digits, `.`, `_`, `-`; not `global`, not beginning with `SUNW`."""
    brand: Name = NOT_GIVEN
    """Zone brand: `bhyve`."""
    zonepath: Name = NOT_GIVEN
    """Where the zone lives. Default: `/<pool>/<dataset>/<name>/path`."""
    boot_volume: BootVolume = NOT_GIVEN
    """The boot disk. Left out: no boot disk, for network boot."""
    source: Source = NOT_GIVEN
    """A template for the boot volume."""
    additional_disks: list[BootVolume] = Field(default=NOT_GIVEN, max_length=MOST)
    """Further disks, `disk0` and up."""
    nics: list[Nic] = Field(default=NOT_GIVEN, max_length=MOST)
    """Network cards, in the order of the guest."""
    cdroms: list[Cdrom] = Field(default=NOT_GIVEN, max_length=MOST)
    """CD-ROMs."""
    cloud_init: CloudInit = NOT_GIVEN
    """Automated guest setup."""
    provisioning: Provisioning = NOT_GIVEN
    """How the zone is to be provisioned; the same as with PUT."""
    tags: list[Tag] = Field(default=NOT_GIVEN, max_length=MOST)
    """Words to find the zone by."""
    notes: Notes = NOT_GIVEN
    """Anything people want to say about the zone."""
    force: bool = NOT_GIVEN
    """Attach volumes even if another zone names them (false)."""
    start_after_create: bool = NOT_GIVEN
    """Boot the zone once it is made (false)."""


class ModifyZone(Attributes):
    """What is to change; what is left out stays. Changes take effect at the next boot."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ram": "4G", "vcpus": "4", "vnc": "on"},
                {"add_nics": [{"physical": "vnic1", "global_nic": "igb0"}], "remove_nics": ["vnic0"]},
                {
                    "add_disks": [
                        {
                            "create_new": True,
                            "pool": "rpool",
                            "dataset": "zones",
                            "volume_name": "data",
                            "size": "100G",
                        }
                    ]
                },
                {"add_disks": [{"create_new": False, "existing_dataset": "rpool/shared/backup-vol"}]},
                {"remove_disks": ["disk0"]},
                {"add_cdroms": [{"path": "/iso/install.iso"}]},
                {"cloud_init": {"enabled": "on", "dns_domain": "newdomain.com", "resolvers": "1.1.1.1,1.0.0.1"}},
                {"autoboot": True},
            ]
        }
    )

    add_nics: list[Nic] = Field(default=NOT_GIVEN, max_length=MOST)
    """Network cards to add."""
    remove_nics: list[Name] = Field(default=NOT_GIVEN, max_length=MOST)
    """Network cards to remove, by `physical`."""
    add_disks: list[BootVolume] = Field(default=NOT_GIVEN, max_length=MOST)
    """Disks to add at the lowest free `diskN`."""
    remove_disks: list[Name] = Field(default=NOT_GIVEN, max_length=MOST)
    """Disks to remove, by attribute name (`disk0`); their data stays."""
    add_cdroms: list[Cdrom] = Field(default=NOT_GIVEN, max_length=MOST)
    """CD-ROMs to add."""
    remove_cdroms: list[Name] = Field(default=NOT_GIVEN, max_length=MOST)
    """CD-ROMs to remove, by attribute name (`cdrom`, `cdrom1`)."""
    cloud_init: CloudInit = NOT_GIVEN
    """Automated guest setup; what is left out stays."""
    provisioning: Provisioning = NOT_GIVEN
    """How the zone is to be provisioned. Applied at once."""
    tags: list[Tag] = Field(default=NOT_GIVEN, max_length=MOST)
    """Words to find the zone by; an empty list removes them. Applied at once."""
    notes: Notes = NOT_GIVEN
    """Anything people want to say about the zone; empty text removes it. Applied at once."""
    force: bool = NOT_GIVEN
    """Attach volumes even if another zone names them (false)."""


class ListZones(Page):
    """Which zones."""

    limit: int = Field(default=1000, ge=1, le=1000)
    """How many at most."""
    status: str | None = Field(default=None, max_length=40)
    """Only zones in this state: `running`, `installed`, `configured`, …"""
    brand: str | None = Field(default=None, max_length=40)
    """Only zones of this brand."""
    tag: str | None = Field(default=None, max_length=100)
    """Only zones with this tag."""
    name: str | None = Field(default=None, max_length=100)
    """Only zones whose name holds this text."""


class Unprovisioned(Query):
    """What becomes of a pipeline that is active for the zone."""

    cancel_provisioning: bool = False
    """Cancel the zone's provisioning first; without it, 409 while it is under way."""


class DeleteZone(Unprovisioned):
    """How much goes with the zone."""

    cleanup_datasets: bool = False
    """Also destroy the datasets under the zone's own root. Irreversible."""
    force: bool = False
    """Accepted for older clients; a running zone is halted in any case."""


class StopZone(Unprovisioned):
    """How patiently."""

    force: bool = False
    """Power off at once instead of asking the guest."""
    timeout: float | None = Field(default=None, gt=0, le=86400)
    """Seconds the guest has to shut down before it is powered off (120)."""


class ZoneRow(Shown):
    """A zone in a list."""

    name: str
    brand: str
    status: str
    """State as zoneadm(8) names it; `not_found` when the host does not have it."""
    autoboot: bool
    ram: str | None
    vcpus: str | None
    zonepath: str
    tags: list[str]
    notes: str | None
    is_orphaned: bool
    """The zone is remembered, but the host does not have it."""
    auto_discovered: bool
    """The zone was made by others and found."""
    last_seen: str | None
    current_task: dict[str, Any] | None = None
    """The task that works on the zone, if any."""


class ZoneList(Shown):
    """Zones by name."""

    zones: list[ZoneRow]
    total: int
    """How many zones match, beyond this page too."""


class ZoneDetails(Shown):
    """Everything about one zone."""

    zone_info: ZoneRow
    configuration: dict[str, Any]
    system_status: str
    pending_tasks: list[dict[str, Any]]


class ZoneConfiguration(Shown):
    """The live configuration."""

    zone_name: str
    configuration: dict[str, Any]
    export: str
    """What `zonecfg export` prints, secrets masked."""


class ZonePending(Shown):
    """What waits for the next boot of a running zone."""

    zone_name: str


class Queued(Shown):
    """A task was queued; follow it at `Location`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "success": True,
                    "task_id": "7d0c7c4e-6f6d-4f0c-9d77-3f3c0d0f4b11",
                    "zone_name": "test-vm-01",
                    "operation": "zone_create",
                    "status": "pending",
                    "message": "Zone creation task queued successfully",
                }
            ]
        }
    )

    success: bool
    operation: str
    status: str
    message: str
    task_id: str | None = None
    start_task_id: str | None = None
    """The task that boots the zone after its creation."""
    zone_name: str | None = None
    requires_restart: bool | None = None
    """Whether the change waits for the next boot."""


class Forgotten(Shown):
    """The record is gone."""

    success: bool
    zone_name: str
    message: str

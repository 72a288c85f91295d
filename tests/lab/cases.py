"""The operations that are swept with faults: what is there before each, and what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CLOUD_INIT = {
    "enabled": "on",
    "dns_domain": "example.com",
    "password": "cloud-init's own password",
    "resolvers": "8.8.8.8,8.8.4.4",
    "sshkey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq7 somebody@example.com",
}

EVERYTHING: dict[str, Any] = {
    "name": "web",
    "brand": "bhyve",
    "ram": "2G",
    "vcpus": "2",
    "cpu": "host",
    "bootrom": "BHYVE_RELEASE_CSM",
    "hostbridge": "i440fx",
    "diskif": "virtio",
    "netif": "virtio",
    "os_type": "generic",
    "vnc": "on",
    "acpi": "on",
    "xhci": "on",
    "rng": "on",
    "bootorder": "cdrom0,bootdisk",
    "autoboot": True,
    "boot_volume": {"create_new": True, "pool": "rpool", "dataset": "zones", "volume_name": "root", "size": "3G"},
    "additional_disks": [
        {"size": "1G", "sparse": False},
        {"existing_dataset": "rpool/shared/backup-vol"},
        {"volume_name": "data", "size": "512M"},
    ],
    "nics": [
        {"physical": "web0", "global_nic": "igb0", "vlan_id": 7, "mac_addr": "2:8:20:aa:bb:1"},
        {"physical": "theirs0"},
    ],
    "cdroms": [{"path": "/iso/omnios-r151050.iso"}, {"path": "/iso/install.iso"}],
    "cloud_init": CLOUD_INIT,
    "provisioning": {"mode": "shell", "credentials": {"username": "startcloud", "password": "the guest's password"}},
    "tags": ["front", "blue"],
    "notes": "the front end",
}

MODIFIED: dict[str, Any] = {
    "ram": "4G",
    "vcpus": "4",
    "vnc": "off",
    "acpi": "off",
    "bootorder": "bootdisk",
    "autoboot": False,
    "add_nics": [{"physical": "web1", "global_nic": "igb0"}],
    "remove_nics": ["theirs0"],
    "add_disks": [{"volume_name": "more", "size": "1G"}, {"existing_dataset": "rpool/shared/second"}],
    "remove_disks": ["disk0"],
    "add_cdroms": [{"path": "/iso/third.iso"}],
    "remove_cdroms": ["cdrom0"],
    "cloud_init": {"enabled": "on", "dns_domain": "newdomain.com", "password": "another password"},
    "provisioning": {"mode": "none"},
    "tags": ["back"],
    "notes": "moved",
}

RELINKED: dict[str, Any] = {
    "remove_nics": ["web0", "theirs0"],
    "add_nics": [{"physical": "theirs0", "global_nic": "igb0"}],
}
"""Done to a running zone: the brand would then leak one link at its halt, and delete the other, which others made."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: what is there (`setup`), what is asked, and which way it goes when it cannot end well.

    `way` is "back" (failed means as before), "pivot" (as before, or carried to its end), "power" (the zone is in one
    of the states that lie on the way, and nothing else has changed).
    """

    name: str
    setup: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    way: str = "back"
    boots: bool = False
    """Whether the zone may have been booted on the way back, which writes anew what every boot writes."""
    ours: tuple[str, ...] = ("web", "deep")
    """What the names of all things hold that may change."""
    brief: bool = False
    """Whether commands that only ask are met by few kinds of faults: they are asked the same way elsewhere."""


def _create(name: str, **body: Any) -> Operation:
    return Operation(name, "empty", "POST", "/zones", {"name": "web", "brand": "bhyve", **body})


OPERATIONS = [
    Operation("create_everything", "empty", "POST", "/zones", EVERYTHING),
    _create("create_minimal"),
    _create(
        "create_clone",
        source={"type": "template", "template_dataset": "rpool/templates/omnios-base", "clone_strategy": "clone"},
        boot_volume={"size": "30G"},
    ),
    _create(
        "create_copy",
        source={"type": "template", "template_dataset": "rpool/templates/omnios-base", "clone_strategy": "copy"},
        boot_volume={"size": "30G"},
    ),
    _create("create_existing", boot_volume={"create_new": False, "existing_dataset": "rpool/vms/old-server/root"}),
    _create("create_parents", boot_volume={"dataset": "deep/er/zones", "size": "1G"}),
    Operation("modify_everything", "installed", "PUT", "/zones/web", MODIFIED),
    Operation("modify_attributes", "installed", "PUT", "/zones/web", {"ram": "4G", "vcpus": "4", "vnc": "off"}),
    Operation("modify_running", "running", "PUT", "/zones/web", MODIFIED),
    Operation("delete_plain", "installed", "DELETE", "/zones/web", way="pivot"),
    Operation("delete_configured", "configured", "DELETE", "/zones/web?cleanup_datasets=true", way="pivot"),
    Operation("delete_cleanup", "installed", "DELETE", "/zones/web?cleanup_datasets=true", way="pivot"),
    Operation("delete_cleanup_mixed", "mixed", "DELETE", "/zones/web?cleanup_datasets=true", way="pivot"),
    Operation("delete_running", "running", "DELETE", "/zones/web?cleanup_datasets=true", way="pivot", boots=True),
    Operation("start", "installed", "POST", "/zones/web/start", boots=True),
    Operation("stop", "running", "POST", "/zones/web/stop", way="power"),
    Operation("halt", "running", "POST", "/zones/web/halt", way="power"),
    Operation("halt_unsettled", "unsettled", "POST", "/zones/web/halt", way="power"),
    Operation("restart", "running", "POST", "/zones/web/restart", way="power"),
    Operation("rollback", "provisioned", "POST", "/zones/web/provision/rollback", way="pivot", boots=True),
    Operation(
        "delete_provisioned", "provisioned", "DELETE", "/zones/web?cleanup_datasets=true", way="pivot", boots=True
    ),
    Operation("reset", "running", "POST", "/zones/web/reset", way="power"),
]

OPERATIONS += [
    Operation("network_vnic", "network", "POST", "/network/vnics", {"name": "webnew1", "link": "webnet0"}, brief=True),
    Operation("network_bridge_delete", "network", "DELETE", "/network/bridges/weblan?force=true", way="pivot", brief=True),
    Operation(
        "network_address",
        "network",
        "POST",
        "/network/addresses",
        {"addrobj": "web1/v4", "address": "10.9.1.1/24"},
        brief=True,
    ),
    Operation("network_address_delete", "network", "DELETE", "/network/addresses/web2/v4", way="pivot", brief=True),
    Operation("network_forwarding", "network", "PUT", "/network/forwarding", {"interfaces": ["web2"]}, brief=True),
]  # fmt: skip

_PROVISIONING = ("provision", "dhcp", "ipf", "filter", "10.190.190", "forwarding", "igb0")
"""What the names of all things hold that the provisioning network is made of."""

OPERATIONS += [
    Operation(
        "provisioning_network_setup",
        "empty",
        "POST",
        "/provisioning/network/setup",
        {},
        ours=_PROVISIONING,
        brief=True,
    ),
    Operation(
        "provisioning_network_teardown",
        "networked",
        "DELETE",
        "/provisioning/network/teardown",
        ours=_PROVISIONING,
        brief=True,
    ),
    Operation(
        "network_nat",
        "networked",
        "POST",
        "/network/nat/rules",
        {"type": "bimap", "bridge": "igb0", "subnet": "10.190.190.9/32", "target": "192.0.2.99/32"},
        ours=_PROVISIONING,
        brief=True,
    ),
    Operation(
        "network_dhcp_host",
        "networked",
        "POST",
        "/network/dhcp/hosts",
        {"hostname": "web01", "mac": "2:8:20:1:2:3", "ip": "10.190.190.9"},
        ours=_PROVISIONING,
        brief=True,
    ),
]

BY_NAME = {operation.name: operation for operation in OPERATIONS}

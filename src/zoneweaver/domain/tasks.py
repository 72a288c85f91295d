"""Tasks: what was asked, by whom, and how far it is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final


class Status(enum.StrEnum):
    """Where a task stands; the last three are terminal."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing will happen to the task any more."""
        return self in {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


class Kind(enum.StrEnum):
    """What a task does: the `operation` of its row, and the module in `operations/`."""

    ZONE_CREATE = "zone_create"
    ZONE_MODIFY = "zone_modify"
    ZONE_DELETE = "zone_delete"
    ZONE_START = "zone_start"
    ZONE_STOP = "zone_stop"
    ZONE_HALT = "zone_halt"
    ZONE_RESTART = "zone_restart"
    ZONE_RESET = "zone_reset"
    ZONE_DISCOVER = "zone_discover"
    ARTIFACT_UPLOAD = "artifact_upload"
    NETWORK_LINK_CREATE = "network_link_create"
    NETWORK_LINK_DELETE = "network_link_delete"
    NETWORK_ADDRESS_CREATE = "network_address_create"
    NETWORK_ADDRESS_DELETE = "network_address_delete"
    NETWORK_FORWARDING = "network_forwarding"
    NETWORK_NAT_RULE_CREATE = "network_nat_rule_create"
    NETWORK_NAT_RULE_DELETE = "network_nat_rule_delete"
    NETWORK_DHCP_CONFIG = "network_dhcp_config"
    NETWORK_DHCP_HOST_CREATE = "network_dhcp_host_create"
    NETWORK_DHCP_HOST_DELETE = "network_dhcp_host_delete"
    NETWORK_DHCP_SERVICE = "network_dhcp_service"
    PROVISIONING_NETWORK_SETUP = "provisioning_network_setup"
    PROVISIONING_NETWORK_TEARDOWN = "provisioning_network_teardown"
    RECIPE_TEST = "recipe_test"
    ZFS_CREATE_DATASET = "zfs_create_dataset"
    ZONE_SETUP = "zone_setup"
    ZONE_WAIT_SSH = "zone_wait_ssh"
    ZONE_SYNC = "zone_sync"
    ZONE_PROVISION = "zone_provision"
    ZONE_PROVISION_ROLLBACK = "zone_provision_rollback"
    DEMO = "demo"


PRIORITIES: Final[Mapping[Kind, int]] = {
    Kind.ZONE_DELETE: 100,
    Kind.ZONE_STOP: 80,
    Kind.ZONE_HALT: 80,
    Kind.ZONE_RESET: 80,
    Kind.ZONE_START: 60,
    Kind.ZONE_CREATE: 60,
    Kind.ZONE_MODIFY: 60,
    Kind.ZONE_RESTART: 40,
    Kind.ZONE_DISCOVER: 20,
    Kind.ARTIFACT_UPLOAD: 60,
    Kind.NETWORK_LINK_CREATE: 60,
    Kind.NETWORK_LINK_DELETE: 60,
    Kind.NETWORK_ADDRESS_CREATE: 60,
    Kind.NETWORK_ADDRESS_DELETE: 60,
    Kind.NETWORK_FORWARDING: 60,
    Kind.NETWORK_NAT_RULE_CREATE: 60,
    Kind.NETWORK_NAT_RULE_DELETE: 60,
    Kind.NETWORK_DHCP_CONFIG: 60,
    Kind.NETWORK_DHCP_HOST_CREATE: 60,
    Kind.NETWORK_DHCP_HOST_DELETE: 60,
    Kind.NETWORK_DHCP_SERVICE: 60,
    Kind.PROVISIONING_NETWORK_SETUP: 60,
    Kind.PROVISIONING_NETWORK_TEARDOWN: 60,
    Kind.RECIPE_TEST: 40,
    Kind.ZFS_CREATE_DATASET: 60,
    Kind.ZONE_SETUP: 60,
    Kind.ZONE_WAIT_SSH: 60,
    Kind.ZONE_SYNC: 60,
    Kind.ZONE_PROVISION: 60,
    Kind.ZONE_PROVISION_ROLLBACK: 60,
    Kind.DEMO: 40,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTask:
    """A task to be queued; `params` is all that its operation will be given (secrets in it are sealed at rest)."""

    id: str
    kind: Kind
    zone_name: str | None
    params: Mapping[str, Any] = field(default_factory=dict)
    created_by: str = "system"
    depends_on: str | None = None
    parent_task_id: str | None = None
    priority: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as its row shows it."""

    id: str
    zone_name: str | None
    operation: str
    status: Status
    priority: int
    created_by: str
    depends_on: str | None
    parent_task_id: str | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime
    metadata: Mapping[str, Any]
    progress_percent: int
    progress_info: Mapping[str, Any]
    cancel_requested: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the row as the API shows it (timestamps ISO 8601 UTC)."""
        return {
            "id": self.id,
            "zone_name": self.zone_name,
            "operation": self.operation,
            "status": self.status.value,
            "priority": self.priority,
            "created_by": self.created_by,
            "depends_on": self.depends_on,
            "parent_task_id": self.parent_task_id,
            "error_message": self.error_message,
            "created_at": stamp(self.created_at),
            "started_at": stamp(self.started_at),
            "completed_at": stamp(self.completed_at),
            "updatedAt": stamp(self.updated_at),
            "metadata": dict(self.metadata),
            "progress_percent": self.progress_percent,
            "progress_info": dict(self.progress_info),
        }


def stamp(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 UTC with microseconds and a Z, so that text order is time order."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

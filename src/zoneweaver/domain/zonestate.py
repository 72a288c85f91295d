"""The states of a zone, as zoneadm(8) names them."""

from __future__ import annotations

import enum


class ZoneState(enum.StrEnum):
    """Where a zone stands between its configuration and its guest."""

    CONFIGURED = "configured"
    INCOMPLETE = "incomplete"
    INSTALLED = "installed"
    READY = "ready"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting_down"
    DOWN = "down"
    MOUNTED = "mounted"

    @property
    def active(self) -> bool:
        """Whether the kernel knows the zone: its configuration of the last boot is in force, its disks may be open."""
        return self not in {ZoneState.CONFIGURED, ZoneState.INCOMPLETE, ZoneState.INSTALLED}

    @property
    def has_files(self) -> bool:
        """Whether something lies below the zonepath that only `zoneadm uninstall` takes away."""
        return self is not ZoneState.CONFIGURED

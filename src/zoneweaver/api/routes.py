"""The route table: everything that may be asked. A new room's routes are added here, and nowhere else."""

from __future__ import annotations

from typing import Final

from zoneweaver.api import (
    artifacts,
    audit,
    dhcp,
    events,
    keys,
    nat,
    network,
    profiles,
    provisioning,
    provisioning_network,
    recipes,
    system,
    tasks,
    zones,
)
from zoneweaver.api.route import Route

TABLE: Final[tuple[Route, ...]] = (
    *system.ROUTES,
    *keys.ROUTES,
    *zones.ROUTES,
    *artifacts.ROUTES,
    *network.ROUTES,
    *nat.ROUTES,
    *dhcp.ROUTES,
    *provisioning_network.ROUTES,
    *recipes.ROUTES,
    *profiles.ROUTES,
    *provisioning.ROUTES,
    *tasks.ROUTES,
    *events.ROUTES,
    *audit.ROUTES,
)

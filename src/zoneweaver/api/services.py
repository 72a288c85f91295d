"""Everything that handlers reach: the services, put together once by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zoneweaver.api.zones import Zones
from zoneweaver.services.artifacts import Artifacts
from zoneweaver.services.audit import Trail
from zoneweaver.services.dhcp import Dhcp
from zoneweaver.services.keys import Keys
from zoneweaver.services.metrics import Metrics
from zoneweaver.services.nat import Nat
from zoneweaver.services.network import Network
from zoneweaver.services.profiles import Profiles
from zoneweaver.services.provisioning import Provisioning
from zoneweaver.services.provisioning_network import ProvisioningNetwork
from zoneweaver.services.queueing import Queueing
from zoneweaver.services.recipes import Recipes
from zoneweaver.services.system import System
from zoneweaver.services.tasks import Tasks
from zoneweaver.services.tickets import Tickets
from zoneweaver.settings import Settings
from zoneweaver.store.database import Database


@dataclass(kw_only=True, slots=True)
class Services:
    """The rooms below `api`."""

    settings: Settings
    database: Database
    keys: Keys
    tickets: Tickets
    trail: Trail
    queueing: Queueing
    zones: Zones
    artifacts: Artifacts
    network: Network
    nat: Nat
    dhcp: Dhcp
    provisioning_network: ProvisioningNetwork
    recipes: Recipes
    profiles: Profiles
    provisioning: Provisioning
    tasks: Tasks
    system: System
    metrics: Metrics
    rendered: dict[tuple[Any, ...], tuple[int, bytes]] = field(default_factory=dict)
    """Answers as bytes, with the revision of the database that they show."""

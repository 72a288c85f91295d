"""The real application over a real database; only the host behind the zones is a stub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection
from tests.api.scripted_network import SAID
from tests.api.stub_zones import StubZones

from zoneweaver import settings
from zoneweaver.agent import artifact_limits, pipeline_defaults
from zoneweaver.api.app import App
from zoneweaver.api.routes import TABLE
from zoneweaver.api.services import Services
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.secret import Secret
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.services.artifacts import Artifacts
from zoneweaver.services.audit import Trail
from zoneweaver.services.callers import SYSTEM
from zoneweaver.services.dhcp import Dhcp
from zoneweaver.services.hosttasks import HostTasks
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
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.ssh_key import SshKey
from zoneweaver.store.staging import Staging
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks.events import Events
from zoneweaver.testing.hosts import ScriptedHost


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class Api:
    """The application, and what a test needs to talk to it and to look behind it."""

    app: App
    services: Services
    zones: StubZones
    host: ScriptedHost
    clock: Clock
    home: Path
    keys: dict[Scope | None, Secret] = field(default_factory=dict)

    async def client(self, scope: Scope | None = Scope.ADMIN, **headers: str) -> httpx2.AsyncClient:
        """Return a client with a key of this reach, or with none."""
        if scope is not None and scope not in self.keys:
            _, plain = await self.services.keys.create(
                name=scope.word, description="", scope=scope, expires_at=None, caller=SYSTEM
            )
            self.keys[scope] = plain
        shown = {} if scope is None else {"x-api-key": self.keys[scope].reveal()}
        transport = httpx2.ASGITransport(app=self.app, client=("192.0.2.7", 50000))
        return httpx2.AsyncClient(transport=transport, base_url="https://agent", headers={**shown, **headers})

    async def zone(self, name: str, **more: Any) -> None:
        """Remember a zone."""
        record = ZoneRecord(name=name, brand="bhyve", status="installed", zonepath=f"/rpool/zones/{name}/path", **more)

        def write(c: Connection) -> None:
            zones.put(c, record)

        await self.services.database.run(write)

    def put(self, path: str, text: str) -> None:
        """Write a file of the host."""
        file = self.host.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    async def audit(self) -> list[dict[str, Any]]:
        """Return the audit trail, the newest first, without what this fixture did itself."""
        page = await self.services.trail.page(limit=1000, offset=0)
        return [row for row in page["audit"] if row["key_name"] != SYSTEM.name]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/agent.db", Seal.load(tmp_path))
    yield opened
    opened.close()


def composed(used: Settings, database: Database) -> Api:
    """Put the application together over this database."""
    clock, stub, events, metrics = Clock(), StubZones(database), Events(), Metrics()
    keys = Keys(database=database, setup_token_path=used.setup_token_path, clock=clock)
    host = ScriptedHost(used.home, {**SAID})
    host_tasks = HostTasks(database=database, host=host, files=ConfigFiles(host))
    database.listeners.extend((events.heard, metrics.heard))
    services = Services(
        settings=used,
        database=database,
        keys=keys,
        tickets=Tickets(clock=clock),
        trail=Trail(database=database, clock=clock),
        queueing=Queueing(database=database),
        zones=stub,
        recipes=Recipes(database=database, host=ScriptedHost(used.home), files=ConfigFiles(ScriptedHost(used.home))),
        profiles=Profiles(database=database),
        provisioning=Provisioning(
            database=database,
            host=ScriptedHost(used.home),
            files=ConfigFiles(ScriptedHost(used.home)),
            staging=Staging(used.staging_path),
            key=SshKey(used.provision_key_path),
            tasks=host_tasks,
            defaults=pipeline_defaults(used),
        ),
        artifacts=Artifacts(database=database, folder=used.staging_path, limits=artifact_limits(used)),
        network=Network(host=host, tasks=host_tasks),
        nat=Nat(host=host, tasks=host_tasks),
        dhcp=Dhcp(host=host, files=ConfigFiles(host), tasks=host_tasks),
        provisioning_network=ProvisioningNetwork(
            tasks=host_tasks, defaults=used.provisioning.network.model_dump(mode="json")
        ),
        tasks=Tasks(database=database, events=events),
        system=System(database=database, keys=keys, host=host),
        metrics=metrics,
    )
    return Api(app=App(services, TABLE), services=services, zones=stub, host=host, clock=clock, home=used.home)


@pytest.fixture
async def api(tmp_path: Path, database: Database) -> AsyncIterator[Api]:
    made = composed(settings.load(environ={"ZONEWEAVER_HOME": str(tmp_path)}), database)
    yield made
    made.services.tasks.events.close()

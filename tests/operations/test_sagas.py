"""Every operation's saga, against the lab host's commands: twice, failing, cancelled and dying everywhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.lab import worlds

from labhost.evidence import evidence
from labhost.world import World
from zoneweaver.domain.requests import CreateZone
from zoneweaver.domain.secret import Secret
from zoneweaver.domain.tasks import Kind
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import run
from zoneweaver.testing import MemoryLog, Trial, check_cancelling, check_death, check_twice, check_unwinding

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Every installation draws another one."""

PLACES = {"pool": "rpool", "dataset": "zones"}

FULL = {
    "name": "web",
    "brand": "bhyve",
    "ram": "2G",
    "vcpus": "2",
    "vnc": "on",
    "autoboot": True,
    "source": {"type": "template", "template_dataset": "rpool/templates/omnios-base"},
    "boot_volume": {"size": "30G"},
    "additional_disks": [{"volume_name": "data", "size": "1G"}, {"existing_dataset": "rpool/shared/backup-vol"}],
    "nics": [{"physical": "web0", "global_nic": "igb0"}, {"physical": "web1", "mac_addr": "02:08:20:0a:0b:0c"}],
    "cdroms": [{"path": "/iso/install.iso"}],
    "cloud_init": {"password": Secret("changeme"), "resolvers": "1.1.1.1"},
    "tags": ["a"],
}
SMALL = {"name": "web", "brand": "bhyve", "ram": "1G", "boot_volume": {"size": "1G"}, "nics": [{"physical": "web0"}]}
COPY = {
    "name": "web",
    "brand": "bhyve",
    "source": {"template_dataset": "rpool/templates/omnios-base", "clone_strategy": "copy"},
    "boot_volume": {"dataset": "new/place", "size": "21G"},
}
CHANGE = {
    "ram": "4G",
    "vcpus": "4",
    "autoboot": True,
    "remove_nics": ["web0"],
    "add_nics": [{"physical": "web5", "global_nic": "igb0", "vlan_id": 7}],
    "add_disks": [{"volume_name": "more", "size": "2G"}, {"existing_dataset": "rpool/shared/second"}],
    "add_cdroms": [{"path": "/iso/install.iso"}],
    "cloud_init": {"password": Secret("other")},
    "notes": "changed",
}

CASES: dict[str, tuple[Kind, Mapping[str, Any], Mapping[str, Any] | None]] = {
    "create-full": (Kind.ZONE_CREATE, {"request": FULL, "defaults": PLACES}, None),
    "create-copy": (Kind.ZONE_CREATE, {"request": COPY, "defaults": PLACES}, None),
    "modify": (Kind.ZONE_MODIFY, {"request": CHANGE, "defaults": PLACES}, SMALL),
    "delete": (Kind.ZONE_DELETE, {"defaults": PLACES}, SMALL),
    "delete-clean-up": (Kind.ZONE_DELETE, {"cleanup_datasets": True, "defaults": PLACES}, FULL),
}


class Bench:
    """Makes the same world again and again: a copy of a prepared host, with the zone of the case if it needs one."""

    zone = "web"
    """Whose task it is."""

    def __init__(self, folder: Path, kind: Kind, params: Mapping[str, Any]) -> None:
        self.folder = folder
        self.kind = kind
        self.params = params
        self.prepared: World | None = None
        self.record: Any = None
        self.count = 0
        self.database = Database.open(f"sqlite:///{folder}/test.db", Seal.load(folder))
        self.world: World | None = None

    def context(self, world: World, params: Mapping[str, Any], kind: Kind, task_id: str) -> Context:
        """A context in which every step may have been begun before."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True, mode=0o700)
        host = Host(root=Path(world.root), command_path=(f"{world.path}/bin",), scratch=scratch)
        return Context(
            task_id=task_id,
            zone_name=self.zone,
            params=params,
            host=host,
            database=self.database,
            files=ConfigFiles(host),
            attempt=2,
        )

    async def prepare(self, first: Mapping[str, Any] | None) -> None:
        """Make the host that is copied for every trial."""
        self.prepared = worlds.with_neighbours(self.folder / "prepared")
        if first is None:
            return
        params = {"request": first, "defaults": PLACES}
        ctx = self.context(self.prepared, params, Kind.ZONE_CREATE, "first")
        operation = OPERATIONS[Kind.ZONE_CREATE]
        outcome = await run(operation.steps(ctx, await operation.survey(ctx)), ctx, MemoryLog())
        assert outcome.ok, outcome
        self.record = await self.database.read(lambda c: zones.get(c, "web"))

    async def make(self) -> Trial[Context]:
        """Make a fresh world with the saga of the case in it."""
        assert self.prepared is not None
        if self.world is not None:
            shutil.rmtree(self.world.path)
        self.count += 1
        world = self.world = worlds.copy(self.prepared, self.folder / f"w{self.count}")

        def put_back(c: Any) -> None:
            zones.forget(c, "web")
            if self.record is not None:
                zones.put(c, self.record)

        await self.database.run(put_back)
        ctx = self.context(world, self.params, self.kind, "this")
        operation = OPERATIONS[self.kind]
        survey = await operation.survey(ctx)
        steps = operation.steps(ctx, self.database.seal.loads(self.database.seal.dumps(survey)))
        return Trial(steps=steps, context=ctx, state=lambda: self.state(world))

    def state(self, world: World) -> Any:
        """Everything that counts: the whole host, and what is remembered of the zone."""
        record = self.database.read_now(lambda c: zones.get(c, "web"))
        kept = (
            None
            if record is None
            else (record.status, record.configuration, record.tags, record.notes, record.attached)
        )
        seen = {
            name: what for name, what in evidence(world).items() if not name.endswith(("/etc/uuid", "/etc/zones/index"))
        }
        index = Path(world.host("/etc/zones/index")).read_text(encoding="utf-8")
        return {**seen, "record": repr(kept), "index": UUID.sub("uuid", index)}


@pytest.fixture(params=CASES)
async def bench(request, tmp_path):
    """The worlds of one case."""
    kind, params, first = CASES[request.param]
    made = Bench(worlds.place(), kind, params)
    await made.prepare(first)
    yield made
    made.database.close()
    shutil.rmtree(made.folder)


CHECKS: tuple[Callable[..., Any], ...] = (check_twice, check_unwinding, check_cancelling, check_death)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_saga_ends_clean_or_complete_whatever_happens(bench, check):
    """Each step twice, a failure, a cancellation and a death anywhere leave the host as before or as it should be."""
    await check(bench.make)
    assert bench.count >= (1 if check is check_twice else 3)


async def test_the_request_of_the_full_case_is_one_that_the_api_would_take():
    """What is checked here is what people ask for."""
    assert CreateZone.from_json(FULL).name == "web"
    await anyio.lowlevel.checkpoint()

"""What tasks leave alone: whatever they did not make, and whatever somebody else uses by now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.lab import worlds

from labhost.world import World
from zoneweaver.domain.errors import CommandMissing, Conflict, PreconditionFailed, Refused
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import zonecfg
from zoneweaver.host.command import Query
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations import records
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outcome, Step, run
from zoneweaver.testing import MemoryLog

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

T = TypeVar("T")

SMALL = {"name": "web", "brand": "bhyve", "ram": "1G", "boot_volume": {"size": "1G"}}
CLEAN = {"cleanup_datasets": True}


class Blind:
    """A host on which one question cannot be asked, once."""

    def __init__(self, host: Host, *, failing: tuple[str, ...]) -> None:
        self._host = host
        self._failing: tuple[str, ...] | None = failing
        self.scratch = host.scratch
        self.path = host.path
        self.run = host.run
        self.attach = host.attach

    async def ask(self, query: Query[T]) -> T:
        """Ask, unless it is the one question."""
        if query.command.argv == self._failing:
            self._failing = None
            raise CommandMissing(command=query.command.argv[0], reason="no process can be made")
        return await self._host.ask(query)


class Site:
    """A host with neighbours, and tasks on its zone `web`."""

    def __init__(self, folder: Path) -> None:
        self.world: World = worlds.with_neighbours(folder / "world")
        self.database = Database.open(f"sqlite:///{folder}/test.db", Seal.load(folder))
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700)
        self.host = Host(root=Path(self.world.root), command_path=(f"{self.world.path}/bin",), scratch=scratch)
        self.count = 0

    def context(self, params: Mapping[str, Any], *, attempt: int = 1) -> Context:
        """The context of a new task."""
        self.count += 1
        places = {"pool": "rpool", "dataset": "zones"}
        return Context(
            task_id=f"task-{self.count}",
            zone_name="web",
            params={"defaults": places, "grace": 0.0, **params},
            host=self.host,
            database=self.database,
            files=ConfigFiles(self.host),
            attempt=attempt,
        )

    async def begin(self, kind: Kind, params: Mapping[str, Any]) -> tuple[Context, list[Step[Context]]]:
        """Survey, and return what would be done."""
        ctx = self.context(params)
        operation = OPERATIONS[kind]
        return ctx, list(operation.steps(ctx, await operation.survey(ctx)))

    async def do(self, kind: Kind, **params: Any) -> Outcome:
        """Run a task to its end."""
        ctx, steps = await self.begin(kind, params)
        return await run(steps, ctx, MemoryLog())

    async def create(self, **more: Any) -> None:
        """Make the zone."""
        outcome = await self.do(Kind.ZONE_CREATE, request={**SMALL, **more})
        assert outcome.ok, outcome

    def say(self, *argv: str) -> str:
        """Say a command by hand, as somebody else would."""
        return worlds.say(self.world, *argv)

    def spoil(self, zone: str) -> None:
        """Make a zone's file unreadable."""
        Path(self.world.host(f"/etc/zones/{zone}.xml")).write_text("<zone", encoding="utf-8")

    def datasets(self) -> set[str]:
        """Every dataset and snapshot of the host."""
        return set(self.say("zfs", "list", "-H", "-o", "name", "-t", "all").split())

    def states(self) -> dict[str, str]:
        """The state of every zone."""
        lines = self.say("zoneadm", "list", "-cp").splitlines()
        return {line.split(":")[1]: line.split(":")[2] for line in lines}


@pytest.fixture
def site() -> Iterator[Site]:
    """A host with neighbours."""
    folder = worlds.place()
    made = Site(folder)
    yield made
    for name, state in made.states().items():
        if state == "running" and name != "global":
            made.say("bhyvectl", f"--vm={name}", "--force-poweroff")
            made.say("zoneadm", "-z", name, "halt")
    made.database.close()
    shutil.rmtree(folder)


def add_device(site: Site, zone: str, match: str) -> None:
    site.say("zonecfg", "-z", zone, f'add device; set match="{match}"; end')


@pytest.mark.parametrize("cut", [0, 1, 2])
async def test_a_deletion_that_is_carried_on_leaves_a_zone_made_anew_alone(site: Site, cut: int) -> None:
    """Whoever made the zone anew while the agent was dead keeps it, its datasets and its power."""
    await site.create()
    ctx, steps = await site.begin(Kind.ZONE_DELETE, CLEAN)
    log = MemoryLog()
    done = await run(steps[:cut], ctx, log)
    assert done.ok
    if cut < 1:
        site.say("zoneadm", "-z", "web", "uninstall", "-F")
    if cut < 2:
        site.say("zonecfg", "-z", "web", "delete", "-F")
    site.say("zfs", "create", "rpool/zones/anew")
    site.say(
        "zonecfg", "-z", "web",
        "create -b; set brand=bhyve; set zonepath=/rpool/zones/anew/path; set ip-type=exclusive; "
        "add attr; set name=bootdisk; set type=string; set value=rpool/zones/web/root; end; "
        "add device; set match=/dev/zvol/rdsk/rpool/zones/web/root; end",
    )  # fmt: skip
    site.say("zoneadm", "-z", "web", "install")
    before = site.datasets()
    outcome = await run(steps, ctx, log)
    assert not outcome.ok
    assert "anew by somebody else" in str(outcome.error), outcome
    assert site.states()["web"] == "installed"
    assert site.datasets() == before


async def test_a_zone_installed_anew_with_the_same_configuration_is_another_one(site: Site) -> None:
    """The uuid tells a zone from one that is configured just like it."""
    await site.create()
    ctx, steps = await site.begin(Kind.ZONE_DELETE, CLEAN)
    site.say("zoneadm", "-z", "web", "uninstall", "-F")
    site.say("zoneadm", "-z", "web", "install")
    outcome = await run(steps, ctx, MemoryLog())
    assert "installed anew" in str(outcome.error), outcome
    assert site.states()["web"] == "installed"


@pytest.mark.parametrize("options", [{}, CLEAN, {"force": True}])
async def test_volumes_below_a_zonepath_elsewhere_stop_a_deletion(site: Site, options: dict[str, Any]) -> None:
    """The brand destroys all below the zonepath's dataset, which may lie anywhere: nothing of others is lost to it."""
    site.say("zfs", "create", "rpool/vms/hand")
    site.say(
        "zonecfg", "-z", "web", "create -b; set brand=bhyve; set zonepath=/rpool/vms/hand/web; set ip-type=exclusive"
    )
    site.say("zoneadm", "-z", "web", "install")
    site.say("zfs", "create", "-V", "1G", "rpool/vms/hand/web/root")
    with pytest.raises(Conflict, match="rpool/vms/hand/web/root"):
        await site.begin(Kind.ZONE_DELETE, options)


async def test_what_was_cloned_from_below_the_zonepath_stops_a_deletion(site: Site) -> None:
    """A clone would stop the brand half-way, so the zone is left whole."""
    await site.create()
    site.say("zfs", "snapshot", "rpool/zones/web/path@x")
    site.say("zfs", "clone", "rpool/zones/web/path@x", "rpool/shared/copy")
    with pytest.raises(Conflict, match="rpool/shared/copy was cloned"):
        await site.begin(Kind.ZONE_DELETE, {})


async def test_a_clean_up_keeps_what_is_cloned_by_what_it_keeps(site: Site) -> None:
    """A clone that is not ours keeps its origin, also when it lies below the same root."""
    await site.create()
    site.say("zfs", "snapshot", "rpool/zones/web/root@x")
    site.say("zfs", "clone", "rpool/zones/web/root@x", "rpool/zones/web/theirs")
    outcome = await site.do(Kind.ZONE_DELETE, **CLEAN)
    assert outcome.ok, outcome
    assert {"rpool/zones/web/root", "rpool/zones/web/theirs"} <= site.datasets()
    assert "web" not in site.states()


async def test_a_clean_up_keeps_what_was_attached_and_then_taken_away(site: Site) -> None:
    """A volume of an earlier life of the zone, attached and removed again, is never the zone's own."""
    await site.create(additional_disks=[{"volume_name": "data", "size": "1G"}])
    assert (await site.do(Kind.ZONE_DELETE)).ok
    disks = [{"existing_dataset": f"rpool/zones/web/{name}"} for name in ("root", "data")]
    await site.create(boot_volume=disks[0], additional_disks=disks[1:])
    assert (await site.do(Kind.ZONE_MODIFY, request={"remove_disks": ["disk0"]})).ok
    assert (await site.do(Kind.ZONE_DELETE, **CLEAN)).ok
    assert {"rpool/zones/web/root", "rpool/zones/web/data"} <= site.datasets()


@pytest.mark.parametrize("match", ["/dev/zvol/rdsk/rpool/shared/*", "/dev/zvol/dsk/rpool/shared/second,x"])
async def test_a_volume_is_in_use_by_any_kind_of_match(site: Site, match: str) -> None:
    """Wildcards and options after a comma do not hide that another zone has the volume."""
    add_device(site, "other", match)
    with pytest.raises(Conflict, match="in use by zone other"):
        await site.begin(
            Kind.ZONE_CREATE, {"request": {**SMALL, "boot_volume": {"existing_dataset": "rpool/shared/second"}}}
        )


async def test_a_disk_taken_from_a_running_zone_is_in_use_until_it_stops(site: Site) -> None:
    """The guest still writes to it, whatever is configured by now."""
    site.say("zoneadm", "-z", "other", "boot")
    site.say("zonecfg", "-z", "other", "remove attr name=bootdisk; remove -F device")
    request = {**SMALL, "boot_volume": {"existing_dataset": "rpool/zones/other/root"}}
    with pytest.raises(Conflict, match="in use by zone other"):
        await site.begin(Kind.ZONE_CREATE, {"request": request})


async def test_a_zone_that_cannot_be_read_is_no_proof_that_a_volume_is_free(site: Site) -> None:
    """Without `force`, what cannot be told is not guessed."""
    site.spoil("other")
    request = {**SMALL, "boot_volume": {"existing_dataset": "rpool/shared/second"}}
    with pytest.raises(Conflict, match="cannot be told"):
        await site.begin(Kind.ZONE_CREATE, {"request": request})
    _, steps = await site.begin(Kind.ZONE_CREATE, {"request": {**request, "force": True}})
    assert steps


async def test_the_way_back_keeps_a_new_volume_that_a_zone_uses_by_now(site: Site) -> None:
    """A volume that somebody gave to a zone is not destroyed when the task that made it fails."""
    await site.create()
    ctx, steps = await site.begin(Kind.ZONE_MODIFY, {"request": {"add_disks": [{"volume_name": "more", "size": "1G"}]}})
    await steps[0].do(ctx, {})
    add_device(site, "other", "/dev/zvol/rdsk/rpool/zones/web/more")
    log = MemoryLog()
    assert steps[0].undo is not None
    with pytest.raises(Exception, match="zone other names rpool/zones/web/more"):
        await steps[0].undo(ctx, {})
    assert "rpool/zones/web/more" in site.datasets()
    assert not await log.entries()


async def test_a_change_by_somebody_else_between_look_and_change_is_not_undone(site: Site) -> None:
    """What an administrator took away meanwhile does not come back with the change."""
    await site.create()
    ctx, steps = await site.begin(Kind.ZONE_MODIFY, {"request": {"vcpus": "4"}})
    site.say("zonecfg", "-z", "web", "remove attr name=bootdisk; remove -F device")
    outcome = await run(steps, ctx, MemoryLog())
    assert "changed by somebody else" in str(outcome.error), outcome
    assert "bootdisk" not in site.say("zonecfg", "-z", "web", "export")


async def test_a_zonepath_whose_dataset_is_there_unmounted_is_refused(site: Site) -> None:
    """zoneadm would take the dataset over in silence, and destroy it with the zone."""
    site.say("zfs", "create", "-o", "mountpoint=none", "rpool/vms/kept")
    with pytest.raises(Refused, match="rpool/vms/kept exists already"):
        await site.begin(Kind.ZONE_CREATE, {"request": {**SMALL, "zonepath": "/rpool/vms/kept"}})


async def test_an_existing_volume_may_lie_where_nothing_is_mounted(site: Site) -> None:
    """A volume needs no mounted parent."""
    site.say("zfs", "create", "-o", "mountpoint=none", "rpool/bare")
    site.say("zfs", "create", "-V", "1G", "rpool/bare/disk")
    await site.create(boot_volume={"existing_dataset": "rpool/bare/disk"})


async def test_another_zones_link_is_not_made_on_demand(site: Site) -> None:
    """The brand would delete the link at halt, though it is the other zone's."""
    site.say("zonecfg", "-z", "other", "add net; set physical=theirs0; end")
    nics = [{"physical": "theirs0", "global_nic": "igb0"}]
    with pytest.raises(Conflict, match="theirs0 is in use by card theirs0 of zone other"):
        await site.begin(Kind.ZONE_CREATE, {"request": {**SMALL, "nics": nics}})


async def test_an_unfinished_creation_does_not_take_the_configuration_of_an_installed_zone(site: Site) -> None:
    """A zone that somebody else installed under the name meanwhile is left alone on the way back."""
    ctx, steps = await site.begin(Kind.ZONE_CREATE, {"request": {"name": "web", "brand": "bhyve"}})
    configure = next(step for step in steps if step.name == "configuration")
    site.say("zfs", "create", "rpool/zones/web")
    site.say(
        "zonecfg", "-z", "web", "create -b; set brand=bhyve; set zonepath=/rpool/zones/web/path; set ip-type=exclusive"
    )
    site.say("zoneadm", "-z", "web", "install")
    assert configure.undo is not None
    with pytest.raises(Exception, match="still installed"):
        await configure.undo(ctx, {})
    with pytest.raises(Refused, match="already exists"):
        await configure.do(ctx, {})
    assert site.states()["web"] == "installed"
    assert await site.database.read(lambda c: zones.get(c, "web")) is None


@pytest.mark.parametrize("kind", [Kind.ZONE_MODIFY, Kind.ZONE_DELETE])
async def test_a_task_asked_for_a_version_is_not_done_to_a_later_one(site: Site, kind: Kind) -> None:
    """What other tasks changed while it waited counts as well as what was changed before it was asked for."""
    await site.create()
    record = await site.database.read(lambda c: zones.get(c, "web"))
    assert record is not None
    asked = {"request": {"vcpus": "2"}, "if_match": f'"{records.etag(record)}"'}
    assert (await site.begin(kind, asked))[1]
    assert (await site.do(Kind.ZONE_MODIFY, request={"vcpus": "4"})).ok
    with pytest.raises(PreconditionFailed):
        await site.begin(kind, asked)


async def test_a_change_that_cannot_be_looked_at_afterwards_is_undone(site: Site) -> None:
    """A command that cannot be started is no refusal once the step has changed something."""
    await site.create()
    before = site.say("zonecfg", "-z", "web", "export")
    ctx, steps = await site.begin(Kind.ZONE_MODIFY, {"request": {"vcpus": "4"}})
    ctx.host = Blind(site.host, failing=zonecfg.export("web").command.argv)
    outcome = await run(steps, ctx, MemoryLog())
    assert not outcome.ok
    assert outcome.stuck == ()
    assert site.say("zonecfg", "-z", "web", "export") == before

"""Recipes played as tasks, on the consoles of a lab host's zones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.guest.simulation import NETWORK, PASSWORD, SYSTEMS
from tests.lab import worlds

from labhost import ending
from labhost.world import World
from zoneweaver.domain.builtin_recipes import BUILT_IN
from zoneweaver.domain.errors import Conflict
from zoneweaver.domain.recipes import OsFamily, Recipe, Send
from zoneweaver.domain.secret import Secret
from zoneweaver.domain.tasks import Kind
from zoneweaver.guest.console import CONSOLES
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outcome, run
from zoneweaver.testing import MemoryLog
from zoneweaver.testing.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RECIPES = {kept.recipe.name: kept.recipe for kept in BUILT_IN.values()}
ZONES = {name.partition("-")[0]: name for name in SYSTEMS}
"""A zone for each of the agent's own recipes."""


@dataclass
class Told:
    """A journal that a test can read."""

    text: str = ""
    stages: list[str] = field(default_factory=list)

    def line(self, stream: str, data: str) -> None:
        self.text += data if stream == "console" else ""

    def progress(self, percent: int | None, info: Mapping[str, Any]) -> None:
        self.stages.append(f"{percent} {info['status']}")


@dataclass
class Lab:
    """A lab host with a zone for each recipe, and tasks for it."""

    world: World
    database: Database
    host: Host

    def boot(self, *zones: str) -> None:
        for zone in zones:
            worlds.neighbour(self.world, zone, nets=(f"{zone}0",))
            worlds.say(self.world, "zoneadm", "-z", zone, "boot")

    def task(self, zone: str, recipe: Recipe, **variables: Any) -> tuple[Context, Told]:
        user = "Administrator" if recipe.os_family is OsFamily.WINDOWS else "startcloud"
        account = {"username": user, "password": Secret(PASSWORD)}
        told = Told()
        ctx = Context(
            task_id="this",
            zone_name=zone,
            params={"recipe": recipe.as_json(), "variables": {**account, **NETWORK, **variables}, "boot_seconds": 60},
            host=self.host,
            database=self.database,
            files=ConfigFiles(self.host),
            journal=told,
        )
        return ctx, told

    async def play(self, ctx: Context) -> Outcome:
        operation = OPERATIONS[Kind.RECIPE_TEST]
        return await run(operation.steps(ctx, await operation.survey(ctx)), ctx, MemoryLog())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    world = World.create(
        str(tmp_path / "host"),
        guest="scripted",
        time_scale=0.005,
        personality={zone: SYSTEMS[name] for zone, name in ZONES.items()},
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o700)
    database = Database.open(f"sqlite:///{tmp_path}/test.db", Seal.load(tmp_path))
    yield Lab(
        world, database, Host(root=Path(world.root), command_path=(f"{world.path}/bin",), scratch=scratch, grace=1)
    )
    database.close()
    ending.end(world)


async def test_each_of_our_own_does_its_work(lab: Lab) -> None:
    """All at once, from the boot on: each guest has its address in the end, and nobody has told a password."""
    lab.boot(*ZONES)
    ends: dict[str, Outcome] = {}
    tasks = {zone: lab.task(zone, RECIPES[name]) for zone, name in ZONES.items()}

    async def play(zone: str) -> None:
        ends[zone] = await lab.play(tasks[zone][0])

    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for zone in ZONES:
                group.start_soon(play, zone)
    for zone, (_, told) in tasks.items():
        assert ends[zone].ok, f"{zone}: {ends[zone]}\n{told.text}"
        assert PASSWORD not in told.text + repr(ends[zone].outputs), zone
        assert ends[zone].outputs["recipe"]["steps"] == len(RECIPES[ZONES[zone]].steps)
        if zone != "cloud":
            assert NETWORK["ip"] in told.text, f"{zone}\n{told.text}"
            assert told.stages[0] == "10 waiting_for_boot", zone


async def test_it_is_done_again_after_a_death(lab: Lab) -> None:
    """A second run on a guest that the first one has set up, or left in the midst of it, ends as well."""
    lab.boot("debian")
    ctx, told = lab.task("debian", RECIPES["debian-netplan"])
    operation = OPERATIONS[Kind.RECIPE_TEST]
    (step,) = operation.steps(ctx, await operation.survey(ctx))

    async def play() -> None:
        await step.do(ctx, {})

    async def die_midway() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(play)
                await until(read, lambda text: "60-zoneweaver" in text, what="the recipe writes its file")
                scope.cancel()

    async def read() -> str:
        return told.text

    await die_midway()
    first = await step.do(ctx, {})
    again = await step.do(ctx, {})
    assert first["stored"] == again["stored"] == {"link": "enp0s6"}


async def test_a_zone_that_does_not_run_is_refused(lab: Lab) -> None:
    """Nothing is typed, and nothing is attached."""
    worlds.neighbour(lab.world, "debian")
    ctx, told = lab.task("debian", RECIPES["debian-netplan"])
    with pytest.raises(Conflict, match="Zone debian is installed"):
        await lab.play(ctx)
    assert told.text == ""


async def test_a_console_in_use_is_not_taken(lab: Lab) -> None:
    """The one who has it is named."""
    lab.boot("debian")
    ctx, _ = lab.task("debian", RECIPES["debian-netplan"])
    with CONSOLES.hold("debian", "task 4711"):
        outcome = await lab.play(ctx)
    assert (outcome.ok, outcome.code) == (False, "console_busy")
    assert "task 4711" in str(outcome.error)


async def test_a_cancelled_one_leaves_the_guest_logged_out(lab: Lab) -> None:
    """What runs in the guest is interrupted, the console is free, and the next one is not in somebody's session."""
    lab.boot("debian")
    command = {"type": "command", "value": "sleep 3000", "timeout": 3600}
    long = Recipe.from_json({"name": "long", "os_family": "linux", "steps": [command]})
    ctx, told = lab.task("debian", long)

    async def read() -> str:
        return told.text

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(lab.play, ctx)
            await until(read, lambda text: "$ sleep 3000" in text, what="the command runs")
            scope.cancel()
    assert told.text.rstrip().endswith("login:"), told.text
    with CONSOLES.hold("debian", "the test"):
        pass


async def test_what_stands_in_the_way_is_told(lab: Lab) -> None:
    """A wrong password fails the task with what the guest said; the password is not among it."""
    lab.boot("debian")
    ctx, told = lab.task("debian", RECIPES["debian-netplan"], password=Secret("not-this-one"))
    outcome = await lab.play(ctx)
    assert not outcome.ok
    assert "Login incorrect" in str(outcome.error)
    assert "not-this-one" not in told.text + str(outcome)


async def test_keys_alone_need_no_account(lab: Lab) -> None:
    """A recipe that only waits and sends logs nobody in."""
    lab.boot("debian")
    steps = [
        {"type": "wait", "pattern": "login:"},
        {"type": "send", "value": "\n"},
        {"type": "wait", "pattern": "login:"},
    ]
    recipe = Recipe.from_json({"name": "keys", "os_family": "linux", "steps": steps, "boot_string": "login:"})
    assert isinstance(recipe.steps[1], Send)
    ctx, told = lab.task("debian", recipe)
    outcome = await lab.play(ctx)
    assert outcome.ok, f"{outcome}\n{told.text}"
    assert "Password" not in told.text

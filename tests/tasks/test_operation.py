"""Plans, and what a context allows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from zoneweaver.domain.errors import Refused
from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.domain.tasks import Kind
from zoneweaver.host.command import Command, InputFile, Query
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.store.database import Database
from zoneweaver.tasks.context import Context, spoken
from zoneweaver.tasks.operation import plan
from zoneweaver.tasks.saga import Outputs, Step
from zoneweaver.testing import ScriptedHost

pytestmark = pytest.mark.anyio

SCRIPT = Command(
    argv=("zonecfg", "-z", "web", "-f", "{script}"),
    changes=True,
    script=InputFile(lines=(("set brand=bhyve",), ("set password=", Secret("geheim")))),
)
PIPE = Command(argv=("zfs", "send", "a@s"), pipe_to=("zfs", "recv", "b"), changes=True)


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    host = ScriptedHost(tmp_path, {("zfs", "list"): "rpool\n"})
    return Context(
        task_id="t", zone_name="web", params={}, host=host, database=database, files=ConfigFiles(host), dry=True
    )


async def _nothing(ctx: Context, outputs: Outputs) -> None:
    pass


class Planned:
    kind = Kind.DEMO

    async def survey(self, ctx: Context) -> dict[str, Any]:
        return {
            "pool": (
                await ctx.ask(Query(command=Command(argv=("zfs", "list")), parse=lambda done: done.stdout.strip()))
            )
        }

    def steps(self, ctx: Context, survey: Any) -> Sequence[Step[Context]]:
        create = Command(argv=("zfs", "create", f"{survey['pool']}/web"), changes=True)
        return [
            Step(name="root", do=_nothing, planned=(create,), planned_undo=(Command(argv=("zfs", "destroy", "x")),)),
            Step(name="configure", do=_nothing, planned=(SCRIPT, PIPE)),
            Step(name="record", do=_nothing),
        ]


async def test_a_plan_shows_commands_and_ways_back(context: Context) -> None:
    """A plan lists each step with its commands and their undoing, secrets masked, after asking the host."""
    assert await plan(Planned(), context) == [
        {"step": "root", "commands": [["zfs", "create", "rpool/web"]], "undo": [["zfs", "destroy", "x"]]},
        {
            "step": "configure",
            "commands": [list(SCRIPT.argv), ["zfs", "send", "a@s"], ["zfs", "recv", "b"]],
            "scripts": [["set brand=bhyve", f"set password={MASK}"]],
            "undo": [],
        },
        {"step": "record", "commands": [], "undo": []},
    ]


async def test_a_plan_changes_nothing(context: Context) -> None:
    """A context for plans refuses to run what changes the host, and runs what asks."""
    with pytest.raises(Refused):
        await context.run(PIPE)
    assert (await context.run(Command(argv=("zfs", "list")))).stdout == "rpool\n"
    async with context.waiting():
        await context.say("nobody hears this")
        await context.progress(5, "nor this")


async def test_a_task_without_a_zone_has_no_zone(context: Context) -> None:
    """Asking for the zone of a task that has none is refused."""
    assert context.zone == "web"
    context.zone_name = None
    with pytest.raises(Refused):
        _ = context.zone


def test_how_a_command_is_shown() -> None:
    """Words are quoted as a shell would want them, pipes and scripts are shown, secrets are not."""
    assert spoken(Command(argv=("zfs", "set", "x=a b"))) == "zfs set 'x=a b'\n"
    assert spoken(PIPE) == "zfs send a@s | zfs recv b\n"
    assert "geheim" not in spoken(SCRIPT)
    assert spoken(SCRIPT).splitlines()[1:] == ["  set brand=bhyve", f"  set password={MASK}"]

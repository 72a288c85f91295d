"""Looking at the host: what is taken over from it, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from zoneweaver.host.command import Command
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.zone_discover import GONE, ZoneDiscover, reconcile
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.zones import ZoneRecord
from zoneweaver.tasks.context import Context
from zoneweaver.testing import ScriptedHost

pytestmark = pytest.mark.anyio

LIST = ("zoneadm", "list", "-cp")
GLOBAL = "0:global:running:/::ipkg:shared:0\n"
WEB = "-:web:installed:/zones/web:u-1:bhyve:excl:0\n"
DOCUMENT = """<zone name="web" zonepath="/zones/web" brand="bhyve" autoboot="false" ip-type="exclusive">
<attr name="ram" type="string" value="2G"/><rctl name="zone.cpu-shares"><rctl-value priv="privileged" limit="10"
 action="none"/></rctl></zone>"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/d.db", Seal.load(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def host(tmp_path: Path) -> ScriptedHost:
    host = ScriptedHost(tmp_path / "root", {LIST: GLOBAL + WEB})
    folder = host.path("/etc/zones")
    folder.mkdir(parents=True)
    (folder / "web.xml").write_text(DOCUMENT)
    (folder / "index").write_text("global:installed:/:\nweb:installed:/zones/web:u-1\n")
    return host


@pytest.fixture
def ctx(database: Database, host: ScriptedHost) -> Context:
    return Context(task_id="t", zone_name=None, params={}, host=host, database=database, files=ConfigFiles(host))


async def look(ctx: Context) -> dict[str, int]:
    [step] = ZoneDiscover().steps(ctx, {})
    found: dict[str, int] = await step.do(ctx, {})
    return found


async def test_a_zone_is_found_and_then_is_as_it_was(ctx: Context, database: Database) -> None:
    """The first look makes a record; the second finds nothing to write but that the zone was seen, in one process."""
    assert await look(ctx) == {"found": 1, "new": 1, "changed": 0, "orphaned": 0}
    first = await database.read(lambda c: zones.get(c, "web"))
    assert first is not None
    assert (first.status, first.auto_discovered, first.configuration["attrs"]) == ("installed", True, {"ram": "2G"})
    assert await look(ctx) == {"found": 1, "new": 0, "changed": 0, "orphaned": 0}
    second = await database.read(lambda c: zones.get(c, "web"))
    assert second is not None
    assert second.last_seen is not None
    assert first.last_seen is not None
    assert second.last_seen > first.last_seen
    assert replace(second, last_seen=first.last_seen) == first


async def test_what_changed_is_taken_over(ctx: Context, database: Database, host: ScriptedHost) -> None:
    """A changed file is read again; a zone that is gone is an orphan once, and none any more when it is back."""
    await look(ctx)
    host.path("/etc/zones/web.xml").write_text(DOCUMENT.replace("2G", "16G"))
    assert (await look(ctx))["changed"] == 1
    host.answers[LIST] = GLOBAL
    assert (await look(ctx))["orphaned"] == 1
    assert (await look(ctx))["orphaned"] == 0
    gone = await database.read(lambda c: zones.get(c, "web"))
    assert gone is not None
    assert (gone.status, gone.is_orphaned, gone.configuration["attrs"]) == (GONE, True, {"ram": "16G"})
    host.answers[LIST] = GLOBAL + WEB
    assert (await look(ctx))["changed"] == 1
    back = await database.read(lambda c: zones.get(c, "web"))
    assert back is not None
    assert (back.status, back.is_orphaned) == ("installed", False)


@pytest.mark.parametrize("change", ["made", "forgotten", "changed"])
async def test_what_a_task_writes_meanwhile_stays(
    change: str, ctx: Context, database: Database, host: ScriptedHost
) -> None:
    """What was written after the look began is newer than what the look saw: it is left to the next one."""
    record = ZoneRecord(name="web", brand="bhyve", status="running", zonepath="/zones/web", last_seen=datetime.now(UTC))
    if change != "made":
        await look(ctx)
    meanwhile: list[ZoneRecord | None] = []

    async def listed(_: Command) -> str:
        await database.run(lambda c: zones.forget(c, "web") if change == "forgotten" else zones.put(c, record))
        meanwhile.append(await database.read(lambda c: zones.get(c, "web")))
        return GLOBAL if change == "made" else GLOBAL + WEB

    host.answers[LIST] = listed
    assert await reconcile(ctx) | {"found": 0} == {"found": 0, "new": 0, "changed": 0, "orphaned": 0}
    after = await database.read(lambda c: zones.get(c, "web"))
    if after is not None and meanwhile[0] is not None:
        after = replace(after, last_seen=meanwhile[0].last_seen)
    assert after == meanwhile[0]

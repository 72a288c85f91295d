"""What is remembered of zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.store import zones
from zoneweaver.store.database import Database
from zoneweaver.store.transaction import Note
from zoneweaver.store.zones import ZoneRecord

WEB = ZoneRecord(
    name="web",
    brand="bhyve",
    status="running",
    zonepath="/rpool/zones/web/path",
    root_dataset="rpool/zones/web",
    configuration={"ram": "2G"},
    tags=("prod", "web"),
    notes="ours",
    provisioning={"password": Secret("geheim")},
    attached=("tank/data",),
    created_by_task="t1",
    last_seen=datetime(2026, 1, 1, tzinfo=UTC),
)


async def test_a_record_comes_back_as_it_was_put(database: Database) -> None:
    """Every field of a record survives, the secret as a secret."""
    put = await database.run(lambda c: zones.put(c, WEB))
    found = await database.read(lambda c: zones.get(c, "web"))
    assert found == put
    assert found is not None
    assert found.provisioning == {"password": Secret("geheim")}
    assert (found.version, found.created_at) == (1, found.updated_at)


async def test_a_replacement_counts_up_and_keeps_its_beginning(database: Database) -> None:
    """Putting again counts the version up, keeps `created_at`, and publishes the change."""
    told: list[Note] = []
    first = await database.run(lambda c: zones.put(c, WEB))
    database.listeners.append(told.extend)
    second = await database.run(
        lambda c: zones.put(c, ZoneRecord(name="web", brand="bhyve", status="installed", zonepath="/z"))
    )
    assert (second.version, second.created_at) == (2, first.created_at)
    assert [note.topics for note in told] == [("zones", "zone:web")]


async def test_seeing_a_zone_again_is_no_change(database: Database) -> None:
    """When only `last_seen` moved, the version stays and nobody is told."""
    told: list[Note] = []
    first = await database.run(lambda c: zones.put(c, WEB))
    database.listeners.append(told.extend)
    moment = datetime(2026, 2, 2, tzinfo=UTC)
    await database.run(lambda c: zones.put(c, replace(first, last_seen=moment)))
    found = await database.read(lambda c: zones.get(c, "web"))
    assert found == replace(first, last_seen=moment)
    assert told == []


async def test_annotations_change_what_is_given(database: Database) -> None:
    """Tags, notes and provisioning change alone; None empties, and what is not given stays."""
    await database.run(lambda c: zones.put(c, WEB))
    one = await database.run(lambda c: zones.annotate(c, "web", tags=["x"]))
    assert (one.tags, one.notes, one.provisioning) == (("x",), "ours", WEB.provisioning)
    two = await database.run(lambda c: zones.annotate(c, "web", notes=None, provisioning=None))
    assert (two.tags, two.notes, two.provisioning) == (("x",), None, None)
    with pytest.raises(NotFound):
        await database.run(lambda c: zones.annotate(c, "other", notes="x"))


async def test_forgetting(database: Database) -> None:
    """A forgotten zone is gone and its neighbours stay; forgetting twice says so."""
    await database.run(lambda c: [zones.put(c, WEB), zones.put(c, replace(WEB, name="db"))])
    assert await database.run(lambda c: zones.forget(c, "web")) is True
    assert await database.run(lambda c: zones.forget(c, "web")) is False
    assert [record.name for record in await database.read(zones.every)] == ["db"]


async def test_a_secret_in_a_configuration_is_masked(database: Database) -> None:
    """The configuration that people see never holds a secret."""
    await database.run(lambda c: zones.put(c, replace(WEB, configuration={"password": Secret("geheim")})))
    found = await database.read(lambda c: zones.get(c, "web"))
    assert found is not None
    assert found.configuration == {"password": MASK}

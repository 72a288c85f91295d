"""The audit trail."""

from __future__ import annotations

from sqlalchemy import Connection

from zoneweaver.domain.secret import MASK, Secret
from zoneweaver.store import audit, transaction
from zoneweaver.store.audit import AuditEntry
from zoneweaver.store.database import Database


def _entry(number: int, **facts: object) -> AuditEntry:
    values: dict[str, object] = {"action": "zone.create", "method": "POST", "path": f"/zones/{number}", "status": 202}
    return AuditEntry(**(values | facts))  # type: ignore[arg-type]


def _five(c: Connection) -> None:
    for number in range(5):
        audit.add(c, _entry(number))


async def test_pages_are_newest_first_and_count_all(database: Database) -> None:
    """A page shows the newest entries, and how many there are in all."""
    await database.run(_five)
    entries, total = await database.read(lambda c: audit.page(c, limit=2, offset=1))
    assert [entry.path for entry in entries] == ["/zones/3", "/zones/2"]
    assert total == 5


async def test_filters(database: Database) -> None:
    """Entries are found by target, action, key and moment."""
    await database.run(lambda c: audit.add(c, _entry(1, target="web", key_id="k1", action="zone.delete")))
    middle = await database.run(transaction.now)
    await database.run(lambda c: audit.add(c, _entry(2, target="db", key_id="k2")))

    async def found(**wanted: object) -> list[str]:
        entries, total = await database.read(lambda c: audit.page(c, **wanted))  # type: ignore[arg-type]
        assert total == len(entries)
        return [entry.path for entry in entries]

    assert await found(target="web") == ["/zones/1"]
    assert await found(action="zone.create") == ["/zones/2"]
    assert await found(key_id="k2") == ["/zones/2"]
    assert await found(since=middle) == ["/zones/2"]
    assert await found(key_id="k2", target="web") == []


async def test_details_hold_no_secret(database: Database) -> None:
    """Secrets in an entry's details are masked, and the JSON of an entry has all its facts."""
    await database.run(lambda c: audit.add(c, _entry(1, details={"password": Secret("x")}, source="10.0.0.1")))
    (entry,), _ = await database.read(audit.page)
    assert entry.details == {"password": MASK}
    shown = entry.as_json()
    assert shown["source"] == "10.0.0.1"
    assert shown["at"].endswith("Z")


async def test_purging_takes_the_oldest(database: Database) -> None:
    """Old entries go, at most so many at once."""
    await database.run(_five)
    now = await database.run(transaction.now)
    await database.run(lambda c: audit.add(c, _entry(9)))
    assert await database.run(lambda c: audit.purge(c, before=now, most=3)) == 3
    assert await database.run(lambda c: audit.purge(c, before=now)) == 2
    entries, _ = await database.read(audit.page)
    assert [entry.path for entry in entries] == ["/zones/9"]

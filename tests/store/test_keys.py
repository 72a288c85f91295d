"""API keys at rest."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.store import keys, transaction
from zoneweaver.store.database import Database


async def _made(database: Database, name: str = "ci") -> tuple[ApiKey, str]:
    return await database.run(lambda c: keys.create(c, name=name, description="d", scope=Scope.WRITE))


async def test_a_key_is_found_by_its_digest_alone(database: Database) -> None:
    """The key itself is nowhere in the database; its digest finds it."""
    key, plain = await _made(database)
    assert re.fullmatch(r"hw_[0-9A-Za-z]{43}", plain)
    assert await database.read(lambda c: keys.find(c, keys.digest(plain))) == key
    rows = await database.read(lambda c: [str(row) for row in c.execute(text("SELECT * FROM api_keys"))])
    assert plain not in rows[0]
    assert await database.read(lambda c: keys.find(c, keys.digest("hw_other"))) is None


def test_keys_do_not_repeat() -> None:
    """Keys are random in every place."""
    made = [keys.new_plain() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(len({key[place] for key in made}) > 10 for place in range(3, 45))


async def test_revoking(database: Database) -> None:
    """A revoked key is still found, marked; revoking it again is a conflict, an unknown one not found."""
    key, plain = await _made(database)
    revoked = await database.run(lambda c: keys.revoke(c, key.id))
    assert revoked.revoked_at is not None
    assert await database.read(lambda c: keys.find(c, keys.digest(plain))) == revoked
    with pytest.raises(Conflict):
        await database.run(lambda c: keys.revoke(c, key.id))
    with pytest.raises(NotFound):
        await database.run(lambda c: keys.revoke(c, "x"))


async def test_removing_and_listing(database: Database) -> None:
    """Keys are listed in the order in which they were made, and removed by id."""
    (first, _), (second, _) = await _made(database, "a"), await _made(database, "b")
    assert await database.read(keys.every) == (first, second)
    await database.run(lambda c: keys.remove(c, first.id))
    assert await database.read(keys.count) == 1
    with pytest.raises(NotFound):
        await database.run(lambda c: keys.remove(c, first.id))
    with pytest.raises(NotFound):
        await database.read(lambda c: keys.get(c, first.id))


async def test_an_expired_key_is_not_found(database: Database) -> None:
    """A key whose time is over is as good as none."""
    plain = await database.run(
        lambda c: keys.create(
            c, name="a", description="", scope=Scope.READ, expires_at=transaction.now(c) + timedelta(hours=1)
        )[1]
    )
    digest = keys.digest(plain)
    assert await database.read(lambda c: keys.find(c, digest)) is not None
    await database.run(lambda c: c.execute(text("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00.000000Z'")))
    assert await database.read(lambda c: keys.find(c, digest)) is None


async def test_use_is_noted(database: Database) -> None:
    """`touch` sets the moment of the last use."""
    (key, _), (other, _) = await _made(database), await _made(database)
    assert key.last_used_at is None
    revision = database.revision
    await database.run(lambda c: keys.touch(c, [key.id]), quiet=True)
    assert database.revision == revision
    assert await database.read(lambda c: keys.get(c, other.id)) == other
    touched = await database.read(lambda c: keys.get(c, key.id))
    assert touched.last_used_at is not None
    assert touched.last_used_at > key.created_at


async def test_standing_differs_with_every_change_that_matters(database: Database) -> None:
    """Making, revoking, removing and the end of a key's time all show; being used does not."""
    seen = [await database.read(keys.standing)]

    async def differs() -> bool:
        now = await database.read(keys.standing)
        known = now in seen
        seen.append(now)
        return not known

    (first, _), (second, _) = await _made(database), await _made(database)
    assert await differs()
    await database.run(lambda c: keys.touch(c, [first.id, second.id]))
    assert not await differs()
    await database.run(lambda c: keys.revoke(c, first.id))
    assert await differs()
    await database.run(lambda c: keys.remove(c, second.id))
    await _made(database)  # it may get the number of the one that was removed
    assert await differs()
    await database.run(lambda c: c.execute(text("UPDATE api_keys SET expires_at = '2020-01-01T00:00:00.000000Z'")))
    assert await differs()

"""Answers that are given again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict
from zoneweaver.store import idempotency
from zoneweaver.store.database import Database
from zoneweaver.store.idempotency import Remembered, fingerprint
from zoneweaver.store.seal import Seal

ANSWER = Remembered(status=202, body={"task_id": "t1"}, headers={"Location": "/tasks/t1"})
PRINT = fingerprint("POST", "/zones", b"{}")


def _remember(c: Connection) -> None:
    idempotency.remember(c, key="k", caller="me", fingerprint=PRINT, answer=ANSWER)


async def test_the_first_answer_is_given_again(database: Database) -> None:
    """The same key, caller and request find the answer as it was; another caller finds nothing."""
    await database.run(_remember)

    async def found(caller: str) -> Remembered | None:
        return await database.read(lambda c: idempotency.lookup(c, key="k", caller=caller, fingerprint=PRINT))

    assert await found("me") == ANSWER
    assert await found("you") is None


async def test_another_request_under_the_same_key_is_a_conflict(database: Database) -> None:
    """Method, path and body all count."""
    await database.run(_remember)
    for other in (("PUT", "/zones", b"{}"), ("POST", "/zone", b"{}"), ("POST", "/zones", b"{ }")):
        with pytest.raises(Conflict):
            await database.read(
                lambda c, other=other: idempotency.lookup(c, key="k", caller="me", fingerprint=fingerprint(*other))  # type: ignore[misc]
            )


async def test_after_a_day_the_key_is_new(database_url: str, tmp_path: Path) -> None:
    """An answer older than a day is not found, can be replaced and is purged."""
    moments = [datetime(2026, 1, 1, tzinfo=UTC)]
    database = Database.open(database_url, Seal.load(tmp_path), clock=lambda: moments[0])
    await database.run(_remember)
    moments[0] += timedelta(hours=23)
    assert await database.run(idempotency.purge) == 0
    moments[0] += timedelta(hours=2)
    other = fingerprint("DELETE", "/zones/web", b"")
    assert await database.read(lambda c: idempotency.lookup(c, key="k", caller="me", fingerprint=other)) is None
    await database.run(lambda c: idempotency.remember(c, key="k", caller="me", fingerprint=other, answer=ANSWER))
    assert await database.read(lambda c: idempotency.lookup(c, key="k", caller="me", fingerprint=other)) == ANSWER
    moments[0] += timedelta(hours=25)
    assert await database.run(idempotency.purge) == 1
    database.close()

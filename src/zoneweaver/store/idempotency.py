"""Answers that are given again: the same key, caller and request within a day get the first answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from zoneweaver.domain.errors import Conflict
from zoneweaver.store import tables, transaction

KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """An answer as it was given."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


_I = tables.idempotency_keys.c
_FIND: Final = select(tables.idempotency_keys).where(_I.key == bindparam("k"), _I.caller == bindparam("who"))
_INSERT: Final = insert(tables.idempotency_keys)
_FORGET: Final = delete(tables.idempotency_keys).where(_I.key == bindparam("k"), _I.caller == bindparam("who"))
_EXPIRE: Final = delete(tables.idempotency_keys).where(_I.at < bindparam("before"))


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what tells one request from another under the same key."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def lookup(c: Connection, *, key: str, caller: str, fingerprint: str) -> Remembered | None:
    """Return the first answer, or None. Raises Conflict when the key was used for another request."""
    row = c.execute(_FIND, {"k": key, "who": caller}).mappings().one_or_none()
    if row is None or row["at"] < transaction.now(c) - KEPT:
        return None
    if row["fingerprint"] != fingerprint:
        raise Conflict(
            "Idempotency-Key was already used for another request",
            code="idempotency_key_reused",
            details={"idempotency_key": key},
        )
    return Remembered(status=row["status"], body=json.loads(row["body"]), headers=json.loads(row["headers"]))


def remember(c: Connection, *, key: str, caller: str, fingerprint: str, answer: Remembered) -> None:
    """Keep the answer for a day; in the same transaction as what the request does."""
    c.execute(_FORGET, {"k": key, "who": caller})  # one that has expired and is not purged yet
    c.execute(
        _INSERT,
        {
            "key": key,
            "caller": caller,
            "fingerprint": fingerprint,
            "status": answer.status,
            "body": transaction.plain(answer.body),
            "headers": json.dumps(dict(answer.headers)),
            "at": transaction.now(c),
        },
    )


def purge(c: Connection) -> int:
    """Remove what is older than a day; return how many."""
    return int(c.execute(_EXPIRE, {"before": transaction.now(c) - KEPT}).rowcount)

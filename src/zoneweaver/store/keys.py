"""API keys at rest: a SHA-256 found by index. The key itself is shown once, when it is made."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, delete, func, insert, or_, select, update

from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.store import tables, transaction

PREFIX: Final = "hw_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 43
"""Digits that 256 bits take in base 62."""

TOUCH_EVERY: Final = timedelta(minutes=1)
"""How exact `last_used_at` is: a write per request would cost more than it tells."""

_K = tables.api_keys.c
_COLUMNS: Final = (
    _K.id, _K.name, _K.description, _K.scope, _K.digest, _K.prefix, _K.created_at, _K.last_used_at, _K.revoked_at,
    _K.expires_at,
)  # fmt: skip
_FIND: Final = select(*_COLUMNS).where(_K.digest == bindparam("key"))
_GET: Final = select(*_COLUMNS).where(_K.id == bindparam("key"))
_EVERY: Final = select(*_COLUMNS).order_by(_K.seq)
_MANAGERS: Final = select(_K.id).where(
    _K.scope == bindparam("scope"),
    _K.revoked_at.is_(None),
    or_(_K.expires_at.is_(None), _K.expires_at > bindparam("moment", type_=_K.expires_at.type)),
)
_COUNT: Final = select(func.count()).select_from(tables.api_keys)
_INSERT: Final = insert(tables.api_keys)
_REVOKE: Final = update(tables.api_keys).where(_K.id == bindparam("key"), _K.revoked_at.is_(None))
_TOUCH: Final = update(tables.api_keys).where(_K.id == bindparam("key"))
_STANDING: Final = select(
    func.count(),
    func.sum(_K.seq),
    func.max(_K.created_at),
    func.count(_K.revoked_at),
    func.count(case((_K.expires_at <= bindparam("moment", type_=_K.expires_at.type), 1))),
)
_DELETE: Final = delete(tables.api_keys).where(_K.id == bindparam("key"))


def digest(plain: str) -> str:
    """Return the hex SHA-256 under which a key is kept."""
    return hashlib.sha256(plain.encode()).hexdigest()


def new_plain() -> str:
    """Make a key: `hw_` and 256 random bits in base 62."""
    number, digits = secrets.randbits(256), []
    for _ in range(_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return PREFIX + "".join(digits)


def create(
    c: Connection, *, name: str, description: str, scope: Scope, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and remember its digest; the second value is the key itself, which nobody can ask for again."""
    plain = new_plain()
    key = ApiKey(
        id=str(uuid.uuid4()),
        name=name,
        description=description,
        scope=scope,
        digest=digest(plain),
        prefix=plain[: len(PREFIX) + 6],
        created_at=transaction.now(c),
    )
    row = {name: getattr(key, name) for name in ("id", "name", "description", "digest", "prefix", "created_at")}
    c.execute(_INSERT, {**row, "scope": scope.word, "expires_at": expires_at})
    return key, plain


def find(c: Connection, digest: str) -> ApiKey | None:
    """Return the key with this digest, also when it is revoked; None when there is none or it has expired."""
    row = c.execute(_FIND, {"key": digest}).mappings().one_or_none()
    if row is None or (row["expires_at"] is not None and row["expires_at"] <= transaction.now(c)):
        return None
    return _key(row)


def get(c: Connection, key_id: str) -> ApiKey:
    """Return the key. Raises NotFound."""
    row = c.execute(_GET, {"key": key_id}).mappings().one_or_none()
    if row is None:
        raise NotFound("API key not found", details={"id": key_id})
    return _key(row)


def every(c: Connection) -> tuple[ApiKey, ...]:
    """Return all keys, the oldest first, revoked ones too."""
    return tuple(_key(row) for row in c.execute(_EVERY).mappings())


def managers(c: Connection) -> list[str]:
    """Return the ids of the keys that can make others now: an admin's, neither revoked nor expired."""
    return list(c.execute(_MANAGERS, {"moment": transaction.now(c), "scope": Scope.ADMIN.word}).scalars())


def count(c: Connection) -> int:
    """Return how many keys there are, revoked ones too."""
    return int(c.execute(_COUNT).scalar_one())


def revoke(c: Connection, key_id: str) -> ApiKey:
    """Revoke the key. Raises NotFound, and Conflict when it is revoked already."""
    if c.execute(_REVOKE, {"key": key_id, "revoked_at": transaction.now(c)}).rowcount == 0:
        key = get(c, key_id)
        raise Conflict("API key is already revoked", details={"id": key.id})
    return get(c, key_id)


def remove(c: Connection, key_id: str) -> None:
    """Delete the key. Raises NotFound."""
    if c.execute(_DELETE, {"key": key_id}).rowcount == 0:
        raise NotFound("API key not found", details={"id": key_id})


Standing = tuple[object, ...]
"""Counts that differ whenever a key was made, revoked or removed, or has expired: none of these happens twice."""


def standing(c: Connection) -> Standing:
    """Return what the table is like as a whole."""
    return tuple(c.execute(_STANDING, {"moment": transaction.now(c)}).one())


def touch(c: Connection, key_ids: Collection[str]) -> None:
    """Note that keys were used; callers do so at most every `TOUCH_EVERY` for each."""
    moment = transaction.now(c)
    c.execute(_TOUCH, [{"key": key_id, "last_used_at": moment} for key_id in key_ids])


def _key(row: Mapping[Any, Any]) -> ApiKey:
    values = {name: value for name, value in row.items() if name not in {"scope", "expires_at"}}
    return ApiKey(scope=Scope.of(row["scope"]), **values)

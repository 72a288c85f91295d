"""What is remembered of profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from zoneweaver.domain.profiles import KeptProfile, Profile
from zoneweaver.store import tables, transaction

_P = tables.profiles.c
_COLUMNS: Final = tuple(column for column in _P if column.name != "seq")
_EVERY: Final = select(*_COLUMNS).order_by(_P.name)
_FIND: Final = select(*_COLUMNS).where(or_(_P.id == bindparam("key"), _P.name == bindparam("key")))
_INSERT: Final = insert(tables.profiles)
_UPDATE: Final = update(tables.profiles).where(_P.id == bindparam("key"))
_DELETE: Final = delete(tables.profiles).where(_P.id == bindparam("key"))


def every(c: Connection) -> tuple[KeptProfile, ...]:
    """Return all by name."""
    return tuple(_kept(c, row) for row in c.execute(_EVERY).mappings())


def find(c: Connection, key: str) -> KeptProfile | None:
    """Return the profile with this id, else the one with this name, or None."""
    found = [_kept(c, row) for row in c.execute(_FIND, {"key": key}).mappings()]
    return next((kept for kept in found if kept.id == key), found[0] if found else None)


def put(c: Connection, profile_id: str, profile: Profile, *, created_by: str) -> KeptProfile:
    """Insert or replace a profile and return it as it is kept."""
    moment = transaction.now(c)
    values = {
        "name": profile.name,
        "description": profile.description,
        "defaults": transaction.seal(c).dumps(profile.defaults),
        "updated_at": moment,
    }
    if c.execute(_UPDATE, {"key": profile_id, **values}).rowcount == 0:
        c.execute(_INSERT, {"id": profile_id, "created_by": created_by, "created_at": moment, **values})
    kept = find(c, profile_id)
    assert kept is not None  # noqa: S101 - written above
    return kept


def remove(c: Connection, profile_id: str) -> bool:
    """Forget a profile; say whether there was one."""
    return c.execute(_DELETE, {"key": profile_id}).rowcount > 0


def _kept(c: Connection, row: Mapping[Any, Any]) -> KeptProfile:
    return KeptProfile(
        id=row["id"],
        profile=Profile(
            name=row["name"], description=row["description"], defaults=transaction.seal(c).loads(row["defaults"])
        ),
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )

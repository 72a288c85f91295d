"""What is remembered of the provisioning of zones: when it succeeded last, and the key that the guest is known by."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from zoneweaver.store import tables, transaction

_P = tables.provisionings.c
_KEY: Final[Any] = bindparam("key")
_AT: Final = select(_P.provisioned_at).where(_P.zone_name == _KEY)
_HOST_KEY: Final = select(_P.host_key).where(_P.zone_name == _KEY, _P.installation == bindparam("uuid"))
_INSERT: Final = insert(tables.provisionings)
_UPDATE: Final = update(tables.provisionings).where(_P.zone_name == _KEY)
_DELETE: Final = delete(tables.provisionings).where(_P.zone_name == _KEY)


def provisioned_at(c: Connection, zone: str) -> datetime | None:
    """Return when a pipeline of the zone was through last, or None."""
    return c.execute(_AT, {"key": zone}).scalar_one_or_none()


def done(c: Connection, zone: str) -> None:
    """Note that a zone's pipeline is through, now."""
    _put(c, zone, {"provisioned_at": transaction.now(c)})


def host_key(c: Connection, zone: str, installation: str) -> str | None:
    """Return the key that the guest of this installation (the zone's uuid) showed first, or None."""
    return c.execute(_HOST_KEY, {"key": zone, "uuid": installation}).scalar_one_or_none()


def know(c: Connection, zone: str, installation: str, key: str) -> None:
    """Remember the key of a zone's guest; one of an earlier installation is forgotten."""
    _put(c, zone, {"host_key": key, "installation": installation})


def forget(c: Connection, zone: str) -> None:
    """Forget a zone that is gone."""
    c.execute(_DELETE, {"key": zone})


def _put(c: Connection, zone: str, values: dict[str, Any]) -> None:
    if c.execute(_UPDATE, {"key": zone, **values}).rowcount == 0:
        c.execute(_INSERT, {"zone_name": zone, **values})

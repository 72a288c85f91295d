"""What a database said, as errors of ours; nothing above this room knows a driver."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from zoneweaver.domain.errors import Conflict, Failed, Unavailable
from zoneweaver.store.tables import metadata

_AWAY: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that pass: connections, a server that only reads for now, lack of resources, restarts."""

_SQLITE_UNIQUE: Final = re.compile(r"UNIQUE constraint failed: (?P<columns>.+)")


def _index_names() -> dict[str, str]:
    """Return the name of every unique constraint by the columns that SQLite tells instead."""
    names = {}
    for table in metadata.tables.values():
        key = ", ".join(f"{table.name}.{column.name}" for column in table.primary_key.columns)
        names[key] = f"pk_{table.name}"
        for index in table.indexes:
            if index.unique:
                columns = ", ".join(f"{table.name}.{column.name}" for column in index.columns)
                names[columns] = str(index.name)
    return names


_NAMES: Final = _index_names()


def translated(error: BaseException) -> BaseException:
    """Return our error for one of SQLAlchemy's, and any other as it is."""
    if not isinstance(error, SQLAlchemyError):
        return error
    said = str(getattr(error, "orig", None) or error).strip()
    first = said.splitlines()[0] if said else type(error).__name__
    if isinstance(error, IntegrityError):
        name = _constraint(error, said)
        if name is not None:
            return _chained(
                Conflict(f"already there: {name}", code="unique_violation", details={"constraint": name}), error
            )
        return _chained(Failed(f"database: {first}", code="database"), error)
    if isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or _state(error)[:2] in _AWAY)
    ):
        return _chained(Unavailable(f"database: {first}", code="database_unavailable"), error)
    return _chained(Failed(f"database: {first}", code="database"), error)


def _chained(ours: Conflict | Failed | Unavailable, theirs: BaseException) -> BaseException:
    ours.__cause__ = theirs
    return ours


def _state(error: DBAPIError) -> str:
    """Return PostgreSQL's SQLSTATE; SQLite has none."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _constraint(error: IntegrityError, said: str) -> str | None:
    """Return the name of the unique constraint that was violated; None for other kinds of violation."""
    match = _SQLITE_UNIQUE.search(said)
    if match is not None:
        return _NAMES.get(match["columns"], match["columns"])
    if _state(error) != "23505":
        return None
    diagnosis = getattr(error.orig, "diag", None)
    return str(getattr(diagnosis, "constraint_name", None) or "unique")

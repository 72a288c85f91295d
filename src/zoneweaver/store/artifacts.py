"""What is remembered of artifacts; their files lie in the staging folder (store/staging.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from zoneweaver.domain.artifacts import Artifact, ArtifactKind, ArtifactState
from zoneweaver.store import tables, transaction

_A = tables.artifacts.c
_COLUMNS: Final = tuple(column for column in _A if column.name != "seq")
_GET: Final = select(*_COLUMNS).where(_A.id == bindparam("key"))
_BY_UPLOAD: Final = select(*_COLUMNS).where(_A.upload_id == bindparam("key"))
_EVERY: Final = select(*_COLUMNS).order_by(_A.seq)
_UNFINISHED: Final = _EVERY.where(_A.state == ArtifactState.UPLOADING.value)
_INSERT: Final = insert(tables.artifacts)
_UPDATE: Final = update(tables.artifacts).where(_A.id == bindparam("key"))
_DELETE: Final = delete(tables.artifacts).where(_A.id == bindparam("key"))


def add(c: Connection, artifact: Artifact) -> None:
    """Remember an artifact that is to be uploaded."""
    c.execute(_INSERT, _row(artifact))


def get(c: Connection, artifact_id: str) -> Artifact | None:
    """Return the artifact, or None."""
    row = c.execute(_GET, {"key": artifact_id}).mappings().one_or_none()
    return None if row is None else _artifact(row)


def by_upload(c: Connection, upload_id: str) -> Artifact | None:
    """Return the artifact that this upload makes, or None."""
    row = c.execute(_BY_UPLOAD, {"key": upload_id}).mappings().one_or_none()
    return None if row is None else _artifact(row)


def page(
    c: Connection,
    *,
    kind: ArtifactKind | None,
    name: str | None,
    zone: str | None,
    limit: int,
    offset: int,
) -> tuple[tuple[Artifact, ...], int]:
    """Return whole artifacts, the oldest first, and how many match in all; `name` finds a part of the file name."""
    wanted = [_A.state == ArtifactState.READY.value]
    if kind is not None:
        wanted.append(_A.kind == kind.value)
    if name is not None:
        wanted.append(func.instr(_A.filename, name) > 0 if _sqlite(c) else func.strpos(_A.filename, name) > 0)
    if zone is not None:
        wanted.append(_A.zone_name == zone)
    total = c.execute(select(func.count()).select_from(tables.artifacts).where(*wanted)).scalar_one()
    rows = c.execute(_EVERY.where(*wanted).limit(limit).offset(offset)).mappings()
    return tuple(_artifact(row) for row in rows), int(total)


def unfinished(c: Connection) -> tuple[Artifact, ...]:
    """Return what is being uploaded."""
    return tuple(_artifact(row) for row in c.execute(_UNFINISHED).mappings())


def every(c: Connection) -> tuple[Artifact, ...]:
    """Return all, whole or not."""
    return tuple(_artifact(row) for row in c.execute(_EVERY).mappings())


def complete(c: Connection, artifact_id: str, *, sha256: str, entries: int | None, unpacked: int | None) -> bool:
    """Note that the file is whole; say whether it is remembered still."""
    values = {
        "state": ArtifactState.READY.value,
        "sha256": sha256,
        "entries": entries,
        "unpacked": unpacked,
        "completed_at": transaction.now(c),
    }
    return c.execute(_UPDATE, {"key": artifact_id, **values}).rowcount > 0


def remove(c: Connection, artifact_id: str) -> bool:
    """Forget an artifact; say whether there was one."""
    return c.execute(_DELETE, {"key": artifact_id}).rowcount > 0


def now(c: Connection) -> datetime:
    """Return the moment by the database's clock."""
    return transaction.now(c)


def _sqlite(c: Connection) -> bool:
    return c.dialect.name == "sqlite"


def _row(artifact: Artifact) -> dict[str, Any]:
    return {**asdict(artifact), "kind": artifact.kind.value, "state": artifact.state.value}


def _artifact(row: Mapping[Any, Any]) -> Artifact:
    values = dict(row)
    return Artifact(**{**values, "kind": ArtifactKind(values["kind"]), "state": ArtifactState(values["state"])})

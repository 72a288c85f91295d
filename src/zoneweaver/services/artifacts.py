"""Artifacts: what people upload is checked before, while and after it comes, and kept as long as something names it."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import structlog
from anyio import to_thread
from sqlalchemy import Connection

from zoneweaver.domain import artifacts as domain
from zoneweaver.domain.artifacts import Artifact, ArtifactKind, ArtifactState, Form
from zoneweaver.domain.errors import Conflict, Invalid, NotFound, TooLarge
from zoneweaver.domain.names import ZoneName
from zoneweaver.domain.tasks import Kind, NewTask, stamp
from zoneweaver.host import archive
from zoneweaver.host.judge import Contents
from zoneweaver.host.judge import Limits as ArchiveLimits
from zoneweaver.host.tarstream import BadArchive
from zoneweaver.services.callers import Caller
from zoneweaver.store import artifacts, staging, zones
from zoneweaver.store.database import Database
from zoneweaver.store.staging import Staging, Writer
from zoneweaver.tasks import queue

log = structlog.get_logger()

_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is taken: bytes of one file, bytes that stay free, hours for one upload, and what archives may become."""

    size: int = 64 * 1024**3
    reserve: int = 256 * 1024**2
    hours: float = 24
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Which bytes of the file a request brings: from `start`, up to `end` (exclusive)."""

    start: int
    end: int

    @classmethod
    def of(cls, content_range: str | None, *, size: int, length: int | None) -> Part:
        """Read `Content-Range`; without it the whole file comes. `length` is the body's, where it is known.

        Raises Invalid, and TooLarge for a body that is longer than the file that was announced.
        """
        part = cls(start=0, end=size)
        if content_range is not None:
            match = _RANGE.fullmatch(content_range.strip())
            if match is None:
                raise Invalid("Content-Range must be such as bytes 0-1048575/5000000", field="Content-Range")
            first, last, total = (int(digits) for digits in match.groups())
            if total != size:
                raise Invalid(f"Content-Range says {total} bytes, but {size} were announced", field="Content-Range")
            if not first <= last < total:
                raise Invalid(f"Content-Range names no part of {total} bytes", field="Content-Range")
            part = cls(start=first, end=last + 1)
        if length is not None and length > part.end - part.start:
            raise _too_long(part.end - part.start)
        if length is not None and length < part.end - part.start:
            raise Invalid(
                f"The body has {length} bytes instead of {part.end - part.start}; a part of a file comes with "
                "Content-Range",
                field="Content-Length",
            )
        return part


def _too_long(size: int) -> TooLarge:
    return TooLarge(f"The body is longer than the {size} bytes that were announced", details={"limit": size})


class Artifacts:
    """Everything that can be asked about artifacts."""

    def __init__(self, *, database: Database, folder: Path, limits: Limits | None = None) -> None:
        self._database = database
        self._staging = Staging(folder)
        self._limits = limits or Limits()
        self._busy: set[str] = set()
        """Uploads that a request works on at the moment."""

    # --- answers

    async def list(
        self, *, kind: str | None, name: str | None, zone_name: str | None, limit: int, offset: int
    ) -> dict[str, Any]:
        """Return artifacts that are whole, the oldest first; `name` finds a part of the file name."""
        wanted = None if kind is None else ArtifactKind(kind)
        found, total = await self._database.read(
            lambda c: artifacts.page(c, kind=wanted, name=name, zone=zone_name, limit=limit, offset=offset)
        )
        return {"artifacts": [self._shown(artifact) for artifact in found], "total": total}

    async def get(self, artifact_id: str) -> dict[str, Any]:
        """Return one artifact with the zones that name it. Raises NotFound."""

        def read(c: Connection) -> tuple[Artifact | None, tuple[str, ...]]:
            found = artifacts.get(c, artifact_id)
            return found, () if found is None else self._users(c, found)

        artifact, users = await self._database.read(read)
        if artifact is None:
            raise _unknown(artifact_id)
        return {**self._shown(artifact), "used_by": list(users)}

    async def content(self, artifact_id: str) -> tuple[Artifact, Path]:
        """Return a whole artifact and where its file lies. Raises NotFound, and Conflict while it is uploaded."""
        artifact = await self._database.read(lambda c: artifacts.get(c, artifact_id))
        if artifact is None:
            raise _unknown(artifact_id)
        if artifact.state is not ArtifactState.READY:
            raise Conflict(f"Artifact {artifact.filename} is not uploaded yet", code="not_uploaded")
        path = self._staging.path(artifact.stored_as)
        if not await to_thread.run_sync(path.is_file):
            raise NotFound(f"The file of artifact {artifact.filename} is not there any more", code="file_missing")
        return artifact, path

    async def upload_state(self, upload_id: str) -> dict[str, Any]:
        """Return how much of an upload has arrived. Raises NotFound."""
        return self._progress(await self._upload(upload_id))

    # --- changes

    async def prepare(
        self, *, filename: str, size: int, checksum: str | None, zone_name: str | None, caller: Caller
    ) -> dict[str, Any]:
        """Make ready for a file. Raises Invalid (its type), TooLarge, Conflict (no room)."""
        form = domain.form_of(filename)
        if form.packing is not None and not archive.can_unpack(form.packing):
            raise Invalid(f"{form.packing.value} cannot be unpacked on this host: there is no zstd", field="filename")
        if size > self._limits.size:
            raise TooLarge(
                f"{filename} has {size} bytes; artifacts have at most {self._limits.size}",
                details={"limit": self._limits.size, "field": "size"},
            )
        expected = None if checksum is None else domain.checksum(checksum)
        zone = None if zone_name is None else ZoneName.parse(zone_name)
        await self._forget_expired()
        free = await to_thread.run_sync(self._staging.free)

        def write(c: Connection) -> Artifact:
            coming = sum(other.size - self._staging.size(other.stored_as) for other in artifacts.unfinished(c))
            if size > free - coming - self._limits.reserve:
                raise _no_room(filename, size, max(0, free - coming - self._limits.reserve))
            artifact = Artifact(
                id=str(uuid.uuid4()),
                upload_id=str(uuid.uuid4()),
                filename=filename,
                kind=form.kind,
                state=ArtifactState.UPLOADING,
                size=size,
                expected=expected,
                zone_name=zone,
                created_by=caller.name,
                created_at=artifacts.now(c),
            )
            artifacts.add(c, artifact)
            return artifact

        artifact = await self._database.run(write)
        return {
            "success": True,
            "task_id": artifact.upload_id,
            "artifact_id": artifact.id,
            "upload_url": f"/artifacts/upload/{artifact.upload_id}",
            "expires_at": stamp(self._expires(artifact)),
            "message": f"Send {filename} to upload_url",
        }

    async def upload(
        self,
        upload_id: str,
        *,
        content_range: str | None,
        length: int | None,
        chunks: AsyncIterator[bytes],
        caller: Caller,
    ) -> dict[str, Any]:
        """Take the file, or a part of it, as it comes; with the last byte it is checked and becomes an artifact.

        What has come is kept when the client goes away. Raises NotFound, Conflict (`details["received"]` is where to go
        on), Invalid, TooLarge, Failed.
        """
        artifact = await self._upload(upload_id)
        if artifact.state is ArtifactState.READY:
            raise Conflict(f"{artifact.filename} is uploaded already", code="upload_complete")
        part = Part.of(content_range, size=artifact.size, length=length)
        if upload_id in self._busy:
            raise Conflict(f"{artifact.filename} is being uploaded at the moment", code="upload_busy")
        self._busy.add(upload_id)
        try:
            have = self._staging.size(artifact.stored_as)
            if part.start > have:
                raise Conflict(
                    f"{have} bytes of {artifact.filename} have arrived: go on there, not at {part.start}",
                    code="wrong_offset",
                    details={"received": have},
                )
            free = await to_thread.run_sync(self._staging.free)
            if part.end - part.start > free:
                raise _no_room(artifact.filename, part.end - part.start, free)
            digest = await self._receive(artifact, part, chunks)
            if digest is not None:
                artifact = await self._finish(artifact, digest, caller)
        finally:
            self._busy.discard(upload_id)
        return self._progress(artifact)

    async def delete(self, artifact_id: str) -> dict[str, Any]:
        """Remove an artifact. Raises NotFound, and Conflict while a zone's configuration names it."""

        def write(c: Connection) -> Artifact:
            artifact = artifacts.get(c, artifact_id)
            if artifact is None:
                raise _unknown(artifact_id)
            if artifact.upload_id in self._busy:
                raise Conflict(f"{artifact.filename} is being uploaded at the moment", code="upload_busy")
            users = self._users(c, artifact)
            if users:
                raise Conflict(
                    f"Artifact {artifact.filename} is named by the configuration of zone {users[0]}",
                    code="artifact_in_use",
                    details={"zones": list(users)},
                )
            artifacts.remove(c, artifact_id)
            return artifact

        artifact = await self._database.run(write)
        await to_thread.run_sync(self._staging.remove, artifact.stored_as)
        return {"success": True, "artifact_id": artifact.id, "message": f"Artifact {artifact.filename} deleted"}

    async def settle(self) -> None:
        """Remove the files that nothing remembers: of deletions and uploads that a death cut short."""
        known = await self._database.read(artifacts.every)
        await to_thread.run_sync(self._staging.keep, {artifact.stored_as for artifact in known})

    # --- the way of the bytes

    async def _receive(self, artifact: Artifact, part: Part, chunks: AsyncIterator[bytes]) -> str | None:
        """Write what comes; return the SHA-256 when the file is whole, None when more is to come."""
        path = self._staging.path(artifact.stored_as)
        writer = await to_thread.run_sync(lambda: Writer.open(path, at=part.start))
        waiting = bytearray()
        try:
            try:
                async for chunk in chunks:
                    if writer.size + len(waiting) + len(chunk) > part.end:
                        raise _too_long(part.end - part.start)
                    waiting += chunk
                    if len(waiting) >= staging.PIECE:
                        content, waiting = bytes(waiting), bytearray()
                        await to_thread.run_sync(writer.write, content)
            finally:
                # What has come is kept whatever happened: the client goes on there.
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(writer.write, bytes(waiting))
        except TooLarge:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._staging.remove, artifact.stored_as)
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(writer.close)
        if writer.size < part.end:
            raise Invalid(
                f"The body ended after {writer.size - part.start} of {part.end - part.start} bytes; go on at "
                f"{writer.size}",
                code="body_incomplete",
            )
        return writer.digest() if writer.size == artifact.size else None

    async def _finish(self, artifact: Artifact, digest: str, caller: Caller) -> Artifact:
        """Check the whole file, and note that it is there; one that is not what was promised is removed."""
        try:
            if artifact.expected is not None and digest != artifact.expected:
                raise Invalid(
                    f"{artifact.filename} has the SHA-256 {digest}, not {artifact.expected}; it was removed",
                    code="checksum_mismatch",
                )
            contents = await to_thread.run_sync(
                self._checked, artifact.form, self._staging.path(artifact.stored_as), artifact.filename
            )
        except Invalid:
            await to_thread.run_sync(self._staging.remove, artifact.stored_as)
            raise
        task = NewTask(
            id=artifact.upload_id,
            kind=Kind.ARTIFACT_UPLOAD,
            zone_name=None,
            params={"artifact_id": artifact.id},
            created_by=caller.name,
            metadata={
                "artifact_id": artifact.id,
                "filename": artifact.filename,
                "size": artifact.size,
                "sha256": digest,
            },
        )

        def write(c: Connection) -> Artifact:
            facts = (None, None) if contents is None else (contents.entries, contents.unpacked)
            artifacts.complete(c, artifact.id, sha256=digest, entries=facts[0], unpacked=facts[1])
            queue.enqueue(c, task)
            whole = artifacts.get(c, artifact.id)
            if whole is None:
                raise _unknown(artifact.id)
            return whole

        return await self._database.run(write)

    def _checked(self, form: Form, path: Path, filename: str) -> Contents | None:
        """Look into the file. Raises Invalid naming what is wrong with it."""
        if not domain.begins_well(form, staging.head(path, domain.HEAD)):
            raise Invalid(f"{filename} is no {form.ending.lstrip('.')}: it begins otherwise", code="wrong_type")
        if form.packing is None:
            return None
        try:
            return archive.inspect(path, form.packing, limits=self._limits.archive)
        except BadArchive as error:
            invalid = Invalid(f"{filename}: {error.message}; it was removed", code=error.code)
            invalid.details.update(error.details)
            raise invalid from None

    async def _upload(self, upload_id: str) -> Artifact:
        artifact = await self._database.read(lambda c: artifacts.by_upload(c, upload_id))
        if artifact is None:
            raise NotFound("Upload not found: it was never prepared, or has expired", code="no_such_upload")
        return artifact

    async def _forget_expired(self) -> None:
        def write(c: Connection) -> tuple[Artifact, ...]:
            expired = tuple(
                artifact
                for artifact in artifacts.unfinished(c)
                if self._expires(artifact) < artifacts.now(c) and artifact.upload_id not in self._busy
            )
            for artifact in expired:
                artifacts.remove(c, artifact.id)
            return expired

        for artifact in await self._database.run(write):
            log.info("upload expired", filename=artifact.filename, upload=artifact.upload_id)
            await to_thread.run_sync(self._staging.remove, artifact.stored_as)

    def _expires(self, artifact: Artifact) -> datetime:
        return artifact.created_at + timedelta(hours=self._limits.hours)

    def _users(self, c: Connection, artifact: Artifact) -> tuple[str, ...]:
        """Return the zones whose configuration names the artifact, or its file as a CD-ROM or disk."""
        path = str(self._staging.path(artifact.stored_as))
        return tuple(
            record.name
            for record in zones.every(c)
            if (record.provisioning or {}).get("artifact_id") == artifact.id or _holds(record.configuration, path)
        )

    def _shown(self, artifact: Artifact) -> dict[str, Any]:
        return {**artifact.as_json(), "path": str(self._staging.path(artifact.stored_as))}

    def _progress(self, artifact: Artifact) -> dict[str, Any]:
        complete = artifact.state is ArtifactState.READY
        answer: dict[str, Any] = {
            "success": True,
            "task_id": artifact.upload_id,
            "artifact_id": artifact.id,
            "received": artifact.size if complete else self._staging.size(artifact.stored_as),
            "size": artifact.size,
            "complete": complete,
            "message": f"{artifact.filename} is uploaded" if complete else f"{artifact.filename} is not whole yet",
        }
        if complete:
            answer["artifact"] = self._shown(artifact)
        return answer


def _holds(value: Any, text: str) -> bool:
    """Say whether a JSON-like value holds a text somewhere."""
    if isinstance(value, Mapping):
        return any(_holds(item, text) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds(item, text) for item in value)
    return bool(value == text)


def _no_room(filename: str, size: int, free: int) -> Conflict:
    return Conflict(
        f"There is no room for {filename}: it needs {size} bytes, {free} are free",
        code="no_space",
        details={"needed": size, "free": free},
    )


def _unknown(artifact_id: str) -> NotFound:
    return NotFound("Artifact not found", code="artifact_not_found", details={"artifact": artifact_id})

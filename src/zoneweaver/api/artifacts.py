"""`/artifacts`: files that people give to the agent."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Final, Literal

import anyio
from pydantic import ConfigDict, Field

from zoneweaver.api import multipart
from zoneweaver.api.route import Answer, Call, Route, Stream
from zoneweaver.api.wire import NOT_GIVEN, Body, Page, Shown
from zoneweaver.domain.errors import RangeNotSatisfiable
from zoneweaver.domain.keys import Scope

PIECE: Final = 256 * 1024

_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class PrepareUpload(Body):
    """A file that shall be sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "filename": "site.tar.gz",
                    "size": 48213,
                    "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                }
            ]
        }
    )

    filename: str = Field(min_length=1, max_length=200)
    """Its name. The ending says what it is: `.tar`, `.tar.gz`, `.tgz`, `.tar.zst`, `.tzst` (provisioning), `.iso`,
    `.img`, `.raw`, `.qcow2`, `.vmdk` (image)."""
    size: int = Field(ge=1, le=2**60)
    """Its size in bytes."""
    checksum: str = Field(default=NOT_GIVEN, max_length=80)
    """Its SHA-256 in hex; the file is refused when it turns out to have another."""
    zone_name: str = Field(default=NOT_GIVEN, max_length=63)
    """The zone that it is meant for; to find it by, nothing more."""


class ListArtifacts(Page):
    """Which artifacts."""

    kind: Literal["provisioning", "iso", "image"] | None = None
    """Only those of this kind."""
    name: str | None = Field(default=None, max_length=200)
    """Only those whose file name holds this text."""
    zone_name: str | None = Field(default=None, max_length=63)
    """Only those that are meant for this zone."""


class ArtifactRow(Shown):
    """An artifact."""

    id: str
    filename: str
    kind: str
    """`provisioning`, `iso` or `image`."""
    packing: str | None
    """How an archive is packed: `tar`, `tar.gz`, `tar.zst`."""
    state: str
    """`ready`, or `uploading` while its file is not whole."""
    size: int
    """Bytes."""
    sha256: str | None
    entries: int | None
    """How many entries an archive holds."""
    unpacked_size: int | None
    """How many bytes an archive unpacks to."""
    zone_name: str | None
    path: str
    """Where its file lies on the host, for use as a CD-ROM."""
    created_by: str
    created_at: str
    completed_at: str | None


class ArtifactList(Shown):
    """Artifacts, the oldest first."""

    artifacts: list[ArtifactRow]
    total: int
    """How many match, beyond this page too."""


class ArtifactDetails(ArtifactRow):
    """An artifact, and what uses it."""

    used_by: list[str]
    """Zones whose configuration names it; it cannot be deleted as long as there are any."""


class Prepared(Shown):
    """The file can be sent."""

    success: bool
    task_id: str
    """The task whose row will tell of the upload once it is complete."""
    artifact_id: str
    upload_url: str
    """Where to send the file."""
    expires_at: str
    """What is not whole by then is forgotten."""
    message: str


class Upload(Shown):
    """How much has come."""

    success: bool
    task_id: str
    artifact_id: str
    received: int
    """Bytes that have come, from the beginning of the file: where to go on."""
    size: int
    complete: bool
    """Whether the file is whole, checked, and an artifact."""
    message: str
    artifact: ArtifactRow | None = NOT_GIVEN
    """The artifact, when it is complete."""


class ArtifactDeleted(Shown):
    """The artifact is gone."""

    success: bool
    artifact_id: str
    message: str


async def prepare(call: Call) -> Answer:
    """Make ready for a file."""
    asked = call.sent(PrepareUpload)
    prepared = await call.services.artifacts.prepare(
        filename=asked.filename,
        size=asked.size,
        checksum=asked.checksum,
        zone_name=asked.zone_name,
        caller=call.caller,
    )
    return Answer(body=prepared)


async def upload(call: Call) -> Answer:
    """Take a file, or a part of it, as it comes."""
    if call.chunks is None:
        raise TypeError("the route takes its body raw")
    boundary = multipart.boundary_of(call.header(b"content-type") or "")
    length = call.header(b"content-length")
    chunks: AsyncIterator[bytes] = call.chunks()
    if boundary is not None:
        chunks = multipart.content(chunks, boundary)
    received = await call.services.artifacts.upload(
        call.path["task_id"],
        content_range=call.header(b"content-range"),
        length=int(length) if length is not None and length.isdigit() and boundary is None else None,
        chunks=chunks,
        caller=call.caller,
    )
    return Answer(body=received)


async def upload_state(call: Call) -> Answer:
    """Answer with how much has come."""
    return Answer(body=await call.services.artifacts.upload_state(call.path["task_id"]))


async def list_artifacts(call: Call) -> Answer:
    """Answer with artifacts."""
    return Answer(body=await call.services.artifacts.list(**call.asked(ListArtifacts).model_dump()))


async def get_artifact(call: Call) -> Answer:
    """Answer with one artifact."""
    return Answer(body=await call.services.artifacts.get(call.path["id"]))


async def delete_artifact(call: Call) -> Answer:
    """Remove an artifact."""
    return Answer(body=await call.services.artifacts.delete(call.path["id"]))


async def download(call: Call) -> Stream:
    """Answer with the file, or the part of it that `Range` names."""
    artifact, path = await call.services.artifacts.content(call.path["id"])
    etag = f'"{artifact.sha256}"'
    wanted = call.header(b"range")
    if call.header(b"if-range") not in {None, etag}:
        wanted = None
    part = part_of(wanted, artifact.size)
    first, end = part or (0, artifact.size)
    headers = [
        ("content-length", str(end - first)),
        ("content-disposition", f'attachment; filename="{artifact.filename}"'),
        ("accept-ranges", "bytes"),
        ("etag", etag),
        ("x-content-type-options", "nosniff"),
    ]
    if part is not None:
        headers.append(("content-range", f"bytes {first}-{end - 1}/{artifact.size}"))
    return Stream(
        chunks=lambda: _pieces(path, first, end),
        alive=b"",
        silence=math.inf,
        status=200 if part is None else 206,
        media_type="application/octet-stream",
        headers=tuple(headers),
    )


def part_of(text: str | None, size: int) -> tuple[int, int] | None:
    """Read `Range` as first byte and end (exclusive); None for the whole file: none, several, or another unit.

    Raises RangeNotSatisfiable when the file has no such byte.
    """
    match = None if text is None else _RANGE.fullmatch(text.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < begin:
            return None  # not a range at all: to be passed over (RFC 9110)
    if begin >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes", details={"size": size})
    return begin, end


async def _pieces(path: Path, first: int, end: int) -> AsyncGenerator[bytes, None]:
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(first)
        left = end - first
        while left > 0 and (piece := await file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


ROUTES: Final = (
    Route(
        method="POST",
        path="/artifacts/upload/prepare",
        summary="Prepare an upload",
        description="Type, size and free space are checked here, before anything is sent.",
        handler=prepare,
        tag="artifacts",
        scope=Scope.WRITE,
        body=PrepareUpload,
        answer=Prepared,
        refusals=(409,),
        audit="artifact.prepare",
        target="filename",
    ),
    Route(
        method="POST",
        path="/artifacts/upload/{task_id}",
        summary="Send a file, or a part of it",
        description=(
            "The whole file, or with `Content-Range` a part of it: a part begins where the last one ended, or before. "
            "What has come is kept when the connection breaks. With the last byte the checksum is compared, and every "
            "entry of an archive looked at; a file that is not what was announced is removed and has to be sent again."
        ),
        handler=upload,
        tag="artifacts",
        scope=Scope.WRITE,
        raw=True,
        answer=Upload,
        refusals=(404, 409),
        audit="artifact.upload",
        target="task_id",
    ),
    Route(
        method="GET",
        path="/artifacts/upload/{task_id}",
        summary="Show how much of a file has come",
        handler=upload_state,
        tag="artifacts",
        scope=Scope.READ,
        answer=Upload,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/artifacts",
        summary="List artifacts",
        handler=list_artifacts,
        tag="artifacts",
        scope=Scope.READ,
        query=ListArtifacts,
        answer=ArtifactList,
    ),
    Route(
        method="GET",
        path="/artifacts/{id}",
        summary="Show an artifact",
        handler=get_artifact,
        tag="artifacts",
        scope=Scope.READ,
        answer=ArtifactDetails,
        refusals=(404,),
    ),
    Route(
        method="GET",
        path="/artifacts/{id}/download",
        summary="Download an artifact",
        description="Needs more than `read`: archives may hold keys and passwords.",
        handler=download,
        tag="artifacts",
        scope=Scope.WRITE,
        media_type="application/octet-stream",
        refusals=(404, 409),
        ranges=True,
    ),
    Route(
        method="DELETE",
        path="/artifacts/{id}",
        summary="Delete an artifact",
        description="409 as long as the configuration of a zone names it.",
        handler=delete_artifact,
        tag="artifacts",
        scope=Scope.WRITE,
        answer=ArtifactDeleted,
        refusals=(404, 409),
        audit="artifact.delete",
        target="id",
    ),
)

"""`zoneweaver artifacts …`: files that are given to the agent, and got back from it."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cyclopts import App

from zoneweaver.cli import packing, terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import TaskFailed, UsageError
from zoneweaver.cli.watching import progress

if TYPE_CHECKING:
    from zoneweaver.client import Answer, Client

app: Final = App(
    name="artifacts", help="Give files to the agent: archives for provisioning, images.", default_parameter=PARAMETERS
)

PATH: Final = "/artifacts"
PAGE: Final = 1000
"""How many artifacts are asked for at once."""

PIECE: Final = 256 * 1024
ATTEMPTS: Final = 5
"""How often in a row a connection may break without a single byte more having come."""

Kind = Literal["provisioning", "iso", "image"]


@app.command(name="list", alias="ls")
def list_(
    *, kind: Kind | None = None, name: str | None = None, zone: str | None = None, agent: Connection = DEFAULTS
) -> None:
    """List the artifacts.

    Parameters
    ----------
    kind
        Only those for provisioning, only iso or only image.
    name
        Only those whose file name holds this.
    zone
        Only those that are meant for this zone.
    """
    with agent.open() as client:
        answer = client.get(PATH, {"kind": kind, "name": name, "zone_name": zone, "limit": 1000})
    if agent.show(answer):
        return
    terminal.table(
        ["ID", "KIND", "STATE", "SIZE", "FILE"],
        [
            [row.get("id"), row.get("kind"), row.get("state"), row.get("size"), row.get("filename")]
            for row in answer.body.get("artifacts") or []
        ],
        empty="There are no such artifacts.",
    )


@app.command
def show(artifact: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show an artifact, and the zones that use it.

    Parameters
    ----------
    artifact
        Its id, or the name of its file.
    """
    with agent.open() as client:
        answer = client.get(_path(client, artifact))
    if not agent.show(answer):
        terminal.record(answer.body)


@app.command
def upload(
    file: Path,
    /,
    *,
    zone: str | None = None,
    go_on: str | None = None,
    agent: Connection = DEFAULTS,
) -> None:
    """Give a file to the agent, which compares its checksum and looks into archives. Prints the artifact's id.

    Parameters
    ----------
    file
        A .tar, .tar.gz or .tar.zst for provisioning, an .iso, or an image (.img, .raw, .qcow2, .vmdk).
    zone
        The zone that it is meant for, to find it by.
    go_on
        The upload that was interrupted before, as its message said.
    """
    try:
        size = file.stat().st_size
        if go_on is None:
            checksum = _checksum(file)
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}") from problem
    with agent.open() as client:
        if go_on is None:
            body = {"filename": file.name, "size": size, "checksum": checksum}
            prepared = client.send("POST", f"{PATH}/upload/prepare", body | ({"zone_name": zone} if zone else {}))
            where = str(prepared.body["upload_url"])
        else:
            where = f"{PATH}/upload/{go_on}"
        try:
            answer = _sent(client, where, file, size)
        except KeyboardInterrupt:
            terminal.note(f"\nGo on with it: zoneweaver artifacts upload {file} --go-on {where.rpartition('/')[2]}")
            raise
    if not agent.show(answer):
        terminal.note(str(answer.body.get("message")))
        terminal.put(str(answer.body["artifact_id"]))


@app.command
def download(artifact: str, /, *, to: Path | None = None, agent: Connection = DEFAULTS) -> None:
    """Get an artifact's file back. It may hold keys: only you can read it, and no file is written over.

    Parameters
    ----------
    artifact
        Its id, or the name of its file.
    to
        The file to write (named as it is, in the present folder).
    """
    with agent.open() as client:
        facts = client.get(_path(client, artifact)).body
        place = to or Path(Path(str(facts["filename"])).name)
        try:
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as problem:
            raise UsageError(f"{place} is there already") from problem
        except OSError as problem:
            raise UsageError(f"{place} cannot be written: {problem.strerror}") from problem
        seen = hashlib.sha256()
        try:
            with os.fdopen(handle, "wb") as file, client.download(f"{PATH}/{facts['id']}/download") as (size, pieces):
                for piece in _counted(pieces, size, str(facts["filename"])):
                    seen.update(piece)
                    file.write(piece)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    if seen.hexdigest() != facts.get("sha256"):
        place.unlink(missing_ok=True)
        terminal.error(f"{place} came with another checksum than the agent has, and is removed")
        raise TaskFailed
    terminal.say(f"The file is in {place}.")


@app.command
def delete(artifact: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Delete an artifact that no zone's configuration names.

    Parameters
    ----------
    artifact
        Its id, or the name of its file.
    """
    with agent.open() as client:
        answer = client.send("DELETE", _path(client, artifact))
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message")))


def _path(client: Client, artifact: str) -> str:
    """Return the path of an artifact that is called by its id or its file's name. Raises UsageError."""
    return f"{PATH}/{find(client, artifact)}"


def find(client: Client, artifact: str) -> str:
    """Return the id of an artifact that is called by its id or its file's name. Raises UsageError."""
    try:
        return str(uuid.UUID(artifact))
    except ValueError:
        rows = client.get(PATH, {"name": artifact, "limit": 1000}).body.get("artifacts") or []
    ids = [str(row["id"]) for row in rows if row.get("filename") == artifact]
    if not ids:
        raise UsageError(f"There is no artifact {artifact}")
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} artifacts are called {artifact}, say which: {', '.join(ids)}")
    return ids[0]


def given(client: Client, word: str, *, zone: str, exclude: Sequence[str] = ()) -> str:
    """Return the id of the artifact that is meant: a folder or a file here is sent, unless the agent has the same.

    Of a folder, names that match `exclude` are left out. Otherwise it is an artifact's id or its file's name. Raises
    UsageError.
    """
    path = Path(word)
    if not path.exists():
        if "/" in word:
            raise UsageError(f"{word} is not there")
        return find(client, word)
    with packing.packed(path, exclude=exclude) as file:
        try:
            checksum, size = _checksum(file), file.stat().st_size
        except OSError as problem:
            raise UsageError(f"{file} cannot be read: {problem.strerror}") from problem
        there = _same(client, checksum)
        if there is not None:
            alike = "" if there.get("filename") == file.name else f" as {there.get('filename')}"
            terminal.note(f"{file.name} is there already{alike}")
            return str(there["id"])
        body = {"filename": file.name, "size": size, "checksum": checksum, "zone_name": zone}
        where = str(client.send("POST", f"{PATH}/upload/prepare", body).body["upload_url"])
        answer = _sent(client, where, file, size)
        terminal.note(f"{file.name} is uploaded: {size} bytes")
        return str(answer.body["artifact_id"])


def _same(client: Client, checksum: str) -> Mapping[str, Any] | None:
    """Return the artifact that has this content, whatever its name is."""
    offset = 0
    while True:
        body = client.get(PATH, {"limit": PAGE, "offset": offset or None}).body
        rows = body.get("artifacts") or []
        for row in rows:
            if row.get("sha256") == checksum and row.get("state") == "ready":
                found: Mapping[str, Any] = row
                return found
        offset += len(rows)
        if not rows or offset >= int(body.get("total") or 0):
            return None


def _checksum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sent(client: Client, where: str, file: Path, size: int) -> Answer:
    """Send a file from where it ended, as often as the connection breaks, as long as something arrives."""
    from zoneweaver.client import AgentBroken, Unreachable  # noqa: PLC0415  # late, as everywhere

    had, failures = -1, 0
    while True:
        try:
            state = client.get(where)
            if state.body.get("complete"):
                return state
            begin = int(state.body.get("received") or 0)
            failures = 0 if begin > had else failures
            had = max(had, begin)
            with file.open("rb") as opened:
                opened.seek(begin)
                pieces = iter(lambda: opened.read(PIECE), b"")
                return client.upload(where, _counted(pieces, size, file.name, begin), begin=begin, size=size)
        except (AgentBroken, Unreachable):
            failures += 1
            if failures == ATTEMPTS:
                raise
            time.sleep(0.2 * failures)


def _counted(pieces: Iterator[bytes], size: int, title: str, begin: int = 0) -> Iterator[bytes]:
    """Pass pieces on, and show how far they are."""
    with progress() as bar:
        task = None if bar is None else bar.add_task(title, total=size, completed=begin)
        for piece in pieces:
            yield piece
            if bar is not None and task is not None:
                bar.advance(task, len(piece))

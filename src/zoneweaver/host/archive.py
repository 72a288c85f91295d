"""Unpacking what people upload: everything is checked before anything is written, and nothing is written elsewhere.

An archive is read twice. The first time nothing is written: each entry is judged by name, and whatever is wrong raises
BadArchive with the name of the entry. The second time the same judge sits beside the writing, which goes from folder
to folder by descriptors that follow no link. So an archive that changes in between cannot do more harm than one that
does not.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from zoneweaver.domain.artifacts import Packing
from zoneweaver.domain.errors import Cancelled, Failed, Refused
from zoneweaver.host.judge import Contents, Judge, Limits
from zoneweaver.host.tarstream import BadArchive, Bytes, TarStream
from zoneweaver.host.treewriter import TreeWriter, clear

RESERVE: Final = 64 * 1024 * 1024
"""Bytes that are left free when an archive is unpacked."""

ZSTD: Final = "zstd"


def can_unpack(packing: Packing) -> bool:
    """Say whether this machine has what the packing needs: tar.zst needs the command zstd(1)."""
    return packing is not Packing.TAR_ZST or shutil.which(ZSTD) is not None


def inspect(
    path: Path, packing: Packing, *, limits: Limits | None = None, stop: Callable[[], bool] = lambda: False
) -> Contents:
    """Read the archive to its end and judge every entry; nothing is written. Blocks.

    Raises BadArchive naming the entry, and Cancelled when `stop` says so.
    """
    judge = Judge(limits or Limits())
    with _opened(path, packing) as source:
        archive = TarStream(source)
        for header in archive.headers():
            judge.admit(header)
            _go_on(stop)
            for _ in archive.content():
                _go_on(stop)
    return judge.contents()


def unpack(
    path: Path,
    packing: Packing,
    into: Path,
    *,
    sha256: str | None = None,
    limits: Limits | None = None,
    stop: Callable[[], bool] = lambda: False,
    heard: Callable[[int, int], None] = lambda done, of: None,  # noqa: ARG005 - nobody listens
) -> Contents:
    """Make the folder `into` hold what the archive holds, and nothing else. Blocks; `heard` is told bytes of bytes.

    As long as the archive is not found good (`sha256`, every entry, room for all) the folder stays as it was. Files get
    0644 or 0755, folders 0755, private keys 0600; owners are not taken from the archive. Raises BadArchive, Refused
    (checksum, room), Failed when writing fails (the folder is then empty), and Cancelled.
    """
    allowed = limits or Limits()
    if sha256 is not None and (found := digest_of(path, stop=stop)) != sha256:
        raise Refused(
            f"The archive has the SHA-256 {found}, not {sha256}: it was changed after it was uploaded",
            code="checksum_mismatch",
        )
    contents = inspect(path, packing, limits=allowed, stop=stop)
    room = os.statvfs(into)
    held = sum(item.stat().st_blocks * 512 for item in into.rglob("*") if item.is_file() and not item.is_symlink())
    if contents.unpacked > room.f_bavail * room.f_frsize + held - RESERVE:
        raise Refused(
            f"The archive unpacks to {contents.unpacked} bytes, for which there is no room in {into}", code="no_space"
        )
    root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        clear(into)
        try:
            with _opened(path, packing) as source, TreeWriter(root) as writer:
                _write(TarStream(source), writer, Judge(allowed), total=contents.unpacked, stop=stop, heard=heard)
        except BaseException:
            clear(into)
            raise
    except OSError as error:
        raise Failed(f"The archive cannot be unpacked into {into}: {error.strerror or error}") from error
    finally:
        os.close(root)
    return contents


def digest_of(path: Path, *, stop: Callable[[], bool] = lambda: False) -> str:
    """Return the SHA-256 of a file (hex). Blocks."""
    hasher = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(1024 * 1024):
            hasher.update(piece)
            _go_on(stop)
    return hasher.hexdigest()


def _go_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise Cancelled("The archive was not read to its end: somebody asked to stop")


# --- reading


@contextmanager
def _opened(path: Path, packing: Packing) -> Iterator[Bytes]:
    """Open an archive for reading, unpacked from its compression. Raises BadArchive for what is wrong with that."""
    try:
        with path.open("rb", buffering=0) as file:
            if packing is Packing.TAR:
                yield file
            elif packing is Packing.TAR_GZ:
                with gzip.GzipFile(fileobj=file, mode="rb") as source:
                    yield source
            else:
                with _zstd(file) as source:
                    yield source
    except EOFError:
        raise BadArchive("it is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadArchive(f"it is not a whole {packing.value}: {error}") from None


@contextmanager
def _zstd(file: Any) -> Iterator[Bytes]:
    """Read through zstd(1), which is ended when the block is left."""
    command = shutil.which(ZSTD)
    if command is None:
        raise Refused("tar.zst needs the command zstd, which is not on this host", code="no_zstd")
    with subprocess.Popen(
        [command, "-d", "-c", "-q", "--no-progress", "--memory=128MiB"],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - asked for above
        assert process.stderr is not None  # noqa: S101 - asked for above
        try:
            yield process.stdout
        except BadArchive:
            # What is said of the tar may only be what the compression lacks.
            process.stdout.close()
            said = process.stderr.read(2000).decode("utf-8", "replace").strip()
            if process.wait() not in {0, -13} and said and "roken pipe" not in said:
                raise BadArchive(f"it is not a whole tar.zst: {said.splitlines()[-1]}") from None
            raise
        if process.wait() != 0:
            said = process.stderr.read(2000).decode("utf-8", "replace").strip() or "zstd failed"
            raise BadArchive(f"it is not a whole tar.zst: {said.splitlines()[-1]}")


# --- writing


def _write(
    archive: TarStream,
    writer: TreeWriter,
    judge: Judge,
    *,
    total: int,
    stop: Callable[[], bool],
    heard: Callable[[int, int], None],
) -> None:
    done = 0
    for header in archive.headers():
        plan = judge.admit(header)
        _go_on(stop)
        if header.kind == tarfile.DIRTYPE:
            writer.folder(plan.parts)
        elif header.kind == tarfile.SYMTYPE:
            writer.symlink(plan.parts, header.link)
        elif header.kind == tarfile.LNKTYPE:
            writer.hard_link(plan.parts, plan.target)
        else:
            for size in writer.file(plan.parts, header, archive.content()):
                done += size
                heard(done, total)
                _go_on(stop)

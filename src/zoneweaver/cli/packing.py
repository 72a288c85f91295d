"""A folder packed as an artifact: the same folder makes the same bytes, so that it is sent once."""

from __future__ import annotations

import fnmatch
import gzip
import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zoneweaver.cli.entry import UsageError

LEFT_OUT: Final = (".git", ".hg", ".svn", "__pycache__", ".DS_Store")
"""Names that are never packed."""

ENDINGS: Final = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".iso", ".img", ".raw", ".qcow2", ".vmdk")


@contextmanager
def packed(path: Path, *, exclude: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a file to send: the path itself, or a folder packed as tar.gz for the length of the block.

    Names that match `exclude` (as the shell matches them) are left out of a folder. Raises UsageError naming what the
    agent would not unpack: what is no file, folder or link, and links that lead out of the folder.
    """
    if path.is_file():
        if not path.name.endswith(ENDINGS):
            raise UsageError(
                f"{path} is neither a folder nor an artifact: its name ends in none of {', '.join(ENDINGS)}"
            )
        yield path
        return
    if not path.is_dir():
        raise UsageError(f"{path} is not there")
    name = path.resolve().name or "artifact"
    with tempfile.TemporaryDirectory(prefix="zoneweaver-") as folder:
        file = Path(folder) / f"{name}.tar.gz"
        _pack(path, file, (*LEFT_OUT, *exclude))
        yield file


def _pack(folder: Path, file: Path, exclude: Sequence[str]) -> None:
    entries = list(_entries(folder, folder, exclude))
    if not entries:
        raise UsageError(f"{folder} holds nothing that could be packed")
    try:
        with (
            file.open("wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packing,
            tarfile.open(fileobj=packing, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in entries:
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_plain)
    except OSError as problem:
        raise UsageError(f"{problem.filename or folder} cannot be packed: {problem.strerror or problem}") from problem


def _entries(folder: Path, root: Path, exclude: Sequence[str]) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError as problem:
        raise UsageError(f"{folder} cannot be read: {problem.strerror}") from problem
    for path in paths:
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in exclude):
            continue
        if path.is_symlink():
            _refuse_leading_out(path, root)
        elif not (path.is_dir() or path.is_file()):
            raise UsageError(f"{path} is neither a file, a folder nor a link, and cannot be packed")
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path, root, exclude)


def _refuse_leading_out(link: Path, root: Path) -> None:
    """Refuse a link that leads out, by its words or over other links: elsewhere its target is another or not there."""
    target = link.readlink()
    if target.is_absolute():
        raise UsageError(f"{link} is a link to an absolute path ({target}), and cannot be packed")
    words = os.path.normpath(link.parent.relative_to(root) / target)
    inside = Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root))
    if words == ".." or words.startswith("../") or not inside:
        raise UsageError(f"{link} is a link that leads out of {root} ({target}), and cannot be packed")


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's files, without rights that would be refused; whole seconds, as most file systems copy them.

    Only files have a time: that of a folder changes with what comes and goes in it.
    """
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode &= 0o777
    entry.mtime = int(entry.mtime) if entry.isfile() else 0
    return entry

"""A folder packed as an artifact: the same folder makes the same bytes, so that it is sent once."""

from __future__ import annotations

import fnmatch
import gzip
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

    Names that match `exclude` (as the shell matches them) are left out of a folder. Raises UsageError.
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
    with (
        file.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packing,
        tarfile.open(fileobj=packing, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in _entries(folder, exclude):
            archive.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_plain)


def _entries(folder: Path, exclude: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in exclude):
            continue
        if not (path.is_symlink() or path.is_dir() or path.is_file()):
            raise UsageError(f"{path} is neither a file, a folder nor a link, and cannot be packed")
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path, exclude)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's files, without rights that would be refused; whole seconds, as most file systems copy them."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode &= 0o777
    entry.mtime = int(entry.mtime)
    return entry

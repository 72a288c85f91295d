"""The staging folder: one file for each artifact, mode 0600, written from front to back. All of it blocks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

from zoneweaver.domain.errors import Failed

PIECE: Final = 1024 * 1024


class Staging:
    """The folder (0700), made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self.folder / name

    def size(self, name: str) -> int:
        """Return how many bytes of a file are there, 0 for none."""
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError:
            return 0

    def free(self) -> int:
        """Return how many bytes can be written. Raises Failed."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = os.statvfs(self.folder)
        except OSError as error:
            raise Failed(
                f"The staging folder {self.folder} cannot be used: {error.strerror}", code="staging"
            ) from error
        return found.f_bavail * found.f_frsize

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        self.path(name).unlink(missing_ok=True)

    def keep(self, names: Collection[str]) -> None:
        """Remove every file but these."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name not in names and path.is_file():
                    path.unlink(missing_ok=True)


class Writer:
    """A file that grows at its end; its SHA-256 grows with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hasher = hashlib.sha256()
        self._file = -1
        self.size = 0

    @classmethod
    def open(cls, path: Path, *, at: int) -> Self:
        """Open the file to be continued after `at` bytes, which are read for the checksum. Raises Failed."""
        made = cls(path)
        try:
            made._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            os.ftruncate(made._file, at)
            while made.size < at:
                piece = os.read(made._file, min(PIECE, at - made.size))
                if not piece:
                    break
                made._hasher.update(piece)
                made.size += len(piece)
        except OSError as error:
            made.close()
            raise Failed(f"{path} cannot be written: {error.strerror}", code="staging") from error
        return made

    def write(self, content: bytes) -> None:
        """Add to the end. Raises Failed."""
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise Failed(f"{self.path} cannot be written: {error.strerror}", code="staging") from error
        self._hasher.update(content)
        self.size += len(content)

    def close(self) -> None:
        """Close the file when its bytes are on the disk."""
        if self._file >= 0:
            handle, self._file = self._file, -1
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def digest(self) -> str:
        """Return the SHA-256 of all that was written (hex)."""
        return self._hasher.hexdigest()


def head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)

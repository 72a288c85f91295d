"""Writing a tree below one folder and nowhere else: from folder to folder by descriptors that follow no link."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from zoneweaver.host.judge import Parts
from zoneweaver.host.tarstream import Header

_HEAD: Final = 4096
_PRIVATE: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^PuTTY-User-Key-File-")
_KEY_NAME: Final = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?")


def clear(folder: Path) -> None:
    """Remove everything in the folder, following no link."""
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink()


class TreeWriter:
    """Writes below one folder, whose descriptor stays the caller's; the last folder is kept open."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._last: tuple[Parts, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()

    def _forget(self) -> None:
        if self._last is not None:
            os.close(self._last[1])
            self._last = None

    def folder(self, parts: Parts) -> int:
        """Make a folder with those above it; return its descriptor, which stays ours."""
        if not parts:
            return self._root
        if self._last is not None and self._last[0] == parts:
            return self._last[1]
        here = os.dup(self._root)
        for part in parts:
            try:
                new = _made(part, here)
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            finally:
                os.close(here)
            here = below
            if new:
                os.fchmod(here, 0o755)
        self._forget()
        self._last = (parts, here)
        return here

    def file(self, parts: Parts, header: Header, content: Iterator[bytes]) -> Iterator[int]:
        """Write a new file; yield the size of each piece."""
        above = self.folder(parts[:-1])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(parts[-1], flags, 0o600, dir_fd=above)
        head = b""
        with os.fdopen(handle, "wb", buffering=0) as file:
            for piece in content:
                if len(head) < _HEAD:
                    head += piece[: _HEAD - len(head)]
                written = 0
                while written < len(piece):
                    written += file.write(piece[written:])
                yield len(piece)
            secret = _PRIVATE.search(head) is not None or _KEY_NAME.fullmatch(parts[-1]) is not None
            os.fchmod(handle, 0o600 if secret else 0o755 if header.mode & 0o111 else 0o644)
            os.utime(handle, (header.mtime, header.mtime))

    def symlink(self, parts: Parts, target: str) -> None:
        """Make a symbolic link."""
        os.symlink(target, parts[-1], dir_fd=self.folder(parts[:-1]))

    def hard_link(self, parts: Parts, target: Parts) -> None:
        """Make a second name for a file that is there."""
        above = os.dup(self.folder(target[:-1]))
        try:
            os.link(
                target[-1],
                parts[-1],
                src_dir_fd=above,
                dst_dir_fd=self.folder(parts[:-1]),
                follow_symlinks=False,
            )
        finally:
            os.close(above)


def _made(name: str, above: int) -> bool:
    """Make a folder; say whether it is new."""
    try:
        os.mkdir(name, 0o700, dir_fd=above)
    except FileExistsError:
        return False
    return True

"""Files of the host that others write too, changed inside a marked block, as a whole or not at all.

`ManagedFile(host, path)` offers `read` (a block's lines), `text`, `foreign`, and the change in steps: `stage` makes the
new version beside the file, so that the program it is for can check it; `commit` puts it in the file's place by
renaming, or `discard` drops it; `revert` brings the previous version back, `sweep` clears away what a dead agent left
beside the file. Mode and owner stay as they were.

The agent writes these files itself, since no rights profile gives a command that does: it must be root, or hold the
file and its folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoneweaver.domain.errors import Conflict, Refused
from zoneweaver.host import blocks
from zoneweaver.host.zonexml import BrokenFile, Rooted


class NotWritable(Refused):
    """A file of the host cannot be changed, and was not; `details` names it and says why."""

    code = "not_writable"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path} cannot be changed: {why}", details={"path": path, "why": why})


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A file as it was: its bytes (None: there was none), mode and owner."""

    content: bytes | None
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A change that is prepared: `staged` is the host's path of the new version, None when the file is to go."""

    before: Version
    after: bytes | None
    staged: str | None


class ManagedFile:
    """A file of the host with blocks of ours in it."""

    def __init__(self, host: Rooted, path: str) -> None:
        self.path: Final = path
        self._host = host

    def read(self, block: str) -> tuple[str, ...] | None:
        """Return the lines of a block; None when there is none. Raises BrokenFile."""
        return blocks.read(self.text(), block, path=self.path)

    def foreign(self) -> str:
        """Return what others wrote. Raises BrokenFile."""
        return blocks.foreign(self.text(), path=self.path)

    def text(self) -> str | None:
        """Return the whole text; None when there is no file. Raises BrokenFile."""
        return _text(self._version().content)

    def stage(self, block: str, lines: Sequence[str] | None) -> Edit | None:
        """Prepare a block of these lines (none: without the block); None when the file says so already.

        Raises BrokenFile, and NotWritable; the file itself is untouched.
        """
        before = self._version()
        changed = blocks.put(_text(before.content), block, lines, path=self.path)
        after = None if changed is None else changed.encode(errors="surrogateescape")
        if after == before.content:
            return None
        return Edit(before=before, after=after, staged=None if after is None else self._stage(after, before))

    def commit(self, edit: Edit) -> None:
        """Put the new version in the file's place.

        Raises Conflict when somebody has changed the file since it was read, and NotWritable; it is untouched then.
        """
        try:
            if self._version().content != edit.before.content:
                raise Conflict(f"{self.path} was changed by somebody else meanwhile", details={"path": self.path})
            self._place(edit.staged)
        except BaseException:
            self.discard(edit)
            raise

    def discard(self, edit: Edit) -> None:
        """Drop a new version that is not to come. Never raises for a file that is gone."""
        if edit.staged is not None:
            with contextlib.suppress(OSError):
                self._host.path(edit.staged).unlink()

    def sweep(self) -> None:
        """Remove new versions that a dead agent left beside the file; one task at a time changes it. Never raises."""
        with contextlib.suppress(OSError, NotWritable):
            target = self._target()
            for left in target.parent.glob(f"{target.name}{_STAGED}*"):
                left.unlink(missing_ok=True)

    def revert(self, edit: Edit) -> None:
        """Bring the version before back, whatever is there now. Raises NotWritable."""
        before = edit.before
        self._place(None if before.content is None else self._stage(before.content, before))

    # ---

    def _target(self) -> Path:
        """Where the file is, behind a symbolic link too."""
        path = self._host.path(self.path)
        if not path.is_symlink():
            return path
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(os.path.realpath(self._host.path("/"))):
            raise NotWritable(path=self.path, why="it is a link that leads out of the host's file system")
        return real

    def _version(self) -> Version:
        try:
            path = self._target()
            with path.open("rb") as file:
                facts = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            return Version(content=None)
        except OSError as error:
            raise BrokenFile(path=self.path, why=error.strerror or str(error)) from error
        if not stat.S_ISREG(facts.st_mode):
            raise BrokenFile(path=self.path, why="it is no regular file")
        return Version(content=content, mode=stat.S_IMODE(facts.st_mode), uid=facts.st_uid, gid=facts.st_gid)

    def _stage(self, content: bytes, like: Version) -> str:
        target = self._target()
        suffix = f"{_STAGED}{secrets.token_hex(4)}"
        new = target.with_name(target.name + suffix)
        try:
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.sweep()
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                mine = os.fstat(handle)
                if like.uid is not None and (mine.st_uid, mine.st_gid) != (like.uid, like.gid):
                    os.fchown(handle, like.uid, -1 if like.gid is None else like.gid)
                os.fchmod(handle, like.mode)
                file.flush()
                os.fsync(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise NotWritable(path=self.path, why=error.strerror or str(error)) from error
        return f"{self._in_host(target)}{suffix}"

    def _in_host(self, target: Path) -> str:
        if target == self._host.path(self.path):
            return self.path
        return f"/{target.relative_to(os.path.realpath(self._host.path('/')))}"

    def _place(self, staged: str | None) -> None:
        target = self._target()
        try:
            if staged is None:
                target.unlink(missing_ok=True)
            else:
                self._host.path(staged).replace(target)
            _settle(target.parent)
        except OSError as error:
            raise NotWritable(path=self.path, why=error.strerror or str(error)) from error


_STAGED: Final = ".zoneweaver-"


def _text(content: bytes | None) -> str | None:
    """Any bytes become text and the same bytes again."""
    return None if content is None else content.decode(errors="surrogateescape")


def _settle(folder: Path) -> None:
    """Let the renaming outlive a loss of power; where a folder cannot be synced, the rename stands as it is."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""rsync(1): files of the host brought into a guest, with its progress.

Offers `push` (the command), `progress` (how far a line of its output says it is), `counts` (what it did in the end),
and `complaint`, the sentence for what it could not do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.host.command import Command

SECONDS: Final = 3600.0
"""How long a transfer may take."""

SILENCE_SECONDS: Final = 120
"""After how much silence rsync gives up by itself."""

_PROGRESS: Final = re.compile(r"^\s*([\d,]+)\s+(\d{1,3})%\s", re.ASCII)
_FILES: Final = re.compile(r"^Number of (?:regular )?files transferred: ([\d,]+)", re.ASCII | re.MULTILINE)
_DELETED: Final = re.compile(r"^Number of deleted files: ([\d,]+)", re.ASCII | re.MULTILINE)
_BYTES: Final = re.compile(r"^Total transferred file size: ([\d,]+)", re.ASCII | re.MULTILINE)
_NOISE: Final = re.compile(r"^rsync (?:error|warning): |^rsync: connection unexpectedly closed|^$", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What a transfer did: files sent and deleted, bytes of the files sent."""

    files: int
    deleted: int
    size: int


def push(
    source: str,
    dest: str,
    *,
    remote: str,
    exclude: Sequence[str] = (),
    owner: str | None = None,
    group: str | None = None,
    delete: bool = False,
    privileged: Sequence[str] = (),
) -> Command:
    """Return the command that makes a guest's folder equal to one of the host; `remote` is what stands for ssh(1).

    Times, modes and links are kept; owners are the receiving account's unless given (which needs `privileged` words
    there). With `delete`, what the source has not goes from the destination; what is excluded stays.
    """
    words = ["rsync", "--recursive", "--links", "--perms", "--times", "--protect-args"]
    words += ["--stats", "--info=progress2", "--outbuf=L", "--no-human-readable", f"--timeout={SILENCE_SECONDS}"]
    words += [f"--rsh={remote}"]
    if privileged:
        words.append(f"--rsync-path={' '.join([*privileged, 'rsync'])}")
    if owner:
        words.append("--owner")
    if group:
        words.append("--group")
    if owner or group:
        words.append(f"--chown={owner or ''}{f':{group}' if group else ''}")
    if delete:
        words.append("--delete")
    words += [f"--exclude={pattern}" for pattern in exclude]
    return Command(
        argv=(*words, "--", f"{source.rstrip('/')}/", f"guest:{dest.rstrip('/') or '/'}/"),
        changes=True,
        timeout=SECONDS,
    )


def progress(line: str) -> int | None:
    """Return the percentage that a line of rsync's output tells; None when it tells none."""
    match = _PROGRESS.match(line)
    return None if match is None else min(100, int(match[2]))


def counts(stdout: str) -> Counts:
    """Return what the statistics at the end say; zeros where they say nothing."""

    def number(pattern: re.Pattern[str]) -> int:
        match = pattern.search(stdout)
        return 0 if match is None else int(match[1].replace(",", ""))

    return Counts(files=number(_FILES), deleted=number(_DELETED), size=number(_BYTES))


def complaint(error: CommandFailed) -> str:
    """Return what rsync could not do, in its own words without those about its protocol."""
    lines = [line.strip() for line in error.stderr.splitlines() if not _NOISE.match(line.strip())]
    return "; ".join(lines[:4])[:500] or error.message

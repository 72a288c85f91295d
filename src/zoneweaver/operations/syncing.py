"""A folder of the host brought into a guest by rsync, through the connection that is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio

from zoneweaver.domain.errors import CommandFailed, Failed
from zoneweaver.domain.secret import reveal
from zoneweaver.guest.privilege import Privilege, probe
from zoneweaver.guest.relay import Door, door
from zoneweaver.guest.ssh import Connection
from zoneweaver.host import rsync
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context

_NOT_FOUND = 127
_MAKE_FOLDER = 'mkdir -p -- "$1"'


class SyncFailed(Failed):
    """A folder could not be brought into the guest whole; the next sync puts it right."""

    code = "sync_failed"


async def sync(
    ctx: Context,
    made: Connection,
    folder: Mapping[str, Any],
    source: Path,
    *,
    access: Access,
    progress: Callable[[int], Awaitable[None]],
) -> dict[str, Any]:
    """Make the guest's folder equal to the host's, as a `sync_folders` entry says; return what was done, in numbers.

    The files belong to `owner` and `group`, else to the account that logs in. Raises SyncFailed, Unreachable and
    NoPrivilege.
    """
    dest = reveal(folder["dest"])
    privilege = await probe(made, access.username, access.password)
    owner, group = folder.get("owner"), folder.get("group")
    may = privilege.root or bool(privilege.words)
    if not may and {owner, group} - {None, access.username}:
        privilege.becoming()  # says that it cannot
    await _make(made, privilege if may else None, dest)
    async with door(made, typed=privilege.typed) as opened:
        command = rsync.push(
            str(source),
            dest,
            remote=opened.words,
            exclude=[reveal(pattern) for pattern in folder.get("exclude", ())],
            owner=(owner or access.username) if may else None,
            group=(group or await _group(made)) if may else None,
            delete=bool(folder.get("delete", False)),
            privileged=privilege.words,
        )
        told = _Told(ctx)
        try:
            async with anyio.create_task_group() as group_:
                group_.start_soon(told.pass_on, progress)
                completed = await ctx.run(command, heard=told.hear)
                group_.cancel_scope.cancel()
        except* CommandFailed as failures:
            error = failures.exceptions[0]
            assert isinstance(error, CommandFailed)  # noqa: S101 - that is what was caught
            raise _explained(error, opened, dest) from error
    counts = rsync.counts(completed.stdout)
    await ctx.say(f"{dest}: {counts.files} files sent ({counts.size} bytes), {counts.deleted} deleted\n")
    return {"dest": dest, **asdict(counts)}


class _Told:
    """Keeps rsync's output out of the task's but for its complaints, and how far it is."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._percent = 0
        self._changed = anyio.Event()

    def hear(self, stream: str, text: str) -> None:
        """Take what rsync said."""
        if stream == "stderr":
            self._ctx.journal.line(stream, text)
            return
        for line in text.replace("\r", "\n").split("\n"):
            percent = rsync.progress(line)
            if percent is not None and percent > self._percent:
                self._percent = percent
                self._changed.set()

    async def pass_on(self, progress: Callable[[int], Awaitable[None]]) -> None:
        """Tell how far it is, for as long as it goes on."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            await progress(self._percent)


async def _make(made: Connection, privilege: Privilege | None, dest: str) -> None:
    words = ["/bin/sh", "-c", _MAKE_FOLDER, "sh", dest]
    said = b""
    if privilege is not None:
        words, said = privilege.command(words, user="root")
    ran = await made.run(words, stdin=said, seconds=60)
    if ran.exit_status:
        said_ = ran.stderr.strip()[:300] or f"exit {ran.exit_status}"
        raise SyncFailed(f"{dest} cannot be made in the guest: {said_}", details={"dest": dest})


async def _group(made: Connection) -> str | None:
    ran = await made.run(["id", "-gn"], seconds=60)
    return ran.stdout.strip() or None if ran.exit_status == 0 else None


def _explained(error: CommandFailed, opened: Door, dest: str) -> SyncFailed:
    if opened.exit_status == _NOT_FOUND:
        return SyncFailed(
            "The guest has no rsync: install it in the template, or with a step of the recipe",
            code="guest_has_no_rsync",
            details={"dest": dest},
        )
    reason = opened.trouble.message if opened.trouble is not None else rsync.complaint(error)
    return SyncFailed(f"{dest}: {reason}", details={"dest": dest, "exit_status": error.exit_status})

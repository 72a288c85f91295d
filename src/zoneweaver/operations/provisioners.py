"""One provisioner of a configuration, whatever its type, on a guest that lets us in; its output is the task's."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zoneweaver.domain import ansible
from zoneweaver.domain.errors import CommandFailed, NotFound
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest import provisioners
from zoneweaver.guest.privilege import probe
from zoneweaver.guest.provisioners import Part, ProvisionerFailed
from zoneweaver.guest.relay import door
from zoneweaver.guest.ssh import Connection
from zoneweaver.guest.transcript import Transcript
from zoneweaver.host import ansible_playbook
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context


async def provision(
    ctx: Context,
    made: Connection,
    entry: Mapping[str, Any],
    *,
    access: Access,
    tree: Path | None,
) -> dict[str, Any]:
    """Run a provisioner to its end and return what is to be known of it: its parts with their seconds and recaps.

    `tree` is the zone's unpacked artifact on this machine. Playbooks get `zone_name`, `zone_address` and the task's
    `variables` besides their own. Secrets are masked in all that is told. Raises ProvisionerFailed, NoPrivilege,
    NotFound, Unreachable.
    """
    generated = {"zone_name": ctx.zone, "zone_address": made.target.host, **ctx.params.get("variables", {})}
    told = _Told(ctx, {*secrets(entry), *secrets(generated), *secrets(access.password)})
    privilege = await probe(made, access.username, access.password)
    try:
        if entry["type"] == "shell":
            parts = await provisioners.shell(made, privilege, entry, told.hear)
        elif entry["type"] == "ansible_local":
            parts = await provisioners.ansible_local(made, privilege, entry, told.hear, generated=generated)
        else:
            extra = {**generated, **entry.get("extra_vars", {})}
            if privilege.password is not None:
                extra.setdefault("ansible_become_password", privilege.password)
            parts = await _from_host(ctx, made, entry, told, access=access, tree=tree, extra=extra)
    except ProvisionerFailed as error:
        raise told.masked(error) from error
    finally:
        told.flush()
    return {"parts": [part.as_json() for part in parts]}


async def _from_host(
    ctx: Context,
    made: Connection,
    entry: Mapping[str, Any],
    told: _Told,
    *,
    access: Access,
    tree: Path | None,
    extra: Mapping[str, Any],
) -> list[Part]:
    """Run a playbook of the artifact on the host, against the guest."""
    playbook = _inside(tree, entry["playbook"])
    given = reveal(entry.get("inventory", ""))
    inventory = str(_inside(tree, given)) if given and not given.endswith(",") else given or f"{made.target.host},"
    home = str(ctx.host.scratch / "ansible")
    try:
        for collection in map(reveal, entry.get("collections", ())):
            where = str(_inside(tree, collection)) if "/" in collection else collection
            await ctx.run(ansible_playbook.install(where, home=home), heard=told.hear)
        async with door(made) as opened:
            command = ansible_playbook.play(
                str(playbook),
                inventory=inventory,
                extra=extra,
                remote=opened.program,
                username=access.username,
                home=home,
            )
            completed = await ctx.run(command, heard=told.hear)
    except CommandFailed as error:
        if opened_trouble := told.recap():
            details = {"recap": {host: counts.as_json() for host, counts in opened_trouble.items()}}
        else:
            details = {}
        what = "Playbook" if "ansible-playbook" in error.argv else "Collection"
        name = entry["playbook"] if what == "Playbook" else error.argv[-1]
        raise ProvisionerFailed(
            f"{what} {reveal(name)} ended with {error.exit_status}: {' | '.join(told.tail(3))[-400:]}",
            details={"exit_status": error.exit_status, "last_lines": told.tail(12), **details},
        ) from error
    return [Part(name=reveal(entry["playbook"]), seconds=completed.seconds, recap=told.recap())]


def _inside(tree: Path | None, given: Any) -> Path:
    """Return the file of the artifact that is meant: relative to its root. Raises NotFound, also for what leads out."""
    path = reveal(given)
    if tree is None:
        raise NotFound(f"{path}: there is no unpacked artifact that it could be in", code="no_tree")
    found = (tree / posixpath.normpath(path).lstrip("/")).resolve()
    if not found.is_relative_to(tree.resolve()) or not found.is_file():
        raise NotFound(
            f"{path} is not in the artifact: what Ansible runs on the host is a path below the artifact's root",
            code="no_source",
        )
    return found


def secrets(value: Any) -> set[str]:
    """Return what must not be shown of a JSON-like value."""
    if isinstance(value, Secret):
        return {value.reveal()} - {""}
    if isinstance(value, Mapping):
        return {found for item in value.values() for found in secrets(item)}
    if isinstance(value, list | tuple):
        return {found for item in value for found in secrets(item)}
    return set()


class _Told:
    """Passes output on to the task, masked whatever the pieces it comes in, and keeps its end."""

    def __init__(self, ctx: Context, hidden: Collection[str]) -> None:
        self._all = ""
        self._streams = {
            stream: Transcript(lambda text, stream=stream: self._tell(ctx, stream, text), secrets=hidden)  # type: ignore[misc]
            for stream in ("stdout", "stderr")
        }

    def _tell(self, ctx: Context, stream: str, text: str) -> None:
        self._all = (self._all + text)[-16384:]
        ctx.journal.line(stream, text)

    def hear(self, stream: str, text: str) -> None:
        """Take a piece."""
        self._streams[stream].hear(text)

    def flush(self) -> None:
        """Tell what has not ended in a line."""
        for transcript in self._streams.values():
            transcript.flush()

    def tail(self, count: int) -> list[str]:
        """Return the last lines."""
        self.flush()
        return [line for line in self._all.splitlines() if line.strip()][-count:]

    def recap(self) -> dict[str, ansible.Recap]:
        """Return the recap that the output ends with."""
        self.flush()
        return ansible.recaps(self._all)

    def masked(self, error: ProvisionerFailed) -> ProvisionerFailed:
        """Return the error without secrets."""
        mask = self._streams["stdout"].masked
        details = {**error.details}
        if "last_lines" in details:
            details["last_lines"] = [mask(line) for line in details["last_lines"]]
        return ProvisionerFailed(mask(error.message), code=error.code, details=details)

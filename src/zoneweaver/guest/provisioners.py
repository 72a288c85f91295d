"""What configures a guest from within: scripts, and Ansible that runs in it.

Each function does one entry of `provisioners` over a connection that is there, tells all output as it comes, and
returns what is to be known of it in the end; the first thing that fails ends it with an error that names it.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from zoneweaver.domain import ansible
from zoneweaver.domain.errors import Failed
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest.privilege import Privilege
from zoneweaver.guest.ssh import Connection, Heard, Ran

SCRIPT_SECONDS: Final = 1800.0
PLAYBOOK_SECONDS: Final = 21600.0
INSTALL_SECONDS: Final = 900.0

_IN_FOLDER: Final = 'cd "$1" && shift && exec "$@"'
_KEPT: Final = 'umask 077 && f=$(mktemp "${TMPDIR:-/tmp}/zoneweaver-vars.XXXXXXXX") && cat >"$f" && echo "$f"'

_BY_PACKAGE: Final = """
set -e
if command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -y -q --no-install-recommends ansible-core || apt-get install -y -q --no-install-recommends ansible
elif command -v dnf >/dev/null 2>&1; then dnf install -y ansible-core
elif command -v zypper >/dev/null 2>&1; then zypper --non-interactive install ansible
elif command -v apk >/dev/null 2>&1; then apk add ansible-core
elif command -v pkg >/dev/null 2>&1; then pkg install ansible
else echo "no package manager that is known" >&2; exit 1
fi
"""
_BY_PIP: Final = """
set -e
python3 -m pip --version >/dev/null
python3 -m pip install --user ansible-core || python3 -m pip install --user --break-system-packages ansible-core
"""
_USERS_PROGRAMS: Final = 'PATH="$PATH:$HOME/.local/bin" && export PATH && exec "$@"'


class ProvisionerFailed(Failed):
    """A provisioner did not end well in the guest; `details` say which part, and the end of what it said."""

    code = "provisioner_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One script or playbook that has ended well."""

    name: str
    seconds: float
    recap: Mapping[str, ansible.Recap] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as progress shows it; seconds to the tenth."""
        told: dict[str, Any] = {"name": self.name, "seconds": round(self.seconds, 1)}
        if self.recap:
            told["recap"] = {host: recap.as_json() for host, recap in self.recap.items()}
        return told


async def shell(made: Connection, privilege: Privilege, entry: Mapping[str, Any], heard: Heard) -> list[Part]:
    """Run the scripts of an entry one after the other with bash, or sh where there is no bash.

    Raises ProvisionerFailed, NoPrivilege, RemoteTimeout, Unreachable.
    """
    seconds = float(entry.get("timeout") or SCRIPT_SECONDS)
    env = {name: reveal(value) for name, value in entry.get("env", {}).items()}
    program = "bash" if (await made.run(["/bin/sh", "-c", "command -v bash"])).exit_status == 0 else "sh"
    done = []
    for script in map(reveal, entry["scripts"]):
        words, said = privilege.command([program, script], user=entry.get("run_as"), env=env)
        begun = time.monotonic()
        ran = await made.run(
            words, stdin=said, heard=heard, seconds=seconds, ending=privilege.ending(entry.get("run_as"))
        )
        if ran.exit_status:
            raise _failed(f"Script {script}", ran)
        done.append(Part(name=script, seconds=time.monotonic() - begun))
    return done


async def ansible_local(
    made: Connection,
    privilege: Privilege,
    entry: Mapping[str, Any],
    heard: Heard,
    *,
    generated: Mapping[str, Any],
) -> list[Part]:
    """Run a playbook in the guest, on the guest itself; `generated` variables give way to the entry's own.

    Ansible is installed when it is not there and the entry has an `install_mode`. Raises ProvisionerFailed and what
    `shell` raises.
    """
    await _ensure_ansible(made, privilege, entry.get("install_mode"), heard)
    for collection in map(reveal, entry.get("collections", ())):
        ran = await made.run(_users(ansible.install(collection)), heard=heard, seconds=INSTALL_SECONDS)
        if ran.exit_status:
            raise _failed(f"Collection {collection}", ran)
    path = reveal(entry["playbook"])
    extra: dict[str, Any] = {**generated, **entry.get("extra_vars", {})}
    if privilege.password is not None:
        extra.setdefault("ansible_become_password", privilege.password)
    begun = time.monotonic()
    async with _kept(made, ansible.variables(extra)) as file:
        words = ansible.playbook(
            path, inventory="localhost,", variables=file, local=True, config_file=entry.get("config_file")
        )
        ran = await made.run(
            ["/bin/sh", "-c", _IN_FOLDER, "sh", posixpath.dirname(path) or ".", *_users(words)],
            heard=heard,
            seconds=PLAYBOOK_SECONDS,
            ending=privilege.ending("root"),  # what became root in it, too
        )
    if ran.exit_status:
        raise _failed(f"Playbook {path}", ran, recap=ansible.recaps(ran.stdout))
    return [Part(name=path, seconds=time.monotonic() - begun, recap=ansible.recaps(ran.stdout))]


async def _ensure_ansible(made: Connection, privilege: Privilege, mode: str | None, heard: Heard) -> None:
    is_there = _users(["sh", "-c", "command -v ansible-playbook"])
    if (await made.run(is_there)).exit_status == 0:
        return
    if mode is None:
        raise ProvisionerFailed(
            "The guest has no ansible-playbook: give install_mode pip or pkg to have it installed, or a template that "
            "has it",
            code="ansible_missing",
        )
    if mode == "pkg":
        words, said = privilege.command(["/bin/sh", "-c", _BY_PACKAGE], user="root")
    else:
        words, said = ["/bin/sh", "-c", _BY_PIP], b""
    ran = await made.run(words, stdin=said, heard=heard, seconds=INSTALL_SECONDS, ending=privilege.ending("root"))
    if ran.exit_status:
        raise _failed(f"Installing Ansible ({mode})", ran)
    if (await made.run(is_there)).exit_status:
        raise ProvisionerFailed(
            f"Ansible was installed ({mode}), and there is no ansible-playbook", code="ansible_missing"
        )


@asynccontextmanager
async def _kept(made: Connection, content: Secret) -> AsyncIterator[str]:
    """Keep a file in the guest that only the account reads, for the length of the block."""
    ran = await made.run(["/bin/sh", "-c", _KEPT], stdin=content.reveal().encode(), seconds=60)
    path = ran.stdout.strip()
    if ran.exit_status or not path:
        raise _failed("Keeping the variables in the guest", ran)
    try:
        yield path
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(15):
            await made.run(["rm", "-f", path])


def _users(words: Sequence[str]) -> list[str]:
    """Return words that also find what the account has installed for itself."""
    return ["/bin/sh", "-c", _USERS_PROGRAMS, "sh", *words]


def _failed(what: str, ran: Ran, *, recap: Mapping[str, ansible.Recap] | None = None) -> ProvisionerFailed:
    lines = [line.strip() for line in f"{ran.stdout}\n{ran.stderr}".splitlines() if line.strip()]
    how = f"was ended by {ran.signal}" if ran.signal else f"ended with {ran.exit_status}"
    hint = "; there is no such file or program in the guest" if ran.exit_status in {126, 127} else ""
    details: dict[str, Any] = {"exit_status": ran.exit_status, "last_lines": lines[-12:]}
    if recap:
        details["recap"] = {host: counts.as_json() for host, counts in recap.items()}
    return ProvisionerFailed(
        f"{what} {how}{hint}: {' | '.join(lines[-3:])[-400:] or 'it said nothing'}", details=details
    )

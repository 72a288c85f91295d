"""Reaching a zone's guest by SSH: where it is, who logs in, and the key that it is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest import ssh
from zoneweaver.store import provisionings
from zoneweaver.tasks.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How a guest is reached, as a task's parameters keep it."""

    address: str
    port: int
    username: str
    password: Secret | None
    key: str | None
    """The private key on this machine that is tried first; a relative path lies in the zone's tree."""

    @classmethod
    def of(cls, configuration: Mapping[str, Any], *, address: str, own_key: str) -> Access:
        """Return what a configuration says. Raises Invalid when it names no user."""
        credentials = configuration.get("credentials") or {}
        if not credentials.get("username"):
            raise Invalid(
                "provisioning.credentials.username is missing: who shall log in to the guest?",
                field="provisioning.credentials.username",
            )
        password = credentials.get("password")
        return cls(
            address=address,
            port=int(configuration.get("ssh_port", 22)),
            username=reveal(credentials["username"]),
            password=None if password is None else Secret(reveal(password)),
            key=reveal(credentials.get("ssh_key_path") or own_key),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Access:
        """Read what `as_json` wrote."""
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        """Return it for a task's parameters; the password stays a secret."""
        return {
            "address": self.address,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "key": self.key,
        }

    def identity(self, tree: Path | None = None) -> ssh.Identity:
        """Return who logs in."""
        if self.key is None:
            return ssh.Identity(username=self.username, password=self.password)
        path = Path(self.key) if tree is None else tree / self.key
        return ssh.Identity(username=self.username, password=self.password, keys=(path,))


async def target(ctx: Context, access: Access) -> ssh.Target:
    """Return where the guest is, with the key by which this installation of the zone is known."""
    installation = _installation(ctx)
    key = None
    if installation is not None:
        key = await ctx.database.read(lambda c: provisionings.host_key(c, ctx.zone, installation))
    return ssh.Target(host=access.address, port=access.port, host_key=key)


async def remember(ctx: Context, host_key: str) -> None:
    """Remember the key that the guest has shown."""
    installation = _installation(ctx)
    if installation is not None and host_key:
        await ctx.database.run(lambda c: provisionings.know(c, ctx.zone, installation, host_key))


def _installation(ctx: Context) -> str | None:
    entry = ctx.files.index().get(ctx.zone)
    return None if entry is None else entry.uuid

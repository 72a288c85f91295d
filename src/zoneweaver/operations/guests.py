"""Reaching a zone's guest by SSH: where it is, who logs in, and the key that it is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoneweaver.domain.errors import Failed, Invalid
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest import ssh
from zoneweaver.operations import guest_addresses
from zoneweaver.store import provisionings
from zoneweaver.tasks.context import Context


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How a guest is reached, as a task's parameters keep it."""

    address: str | None
    """None: what the host's DHCP server keeps or lends for the guest."""
    port: int
    username: str
    password: Secret | None
    key: str | None
    """The private key on this machine that is tried first; a relative path lies in the zone's tree."""
    card: str | None = None
    """The only card whose lease counts, by its VNIC."""

    @classmethod
    def of(
        cls, configuration: Mapping[str, Any], *, address: str | None, own_key: str, card: str | None = None
    ) -> Access:
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
            card=card,
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
            "card": self.card,
        }

    def identity(self, tree: Path | None = None) -> ssh.Identity:
        """Return who logs in."""
        if self.key is None:
            return ssh.Identity(username=self.username, password=self.password)
        path = Path(self.key) if tree is None else tree / self.key
        return ssh.Identity(username=self.username, password=self.password, keys=(path,))


class NoLease(Failed):
    """Nobody gave the guest's address, and the host's DHCP server has lent it none yet."""

    code = "no_lease"

    def __init__(self, zone: str) -> None:
        super().__init__(f"The guest of zone {zone} has no address: the host's DHCP server has lent it none yet")


async def target(ctx: Context, access: Access) -> ssh.Target:
    """Return where the guest is, with the key by which this installation of the zone is known. Raises NoLease."""
    address = access.address or await guest_addresses.found(ctx, ctx.zone, card=access.card)
    if address is None:
        raise NoLease(ctx.zone)
    installation = _installation(ctx)
    key = None
    if installation is not None:
        key = await ctx.database.read(lambda c: provisionings.host_key(c, ctx.zone, installation))
    return ssh.Target(host=address, port=access.port, host_key=key)


async def remember(ctx: Context, host_key: str) -> None:
    """Remember the key that the guest has shown."""
    installation = _installation(ctx)
    if installation is not None and host_key:
        await ctx.database.run(lambda c: provisionings.know(c, ctx.zone, installation, host_key))


def _installation(ctx: Context) -> str | None:
    entry = ctx.files.index().get(ctx.zone)
    return None if entry is None else entry.uuid

"""Profiles: what many zones are provisioned with; made, changed, deleted, and seen to be used."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.profiles import KeptProfile, Profile
from zoneweaver.domain.provisioning import unmasked
from zoneweaver.services import configurations
from zoneweaver.services.callers import Caller
from zoneweaver.store import profiles, zones
from zoneweaver.store.database import Database


@dataclass(kw_only=True, slots=True)
class Profiles:
    """Everything that can be asked about profiles. A profile is named by its id or its name."""

    database: Database

    async def list(self) -> dict[str, Any]:
        """Return the profiles by name."""
        found = await self.database.read(profiles.every)
        return {"success": True, "count": len(found), "profiles": [kept.as_json() for kept in found]}

    async def get(self, key: str) -> dict[str, Any]:
        """Return one profile with the zones that name it. Raises NotFound."""

        def read(c: Connection) -> tuple[KeptProfile, list[str]]:
            kept = find(c, key)
            return kept, _users(c, kept)

        kept, users = await self.database.read(read)
        return {"success": True, "profile": {**kept.as_json(), "used_by": users}}

    async def create(self, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Make a profile. Raises Invalid, and Conflict when the name is taken."""

        def write(c: Connection) -> KeptProfile:
            profile = _accepted(c, body, None)
            return profiles.put(c, str(uuid.uuid4()), profile, created_by=caller.name)

        return {"success": True, "profile": (await self.database.run(write)).as_json()}

    async def update(self, key: str, body: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """Change what is given of a profile. Raises NotFound, Invalid, and Conflict for a name that cannot be had.

        Secrets that come back as asterisks stay what they are.
        """

        def write(c: Connection) -> KeptProfile:
            before = find(c, key)
            return profiles.put(c, before.id, _accepted(c, body, before), created_by=caller.name)

        return {"success": True, "profile": (await self.database.run(write)).as_json()}

    async def delete(self, key: str) -> dict[str, Any]:
        """Delete a profile. Raises NotFound, and Conflict while a zone's configuration names it."""

        def write(c: Connection) -> KeptProfile:
            kept = find(c, key)
            users = _users(c, kept)
            if users:
                raise Conflict(
                    f"Profile {kept.profile.name} is named by the configuration of zone {users[0]}",
                    code="profile_in_use",
                    details={"zones": users},
                )
            profiles.remove(c, kept.id)
            return kept

        kept = await self.database.run(write)
        return {"success": True, "profile_id": kept.id, "message": f"Profile '{kept.profile.name}' deleted"}


def find(c: Connection, key: str) -> KeptProfile:
    """Return the profile with this id or name. Raises NotFound."""
    kept = profiles.find(c, key)
    if kept is None:
        raise NotFound(f"Profile '{key[:80]}' not found", code="profile_not_found")
    return kept


def _accepted(c: Connection, body: Mapping[str, Any], before: KeptProfile | None) -> Profile:
    """Return the profile that a body means over what there was before."""
    old = {} if before is None else before.profile.as_json()
    profile = Profile.from_json({**{name: value for name, value in old.items() if value is not None}, **body})
    defaults = {
        name: unmasked(
            value,
            None if before is None else before.profile.defaults.get(name),
            field=name if name == "recipe_id" else f"default_{name}",
        )
        for name, value in profile.defaults.items()
    }
    taken = profiles.find(c, profile.name)
    if taken is not None and (before is None or taken.id != before.id):
        raise Conflict(f"Profile with name '{profile.name}' already exists", code="profile_exists")
    configurations.check_references(c, defaults, at="")
    return Profile(name=profile.name, description=profile.description, defaults=defaults)


def _users(c: Connection, kept: KeptProfile) -> list[str]:
    return [
        record.name
        for record in zones.every(c)
        if (record.provisioning or {}).get("profile_id") in {kept.id, kept.profile.name}
    ]

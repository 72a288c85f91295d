"""Profiles: what many zones are to be provisioned with, kept once under a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from zoneweaver.domain import provisioning
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.secret import masked
from zoneweaver.domain.tasks import stamp

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_DEFAULTS: Final = ("credentials", "sync_folders", "provisioners", "variables")
_KEYS: Final = frozenset({"name", "description", "recipe_id", *(f"default_{name}" for name in _DEFAULTS)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a zone's configuration begins with; its own keys win. `defaults` may hold secrets."""

    name: str
    description: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """`recipe_id`, `credentials`, `sync_folders`, `provisioners`, `variables`, as in a zone's configuration."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Profile:
        """Read a profile as it is sent; whatever its names call secret is a `Secret`. Raises Invalid."""
        for name in body:
            if name not in _KEYS:
                raise Invalid(f"Unknown field: {str(name)[:80]}", field=str(name)[:80])
        if not isinstance(body.get("name"), str) or not _NAME.fullmatch(body["name"]):
            raise Invalid("name must be 1 to 63 letters, digits, dots, dashes and underscores", field="name")
        description = body.get("description", "")
        if not isinstance(description, str) or len(description) > 1000:
            raise Invalid("description must be text of at most 1000 characters", field="description")
        defaults = {name: body[f"default_{name}"] for name in _DEFAULTS if body.get(f"default_{name}") is not None}
        provisioning.checked(defaults, at="default_")
        if body.get("recipe_id") is not None:
            named = {"recipe_id": body["recipe_id"]}
            provisioning.checked(named, at="")
            defaults = {**named, **defaults}
        return cls(name=body["name"], description=description, defaults=provisioning.sealed(defaults))

    def as_json(self) -> dict[str, Any]:
        """Return the profile as the API shows it; secrets stay `Secret`."""
        return {
            "name": self.name,
            "description": self.description,
            "recipe_id": self.defaults.get("recipe_id"),
            **{f"default_{name}": self.defaults.get(name) for name in _DEFAULTS},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptProfile:
    """A profile in its row."""

    id: str
    profile: Profile
    created_by: str
    created_at: datetime
    updated_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the row as the API shows it, secrets masked."""
        return {
            "id": self.id,
            **masked(self.profile.as_json()),
            "created_by": self.created_by,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }

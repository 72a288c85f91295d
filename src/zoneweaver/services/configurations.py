"""Provisioning configurations: what of a request is kept, and that what it names is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from zoneweaver.domain.artifacts import ArtifactKind
from zoneweaver.domain.errors import Invalid, NotFound
from zoneweaver.domain.provisioning import checked, merged, sealed, unmasked
from zoneweaver.services import recipes
from zoneweaver.store import artifacts, profiles


def accepted(c: Connection, given: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a zone's configuration as it is kept: secrets sealed, and asterisks put back to what they stood for.

    Raises Invalid naming the field, also for a recipe, an artifact or a profile that is not there.
    """
    checked(given)
    kept: dict[str, Any] = unmasked(sealed(given), before)
    check_references(c, kept)
    return kept


def check_references(c: Connection, configuration: Mapping[str, Any], *, at: str = "provisioning.") -> None:
    """See that the recipe, artifact and profile that a configuration names are there. Raises Invalid."""
    recipe = configuration.get("recipe_id")
    if recipe is not None:
        try:
            recipes.find(c, recipe)
        except NotFound:
            raise _no_such("recipe", recipe, f"{at}recipe_id") from None
    artifact = configuration.get("artifact_id")
    if artifact is not None:
        found = artifacts.get(c, artifact)
        if found is None:
            raise _no_such("artifact", artifact, f"{at}artifact_id")
        if found.kind is not ArtifactKind.PROVISIONING:
            raise Invalid(
                f"{at}artifact_id: {found.filename} is no archive that could be unpacked", field=f"{at}artifact_id"
            )
    profile = configuration.get("profile_id")
    if profile is not None and profiles.find(c, profile) is None:
        raise _no_such("profile", profile, f"{at}profile_id")


def effective(c: Connection, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with its profile below it. Raises Invalid when the profile is not there any more."""
    key = configuration.get("profile_id")
    if key is None:
        return dict(configuration)
    kept = profiles.find(c, key)
    if kept is None:
        raise _no_such("profile", key, "provisioning.profile_id")
    return merged(kept.profile.defaults, configuration)


def _no_such(what: str, key: str, field: str) -> Invalid:
    return Invalid(f"{field}: {what.capitalize()} '{key[:80]}' not found", field=field, code=f"no_such_{what}")

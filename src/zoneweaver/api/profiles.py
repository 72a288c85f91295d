"""`/provisioning/profiles`: what many zones are provisioned with."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ConfigDict, Field

from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Shown
from zoneweaver.domain.keys import Scope

EXAMPLE: Final[dict[str, Any]] = {
    "name": "debian-web",
    "description": "Debian web servers, set up with Ansible",
    "recipe_id": "debian-netplan",
    "default_credentials": {"username": "startcloud", "password": "STARTcloud24@!"},
    "default_sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant"}],
    "default_provisioners": [{"type": "ansible_local", "playbook": "/vagrant/ansible/playbook.yml"}],
    "default_variables": {"gateway": "10.190.190.1", "dns": "8.8.8.8"},
}


class _Fields(Body):
    description: str = Field(default=NOT_GIVEN, max_length=1000)
    """What it is for."""
    recipe_id: str | None = Field(default=None, min_length=1, max_length=100)
    """The recipe for the guest's console, by id or name; null: none."""
    default_credentials: dict[str, Any] | None = None
    """`username`, `password`, `ssh_key_path`; null: none."""
    default_sync_folders: list[dict[str, Any]] | None = None
    """Each with `source`, `dest`, `exclude`, `owner`, `group`, `delete`; null: none."""
    default_provisioners: list[dict[str, Any]] | None = None
    """As in a zone's configuration; null: none."""
    default_variables: dict[str, Any] | None = None
    """For recipes and provisioners; null: none."""


class NewProfile(_Fields):
    """A profile."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: str = Field(min_length=1, max_length=63)
    """Letters, digits, dots, dashes and underscores."""


class ChangedProfile(_Fields):
    """What is to be changed of a profile."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"recipe_id": "linux-ifconfig"}]})

    name: str = Field(default=NOT_GIVEN, min_length=1, max_length=63)
    """Letters, digits, dots, dashes and underscores."""


class ProfileRow(Shown):
    """A profile as it is kept; secrets are asterisks."""

    id: str
    name: str
    description: str
    recipe_id: str | None
    default_credentials: dict[str, Any] | None
    default_sync_folders: list[dict[str, Any]] | None
    default_provisioners: list[dict[str, Any]] | None
    default_variables: dict[str, Any] | None
    created_by: str
    created_at: str
    updated_at: str


class ProfileAnswer(Shown):
    """One profile."""

    success: bool
    profile: ProfileRow


class ProfileList(Shown):
    """Profiles by name."""

    success: bool
    count: int
    profiles: list[ProfileRow]


class ProfileGone(Shown):
    """The profile is gone."""

    success: bool
    profile_id: str
    message: str


async def list_profiles(call: Call) -> Answer:
    """List profiles."""
    return Answer(body=await call.services.profiles.list())


async def create_profile(call: Call) -> Answer:
    """Make a profile."""
    return Answer(status=201, body=await call.services.profiles.create(call.body, call.caller))


async def get_profile(call: Call) -> Answer:
    """Return a profile."""
    return Answer(body=await call.services.profiles.get(call.path["profile_id"]))


async def update_profile(call: Call) -> Answer:
    """Change a profile."""
    return Answer(body=await call.services.profiles.update(call.path["profile_id"], call.body, call.caller))


async def delete_profile(call: Call) -> Answer:
    """Delete a profile."""
    return Answer(body=await call.services.profiles.delete(call.path["profile_id"]))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET",
        path="/provisioning/profiles",
        summary="List profiles",
        handler=list_profiles,
        tag="provisioning",
        scope=Scope.READ,
        answer=ProfileList,
    ),
    Route(
        method="POST",
        path="/provisioning/profiles",
        summary="Make a profile",
        description=(
            "A zone whose configuration names it as `profile_id` is provisioned with it, the zone's own keys over it: "
            "objects are merged key by key, lists are replaced."
        ),
        handler=create_profile,
        tag="provisioning",
        scope=Scope.WRITE,
        body=NewProfile,
        answer=ProfileAnswer,
        status=201,
        refusals=(409,),
        audit="profile.create",
        target="name",
    ),
    Route(
        method="GET",
        path="/provisioning/profiles/{profile_id}",
        summary="Show a profile",
        description="By its id or its name.",
        handler=get_profile,
        tag="provisioning",
        scope=Scope.READ,
        answer=ProfileAnswer,
        refusals=(404,),
    ),
    Route(
        method="PUT",
        path="/provisioning/profiles/{profile_id}",
        summary="Change a profile",
        description="What is not given stays; asterisks stand for the secret that they hid.",
        handler=update_profile,
        tag="provisioning",
        scope=Scope.WRITE,
        body=ChangedProfile,
        answer=ProfileAnswer,
        refusals=(404, 409),
        audit="profile.update",
        target="profile_id",
    ),
    Route(
        method="DELETE",
        path="/provisioning/profiles/{profile_id}",
        summary="Delete a profile",
        description="409 as long as the configuration of a zone names it.",
        handler=delete_profile,
        tag="provisioning",
        scope=Scope.WRITE,
        answer=ProfileGone,
        refusals=(404, 409),
        audit="profile.delete",
        target="profile_id",
    ),
)

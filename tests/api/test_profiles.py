"""Profiles and the agent's own key over HTTP."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.api.profiles import EXAMPLE
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.secret import Secret
from zoneweaver.store import profiles

PATH = "/provisioning/profiles"


async def test_a_profile_is_made_changed_and_deleted(api: Api) -> None:
    """What is not given stays, null takes away; secrets are never shown, and stay when they come back as asterisks."""
    client = await api.client(Scope.WRITE)
    made = await client.post(PATH, json=EXAMPLE)
    assert made.status_code == 201, made.text
    profile = made.json()["profile"]
    shown = {**EXAMPLE, "default_credentials": {"username": "startcloud", "password": "********"}}
    assert {name: profile[name] for name in EXAMPLE} == shown
    assert profile["created_by"] == "write"
    again = await client.post(PATH, json=EXAMPLE)
    assert (again.status_code, again.json()["error"]) == (409, "Profile with name 'debian-web' already exists")
    body = {**{name: profile[name] for name in EXAMPLE}, "name": "other", "recipe_id": None}
    changed = await client.put(f"{PATH}/debian-web", json=body)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["profile"]["id"], changed.json()["profile"]["recipe_id"]) == (profile["id"], None)
    kept = await api.services.database.read(lambda c: profiles.find(c, "other"))
    assert kept is not None
    assert kept.profile.defaults["credentials"]["password"] == Secret("STARTcloud24@!")
    assert kept.profile.defaults["variables"] == EXAMPLE["default_variables"]
    found = (await client.get(f"{PATH}/{profile['id']}")).json()["profile"]
    assert (found["name"], found["used_by"]) == ("other", [])
    listed = (await client.get(PATH)).json()
    assert (listed["count"], [row["name"] for row in listed["profiles"]]) == (1, ["other"])
    gone = await client.delete(f"{PATH}/other")
    assert gone.json()["message"] == "Profile 'other' deleted"
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, f"{PATH}/other", json={} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "profile_not_found")
    assert "STARTcloud24@!" not in json.dumps(await api.audit())
    for place in api.home.glob("agent.db*"):
        assert b"STARTcloud24@!" not in place.read_bytes()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"recipe_id": "nonesuch"}, "recipe_id"),
        ({"default_credentials": {"user": "x"}}, "default_credentials.user"),
        ({"default_credentials": {"username": "x", "password": "********"}}, "default_credentials.password"),
        ({"default_sync_folders": [{"source": "a", "dest": "b"}]}, "default_sync_folders[0].dest"),
        ({"default_provisioners": [{"type": "shell"}]}, "default_provisioners[0].scripts"),
        ({"default_variables": {"a b": 1}}, "default_variables"),
        ({"default_variable": {}}, "default_variable"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, change: dict[str, Any], field: str) -> None:
    """400, with the field."""
    client = await api.client(Scope.WRITE)
    answer = await client.post(PATH, json={**EXAMPLE, **change})
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text


async def test_what_is_used_stays(api: Api) -> None:
    """A profile that a zone's configuration names, by id or name, and a recipe that a profile names."""
    client = await api.client(Scope.WRITE)
    recipe = {"name": "mine", "os_family": "linux", "steps": [{"type": "delay", "seconds": 1}]}
    assert (await client.post("/provisioning/recipes", json=recipe)).status_code == 201
    profile = (await client.post(PATH, json={"name": "base", "recipe_id": "mine"})).json()["profile"]
    answer = await client.delete("/provisioning/recipes/mine")
    assert (answer.status_code, answer.json()["details"]) == (409, {"profiles": ["base"]})
    await api.zone("one", provisioning={"profile_id": "base"})
    await api.zone("two", provisioning={"profile_id": profile["id"]})
    answer = await client.delete(f"{PATH}/base")
    assert (answer.status_code, answer.json()["details"]) == (409, {"zones": ["one", "two"]})
    assert (await client.get(f"{PATH}/base")).json()["profile"]["used_by"] == ["one", "two"]


async def test_readers_make_no_profiles(api: Api) -> None:
    """They look."""
    client = await api.client(Scope.READ)
    assert (await client.get(PATH)).status_code == 200
    assert (await client.post(PATH, json=EXAMPLE)).status_code == 403


async def test_the_agents_key_is_made_when_somebody_asks(api: Api) -> None:
    """An Ed25519 key of the owner alone; the same ever after."""
    path = api.home / "ssh" / "provision_key"
    assert not path.exists()
    client = await api.client(Scope.READ)
    answer = (await client.get("/provisioning/ssh-key")).json()
    assert (answer["key_type"], answer["key_path"]) == ("ssh-ed25519", str(path))
    assert answer["public_key"].split()[0] == "ssh-ed25519"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (await client.get("/provisioning/ssh-key")).json() == answer


async def test_a_key_that_cannot_be_used_is_said(api: Api) -> None:
    """And left as it is."""
    path = api.home / "ssh" / "provision_key"
    path.parent.mkdir()
    path.write_text("no key", encoding="ascii")
    client = await api.client(Scope.READ)
    answer = await client.get("/provisioning/ssh-key")
    assert (answer.status_code, answer.json()["code"]) == (503, "provision_key")
    assert str(path) in answer.json()["error"]
    assert path.read_text(encoding="ascii") == "no key"

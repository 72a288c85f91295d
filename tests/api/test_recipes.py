"""Recipes over HTTP: reading, making, changing, deleting, resolving, and asking for a test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.builtin_recipes import BUILT_IN
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.secret import Secret
from zoneweaver.guest.console import CONSOLES

PATH = "/provisioning/recipes"
NAMES = ["cloud-init-wait", "debian-netplan", "linux-ifconfig", "omnios-dladm", "windows-sac"]
MOTD: dict[str, Any] = {
    "name": "motd",
    "os_family": "linux",
    "variables": {"greeting": "hello", "password": "hunter2"},
    "steps": [{"type": "command", "value": "echo {{greeting}} {{name}} {{password}}"}],
}


@pytest.fixture
def links(api: Api) -> None:
    """A host with one VNIC."""
    host: Any = api.services.recipes.host
    host.answers[("dladm", "show-vnic")] = "web0:igb0:2\\:8\\:20\\:a\\:b\\:c:0:--\n"


async def test_the_agents_own_are_there(api: Api) -> None:
    """By name, found by id and by name, and by family."""
    client = await api.client(Scope.READ)
    found = (await client.get(PATH)).json()
    assert [recipe["name"] for recipe in found["recipes"]] == NAMES
    assert found["count"] == 5
    assert all(recipe["built_in"] and not recipe["edited"] for recipe in found["recipes"])
    by_name = (await client.get(f"{PATH}/debian-netplan")).json()["recipe"]
    assert (await client.get(f"{PATH}/{by_name['id']}")).json()["recipe"] == by_name
    linux = (await client.get(f"{PATH}?os_family=linux")).json()["recipes"]
    assert [recipe["name"] for recipe in linux] == ["cloud-init-wait", "debian-netplan", "linux-ifconfig"]
    assert (await client.get(f"{PATH}/nonesuch")).status_code == 404


async def test_a_recipe_is_made_changed_and_deleted(api: Api) -> None:
    """What is not given stays; secrets are never shown, and stay when they come back as asterisks."""
    client = await api.client(Scope.WRITE)
    made = await client.post(PATH, json=MOTD)
    assert made.status_code == 201, made.text
    recipe = made.json()["recipe"]
    assert recipe["variables"] == {"greeting": "hello", "password": "********"}
    assert recipe["created_by"] == "write"
    again = await client.post(PATH, json=MOTD)
    assert (again.status_code, again.json()["error"]) == (409, "Recipe with name 'motd' already exists")
    shown = {name: recipe[name] for name in MOTD}
    changed = await client.put(f"{PATH}/{recipe['id']}", json={**shown, "description": "x", "name": "motd2"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["recipe"]["description"] == "x"
    kept = await api.services.recipes.database.read(
        lambda c: __import__("zoneweaver.store.recipes", fromlist=["get"]).get(c, recipe["id"])
    )
    assert kept is not None
    assert kept.recipe.variables["password"] == Secret("hunter2")
    assert (await client.delete(f"{PATH}/motd2")).json()["message"] == "Recipe 'motd2' deleted"
    assert (await client.get(f"{PATH}/motd2")).status_code == 404
    assert [row["action"] for row in await api.audit()] == [
        "recipe.delete",
        "recipe.update",
        "recipe.create",
        "recipe.create",
    ]
    assert "hunter2" not in json.dumps(await api.audit())


async def test_one_of_the_agents_own_may_be_edited(api: Api) -> None:
    """It keeps id and name, and is as it was shipped when the edition is deleted."""
    client = await api.client(Scope.WRITE)
    before = (await client.get(f"{PATH}/debian-netplan")).json()["recipe"]
    edited = (await client.put(f"{PATH}/debian-netplan", json={"timeout_seconds": 900})).json()["recipe"]
    assert (edited["id"], edited["timeout_seconds"], edited["edited"], edited["built_in"]) == (
        before["id"],
        900,
        True,
        True,
    )
    assert (await client.get(PATH)).json()["count"] == 5
    renamed = await client.put(f"{PATH}/debian-netplan", json={"name": "mine"})
    assert (renamed.status_code, renamed.json()["code"]) == (409, "built_in")
    assert "as it was shipped" in (await client.delete(f"{PATH}/debian-netplan")).json()["message"]
    assert (await client.get(f"{PATH}/debian-netplan")).json()["recipe"] == before
    gone = await client.delete(f"{PATH}/debian-netplan")
    assert (gone.status_code, gone.json()["code"]) == (409, "built_in")
    taken = await client.post(PATH, json={**MOTD, "name": "omnios-dladm"})
    assert taken.status_code == 409


async def test_shipped_updates_reach_recipes_nobody_edited(api: Api) -> None:
    """What is in the database is only what people edited: the rest is the program's, whatever its version."""
    client = await api.client(Scope.WRITE)
    await client.put(f"{PATH}/linux-ifconfig", json={"description": "mine"})
    shown = {row["name"]: row for row in (await client.get(PATH)).json()["recipes"]}
    for kept in BUILT_IN.values():
        if kept.recipe.name != "linux-ifconfig":
            assert shown[kept.recipe.name]["steps"] == kept.as_json()["steps"]
    assert shown["linux-ifconfig"]["description"] == "mine"


async def test_there_is_one_default_of_a_family(api: Api) -> None:
    """A new one takes it from the others, also from the agent's own, who have it again when it goes."""
    client = await api.client(Scope.WRITE)

    async def defaults() -> list[str]:
        rows = (await client.get(f"{PATH}?os_family=linux")).json()["recipes"]
        return [row["name"] for row in rows if row["is_default"]]

    assert await defaults() == ["debian-netplan"]
    await client.post(PATH, json={**MOTD, "is_default": True})
    assert await defaults() == ["motd"]
    await client.post(PATH, json={**MOTD, "name": "other", "is_default": True})
    assert await defaults() == ["other"]
    await client.delete(f"{PATH}/other")
    await client.delete(f"{PATH}/motd")
    assert await defaults() == ["debian-netplan"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"steps": [{"type": "jump"}]}, "steps[0].type"),
        ({"steps": [{"type": "wait"}]}, "steps[0].pattern"),
        ({"steps": [{"type": "wait", "pattern": "/(/"}]}, "steps[0].pattern"),
        ({"steps": [{"type": "wait", "pattern": "x", "patern": "y"}]}, "steps[0].patern"),
        ({"name": "a b"}, "name"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"variables": {"x y": "z"}}, "variables"),
        ({"variables": {"password": "********"}}, "variables.password"),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_what_is_wrong_is_named(api: Api, change: dict[str, Any], field: str) -> None:
    """400, with the field."""
    client = await api.client(Scope.WRITE)
    answer = await client.post(PATH, json={**MOTD, **change})
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text


async def test_a_recipe_in_use_stays(api: Api) -> None:
    """A zone's configuration names it, by name or id."""
    client = await api.client(Scope.WRITE)
    await client.post(PATH, json=MOTD)
    await api.zone("web", provisioning={"recipe_id": "motd"})
    answer = await client.delete(f"{PATH}/motd")
    assert (answer.status_code, answer.json()["details"]["zones"]) == (409, ["web"])


async def test_a_dry_run_resolves(api: Api, links: None) -> None:
    """Variables of recipe, zone and request, who gave them, and what nobody gave; secrets are asterisks."""
    client = await api.client(Scope.WRITE)
    await client.post(PATH, json=MOTD)
    await api.zone(
        "web",
        provisioning={
            "credentials": {"username": "me", "password": Secret("zonepass")},
            "variables": {"greeting": "hi", "vnic_name": "eth0"},
            "ip": "10.0.0.5",
        },
    )
    body = {"zone_name": "web", "dry_run": True}
    shown = (await client.post(f"{PATH}/motd/test", json=body)).json()
    assert shown["resolved_steps"][0]["value"] == "echo hi {{name}} ********"
    assert shown["unresolved_variables"] == ["name"]
    assert shown["variables"]["greeting"] == {"value": "hi", "origin": "zone"}
    assert shown["variables"]["password"] == {"value": "********", "origin": "agent"}
    assert shown["variables"]["nic_0_ip"] == {"value": "10.0.0.5", "origin": "zone"}
    body["variables"] = {"name": "you", "greeting": "hey"}
    shown = (await client.post(f"{PATH}/motd/test", json=body)).json()
    assert shown["resolved_steps"][0]["value"] == "echo hey you ********"
    assert "greeting" in shown["variables_provided"]
    assert (await client.get("/tasks")).json()["total"] == 0


async def test_a_test_is_a_task(api: Api, links: None) -> None:
    """Queued with the recipe as it is now; its secrets are sealed."""
    client = await api.client(Scope.WRITE)
    await client.post(PATH, json=MOTD)
    await api.zone("web")
    missing = await client.post(f"{PATH}/motd/test", json={"zone_name": "web"})
    assert (missing.status_code, missing.json()["code"]) == (400, "missing_variables")
    assert missing.json()["details"]["variables"] == ["name", "username"]
    given = {"name": "x", "username": "root"}
    halted = await client.post(f"{PATH}/motd/test", json={"zone_name": "web", "variables": given})
    assert (halted.status_code, halted.json()["code"]) == (409, "not_running")
    unknown = await client.post(f"{PATH}/motd/test", json={"zone_name": "nonesuch", "variables": given})
    assert unknown.status_code == 404


async def test_who_may_what(api: Api) -> None:
    """Reading needs read, everything else write."""
    reader = await api.client(Scope.READ)
    operator = await api.client(Scope.OPERATE)
    for answer in (
        await reader.post(PATH, json=MOTD),
        await operator.put(f"{PATH}/debian-netplan", json={"description": "x"}),
        await operator.delete(f"{PATH}/debian-netplan"),
        await operator.post(f"{PATH}/debian-netplan/test", json={"zone_name": "web", "dry_run": True}),
    ):
        assert answer.status_code == 403


async def test_a_console_is_watched(api: Api) -> None:
    """From what was said a little before until its holder leaves; without a holder there is nothing to see."""
    client = await api.client(Scope.READ)
    idle = await client.get("/zones/web/console")
    assert (idle.status_code, idle.json()["code"]) == (409, "console_idle")
    with CONSOLES.hold("web", "a test") as held:
        held.tell("web login: root\n")
        watching = CONSOLES.watch("web")
        assert await anext(watching) == "web login: root\n"
        held.tell("Password: ********\n")
    assert [text async for text in watching] == ["Password: ********\n"]

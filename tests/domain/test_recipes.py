"""Recipes are checked field by field."""

from __future__ import annotations

from typing import Any

import pytest

from zoneweaver.domain.builtin_recipes import BUILT_IN, recipe_id
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.recipes import Recipe, variables
from zoneweaver.domain.secret import Secret, masked

SOUND: dict[str, Any] = {
    "name": "motd",
    "os_family": "linux",
    "steps": [
        {"type": "wait", "pattern": "/ready/i", "timeout": 5, "fail_pattern": "broken", "or_command": "true"},
        {"type": "send", "value": "\r\n"},
        {"type": "command", "value": "hostname", "store": "host", "match": "/^(.+)$/"},
        {"type": "template", "dest": "/etc/motd", "content": "", "mode": "644", "as_root": True},
        {"type": "delay", "seconds": 2},
    ],
    "variables": {"a": 1, "b": True, "c": ["x", 2], "password": "secret"},
}


def with_step(**step: Any) -> dict[str, Any]:
    return {**SOUND, "steps": [step]}


def test_a_recipe_is_read_and_written() -> None:
    """What it is written as reads as the same."""
    recipe = Recipe.from_json(SOUND)
    assert Recipe.from_json(recipe.as_json()) == recipe
    assert recipe.variables == {"a": "1", "b": "true", "c": "x,2", "password": Secret("secret")}
    assert masked(recipe.as_json())["variables"]["password"] == "********"
    assert (recipe.timeout_seconds, recipe.login_prompt, recipe.brand) == (300, "login:", "bhyve")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "os_family": "linux"}, "steps"),
        ({**SOUND, "name": "no blanks"}, "name"),
        ({**SOUND, "name": ""}, "name"),
        ({**SOUND, "name": 7}, "name"),
        ({**SOUND, "os_family": "beos"}, "os_family"),
        ({**SOUND, "steps": []}, "steps"),
        ({**SOUND, "steps": "wait"}, "steps"),
        ({**SOUND, "steps": [{"type": "delay"}] * 201}, "steps"),
        ({**SOUND, "timeout_seconds": 0}, "timeout_seconds"),
        ({**SOUND, "timeout_seconds": "5"}, "timeout_seconds"),
        ({**SOUND, "timeout_seconds": True}, "timeout_seconds"),
        ({**SOUND, "is_default": "yes"}, "is_default"),
        ({**SOUND, "boot_string": "/(/"}, "boot_string"),
        ({**SOUND, "login_prompt": 5}, "login_prompt"),
        ({**SOUND, "brand": ""}, "brand"),
        ({**SOUND, "descripton": "x"}, "descripton"),
        ({**SOUND, "variables": []}, "variables"),
        ({**SOUND, "variables": {"a b": 1}}, "variables"),
        ({**SOUND, "variables": {"a": {}}}, "variables.a"),
        ({**SOUND, "variables": {"a": None}}, "variables.a"),
        (with_step(), "steps[0].type"),
        (with_step(type="jump"), "steps[0].type"),
        (with_step(type="wait"), "steps[0].pattern"),
        (with_step(type="wait", pattern="/[/"), "steps[0].pattern"),
        (with_step(type="wait", pattern="(", regex=True), "steps[0].pattern"),
        (with_step(type="wait", pattern="x", timeout=-1), "steps[0].timeout"),
        (with_step(type="wait", pattern="x", timeout=1e9), "steps[0].timeout"),
        (with_step(type="wait", pattern="x", value="y"), "steps[0].value"),
        (with_step(type="send"), "steps[0].value"),
        (with_step(type="command", value=""), "steps[0].value"),
        (with_step(type="command", value="a\nb"), "steps[0].value"),
        (with_step(type="command", value="a\tb"), "steps[0].value"),
        (with_step(type="command", value="x" * 5000), "steps[0].value"),
        (with_step(type="command", value="x", check_exit_code="no"), "steps[0].check_exit_code"),
        (with_step(type="command", value="x", match="/*/"), "steps[0].match"),
        (with_step(type="command", value="x", store="a-b"), "steps[0].store"),
        (with_step(type="command", value="su", expect_prompt="#", as_root=True), "steps[0].expect_prompt"),
        (with_step(type="template", dest="/x"), "steps[0].content"),
        (with_step(type="template", content="x"), "steps[0].dest"),
        (with_step(type="template", dest="etc/motd", content="x"), "steps[0].dest"),
        (with_step(type="template", dest="/x", content="a\0b"), "steps[0].content"),
        (with_step(type="template", dest="/x", content="\ud800"), "steps[0].content"),
        (with_step(type="template", dest="/x", content="x", mode="999"), "steps[0].mode"),
        (with_step(type="template", dest="/x", content="x", mode="4755"), "steps[0].mode"),
        (with_step(type="delay", seconds=0), "steps[0].seconds"),
        ({**with_step(type="template", dest="/x", content="x"), "os_family": "windows"}, "steps[0]"),
        ({**with_step(type="command", value="x", as_root=True), "os_family": "windows"}, "steps[0]"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(body: dict[str, Any], field: str) -> None:
    """The field is named, in the sentence too."""
    with pytest.raises(Invalid) as caught:
        Recipe.from_json(body)
    assert caught.value.field == field
    assert field.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0] in caught.value.message


def test_a_misspelt_field_is_understood() -> None:
    """What was meant is said."""
    with pytest.raises(Invalid, match=r"steps\[0\].patern \(did you mean pattern\?\)"):
        Recipe.from_json(with_step(type="wait", pattern="x", patern="y"))


def test_a_variable_is_not_used_before_it_is_stored() -> None:
    """Unless it has a default."""
    steps = [{"type": "command", "value": "echo {{link}}"}, {"type": "command", "value": "find", "store": "link"}]
    with pytest.raises(Invalid, match=r"steps\[0\].value names link"):
        Recipe.from_json({**SOUND, "steps": steps})
    Recipe.from_json({**SOUND, "steps": steps, "variables": {"link": "eth0"}})


def test_secrets_are_known_by_their_names() -> None:
    """Whatever the case, and numbers too."""
    found = variables({"DB_PASSWORD": 5, "apiToken": "x", "ip": "10.0.0.1"}, field="variables")
    assert found == {"DB_PASSWORD": Secret("5"), "apiToken": Secret("x"), "ip": "10.0.0.1"}


def test_the_agents_own_recipes_are_these() -> None:
    """By exactly these names, with ids that are the same everywhere, and no default for an address."""
    assert sorted(kept.recipe.name for kept in BUILT_IN.values()) == [
        "cloud-init-wait",
        "debian-netplan",
        "linux-ifconfig",
        "omnios-dladm",
        "windows-sac",
    ]
    assert recipe_id("debian-netplan") == "cee279e8-01c0-56c8-9faf-e9f94b91c51f"
    for kept in BUILT_IN.values():
        assert not {"ip", "nic_0_ip", "username", "password"} & set(kept.recipe.variables)
    families = [kept.recipe.os_family for kept in BUILT_IN.values() if kept.recipe.is_default]
    assert sorted(families) == ["linux", "solaris", "windows"]

"""`zoneweaver recipes`: what is asked for, and what people see of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.agents import Command, Events, Stub, row

PATH = "/provisioning/recipes"
MOTD: dict[str, Any] = {
    "id": "r-1",
    "name": "motd",
    "description": "Says hello",
    "os_family": "linux",
    "brand": "bhyve",
    "is_default": False,
    "timeout_seconds": 300.0,
    "variables": {"greeting": "hi"},
    "steps": [
        {"type": "command", "value": "uname -n", "check_exit_code": True, "as_root": False},
        {"type": "template", "dest": "/etc/motd", "content": "one\ntwo\n"},
    ],
    "built_in": False,
    "edited": False,
    "created_by": "me",
    "created_at": "2026-11-25T10:00:00.000000Z",
    "updated_at": "2026-11-25T10:00:00.000000Z",
}


def test_the_list_says_whose_they_are(agent: Stub, zw: Command) -> None:
    """Shipped, shipped and edited, or one's own; a family can be asked for."""
    rows = [MOTD, {**MOTD, "name": "a", "built_in": True}, {**MOTD, "name": "b", "built_in": True, "edited": True}]
    agent.on("GET", PATH, (200, {"recipes": rows, "count": 3}), (200, {"recipes": [], "count": 0}))
    ran = zw("recipes", "list", "--family", "linux")
    assert [line.split()[4:] for line in ran.out.splitlines()[1:]] == [
        ["yes", "Says", "hello"],
        ["built", "in", "Says", "hello"],
        ["edited", "Says", "hello"],
    ]
    assert agent.asked("GET", PATH)[0].query == {"os_family": "linux"}
    assert "There are no such recipes." in zw("recipes", "list").err + zw("recipes", "list").out


def test_a_recipe_is_shown_step_by_step(agent: Stub, zw: Command) -> None:
    """Steps are numbered as the task's progress numbers them; what is off is left out, lines stay lines."""
    agent.on("GET", f"{PATH}/motd", (200, {"recipe": MOTD}))
    out = zw("recipes", "show", "motd").out
    assert "1. command\n     value  uname -n\n" in out
    assert "2. template\n     dest  /etc/motd\n     content  one\n              two\n" in out
    assert "as_root" not in out


def test_what_is_shown_can_be_sent(agent: Stub, zw: Command, tmp_path: Path) -> None:
    """The JSON of `show` is a file for `create` and `edit`: what the agent adds is left out."""
    agent.on("GET", f"{PATH}/motd", (200, {"recipe": MOTD}))
    agent.on("POST", PATH, (201, {"recipe": MOTD}))
    agent.on("PUT", f"{PATH}/a%20b", (200, {"recipe": MOTD}))
    file = tmp_path / "recipe.json"
    file.write_text(zw("recipes", "show", "motd", "--json").out, encoding="utf-8")
    assert zw("recipes", "create", str(file)).out == "Recipe motd is there.\n"
    sent = agent.asked("POST", PATH)[0].body
    assert set(MOTD) - set(sent) == {"id", "built_in", "edited", "created_by", "created_at", "updated_at"}
    file.write_text("timeout_seconds: 5\n", encoding="utf-8")
    assert zw("recipes", "edit", "a b", str(file)).out == "Recipe motd is changed.\n"
    assert agent.requests[-1].body == {"timeout_seconds": 5}


def test_deleting_says_what_became_of_it(agent: Stub, zw: Command) -> None:
    """One of the agent's own comes back; one in use stays, with status 1."""
    agent.on("DELETE", f"{PATH}/a", (200, {"message": "Recipe 'a' is as it was shipped"}))
    agent.on("DELETE", f"{PATH}/b", (409, {"error": "Recipe b is named by the configuration of zone web"}))
    assert zw("recipes", "delete", "a").out == "Recipe 'a' is as it was shipped\n"
    ran = zw("recipes", "delete", "b")
    assert (ran.status, "configuration of zone web" in ran.err) == (1, True)


def test_a_dry_run_shows_the_steps(agent: Stub, zw: Command, tmp_path: Path) -> None:
    """The file's variables, those of the command line over them, and what nobody gave."""
    answer = {"resolved_steps": MOTD["steps"], "unresolved_variables": ["dns", "ip"]}
    agent.on("POST", f"{PATH}/motd/test", (200, answer))
    file = tmp_path / "variables.yaml"
    file.write_text("prefix: 24\ngreeting: hi\n", encoding="utf-8")
    ran = zw("recipes", "test", "motd", "web", "--variables", str(file), "-s", "greeting=a=b", "--dry-run")
    assert agent.requests[-1].body == {
        "zone_name": "web",
        "variables": {"prefix": 24, "greeting": "a=b"},
        "dry_run": True,
    }
    assert "1. command" in ran.out
    assert "Nobody gave a value for dns, ip." in ran.err
    assert zw("recipes", "test", "motd", "web", "--set", "nonsense").status == 2


@pytest.mark.parametrize("flag", ["--watch", "--wait", None])
def test_a_test_is_waited_for_or_watched(agent: Stub, zw: Command, flag: str | None) -> None:
    """Watching shows the transcript as it comes, waiting the stages; else it is said how it can be watched."""
    agent.on("POST", f"{PATH}/motd/test", (202, {"task_id": "t-1", "message": "Recipe test task queued successfully"}))
    done = row("completed", 100, operation="recipe_test")
    agent.on("GET", "/tasks/t-1", (200, done))
    agent.on("GET", "/tasks/t-1/stream", Events([{"stream": "console", "data": "web login: root\n"}, done]))
    agent.on("GET", "/tasks/t-1/output", (200, {"output": [{"stream": "console", "data": "web login: root\n"}]}))
    ran = zw("recipes", "test", "motd", "web", "--boot-timeout", "9", *([flag] if flag else []))
    assert ran.status == 0, ran.err
    assert agent.asked("POST", f"{PATH}/motd/test")[0].body["boot_timeout_seconds"] == 9
    if flag is None:
        assert "Watch it: zoneweaver tasks watch t-1" in ran.err
        return
    assert ran.out == "The recipe has done its work in zone web.\n"
    assert ("web login: root" in ran.err) is (flag == "--watch")

"""`zoneweaver recipes …`: how guests are set up over their console."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from cyclopts import App, Parameter

from zoneweaver.cli import terminal, zone_file
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.variables import given
from zoneweaver.cli.watching import queued

app: Final = App(name="recipes", help="Set up guests over their console, step by step.", default_parameter=PARAMETERS)

PATH: Final = "/provisioning/recipes"
Family = Literal["linux", "solaris", "windows"]


@app.command(name="list", alias="ls")
def list_(*, family: Family | None = None, agent: Connection = DEFAULTS) -> None:
    """List the recipes.

    Parameters
    ----------
    family
        Only recipes for linux, solaris or windows.
    """
    with agent.open() as client:
        answer = client.get(PATH, {"os_family": family})
    if agent.show(answer):
        return
    terminal.table(
        ["NAME", "FAMILY", "DEFAULT", "STEPS", "OWN", "DESCRIPTION"],
        [
            [
                recipe.get("name"),
                recipe.get("os_family"),
                recipe.get("is_default"),
                len(recipe.get("steps") or []),
                _own(recipe),
                recipe.get("description"),
            ]
            for recipe in answer.body.get("recipes") or []
        ],
        empty="There are no such recipes.",
    )


def _own(recipe: Mapping[str, Any]) -> str:
    return ("edited" if recipe.get("edited") else "built in") if recipe.get("built_in") else "yes"


@app.command
def show(recipe: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show a recipe. With --json it is a file that `recipes create` takes, after a change of its name.

    Parameters
    ----------
    recipe
        Its name or id.
    """
    with agent.open() as client:
        answer = client.get(_path(recipe))
    if agent.show(answer):
        return
    shown = dict(answer.body.get("recipe") or {})
    steps = shown.pop("steps", [])
    terminal.record(shown)
    for number, step in enumerate(steps, 1):
        _step(number, step)


def _step(number: int, step: Mapping[str, Any]) -> None:
    """Print a step: its type, then what it is about, then the rest."""
    terminal.say(f"{number}. {step.get('type')}")
    for name, value in step.items():
        if name not in {"type", "step"} and value is not False:
            lines = str(value).rstrip("\n").split("\n")
            terminal.say(f"     {name}  {lines[0]}")
            for line in lines[1:]:
                terminal.say(f"     {' ' * len(name)}  {line}")


@app.command
def create(file: Path, /, *, agent: Connection = DEFAULTS) -> None:
    """Make a recipe.

    Parameters
    ----------
    file
        A JSON or YAML file with the recipe: name, os_family, steps, and what else it needs.
    """
    with agent.open() as client:
        answer = client.send("POST", PATH, _sendable(zone_file.read(file)))
    if not agent.show(answer):
        terminal.say(f"Recipe {answer.body['recipe']['name']} is there.")


@app.command
def edit(recipe: str, file: Path, /, *, agent: Connection = DEFAULTS) -> None:
    """Change a recipe: what the file names becomes as it says, the rest stays.

    Parameters
    ----------
    recipe
        Its name or id.
    file
        A JSON or YAML file with what is to be changed.
    """
    with agent.open() as client:
        answer = client.send("PUT", _path(recipe), _sendable(zone_file.read(file)))
    if not agent.show(answer):
        terminal.say(f"Recipe {answer.body['recipe']['name']} is changed.")


@app.command
def delete(recipe: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Delete a recipe; one of the agent's own that was edited is as it was shipped again.

    Parameters
    ----------
    recipe
        Its name or id.
    """
    with agent.open() as client:
        answer = client.send("DELETE", _path(recipe))
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message")))


@app.command(name="test")
def try_(
    recipe: str,
    zone: str,
    /,
    *,
    set_: Annotated[tuple[str, ...], Parameter(name=["--set", "-s"], negative="")] = (),
    variables: Path | None = None,
    dry_run: bool = False,
    boot_timeout: float | None = None,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    watch: bool = False,
    agent: Connection = DEFAULTS,
) -> None:
    """Try a recipe on a running zone, or see what it would do there.

    Parameters
    ----------
    recipe
        Its name or id.
    zone
        The zone.
    set_
        NAME=VALUE: a variable; may be given many times.
    variables
        A JSON or YAML file with variables; passwords belong there, not on the command line.
    dry_run
        Only show the steps with all variables in place.
    boot_timeout
        How many seconds the guest may take to boot (300).
    wait
        Wait until it is done.
    watch
        Wait, and show what is said on the console meanwhile, passwords as asterisks.
    """
    body: dict[str, Any] = {"zone_name": zone, "variables": given(set_, variables)}
    if boot_timeout is not None:
        body["boot_timeout_seconds"] = boot_timeout
    if dry_run:
        body["dry_run"] = True
    with agent.open() as client:
        answer = client.send("POST", f"{_path(recipe)}/test", body)
        if not dry_run:
            queued(agent, client, answer, wait=wait or watch, output=watch)
            return
    if agent.show(answer):
        return
    for number, step in enumerate(answer.body.get("resolved_steps") or [], 1):
        _step(number, step)
    unresolved = answer.body.get("unresolved_variables") or []
    if unresolved:
        terminal.note(f"Nobody gave a value for {', '.join(unresolved)}.")
    terminal.note("Nothing was typed: this is what would be done.")


def _sendable(body: dict[str, Any]) -> dict[str, Any]:
    """Return what can be sent of a recipe as it was shown."""
    inner = body.get("recipe")
    kept = dict(inner) if isinstance(inner, Mapping) else body
    for name in ("id", "built_in", "edited", "created_by", "created_at", "updated_at"):
        kept.pop(name, None)
    return kept


def _path(recipe: str) -> str:
    return f"{PATH}/{quote(recipe, safe='')}"

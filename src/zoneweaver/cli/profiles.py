"""`zoneweaver profiles …`: what many zones are provisioned with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cyclopts import App

from zoneweaver.cli import terminal, zone_file
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection

app: Final = App(name="profiles", help="Keep what many zones are provisioned with.", default_parameter=PARAMETERS)

PATH: Final = "/provisioning/profiles"


@app.command(name="list", alias="ls")
def list_(*, agent: Connection = DEFAULTS) -> None:
    """List the profiles."""
    with agent.open() as client:
        answer = client.get(PATH)
    if agent.show(answer):
        return
    terminal.table(
        ["NAME", "RECIPE", "PROVISIONERS", "DESCRIPTION"],
        [
            [
                profile.get("name"),
                profile.get("recipe_id"),
                len(profile.get("default_provisioners") or []),
                profile.get("description"),
            ]
            for profile in answer.body.get("profiles") or []
        ],
        empty="There are no profiles.",
    )


@app.command
def show(profile: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show a profile. With --json it is a file that `profiles create` takes, after a change of its name.

    Parameters
    ----------
    profile
        Its name or id.
    """
    with agent.open() as client:
        answer = client.get(_path(profile))
    if not agent.show(answer):
        terminal.record(answer.body.get("profile") or {})


@app.command
def create(file: Path, /, *, agent: Connection = DEFAULTS) -> None:
    """Make a profile.

    Parameters
    ----------
    file
        A JSON or YAML file with the profile: name, recipe_id, default_credentials, default_sync_folders,
        default_provisioners, default_variables.
    """
    with agent.open() as client:
        answer = client.send("POST", PATH, _sendable(zone_file.read(file)))
    if not agent.show(answer):
        terminal.say(f"Profile {answer.body['profile']['name']} is there.")


@app.command
def edit(profile: str, file: Path, /, *, agent: Connection = DEFAULTS) -> None:
    """Change a profile: what the file names becomes as it says, the rest stays.

    Parameters
    ----------
    profile
        Its name or id.
    file
        A JSON or YAML file with what is to be changed.
    """
    with agent.open() as client:
        answer = client.send("PUT", _path(profile), _sendable(zone_file.read(file)))
    if not agent.show(answer):
        terminal.say(f"Profile {answer.body['profile']['name']} is changed.")


@app.command
def delete(profile: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Delete a profile that no zone names any more.

    Parameters
    ----------
    profile
        Its name or id.
    """
    with agent.open() as client:
        answer = client.send("DELETE", _path(profile))
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message")))


def _sendable(body: dict[str, Any]) -> dict[str, Any]:
    """Return what can be sent of a profile as it was shown."""
    inner = body.get("profile")
    kept = dict(inner) if isinstance(inner, Mapping) else body
    for name in ("id", "created_by", "created_at", "updated_at", "used_by"):
        kept.pop(name, None)
    return kept


def _path(profile: str) -> str:
    return f"{PATH}/{quote(profile, safe='')}"

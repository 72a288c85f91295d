"""`zoneweaver keys …`: API keys, through the agent or, on its host, straight in its database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import UsageError

app: Final = App(name="keys", help="Make and take back API keys.", default_parameter=PARAMETERS)

Scope = Literal["read", "operate", "write", "admin"]


@app.command
def create(
    name: str,
    /,
    *,
    scope: Scope = "read",
    description: str = "",
    to: Path | None = None,
    local: bool = False,
    config: Path | None = None,
    agent: Connection = DEFAULTS,
) -> None:
    """Make an API key. It is shown this once, on stdout alone.

    Parameters
    ----------
    name
        What the key is called.
    scope
        What it may do: read (the default), operate (power, consoles, tasks), write (create, modify, delete, network),
        admin (keys, settings). Each holds the ones before it.
    description
        What it is for.
    to
        Write the key to this new file (mode 0600) instead of stdout.
    local
        Make it in the agent's database on this host; needed as long as there is no key.
    config
        With --local: the agent's settings file.
    """
    if to is not None and to.exists():
        raise UsageError(f"{to} exists already")
    if local:
        from zoneweaver.cli import local_keys  # noqa: PLC0415

        made = local_keys.create(local_keys.settings(config), name=name, description=description, scope=scope)
        _shown_once(made, agent.json, to)
        return
    with agent.open() as client:
        answer = client.send("POST", "/api-keys/generate", {"name": name, "description": description, "scope": scope})
    if to is None and agent.show(answer):
        return
    _shown_once(answer.body, agent.json, to)


def _shown_once(made: dict[str, Any], as_json: bool, to: Path | None) -> None:
    key = str(made["api_key"])
    if to is not None:
        write_key(to, key)
        terminal.note(f"The key is in {to}.")
    elif as_json:
        local_json(made)
    else:
        terminal.put(key)
        terminal.note("Keep it: it cannot be shown again.")


def write_key(path: Path, key: str) -> None:
    """Write a key to a new file that nobody else can read; the file is whole or not there."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(key + "\n")
    passing.replace(path)


def local_json(value: Any) -> None:
    """Print what the API would have answered."""
    import json  # noqa: PLC0415

    terminal.put(json.dumps(value))


@app.command(name="list", alias="ls")
def list_(*, local: bool = False, config: Path | None = None, agent: Connection = DEFAULTS) -> None:
    """List the API keys; the keys themselves are not kept.

    Parameters
    ----------
    local
        Look into the agent's database on this host.
    config
        With --local: the agent's settings file.
    """
    if local:
        from zoneweaver.cli import local_keys  # noqa: PLC0415

        found = local_keys.every(local_keys.settings(config))
        if agent.json:
            local_json({"entities": found, "total": len(found)})
            return
    else:
        with agent.open() as client:
            answer = client.get("/api-keys")
        if agent.show(answer):
            return
        found = answer.body.get("entities") or []
    from zoneweaver.cli.tasks import moment  # noqa: PLC0415

    terminal.table(
        ["ID", "NAME", "SCOPE", "ACTIVE", "CREATED", "LAST USED", "DESCRIPTION"],
        [
            [
                key.get("id"),
                key.get("name"),
                key.get("scope"),
                key.get("is_active"),
                moment(key.get("created_at")),
                moment(key.get("last_used")),
                key.get("description"),
            ]
            for key in found
        ],
        empty="There are no keys: zoneweaver keys create NAME --scope admin --local",
    )


@app.command
def revoke(key_id: str, /, *, local: bool = False, config: Path | None = None, agent: Connection = DEFAULTS) -> None:
    """Take a key back: it is refused from now on, and stays in the list.

    Parameters
    ----------
    key_id
        The key's id.
    local
        In the agent's database on this host.
    config
        With --local: the agent's settings file.
    """
    if local:
        from zoneweaver.cli import local_keys  # noqa: PLC0415

        made = local_keys.revoke(local_keys.settings(config), key_id)
        local_json(made) if agent.json else terminal.say(f"Key {made['name']} is revoked.")
        return
    with agent.open() as client:
        answer = client.send("PUT", f"/api-keys/{quote(key_id, safe='')}/revoke")
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message")))


@app.command
def delete(key_id: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Delete a key.

    Parameters
    ----------
    key_id
        The key's id.
    """
    with agent.open() as client:
        answer = client.send("DELETE", f"/api-keys/{quote(key_id, safe='')}")
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message")))

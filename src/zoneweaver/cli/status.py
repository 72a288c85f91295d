"""`zoneweaver status` and `version`."""

from __future__ import annotations

from typing import Any

from zoneweaver import __version__
from zoneweaver.cli import terminal
from zoneweaver.cli.connection import DEFAULTS, Connection


def status(*, agent: Connection = DEFAULTS) -> None:
    """Say how the agent and its host are. With --json: what `GET /status` answers."""
    from zoneweaver.client import Refusal  # noqa: PLC0415

    with agent.open() as client:
        answer = client.get("/status")
        if agent.show(answer):
            return
        said: dict[str, Any] = {"Agent": client.url}
        for name in ("version", "hostname", "platform", "arch", "hypervisors", "features"):
            if answer.body.get(name):
                said[name.capitalize()] = answer.body[name]
        try:
            stats = client.get("/stats").body
            said |= {
                name.capitalize().replace("_", " "): value
                for name, value in stats.items()
                if name not in {"allzones", "runningzones", "hostname"} and not isinstance(value, dict | list)
            }
            said["Zones"] = f"{len(stats.get('runningzones') or [])} of {len(stats.get('allzones') or [])} running"
            said["Tasks"] = client.get("/tasks/stats").body
        except Refusal as refusal:
            said["Key"] = refusal.message
    terminal.record(said)


def version() -> None:
    """Print the version."""
    terminal.say(f"zoneweaver {__version__}")

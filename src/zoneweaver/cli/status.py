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
            said["Release"] = stats.get("release")
            said["CPUs"] = stats.get("cpus")
            said["Memory"] = f"{_gib(stats.get('freemem'))} of {_gib(stats.get('totalmem'))} free"
            said["Up"] = f"host {_span(stats.get('uptime'))}, agent {_span(stats.get('agent_uptime'))}"
            said["Zones"] = f"{len(stats.get('runningzones') or [])} of {len(stats.get('allzones') or [])} running"
            counts = client.get("/tasks/stats").body
            words = ("running", "pending", "completed", "failed", "cancelled")
            said["Tasks"] = ", ".join(f"{counts.get(f'{word}_tasks', 0)} {word}" for word in words)
        except Refusal as refusal:
            said["Key"] = refusal.message
    terminal.record(said)


def _gib(amount: Any) -> str:
    return f"{amount / 2**30:.1f} GiB" if isinstance(amount, int | float) else "?"


def _span(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "?"
    minutes = int(seconds) // 60
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def version() -> None:
    """Print the version."""
    terminal.say(f"zoneweaver {__version__}")

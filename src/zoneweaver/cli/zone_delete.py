"""`zoneweaver zones delete` and `forget`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter

from zoneweaver.cli import plans, terminal
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import Exit, UsageError
from zoneweaver.cli.watching import queued
from zoneweaver.client import Client, zone_path


def delete(
    name: str,
    /,
    *,
    cleanup_datasets: bool = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    dry_run: bool = False,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    agent: Connection = DEFAULTS,
) -> int:
    """Delete a zone; a running one is halted first. Its datasets are kept, unless they are to be destroyed too.

    Parameters
    ----------
    name
        The zone.
    cleanup_datasets
        Destroy the zone's own datasets with all that is in them. It is asked before, and never touches what was
        attached or what others use.
    yes
        Do not ask.
    dry_run
        Only say what would be done.
    wait
        Wait until it is done.
    """
    query = {"cleanup_datasets": True if cleanup_datasets else None}
    with agent.open() as client:
        if dry_run:
            answer = client.send("DELETE", zone_path(name), query={**query, "dry_run": True})
            if not agent.show(answer):
                plans.tell(answer.body)
            return Exit.OK
        if cleanup_datasets and not yes and not _agreed(client, name, query):
            terminal.note("Nothing was done.")
            return Exit.FAILED
        queued(agent, client, client.send("DELETE", zone_path(name), query=query), wait=wait)
    return Exit.OK


def _agreed(client: Client, name: str, query: dict[str, Any]) -> bool:
    """Show what would be lost and ask; raises UsageError where there is nobody to be asked."""
    if not sys.stdin.isatty():
        raise UsageError(
            "--cleanup-datasets destroys data and there is no terminal to ask at: add --yes if it is meant"
        )
    plan = client.send("DELETE", zone_path(name), query={**query, "dry_run": True}).body
    lost = plans.destroyed(plan)
    if lost:
        terminal.note(f"With zone {name} these datasets and all that is in them are destroyed for ever:")
        for dataset in lost:
            terminal.note(f"  {dataset}")
    else:
        terminal.note(f"Zone {name} has no datasets of its own that would be destroyed.")
    for dataset, reason in plans.kept(plan):
        terminal.note(f"Kept: {dataset} ({reason})")
    return terminal.agreed(f"Delete {name}?")


def forget(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Forget a zone that the host no longer has: only the agent's record of it is removed.

    Parameters
    ----------
    name
        The zone.
    """
    with agent.open() as client:
        answer = client.send("DELETE", zone_path(name, "force"))
    if not agent.show(answer):
        terminal.say(str(answer.body.get("message") or f"Zone {name} is forgotten."))

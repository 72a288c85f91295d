"""What a dry run answers: the steps, the commands each would run, and how each would be undone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final

from zoneweaver.cli import terminal

SCRIPT: Final = "{script}"
"""Stands in a command where the path of a script goes; the step's `scripts` are those, in order."""


def tell(plan: Mapping[str, Any]) -> None:
    """Print a plan for people."""
    steps = plan.get("plan") or []
    if not steps:
        terminal.say("Nothing would be done.")
        return
    for number, step in enumerate(steps, start=1):
        terminal.say(f"{number}. {step.get('step')}")
        scripts = list(step.get("scripts") or [])
        for command in step.get("commands") or []:
            terminal.say(f"     {shlex.join(command)}")
            if SCRIPT in command and scripts:
                for line in scripts.pop(0):
                    terminal.say(f"       {line}")
        if file := step.get("file"):
            block = step.get("block") or []
            terminal.say(f"     {file} {'says' if block else 'says nothing of ours any more'}")
            for line in block:
                terminal.say(f"       {line}")
        for index, command in enumerate(step.get("undo") or []):
            terminal.say(f"   {'undo: ' if index == 0 else '      '}{shlex.join(command)}")
    terminal.note("Nothing was changed: this is what would be done.")


def destroyed(plan: Mapping[str, Any]) -> list[str]:
    """Return the datasets that a plan would destroy, in its order."""
    return [dataset for step in plan.get("plan") or [] for dataset in step.get("destroys") or []]


def kept(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the datasets that a clean-up would leave where they are, each with the reason."""
    return [
        (str(item.get("dataset")), str(item.get("reason")))
        for step in plan.get("plan") or []
        for item in step.get("keeps") or []
    ]

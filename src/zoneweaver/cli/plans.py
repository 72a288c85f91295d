"""What a dry run answers: the steps, the commands each would run, and how each would be undone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from zoneweaver.cli import terminal


def tell(plan: Mapping[str, Any]) -> None:
    """Print a plan for people."""
    steps = plan.get("plan") or []
    if not steps:
        terminal.say("Nothing would be done.")
        return
    for number, step in enumerate(steps, start=1):
        terminal.say(f"{number}. {str(step.get('step')).replace('_', ' ')}")
        for command in step.get("commands") or []:
            for line in lines(command):
                terminal.say(f"     {line}")
        undo = step.get("undo") or []
        for command in undo:
            for index, line in enumerate(lines(command)):
                terminal.say(f"   {'undo: ' if index == 0 else '      '}{line}")
    terminal.note("Nothing was changed: this is what would be done.")


def argv(command: Any) -> list[str]:
    """Return the words of a command in a plan, which is a list or an object with `argv`."""
    words = command.get("argv") if isinstance(command, Mapping) else command
    return [str(word) for word in words or []]


def lines(command: Any) -> Iterator[str]:
    """Yield a command as a shell would be given it, and the script that goes with it."""
    line = shlex.join(argv(command))
    if isinstance(command, Mapping):
        if command.get("pipe_to"):
            line += " | " + shlex.join(str(word) for word in command["pipe_to"])
        yield line
        for said in command.get("script") or []:
            yield f"  | {said}"
        return
    yield line


def destroyed(plan: Mapping[str, Any]) -> list[str]:
    """Return the datasets that a plan would destroy, in its order."""
    found: list[str] = []
    for step in plan.get("plan") or []:
        for command in step.get("commands") or []:
            words = argv(command)
            if len(words) > 2 and words[0].rpartition("/")[2] == "zfs" and words[1] == "destroy":
                found.append(words[-1])
    return found

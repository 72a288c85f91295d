"""Faults on order: the next, the third or every such command fails, hangs, babbles or kills its caller."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not `signal`: that one drags enumerations in
import os

from labhost import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from labhost.world import World

ACTS = ("fail", "hang", "slow", "garbage", "empty", "kill")
GARBAGE = b"\x00\xff\xfe{{{ segmentation\tfault \x1b[31m::::\n\xc3\x28"


def order(
    world: World,
    *,
    command: str,
    words: Sequence[str] = (),
    nth: int = 1,
    act: str,
    when: str = "before",
    message: str = "",
    exit: int = 1,  # noqa: A002
    seconds: float = 0,
    once: bool = True,
) -> str:
    """Order a fault for the nth `command` ("*" for any) whose arguments contain all `words`; return its id."""
    if act not in ACTS:
        raise ValueError(f"no such fault: {act} (there are: {', '.join(ACTS)})")
    if when not in ("before", "after", "during"):
        raise ValueError(f"a fault happens before, after or during, not {when}")
    with world.lock("faults"):
        state = _read(world)
        number = int(state.get("next", 1))
        state["next"] = number + 1
        identity = f"fault-{number}"
        state.setdefault("orders", []).append(
            {
                "id": identity, "command": command, "words": list(words), "nth": nth, "act": act, "when": when,
                "message": message, "exit": exit, "seconds": seconds, "once": once, "seen": 0, "fired": [],
            }
        )  # fmt: skip
        _write(world, state)
    return identity


def orders(world: World) -> list[dict[str, Any]]:
    """Return all orders with what they have seen."""
    return list(_read(world).get("orders", []))


def fired(world: World, identity: str) -> list[list[str]]:
    """Return the argument lists of the commands that an order has struck; empty while it waits."""
    for entry in orders(world):
        if entry["id"] == identity:
            return list(entry["fired"])
    return []


def clear(world: World) -> None:
    """Take back all orders and forget what they did."""
    with world.lock("faults"):
        state = _read(world)
        state["orders"] = []
        _write(world, state)
        _unlink(f"{world.path}/faults/armed")


def strike(world: World, command: str, argv: list[str]) -> dict[str, Any] | None:
    """Return the order that this command falls under, now marked as fired, or None."""
    try:
        os.stat(f"{world.path}/faults/armed")
    except FileNotFoundError:
        return None
    hit: dict[str, Any] | None = None
    with world.lock("faults"):
        state = _read(world)
        for entry in state.get("orders", []):
            if entry["command"] not in ("*", command) or not all(word in argv for word in entry["words"]):
                continue
            if entry["once"] and entry["fired"]:
                continue
            entry["seen"] += 1
            if hit is None and entry["seen"] >= entry["nth"]:
                entry["fired"].append([command, *argv])
                hit = entry
        _write(world, state)
    return hit


def kill_caller(caller: int) -> None:
    """Kill the process that started this command, as a crash would."""
    if caller > 1:
        os.kill(caller, _signal.SIGKILL)


def _read(world: World) -> dict[str, Any]:
    try:
        with open(f"{world.path}/faults/orders.json", encoding="utf-8") as file:
            return jsontext.loads(file.read())  # type: ignore[no-any-return]
    except FileNotFoundError:
        return {}


def _write(world: World, state: dict[str, Any]) -> None:
    place = f"{world.path}/faults/orders.json"
    with open(f"{place}.{os.getpid()}", "w", encoding="utf-8") as file:
        file.write(jsontext.dumps(state))
    os.rename(f"{place}.{os.getpid()}", place)
    armed = f"{world.path}/faults/armed"
    if any(not (entry["once"] and entry["fired"]) for entry in state.get("orders", [])):
        os.close(os.open(armed, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    else:
        _unlink(armed)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return

"""Long lives: random deaths under mixed load, and a great many zones that come and go.

`make soak` lives longer: SOAK_KILLS and SOAK_CYCLES say how often, SOAK_SEED which way.
"""

from __future__ import annotations

import http.client
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.lab.agents import Lab, wait_for
from tests.lab.counting import count
from tests.lab.judging import disagreements, idle, picture, settle, states, told
from tests.lab.worlds import say

from labhost.zones import index

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("SOAK_KILLS", "40"))
CYCLES = int(os.environ.get("SOAK_CYCLES", "150"))
WARM_UP = max(50, CYCLES // 10)
"""Zones after which every cache is as full as it gets."""

SEED = int(os.environ.get("SOAK_SEED", "1"))
ZONES = 8
RECOVERY_SECONDS = 20.0


def test_random_deaths_under_mixed_load(lab_of: Callable[..., Lab]) -> None:
    """Killed at any moment while it makes, changes, starts and deletes zones, the agent loses and leaves nothing."""
    lab = lab_of("empty", **{"tasks.retention_days": 1})
    before = picture(lab.world)
    chance = random.Random(SEED)
    slowest = 0.0
    try:
        for number in range(KILLS):
            for _ in range(chance.randint(1, 4)):
                wish(lab, chance)
            rest(chance.random() * 0.4)
            lab.kill()
            lab.start()
            if chance.random() < 0.3:
                lab.settled(seconds=RECOVERY_SECONDS)
                slowest = max(slowest, time.monotonic() - lab.begun)
            if number % 10 == 9:
                check(lab)
        count("soak: deaths", str(KILLS))
        count("soak: milliseconds from the slowest restart to the end of all tasks", f"{slowest * 1000:.0f}")
        lab.settled(seconds=RECOVERY_SECONDS)
        for name in sorted(states(lab.world)):
            if name.startswith("soak"):
                lab.do("DELETE", f"/zones/{name}?cleanup_datasets=true")
        check(lab)
        assert picture(lab.world) == before, told(before, picture(lab.world))
    except BaseException:
        print(f"SOAK_SEED={SEED}\n{lab.seen()}")
        raise


def rest(seconds: float) -> None:
    """Let the agent work for a while, which is what it is killed in."""
    try:
        wait_for(lambda: None, "anything", seconds)
    except AssertionError:
        return


def wish(lab: Lab, chance: random.Random) -> None:
    """Ask for anything of any zone; what the agent refuses is its affair, and so is its death in the middle of it."""
    name = f"soak{chance.randrange(ZONES)}"
    disk = {"size": "1G"}
    template = {"type": "template", "template_dataset": "rpool/templates/omnios-base"}
    asks: list[tuple[str, str, Any]] = [
        ("POST", "/zones", {"name": name, "brand": "bhyve", "boot_volume": disk, "start_after_create": True}),
        ("POST", "/zones", {"name": name, "brand": "bhyve", "boot_volume": {"size": "30G"}, "source": template}),
        ("POST", "/zones", {"name": name, "brand": "bhyve", "nics": [{"physical": f"{name}n0", "global_nic": "igb0"}]}),
        ("PUT", f"/zones/{name}", {"ram": chance.choice(["1G", "2G"]), "add_disks": [disk]}),
        ("PUT", f"/zones/{name}", {"vcpus": "3", "notes": "changed", "autoboot": chance.random() < 0.5}),
        ("POST", f"/zones/{name}/start", None),
        ("POST", f"/zones/{name}/stop", None),
        ("POST", f"/zones/{name}/restart", None),
        ("DELETE", f"/zones/{name}", None),
        ("DELETE", f"/zones/{name}?cleanup_datasets=true", None),
        ("DELETE", f"/zones/{name}?cleanup_datasets=true", None),
    ]
    method, path, body = chance.choice(asks)
    try:
        answer = lab.ask(method, path, body, timeout=20)
    except (OSError, http.client.HTTPException):
        lab.close_connection()
        return
    assert answer.status < 500, (method, path, body, answer)


def check(lab: Lab) -> None:
    """Everything has ended, and what is there belongs to a zone that is there or to one that was deleted without it."""
    lab.settled(seconds=RECOVERY_SECONDS)
    settle(lab.world)
    assert idle(lab) == []
    assert disagreements(lab) == []
    assert {entry.state for entry in index.entries(lab.world).values()} <= {"installed"}
    for number in range(ZONES):  # what was kept by a deletion without clean-up is cleared away by hand
        name = f"soak{number}"
        if name not in states(lab.world) and f"dataset rpool/zones/{name}" in picture(lab.world):
            say(lab.world, "zfs", "destroy", "-r", f"rpool/zones/{name}")
    unfinished = lab.look(
        "SELECT operation, error_message FROM tasks WHERE error_message LIKE '%look at what is left%'"
    )
    assert unfinished == []


def figures(pid: int) -> dict[str, int]:
    """What a process holds: kilobytes of memory, open files, threads."""
    status = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        if ":" in line
    )
    return {
        "memory": int(status["VmRSS"].split()[0]),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(status["Threads"]),
    }


def test_zones_that_come_and_go_leave_nothing(lab_of: Callable[..., Lab]) -> None:
    """However many zones are made and deleted, the agent needs no more memory and files, and the host is as before."""
    lab = lab_of("empty")
    before = picture(lab.world)
    at_first: dict[str, int] = {}
    course: list[int] = []
    for number in range(CYCLES):
        if number == WARM_UP:
            at_first = figures(lab.agent.pid)
        if number % (CYCLES // 10) == 0:
            course.append(figures(lab.agent.pid)["memory"])
        name = f"cycle{number % 3}"
        made = lab.post("/zones", {"name": name, "brand": "bhyve", "boot_volume": {"size": "1G"}})
        assert made.status == 202, made
        gone = lab.ask("DELETE", f"/zones/{name}?cleanup_datasets=true") if number % 5 else None
        assert lab.wait(made.body["task_id"])["status"] in {"completed", "cancelled"}
        if gone is None or gone.status == 404:
            gone = lab.ask("DELETE", f"/zones/{name}?cleanup_datasets=true")
        assert gone.status == 202, gone
        row = lab.wait(gone.body["task_id"])
        assert row["status"] == "completed", row
    count("soak: zones made and deleted", str(CYCLES))
    lab.settled()
    now = figures(lab.agent.pid)
    count("soak: kilobytes of memory after the first tenth", str(at_first["memory"]))
    count("soak: kilobytes of memory at the end", str(now["memory"]))
    assert now["memory"] <= at_first["memory"] * 1.05, course
    assert now["files"] <= at_first["files"] + 2, (at_first, now)
    assert now["threads"] <= at_first["threads"] + 2, (at_first, now)
    assert picture(lab.world) == before, told(before, picture(lab.world))
    assert idle(lab) == []
    assert disagreements(lab) == []
    assert lab.look("SELECT count(*) FROM zones WHERE name LIKE 'cycle%'") == [(0,)]
    assert lab.post("/zones/discover").status == 202  # it still answers and works
    lab.settled()

"""Many at once: every wish is carried out once, and nobody treads on another's zone."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from tests.lab.agents import Answer, Lab, wait_for
from tests.lab.judging import disagreements, idle, journal, picture, states, told

from labhost import faults

pytestmark = pytest.mark.slow


def caller(lab: Lab) -> Lab:
    """Another client of the same agent, with a connection of its own."""
    return replace(lab, _connection=None, _memory=None)


def body(name: str, **more: Any) -> dict[str, Any]:
    """A small zone."""
    return {"name": name, "brand": "bhyve", "boot_volume": {"size": "1G"}, **more}


def at_once(lab: Lab, asks: list[Callable[[Lab], Answer]]) -> list[Answer]:
    """Ask everything at the same moment, each on a connection of its own."""
    gate = threading.Barrier(len(asks))

    def ask(one: Callable[[Lab], Answer]) -> Answer:
        mine = caller(lab)
        mine.get("/health")
        gate.wait(30)
        try:
            return one(mine)
        finally:
            mine.close_connection()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))


def test_fifty_creations_at_once(lab: Lab) -> None:
    """Fifty zones are asked for at the same moment and all come to be, never more than five at work at once."""
    names = [f"z{number}" for number in range(50)]
    answers = at_once(lab, [lambda one, name=name: one.post("/zones", body(name)) for name in names])  # type: ignore[misc]
    assert {answer.status for answer in answers} == {202}, answers
    most = 0

    def done() -> bool | None:
        nonlocal most
        most = max(most, int(lab.look("SELECT count(*) FROM tasks WHERE status = 'running'")[0][0]))
        return True if not lab.busy() else None

    wait_for(done, "the end of fifty creations", 120, lab.seen)
    rows = [lab.task(answer.body["task_id"]) for answer in answers]
    assert {row["status"] for row in rows} == {"completed"}, [row for row in rows if row["status"] != "completed"]
    assert {name: state for name, state in states(lab.world).items() if name != "other"} == dict.fromkeys(
        names, "installed"
    )
    assert 2 <= most <= 5
    assert disagreements(lab) == []


def test_a_hundred_callers_with_one_key(lab: Lab) -> None:
    """A hundred callers with the same Idempotency-Key get the same answer, also from an agent that died in between."""
    answers: list[tuple[int, Any]] = []
    lock = threading.Lock()

    def call(number: int) -> None:
        mine = caller(lab)
        deadline = time.monotonic() + 60
        while True:
            mine.process = lab.process
            try:
                answer = mine.post("/zones", body("web"), headers={"Idempotency-Key": "once"}, timeout=10)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, f"caller {number} was never answered"
                time.sleep(0.02)
                continue
            break
        mine.close_connection()
        with lock:
            answers.append((answer.status, answer.body))

    with ThreadPoolExecutor(100) as pool:
        calls = [pool.submit(call, number) for number in range(100)]
        wait_for(lambda: len(answers) >= 20 or None, "twenty answers", 30, lab.seen)
        lab.kill()
        lab.start()
        for one in calls:
            one.result(90)
    lab.settled()
    assert len(answers) == 100
    assert answers.count(answers[0]) == 100, {str(answer) for answer in answers}
    assert answers[0][0] == 202
    created = lab.look("SELECT id, status FROM tasks WHERE operation = 'zone_create'")
    assert created == [(answers[0][1]["task_id"], "completed")]
    assert states(lab.world)["web"] == "installed"
    assert disagreements(lab) == []


def test_two_creations_of_one_name(lab: Lab) -> None:
    """Of two that ask for the same name at the same moment one gets it and the other is told, every time."""
    for number in range(20):
        name = f"twin{number}"
        asks: list[Callable[[Lab], Answer]] = [
            lambda one, name=name, size=size: one.post("/zones", body(name, ram=size))  # type: ignore[misc]
            for size in ("1G", "2G")
        ]
        answers = at_once(lab, asks)
        assert sorted(answer.status for answer in answers) == [202, 409], answers
        refused = next(answer for answer in answers if answer.status == 409)
        assert refused.body["error"] == f"Zone {name} already exists in database"
    lab.settled(seconds=60)
    assert len(lab.get("/zones?name=twin")["zones"]) == 20
    assert disagreements(lab) == []


def test_a_deletion_during_a_modification(lab_of: Callable[..., Lab]) -> None:
    """A zone that is deleted while it is modified is first modified, then gone, and at no time both."""
    lab = lab_of("installed")
    order = faults.order(lab.world, command="zonecfg", words=("-f",), act="slow", seconds=0.4)
    modify = lab.ask("PUT", "/zones/web", {"ram": "4G", "add_disks": [{"size": "1G", "volume_name": "more"}]})
    assert modify.status == 202, modify
    wait_for(lambda: faults.fired(lab.world, order) or None, "the modification at work", 10, lab.seen)
    delete = lab.ask("DELETE", "/zones/web?cleanup_datasets=true")
    assert delete.status == 202, delete
    assert lab.task(delete.body["task_id"])["status"] == "pending"
    assert lab.wait(modify.body["task_id"])["status"] == "completed"
    assert lab.wait(delete.body["task_id"])["status"] == "completed"
    assert not [key for key in picture(lab.world) if "zones/web" in key]
    assert disagreements(lab) == []


@pytest.mark.parametrize("command", ["zfs", "zoneadm"])
def test_a_start_during_a_creation(command: str, lab: Lab) -> None:
    """A start waits for the creation that is under way, however far that is; a second one is the same task."""
    order = faults.order(lab.world, command=command, act="slow", seconds=0.5, words=("install",) * (command != "zfs"))
    created = lab.post("/zones", body("web"))
    wait_for(lambda: faults.fired(lab.world, order) or None, "the creation at work", 10, lab.seen)
    start, again = (lab.post("/zones/web/start") for _ in range(2))
    assert (start.status, again.status) == (202, 202), (start, again)
    assert start.body["task_id"] == again.body["task_id"]
    assert lab.task(start.body["task_id"])["depends_on"] == created.body["task_id"]
    assert lab.wait(start.body["task_id"])["status"] == "completed"
    assert lab.task(created.body["task_id"])["status"] == "completed"
    assert states(lab.world)["web"] == "running"
    assert lab.post("/zones/nobody/start").status == 404
    assert disagreements(lab) == []


@pytest.mark.parametrize("number", range(1, 10))
def test_a_creation_cancelled_at_any_stage(number: int, lab: Lab) -> None:
    """A creation that is cancelled while any of its commands is at work is over soon, and leaves nothing."""
    before = picture(lab.world)
    order = faults.order(lab.world, command="*", nth=number, act="slow", seconds=0.3)
    answer = lab.post("/zones", body("web", additional_disks=[{"size": "1G"}], start_after_create=True))
    assert answer.status == 202
    task = answer.body["task_id"]
    wait_for(lambda: faults.fired(lab.world, order) or lab.busy() == 0 or None, "the slow command", 10, lab.seen)
    cancelled = lab.ask("DELETE", f"/tasks/{task}")
    if lab.wait(task)["status"] == "completed":  # the command was one of the start's, or there are fewer of them
        assert number > 7, journal(lab.world)
        return
    assert cancelled.status in {200, 202}, cancelled
    assert lab.wait(task)["status"] == "cancelled"
    start = lab.wait(answer.body["start_task_id"])
    assert (start["status"], start["error_message"]) == ("cancelled", "Dependency failed")
    assert picture(lab.world) == before, told(before, picture(lab.world))
    assert idle(lab) == []
    assert disagreements(lab) == []

"""A host that is broken in whole: the agent says what is wrong, stays up, loses nothing, and works again afterwards.

One command that fails, hangs, lies or is missing is swept in test_sweep.py; clocks that jump in tests/tasks.
"""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.lab.agents import Answer, Lab, wait_for
from tests.lab.judging import disagreements, idle, picture, told

from labhost import faults

pytestmark = pytest.mark.slow

WISHES: list[tuple[str, str, Any]] = [
    ("POST", "/zones", {"name": "new", "brand": "bhyve", "boot_volume": {"size": "1G"}}),
    ("PUT", "/zones/web", {"ram": "4G"}),
    ("POST", "/zones/web/start", None),
    ("POST", "/zones/discover", None),
    ("DELETE", "/zones/web?cleanup_datasets=true", None),
]


def works(lab: Lab) -> None:
    """See that a zone can be made and deleted."""
    lab.do("POST", "/zones", {"name": "proof", "brand": "bhyve", "boot_volume": {"size": "1G"}})
    lab.do("DELETE", "/zones/proof?cleanup_datasets=true")
    assert disagreements(lab) == []


def sentences(lab: Lab) -> list[str]:
    """Ask for everything while it cannot be had; what each request or its task says."""
    said = []
    for method, path, body in WISHES:
        answer = lab.ask(method, path, body)
        if answer.status == 202:
            row = lab.wait(answer.body["task_id"])
            assert row["status"] == "failed", (path, row)
            said.append(str(row["error_message"]))
        else:
            assert answer.status in {500, 503}, (path, answer)
            said.append(str(answer.body["error"]))
    return said


@contextmanager
def nothing_changes(lab: Lab) -> Iterator[None]:
    """See that the block leaves the host and what is remembered of it as they were, and that the agent works after."""
    before, zones = picture(lab.world), lab.get("/zones")["zones"]
    pid = lab.agent.pid
    yield
    assert lab.agent.alive()
    assert lab.agent.pid == pid
    assert idle(lab) == []
    assert picture(lab.world) == before, told(before, picture(lab.world))
    assert [(row["name"], row["status"], row["is_orphaned"]) for row in lab.get("/zones")["zones"]] == [
        (row["name"], row["status"], row["is_orphaned"]) for row in zones
    ]
    works(lab)


def test_a_host_without_commands(lab_of: Callable[..., Lab]) -> None:
    """When no command is there, each wish fails with the name of one, and reading goes on."""
    lab = lab_of("installed")
    with nothing_changes(lab):
        os.rename(f"{lab.world.path}/bin", f"{lab.world.path}/bin.away")
        try:
            for sentence in sentences(lab):
                assert "zoneadm" in sentence or "zfs" in sentence or "zonecfg" in sentence, sentence
            assert lab.get("/zones/web")["zone_info"]["name"] == "web"
        finally:
            os.rename(f"{lab.world.path}/bin.away", f"{lab.world.path}/bin")


@pytest.mark.parametrize("act", ["garbage", "empty"])
def test_a_host_that_answers_nonsense(act: str, lab_of: Callable[..., Lab]) -> None:
    """When every command babbles or is silent, wishes fail in words that can be shown, and no zone is taken for gone."""
    lab = lab_of("installed")
    with nothing_changes(lab):
        faults.order(lab.world, command="*", act=act, once=False)
        try:
            for sentence in sentences(lab):
                assert sentence.isprintable(), sentence
                assert len(sentence) < 2000, sentence
        finally:
            faults.clear(lab.world)


@contextmanager
def full_disk(lab: Lab) -> Iterator[None]:
    """Let no file of the agent's grow, as on a disk without a free block; its commands have no other disk either."""
    _, most = resource.prlimit(lab.agent.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(lab.agent.pid, resource.RLIMIT_FSIZE, (1, most))
    try:
        yield
    finally:
        resource.prlimit(lab.agent.pid, resource.RLIMIT_FSIZE, (most, most))


def test_a_full_disk(lab_of: Callable[..., Lab]) -> None:
    """When the state folder's disk is full nothing is acknowledged, which is said; reading goes on."""
    lab = lab_of("installed")
    with nothing_changes(lab):
        tasks = lab.look("SELECT count(*) FROM tasks")
        with full_disk(lab):
            for method, path, body in WISHES:
                if path.endswith("/start"):  # asks the host first, whose commands cannot write either
                    continue
                answer = lab.ask(method, path, body)
                assert answer.status == 503, (path, answer)
                assert "disk" in answer.body["error"] or "full" in answer.body["error"], answer
                assert lab.get("/zones/web")["zone_info"]["name"] == "web"
            assert lab.ask("GET", "/health").status in {200, 503}
        assert lab.look("SELECT count(*) FROM tasks") == tasks


def test_a_disk_that_fills_up_in_the_midst(lab_of: Callable[..., Lab]) -> None:
    """A task that cannot be written down any more waits, and is carried on or taken back when there is room again."""
    lab = lab_of("empty")
    before = picture(lab.world)
    order = faults.order(lab.world, command="zonecfg", words=("-f",), act="slow", seconds=0.3)
    answer = lab.post("/zones", {"name": "web", "brand": "bhyve", "boot_volume": {"size": "1G"}})
    wait_for(lambda: faults.fired(lab.world, order) or None, "the slow command", 10, lab.seen)
    with full_disk(lab):
        wait_for(lambda: None if lab.post("/zones/discover").status == 202 else True, "a full disk", 5, lab.seen)
    row = lab.wait(answer.body["task_id"], seconds=60)
    if row["status"] == "completed":
        lab.do("DELETE", "/zones/web?cleanup_datasets=true")
    else:
        assert row["error_message"], row
    lab.settled()
    assert picture(lab.world) == before, told(before, picture(lab.world))
    works(lab)


def test_a_locked_database(lab_of: Callable[..., Lab]) -> None:
    """While somebody else holds the database no wish is acknowledged and lost; afterwards all goes on."""
    lab = lab_of("empty")
    order = faults.order(lab.world, command="zonecfg", words=("-f",), act="slow", seconds=0.3)
    under_way = lab.post("/zones", {"name": "web", "brand": "bhyve", "boot_volume": {"size": "1G"}})
    wait_for(lambda: faults.fired(lab.world, order) or None, "the slow command", 10, lab.seen)
    other = sqlite3.connect(lab.home / "zoneweaver.db", isolation_level=None)
    answers: list[Answer] = []
    try:
        other.execute("BEGIN IMMEDIATE")
        answers.append(lab.post("/zones", {"name": "web2", "brand": "bhyve"}, timeout=60))
        assert lab.get("/zones/other")["zone_info"]["name"] == "other"
    finally:
        other.rollback()
        other.close()
    assert answers[0].status == 503, answers
    assert "locked" in answers[0].body["error"] or "busy" in answers[0].body["error"], answers
    assert lab.wait(under_way.body["task_id"], seconds=60)["status"] == "completed"
    assert "web2" not in [row["name"] for row in lab.get("/zones")["zones"]]
    works(lab)

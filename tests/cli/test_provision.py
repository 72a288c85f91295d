"""`zoneweaver provision …`, `artifacts …` and `profiles …`: what is sent, and what is said of the answers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.agents import SOURCE, Command, Events, Stub, on_terminal

STAGES = {"extract": "zfs_create_dataset", "boot": "zone_start", "wait_ssh": "zone_wait_ssh", "sync": "zone_sync"}
STARTED: dict[str, Any] = {
    "success": True,
    "task_id": "p",
    "zone_name": "web",
    "operation": "zone_provision",
    "status": "pending",
    "message": "Provisioning pipeline started",
    "pipeline_tasks": {stage: stage for stage in STAGES},
}
ARTIFACT = "0b0c4e0e-34a5-4d55-9f2c-6a8f1c4a0001"


def row(stage: str, status: str = "completed", **info: Any) -> dict[str, Any]:
    """A stage's task."""
    return {
        "id": stage,
        "zone_name": "web",
        "operation": STAGES[stage],
        "status": status,
        "progress_percent": 100 if status == "completed" else 40,
        "progress_info": {"status": status, **info},
        "started_at": None if "skipped" in info else "2026-11-25T10:00:00.000000Z",
        "completed_at": None if status == "running" else "2026-11-25T10:00:02.500000Z",
        "error_message": "SSH to 10.0.0.5: connection refused" if status == "failed" else None,
        "metadata": {"stage": stage},
    }


def ends(agent: Stub, status: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Let the pipeline end; its status is returned as it will be told."""
    over = {**row("extract", status), "id": "p", "operation": "zone_provision", "error_message": None}
    agent.on("GET", "/tasks/p", (200, over))
    told = {"status": status, "pipeline_task_id": "p", "tasks": tasks}
    agent.on("GET", "/zones/web/provision/status", (200, told))
    return told


def test_a_zone_is_told_how_it_is_to_be_provisioned(zw: Command, agent: Stub, tmp_path: Path):
    """With the artifact by its file's name, and shown again as it is kept."""
    file = tmp_path / "web.yaml"
    file.write_text("mode: shell\ncredentials:\n  username: startcloud\n", encoding="utf-8")
    agent.on("GET", "/artifacts", (200, {"artifacts": [{"id": ARTIFACT, "filename": "site.tar"}], "total": 1}))
    agent.on("PUT", "/zones/web", (200, {"success": True}))
    ran = zw("provision", "configure", "web", str(file), "--artifact", "site.tar", "--recipe", "debian-netplan")
    assert (ran.status, ran.out) == (0, "It is known how web is to be provisioned.\n")
    (sent,) = agent.asked("PUT", "/zones/web")
    kept = {
        "mode": "shell",
        "credentials": {"username": "startcloud"},
        "artifact_id": ARTIFACT,
        "recipe_id": "debian-netplan",
    }
    assert sent.body == {"provisioning": kept}
    agent.on("GET", "/zones/web", (200, {"zone_info": {"provisioning": kept}}))
    assert ARTIFACT in zw("provision", "show", "web").out
    assert json.loads(zw("provision", "show", "web", "--json").out) == kept


def test_a_pipeline_is_begun_and_waited_for(zw: Command, agent: Stub):
    """The options go along; what each stage came to is said, and the first that failed ends it."""
    agent.on("POST", "/zones/web/provision", (202, STARTED))
    begun = zw("provision", "start", "web", "--from", "boot", "--skip-recipe")
    assert (begun.status, begun.out) == (0, "Provisioning pipeline started.\n")
    assert "zoneweaver provision status web" in begun.err
    (sent,) = agent.asked("POST", "/zones/web/provision")
    assert (sent.query, sent.body) == ({"from": "boot"}, {"skip_recipe": True})
    for stage, ended in (
        ("extract", row("extract", skipped="no artifact is configured")),
        ("boot", row("boot")),
        ("wait_ssh", row("wait_ssh", "failed")),
    ):
        agent.on("GET", f"/tasks/{stage}/stream", Events([{"event": "task", "data": ended}]))
        agent.on("GET", f"/tasks/{stage}", (200, ended))
    ends(agent, "failed", [row("sync", "cancelled")])
    waited = zw("provision", "web", "--watch")
    assert (waited.status, waited.out) == (1, "")
    assert [line.split(None, 2) for line in waited.err.splitlines()[:4]] == [
        ["extract", "skipped", "no artifact is configured"],
        ["boot", "completed", "2.5 s"],
        ["wait_ssh", "failed", "2.5 s"],
        ["sync", "cancelled", "2.5 s"],
    ]
    assert "Error: zone_wait_ssh of web failed: SSH to 10.0.0.5: connection refused" in waited.err


@pytest.mark.parametrize("option", ["--watch", "--console", "--json"])
def test_the_stages_of_a_pipeline_are_watched(zw: Command, agent: Stub, option: str):
    """From its beginning, or from wherever it is: each once, with what is said where that is wanted."""
    agent.on("POST", "/zones/web/provision", (202, STARTED))
    for stage in STAGES:
        said = {"stream": "console", "data": "debian login: \x1b[31m\n"}
        agent.on("GET", f"/tasks/{stage}/stream", Events([row(stage, "running"), said, row(stage)]))
        agent.on("GET", f"/tasks/{stage}", (200, row(stage)))
    status = ends(agent, "completed", [row(stage) for stage in STAGES])
    more = [] if option == "--watch" else [option]
    for words in (["provision", "web", "--watch"], ["provision", "watch", "web"]):
        ran = zw(*words, *more)
        assert ran.status == 0, ran.err
        lines = [line.split() for line in ran.err.splitlines() if "login" not in line]
        assert lines == [[stage, "completed", "2.5", "s"] for stage in STAGES]
        assert ("debian login: \\x1b[31m" in ran.err) is (option == "--console")
        if option == "--json":
            assert json.loads(ran.out) == status
        else:
            assert ran.out == "Zone web is provisioned.\n"
    assert len(agent.asked("POST", "/zones/web/provision")) == 1


def test_there_must_be_something_to_watch(zw: Command, agent: Stub):
    """A zone that nobody asked to provision has no stages to wait for."""
    agent.on("GET", "/zones/web/provision/status", (200, {"pipeline_task_id": None, "tasks": []}))
    ran = zw("provision", "watch", "web")
    assert (ran.status, "Nobody has asked for zone web to be provisioned" in ran.err) == (2, True)


def test_the_stages_are_live_on_a_terminal(agent: Stub, tmp_path: Path):
    """All of them stand there from the beginning, and at the end each with its state."""
    agent.on("POST", "/zones/web/provision", (202, STARTED))
    for stage in STAGES:
        agent.on("GET", f"/tasks/{stage}", (200, row(stage)))
    ends(agent, "completed", [row(stage) for stage in STAGES])
    environ = {"ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path), "COLUMNS": "80", "NO_COLOR": "1"}
    ran = on_terminal(["provision", "web", "--watch"], environ=environ, answers={})
    assert ran.status == 0, ran.out
    assert "extract    pending" in ran.out
    for stage in STAGES:
        assert f"{stage:<9}  completed          2.5 s" in ran.out
    assert ran.out.rstrip().endswith("Zone web is provisioned.")


def test_who_leaves_is_told_how_to_come_back(agent: Stub, tmp_path: Path):
    """Ctrl-C ends the watching and nothing else; it is said how to go on, and how to end the rest."""
    agent.on("POST", "/zones/web/provision", (202, STARTED))
    agent.on("GET", "/tasks/extract", (200, row("extract")))
    agent.on("GET", "/tasks/boot", (200, row("boot", "running")))
    process = subprocess.Popen(
        [sys.executable, "-m", "zoneweaver", "provision", "web", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path)},
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert first.split() == ["extract", "completed", "2.5", "s"]
    assert process.returncode == 130
    assert "Watch it: zoneweaver provision watch web" in err
    assert "Stop it: zoneweaver provision cancel web" in err
    assert agent.asked("POST", "/zones/web/provision/cancel") == []


def test_how_far_it_is(zw: Command, agent: Stub):
    """Stage by stage, and why it ended."""
    tasks = [row("extract"), row("boot"), row("wait_ssh", "failed")]
    body = {
        "status": "failed",
        "last_provisioned_at": None,
        "progress": {"extract": "completed", "boot": "completed", "wait_ssh": "failed"},
        "tasks": tasks,
        "error": tasks[-1]["error_message"],
    }
    agent.on("GET", "/zones/web/provision/status", (200, body))
    ran = zw("provision", "status", "web")
    assert ran.status == 0
    assert [line.split()[:2] for line in ran.out.splitlines()[-3:]] == [
        ["extract", "completed"],
        ["boot", "completed"],
        ["wait_ssh", "failed"],
    ]
    assert "connection refused" in ran.err
    assert json.loads(zw("provision", "status", "web", "--json").out) == body


def test_it_is_cancelled_and_gone_back_from(zw: Command, agent: Stub):
    """A rollback of the disk wants a yes, which nobody can give where there is no terminal."""
    agent.on("POST", "/zones/web/provision/cancel", (200, {"message": "No provisioning is active"}))
    assert zw("provision", "cancel", "web").out == "No provisioning is active.\n"
    queued = {"task_id": "r", "zone_name": "web", "operation": "zone_provision_rollback", "status": "pending"}
    agent.on("POST", "/zones/web/provision/rollback", (202, {**queued, "message": "Rollback queued"}))
    assert zw("provision", "rollback", "web").status == 2
    assert agent.asked("POST", "/zones/web/provision/rollback") == []
    assert zw("provision", "rollback", "web", "--yes").status == 0
    assert zw("provision", "rollback", "web", "--keep-disks").status == 0
    assert [asked.body for asked in agent.asked("POST", "/zones/web/provision/rollback")] == [
        {},
        {"include_disks": False},
    ]


def test_the_agents_key_is_alone_on_stdout(zw: Command, agent: Stub):
    """It can be appended to a file."""
    agent.on("GET", "/provisioning/ssh-key", (200, {"public_key": "ssh-ed25519 AAAA x"}))
    assert zw("provision", "key").out.strip() == "ssh-ed25519 AAAA x"


def test_an_artifact_is_given_and_deleted(zw: Command, agent: Stub, tmp_path: Path):
    """With its checksum; its id is alone on stdout."""
    file = tmp_path / "site.tar"
    file.write_bytes(b"content")
    upload = f"/artifacts/upload/{ARTIFACT}"
    agent.on("POST", "/artifacts/upload/prepare", (200, {"upload_url": upload, "artifact_id": ARTIFACT}))
    agent.on("GET", upload, (200, {"received": 0, "complete": False}))
    agent.on("POST", upload, (200, {"artifact_id": ARTIFACT, "message": "site.tar is uploaded"}))
    ran = zw("artifacts", "upload", str(file), "--zone", "web")
    assert (ran.status, ran.out.strip()) == (0, ARTIFACT)
    (prepared,) = agent.asked("POST", "/artifacts/upload/prepare")
    digest = hashlib.sha256(b"content").hexdigest()
    assert prepared.body == {"filename": "site.tar", "size": 7, "checksum": digest, "zone_name": "web"}
    (sent,) = agent.asked("POST", upload)
    assert (sent.headers["content-range"], sent.body) == ("bytes 0-6/7", b"content")
    agent.on("DELETE", f"/artifacts/{ARTIFACT}", (200, {"message": "Artifact site.tar deleted"}))
    assert zw("artifacts", "delete", ARTIFACT).out == "Artifact site.tar deleted\n"
    assert zw("artifacts", "upload", str(tmp_path / "nonesuch")).status == 2


def test_profiles_are_made_shown_changed_and_deleted(zw: Command, agent: Stub, tmp_path: Path):
    """What was shown can be sent again."""
    profile = {"id": "1", "name": "base", "recipe_id": "debian-netplan", "default_provisioners": [{"type": "shell"}]}
    agent.on("GET", "/provisioning/profiles", (200, {"count": 1, "profiles": [profile]}))
    agent.on("GET", "/provisioning/profiles/base", (200, {"profile": {**profile, "used_by": ["web"]}}))
    agent.on("POST", "/provisioning/profiles", (201, {"profile": profile}))
    agent.on("PUT", "/provisioning/profiles/base", (200, {"profile": profile}))
    agent.on("DELETE", "/provisioning/profiles/base", (200, {"message": "Profile 'base' deleted"}))
    assert "debian-netplan" in zw("profiles", "list").out
    shown = tmp_path / "base.json"
    shown.write_text(zw("profiles", "show", "base", "--json").out, encoding="utf-8")
    assert zw("profiles", "create", str(shown)).out == "Profile base is there.\n"
    assert zw("profiles", "edit", "base", str(shown)).out == "Profile base is changed.\n"
    sendable = {name: value for name, value in profile.items() if name != "id"}
    assert [request.body for request in agent.requests if request.method in {"POST", "PUT"}] == [sendable, sendable]
    assert zw("profiles", "delete", "base").out == "Profile 'base' deleted\n"


@pytest.mark.parametrize("words", [["provision", "status", "nonesuch"], ["profiles", "show", "nonesuch"]])
def test_what_is_not_there_is_said(zw: Command, words: list[str]):
    """With the agent's sentence."""
    ran = zw(*words)
    assert ran.status == 1
    assert "No route" in ran.err


def test_a_folder_and_a_recipe_are_kept_and_it_begins(zw: Command, agent: Stub, tmp_path: Path):
    """The folder is sent once; what else is kept of the zone stays, asterisks for its secrets, too."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "setup.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    kept = {"credentials": {"username": "startcloud", "password": "********"}, "recipe_id": "linux-ifconfig"}
    agent.on("GET", "/zones/web", (200, {"zone_info": {"provisioning": kept}}))
    agent.on("PUT", "/zones/web", (200, {"success": True}))
    agent.on("GET", "/artifacts", (200, {"artifacts": []}))
    agent.on("POST", "/artifacts/upload/prepare", (200, {"upload_url": "/artifacts/upload/u"}))
    agent.on("GET", "/artifacts/upload/u", (200, {"complete": False, "received": 0}))
    agent.on("POST", "/artifacts/upload/u", (200, {"artifact_id": ARTIFACT}))
    agent.on("POST", "/zones/web/provision", (202, STARTED))
    words = ("provision", "web", "--artifact", f"{site}/", "--recipe", "debian-netplan")
    ran = zw(*words)
    assert (ran.status, ran.out) == (0, "Provisioning pipeline started.\n"), ran.err
    (prepared,) = agent.asked("POST", "/artifacts/upload/prepare")
    assert (prepared.body["filename"], prepared.body["zone_name"]) == ("site.tar.gz", "web")
    (sent,) = agent.asked("PUT", "/zones/web")
    assert sent.body == {"provisioning": {**kept, "artifact_id": ARTIFACT, "recipe_id": "debian-netplan"}}

    there = {"id": ARTIFACT, "filename": "old.tar.gz", "state": "ready", "sha256": prepared.body["checksum"]}
    other = {"id": "x", "filename": "site.tar.gz", "state": "ready", "sha256": "0" * 64}
    agent.on("GET", "/artifacts", (200, {"artifacts": [other], "total": 2}), (200, {"artifacts": [there], "total": 2}))
    agent.on("GET", "/zones/web", (200, {"zone_info": sent.body}))
    again = zw(*words)
    assert (again.status, "site.tar.gz is there already as old.tar.gz" in again.err) == (0, True)
    assert agent.asked("GET", "/artifacts")[-1].query == {"limit": "1000", "offset": "1"}
    assert len(agent.asked("POST", "/artifacts/upload/prepare")) == 1
    assert len(agent.asked("PUT", "/zones/web")) == 1
    assert len(agent.asked("POST", "/zones/web/provision")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--artifact", "./nowhere"), "./nowhere is not there"),
        (("--recipe", "debian-netplan", "--dry-run"), "A dry run changes nothing"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_asked(
    zw: Command, agent: Stub, words: tuple[str, ...], said: str
):
    """Nothing is kept and nothing begins."""
    ran = zw("provision", "web", *words)
    assert (ran.status, said in ran.err) == (2, True), ran.err
    assert agent.asked("POST", "/zones/web/provision") == []

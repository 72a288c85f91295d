"""`zoneweaver provision …`, `artifacts …` and `profiles …`: what is sent, and what is said of the answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.agents import Command, Events, Stub

STAGES = {"extract": "zfs_create_dataset", "boot": "zone_start", "wait_ssh": "zone_wait_ssh"}
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
        "error_message": None if status == "completed" else "SSH to 10.0.0.5: connection refused",
        "metadata": {"stage": stage},
    }


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
    waited = zw("provision", "web", "--watch")
    assert waited.status == 1
    assert "zfs_create_dataset has nothing to do: no artifact is configured." in waited.out
    assert "connection refused" in waited.err


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

    there = {"id": ARTIFACT, "filename": "site.tar.gz", "state": "ready", "sha256": prepared.body["checksum"]}
    agent.on("GET", "/artifacts", (200, {"artifacts": [there]}))
    agent.on("GET", "/zones/web", (200, {"zone_info": sent.body}))
    assert zw(*words).status == 0
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

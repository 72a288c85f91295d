"""`zoneweaver zones …` against an agent that answers over HTTP."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.agents import Command, Events, Stub, on_terminal, row

ZONES = {
    "zones": [
        {"name": "web", "status": "running", "brand": "bhyve", "ram": "2G", "vcpus": "2", "autoboot": True,
         "tags": ["a", "b"], "current_task": {"operation": "zone_modify", "progress_percent": 40}},
        {"name": "database-primary", "status": "installed", "brand": "bhyve", "ram": "16G", "vcpus": "8",
         "autoboot": False, "tags": [], "current_task": None},
    ],
    "total": 2,
}  # fmt: skip
QUEUED = {
    "success": True, "task_id": "t-1", "zone_name": "web", "operation": "zone_create", "status": "pending",
    "message": "Zone creation task queued successfully",
}  # fmt: skip


def test_zones_are_listed_in_aligned_columns(zw: Command, agent: Stub):
    """Columns stand under their headings, nothing is cut, and nothing but the table is on stdout."""
    agent.on("GET", "/zones", (200, ZONES))
    ran = zw("zones", "list")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "NAME              STATUS     BRAND  RAM  VCPUS  AUTOBOOT  TASK              TAGS",
        "web               running    bhyve  2G   2      yes       zone_modify 40 %  a, b",
        "database-primary  installed  bhyve  16G  8      no        -                 -",
    ]


def test_json_is_the_agents_own(zw: Command, agent: Stub):
    """With --json stdout holds the body as it came, byte for byte."""
    text = '{"zones":   [], "total": 0, "later": "field"}'
    agent.on("GET", "/zones", text)
    ran = zw("zones", "list", "--json")
    assert (ran.status, ran.out, ran.err) == (0, text + "\n", "")


def test_filters_are_passed_on(zw: Command, agent: Stub):
    """Each filter becomes the query parameter of the API, and those not given are not sent."""
    agent.on("GET", "/zones", (200, {"zones": [], "total": 0}))
    ran = zw("zones", "list", "--status", "running", "--tag", "prod")
    assert agent.requests[0].query == {"status": "running", "tag": "prod", "limit": "1000"}
    assert (ran.status, ran.out, ran.err) == (0, "", "None.\n")


def test_a_name_cannot_steer_the_terminal(zw: Command, agent: Stub):
    """Control characters that the agent answers are shown, not obeyed."""
    agent.on("GET", "/zones/web", (200, {"zone_info": {"name": "web", "notes": "a\x1b[2Jb\u202ec"}}))
    ran = zw("zones", "show", "web")
    assert "a\\x1b[2Jb\\u202ec" in ran.out
    assert "\x1b" not in ran.out


def test_a_zone_is_shown_with_all_that_is_known(zw: Command, agent: Stub):
    """Objects are indented under their names and lists get a line for each element."""
    agent.on("GET", "/zones/web", (200, {
        "zone_info": {"name": "web", "status": "running", "autoboot": False, "tags": ["a"]},
        "configuration": {"brand": "bhyve", "nics": [{"physical": "vnic0", "global_nic": "igb0"}]},
        "pending_tasks": [],
    }))  # fmt: skip
    assert zw("zones", "show", "web").out.splitlines() == [
        "zone_info",
        "  name      web",
        "  status    running",
        "  autoboot  no",
        "  tags      a",
        "configuration",
        "  brand  bhyve",
        "  nics",
        "    physical=vnic0 global_nic=igb0",
        "pending_tasks  -",
    ]


CREATIONS: list[tuple[list[str], dict[str, Any]]] = [
    ([], {}),
    (["--ram", "2G", "--vcpus", "2", "--no-vnc", "--autoboot"],
     {"ram": "2G", "vcpus": "2", "vnc": "off", "autoboot": True}),
    (["--disk", "30G"], {"boot_volume": {"create_new": True, "size": "30G"}}),
    (["--disk", "30G,sparse=no", "--disk", "100G,name=data", "--pool", "tank", "--dataset", "vms"],
     {"boot_volume": {"create_new": True, "size": "30G", "pool": "tank", "dataset": "vms", "sparse": False},
      "additional_disks": [
          {"create_new": True, "size": "100G", "pool": "tank", "dataset": "vms", "volume_name": "data"}]}),
    (["--attach", "rpool/vms/old/root", "--force"],
     {"boot_volume": {"create_new": False, "existing_dataset": "rpool/vms/old/root"}, "force": True}),
    (["--disk", "1G", "--attach", "rpool/shared/b"],
     {"boot_volume": {"create_new": True, "size": "1G"},
      "additional_disks": [{"create_new": False, "existing_dataset": "rpool/shared/b"}]}),
    (["--template", "rpool/templates/debian-12", "--disk", "30G", "--disk", "5G"],
     {"source": {"type": "template", "template_dataset": "rpool/templates/debian-12", "clone_strategy": "clone"},
      "boot_volume": {"size": "30G"}, "additional_disks": [{"create_new": True, "size": "5G"}]}),
    (["--template", "rpool/templates/x", "--copy", "--start"],
     {"source": {"type": "template", "template_dataset": "rpool/templates/x", "clone_strategy": "copy"},
      "start_after_create": True}),
    (["--nic", "vnic0@igb0", "--nic", "vnic1@igb0,vlan=12,mac=02:08:20:0a:0b:0c,address=10.0.0.5/24,router=10.0.0.1", "--nic", "v2"],
     {"nics": [{"physical": "vnic0", "global_nic": "igb0"},
               {"physical": "vnic1", "global_nic": "igb0", "vlan_id": 12, "mac_addr": "02:08:20:0a:0b:0c",
                "allowed_address": "10.0.0.5/24", "defrouter": "10.0.0.1"},
               {"physical": "v2"}]}),
    (["--cdrom", "/iso/a.iso", "--cdrom", "/iso/b.iso", "--rng", "--attr", "vnc=unix=/x,wait", "--extra", "-W", "--tag", "x", "--tag", "y", "--notes", "n"],
     {"cdroms": [{"path": "/iso/a.iso"}, {"path": "/iso/b.iso"}], "rng": "on", "vnc": "unix=/x,wait", "extra": "-W", "tags": ["x", "y"],
      "notes": "n"}),
    (["--cloud-init-dns-domain", "example.com", "--cloud-init-resolvers", "8.8.8.8,8.8.4.4",
      "--cloud-init-sshkey", "ssh-rsa AAAA me"],
     {"cloud_init": {"enabled": "on", "dns_domain": "example.com", "resolvers": "8.8.8.8,8.8.4.4",
                     "sshkey": "ssh-rsa AAAA me"}}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "fields"), CREATIONS, ids=[" ".join(words) or "bare" for words, _ in CREATIONS])
def test_options_of_create_become_the_documents_fields(
    zw: Command, agent: Stub, words: list[str], fields: dict[str, Any]
):
    """A create sends exactly the fields that its options stand for."""
    agent.on("POST", "/zones", (202, QUEUED))
    ran = zw("zones", "create", "web", *words)
    assert ran.status == 0, ran.err
    assert agent.requests[0].body == {"name": "web", "brand": "bhyve", **fields}
    assert ran.out == "Zone creation task queued successfully\n"
    assert ran.err == "Watch it: zoneweaver tasks watch t-1\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nic", "vnic0@"], "--nic wants VNIC@LINK"),
        (["--nic", "vnic0@igb0,speed=1"], "--nic does not know 'speed'"),
        (["--nic", "vnic0@igb0,vlan=a"], "vlan is a number"),
        (["--disk", "name=x"], "--disk begins with a size"),
        (["--disk", "1G,sparse=maybe"], "sparse is yes or no"),
        (["--attr", "rng"], "--attr wants NAME=VALUE"),
        (["--pool", "tank"], "--pool and --dataset say where new volumes go"),
        (["--copy"], "--copy says how a --template"),
        (["--cloud-init-sshkey", "/nowhere/key.pub"], "/nowhere/key.pub cannot be read"),
        (["--cloud-init-ask-password"], "needs a terminal"),
        (["--bogus"], "--bogus"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(zw: Command, agent: Stub, words: list[str], said: str):
    """Wrong usage ends with 2, names the option, and asks nothing of the agent."""
    ran = zw("zones", "create", "web", *words)
    assert ran.status == 2
    assert said in ran.err
    assert "Try: zoneweaver zones create --help" in ran.err
    assert agent.requests == []


def test_a_file_and_options_are_put_together(zw: Command, agent: Stub, tmp_path: Path):
    """Options win over the file's fields, and lists are continued."""
    spec = tmp_path / "web.yaml"
    spec.write_text("brand: bhyve\nram: 1G\nnics: [{physical: a0}]\nboot_volume: {size: 5G}\n")
    agent.on("POST", "/zones", (202, QUEUED))
    zw("zones", "create", "web", "--from-file", str(spec), "--ram", "4G", "--nic", "b0", "--disk", "7G")
    assert agent.requests[0].body == {
        "name": "web", "brand": "bhyve", "ram": "4G", "nics": [{"physical": "a0"}, {"physical": "b0"}],
        "boot_volume": {"size": "5G"}, "additional_disks": [{"create_new": True, "size": "7G"}],
    }  # fmt: skip


def test_passwords_come_from_a_file_or_the_environment(
    zw: Command, agent: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The guest's password is read where no other user of the machine sees it."""
    agent.on("POST", "/zones", (202, QUEUED))
    (tmp_path / "secret").write_text("from file\n")
    zw("zones", "create", "web", "--cloud-init-password-file", str(tmp_path / "secret"))
    monkeypatch.setenv("ZONEWEAVER_CLOUD_INIT_PASSWORD", "from environment")
    zw("zones", "create", "web")
    assert [request.body["cloud_init"] for request in agent.requests] == [
        {"password": "from file", "enabled": "on"},
        {"password": "from environment", "enabled": "on"},
    ]


def test_a_private_key_is_not_sent_as_a_public_one(zw: Command, agent: Stub, tmp_path: Path):
    """Naming the private half of a key pair is refused."""
    key = tmp_path / "id"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n")
    ran = zw("zones", "create", "web", "--cloud-init-sshkey", str(key))
    assert ran.status == 2
    assert "is a private key" in ran.err
    assert agent.requests == []


def test_every_change_carries_an_idempotency_key(zw: Command, agent: Stub):
    """Two commands carry two different keys."""
    agent.on("POST", "/zones", (202, QUEUED))
    zw("zones", "create", "web")
    zw("zones", "create", "web")
    keys = {request.headers["idempotency-key"] for request in agent.requests}
    assert len(keys) == 2


def test_waiting_shows_the_stages_of_the_document(zw: Command, agent: Stub):
    """Stages appear once each, in the document's words, and the end is said in a sentence."""
    agent.on("POST", "/zones", (202, {**QUEUED, "start_task_id": "t-2"}))
    agent.on("GET", "/tasks/t-1", (200, row("completed", 100, "completed")))
    agent.on("GET", "/tasks/t-1/stream", Events([
        row("running", 5, "validating"), row("running", 10, "preparing_storage"), {"stream": "stdout", "data": "noise"},
        row("running", 90, "installing_zone"), row("completed", 100, "completed"),
    ]))  # fmt: skip
    agent.on("GET", "/tasks/t-2", (200, row("completed", 100, operation="zone_start", id="t-2")))
    ran = zw("zones", "create", "web", "--start", "--wait")
    assert ran.status == 0, ran.err
    assert [line.split(" s  ")[1] for line in ran.err.splitlines()] == [
        "Validating parameters", "Preparing storage (ZFS volumes)", "Installing zone", "Complete",
    ]  # fmt: skip
    assert ran.out == "Zone web is created.\nZone web is running.\n"


def test_output_of_the_commands_is_shown_when_wanted(zw: Command, agent: Stub):
    """With --output the lines that the host's commands print appear among the stages."""
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, row("running", 5)), (200, row("completed", 100)))
    agent.on("GET", "/tasks/t-1/stream", Events([{"stream": "stderr", "data": "could not\x07\n"}, row("completed")]))
    assert "could not\\x07\n" in zw("zones", "create", "web", "--wait", "--output").err


def test_a_failed_create_tells_why_and_what_was_rolled_back(zw: Command, agent: Stub):
    """The failure's sentence, the undone steps and the stuck ones are said, and the status is 1."""
    failed = row("failed", 90, "installing_zone", error_message="zoneadm install: exit 1: no space")
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, failed))
    agent.on("GET", "/tasks/t-1/steps", (200, {"steps": [
        {"step": "survey", "event": "done"}, {"step": "create_root", "event": "done"},
        {"step": "configure", "event": "done"}, {"step": "install", "event": "failed"},
        {"step": "install", "event": "undone"}, {"step": "configure", "event": "undone"},
        {"step": "create_root", "event": "undo_failed"},
    ]}))  # fmt: skip
    ran = zw("zones", "create", "web", "--wait")
    assert ran.status == 1
    assert ran.out == ""
    assert "Error: zone_create of web failed: zoneadm install: exit 1: no space\n" in ran.err
    assert "Rolled back: install, configure.\n" in ran.err
    assert "Could not be rolled back, look there: create_root.\n" in ran.err


def test_waiting_with_json_prints_the_last_tasks_row_alone(zw: Command, agent: Stub):
    """With --wait --json stdout is the final row, also when the task failed."""
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, row("failed", 10, error_message="no")))
    ran = zw("zones", "create", "web", "--wait", "--json")
    assert ran.status == 1
    assert json.loads(ran.out) == row("failed", 10, error_message="no")


def test_waiting_goes_on_where_there_is_no_stream(zw: Command, agent: Stub):
    """Without server-sent events the task is asked about until it ends."""
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, row("running", 5)), (200, row("running", 40)), (200, row("completed", 100)))
    agent.on("GET", "/tasks/t-1/stream", (404, {"error": "no"}))
    assert zw("zones", "create", "web", "--wait").status == 0
    assert len(agent.asked("GET", "/tasks/t-1")) == 3
    assert len(agent.asked("GET", "/tasks/t-1/stream")) == 1


def test_a_broken_stream_is_taken_up_where_it_broke(zw: Command, agent: Stub):
    """After a cut the client listens again and names the last event that it heard."""
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, row("running", 5)), (200, row("running", 10)), (200, row("completed", 100)))
    agent.on("GET", "/tasks/t-1/stream", Events([row("running", 6), row("running", 7)]), Events([row("completed")]))
    assert zw("zones", "create", "web", "--wait").status == 0
    assert agent.asked("GET", "/tasks/t-1/stream")[1].headers["last-event-id"] == "2"


def test_a_restarting_agent_is_waited_for(zw: Command, agent: Stub):
    """A 503 during the wait is said once and does not end it."""
    agent.on("POST", "/zones", (202, QUEUED))
    busy = (503, {"error": "shutting down", "code": "unavailable"})
    agent.on("GET", "/tasks/t-1", busy, busy, (200, row("completed", 100)))
    ran = zw("zones", "create", "web", "--wait")
    assert ran.status == 0
    assert ran.err.count("The agent does not answer; waiting for it to come back") == 1


def test_a_plan_is_shown_as_commands(zw: Command, agent: Stub):
    """A dry run shows each step with its commands, scripts and undo as a shell would be given them."""
    agent.on("POST", "/zones", (200, {"success": True, "dry_run": True, "plan": [
        {"step": "dataset rpool/zones/web", "commands": [["zfs", "create", "rpool/zones/web"]],
         "undo": [["zfs", "destroy", "rpool/zones/web"]]},
        {"step": "configure", "commands": [
            ["zonecfg", "-z", "web", "-f", "{script}"]], "scripts": [["create -b", "set brand=bhyve"]]},
    ]}))  # fmt: skip
    ran = zw("zones", "create", "web", "--dry-run")
    assert agent.requests[0].query == {"dry_run": "true"}
    assert ran.out.splitlines() == [
        "1. dataset rpool/zones/web",
        "     zfs create rpool/zones/web",
        "   undo: zfs destroy rpool/zones/web",
        "2. configure",
        "     zonecfg -z web -f '{script}'",
        "       create -b",
        "       set brand=bhyve",
    ]
    assert ran.err == "Nothing was changed: this is what would be done.\n"


def test_options_of_modify_become_the_documents_fields(zw: Command, agent: Stub, tmp_path: Path):
    """A modify sends exactly what was asked for."""
    (tmp_path / "p.json").write_text('{"mode": "shell"}')
    agent.on("PUT", "/zones/web", (202, {**QUEUED, "message": "Modification queued."}))
    ran = zw(
        "zones", "modify", "web", "--ram", "4G", "--no-autoboot", "--add-disk", "100G,name=data", "--attach", "rpool/b",
        "--remove-disk", "disk0", "--add-nic", "vnic1@igb0", "--remove-nic", "vnic0", "--add-cdrom", "/iso/a.iso",
        "--remove-cdrom", "cdrom", "--cloud-init-resolvers", "1.1.1.1", "--provisioning", str(tmp_path / "p.json"),
        "--force",
    )  # fmt: skip
    assert ran.status == 0, ran.err
    assert agent.requests[0].body == {
        "ram": "4G", "autoboot": False,
        "add_disks": [{"create_new": True, "size": "100G", "volume_name": "data"},
                      {"create_new": False, "existing_dataset": "rpool/b"}],
        "remove_disks": ["disk0"], "add_nics": [{"physical": "vnic1", "global_nic": "igb0"}], "remove_nics": ["vnic0"],
        "add_cdroms": [{"path": "/iso/a.iso"}], "remove_cdroms": ["cdrom"],
        "cloud_init": {"enabled": "on", "resolvers": "1.1.1.1"}, "provisioning": {"mode": "shell"}, "force": True,
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "halt", "reset"])
def test_power_is_one_request(zw: Command, agent: Stub, verb: str):
    """Each verb is a POST to the zone, and what the agent says is passed on."""
    agent.on("POST", f"/zones/web/{verb}", (202, {"task_id": "t-9", "message": f"{verb} queued"}))
    ran = zw("zones", verb, "web")
    assert (ran.status, ran.out) == (0, f"{verb} queued\n")
    assert agent.requests[0].query == {}


def test_a_zone_that_runs_already_is_not_waited_for(zw: Command, agent: Stub):
    """An answer without a task ends the command at once."""
    agent.on("POST", "/zones/web/start", (200, {"status": "already_running", "message": "Zone is already running"}))
    ran = zw("zones", "start", "web", "--wait")
    assert (ran.status, ran.out) == (0, "Zone is already running\n")


def test_stop_passes_its_deadline_on(zw: Command, agent: Stub):
    """--force and --timeout become query parameters."""
    agent.on("POST", "/zones/web/stop", (202, {"task_id": "t-9", "message": "ok"}))
    zw("zones", "stop", "web", "--force", "--timeout", "2.5")
    assert agent.requests[0].query == {"force": "true", "timeout": "2.5"}


def test_delete_keeps_the_data_unless_told(zw: Command, agent: Stub):
    """A plain delete asks nothing and sends no cleanup."""
    agent.on("DELETE", "/zones/web", (202, {"task_id": "t-9", "message": "Deletion queued"}))
    ran = zw("zones", "delete", "web")
    assert (ran.status, ran.out) == (0, "Deletion queued\n")
    assert agent.requests[0].query == {}


def test_destroying_data_without_a_terminal_needs_yes(zw: Command, agent: Stub, monkeypatch: pytest.MonkeyPatch):
    """Where nobody can be asked, --cleanup-datasets is refused; with --yes it is sent."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    agent.on("DELETE", "/zones/web", (202, {"task_id": "t-9", "message": "Deletion queued"}))
    ran = zw("zones", "delete", "web", "--cleanup-datasets")
    assert ran.status == 2
    assert "add --yes" in ran.err
    assert agent.requests == []
    assert zw("zones", "delete", "web", "--cleanup-datasets", "--yes").status == 0
    assert agent.requests[0].query == {"cleanup_datasets": "true"}


PLAN = {"plan": [
    {"step": "halt", "commands": [["zoneadm", "-z", "web", "halt"]]},
    {"step": "destroy", "commands": [["zfs", "destroy", "-r", "rpool/zones/web"]],
     "destroys": ["rpool/zones/web/root", "rpool/zones/web"],
     "keeps": [{"dataset": "rpool/zones/web/data", "reason": "zone other uses it"}]},
]}  # fmt: skip


@pytest.mark.parametrize(("answer", "sent"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_destroying_data_is_asked_about_at_a_terminal(agent: Stub, tmp_path: Path, answer: str, sent: bool):
    """The datasets of the plan are shown first, and only yes goes on."""
    agent.on("DELETE", "/zones/web", (200, PLAN), (202, {"task_id": "t-9", "message": "Deletion queued"}))
    ran = on_terminal(
        ["zones", "delete", "web", "--cleanup-datasets"],
        environ={"ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path)},
        answers={"[y/N]": answer},
    )
    shown = (
        "  rpool/zones/web/root\n  rpool/zones/web\nKept: rpool/zones/web/data (zone other uses it)\nDelete web? [y/N]"
    )
    assert shown in ran.out
    assert agent.requests[0].query == {"cleanup_datasets": "true", "dry_run": "true"}
    assert len(agent.requests) == 1 + sent
    assert (ran.status, "Deletion queued" in ran.out) == (0 if sent else 1, sent)


def test_a_terminal_gets_a_bar_and_colours(agent: Stub, tmp_path: Path):
    """On a terminal the stages pass above a live bar; NO_COLOR takes the colours away."""
    agent.on("POST", "/zones", (202, QUEUED))
    agent.on("GET", "/tasks/t-1", (200, row("running", 40, "configuring_zone")), (200, row("failed", 100)))
    agent.on("GET", "/tasks/t-1/stream", Events([row("failed")]))
    agent.on("GET", "/tasks/t-1/steps", (200, {"steps": []}))
    environ = {"ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path), "COLUMNS": "80"}
    ran = on_terminal(["zones", "create", "web", "--wait"], environ=environ, answers={})
    assert ran.status == 1
    assert "Applying zone configuration" in ran.out
    assert "zone_create web" in ran.out
    assert "━" in ran.out
    assert "\x1b[31mError:\x1b[0m" in ran.out
    agent.on("GET", "/zones", (200, ZONES))
    assert "\x1b[32mrunning\x1b[0m" in on_terminal(["zones", "list"], environ=environ, answers={}).out
    plain = on_terminal(["zones", "list"], environ={**environ, "NO_COLOR": "1"}, answers={})
    assert "\x1b" not in plain.out


def test_a_narrow_terminal_cuts_nothing(agent: Stub, tmp_path: Path):
    """Where the columns do not fit, each zone is a record of lines."""
    agent.on("GET", "/zones", (200, ZONES))
    environ = {"ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path), "COLUMNS": "40", "NO_COLOR": "1"}
    ran = on_terminal(["zones", "list"], environ=environ, answers={})
    assert "Name      database-primary\nStatus    installed\n" in ran.out
    assert "Task      zone_modify 40 %\n" in ran.out

"""The users' guide "Zone Management", replayed from top to bottom against an agent that was started as people do."""

from __future__ import annotations

import io
import re
import tarfile
from datetime import datetime
from typing import Any

import pytest
from tests.acceptance.agents import ENDED, SECONDS, Agent, Heard, await_

pytestmark = pytest.mark.slow

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GIB = 1 << 30

STAGES = [
    (5, "validating"),
    (10, "preparing_storage"),
    (40, "configuring_zone"),
    (50, "configuring_bootdisk"),
    (60, "configuring_disks"),
    (70, "configuring_cdroms"),
    (75, "configuring_network"),
    (80, "configuring_cloud_init"),
    (90, "installing_zone"),
    (95, "creating_database_record"),
    (100, "completed"),
]
WITH_TEMPLATE = [*STAGES[:2], (30, "importing_template"), *STAGES[2:]]

ROW = {
    "id",
    "zone_name",
    "operation",
    "status",
    "priority",
    "created_by",
    "depends_on",
    "parent_task_id",
    "error_message",
    "created_at",
    "started_at",
    "completed_at",
    "updatedAt",
    "metadata",
    "progress_percent",
    "progress_info",
}


def queued(answer: Any, **documented: Any) -> str:
    """Check the documented body of queued work, key by key, and its Location; returns the task's id."""
    assert answer.status_code == 202, answer.text
    body = answer.json()
    ids = {key: body.pop(key) for key in ("task_id", "start_task_id") if key in body}
    assert body == {"success": True, "status": "pending", **documented}
    assert all(UUID.fullmatch(value) for value in ids.values()), ids
    assert answer.headers["location"] == f"/tasks/{ids['task_id']}"
    return str(ids["task_id"])


def refused(answer: Any, status: int, sentence: str) -> None:
    """Check an error: the documented sentence, once more as `message`, and a code."""
    body = answer.json()
    assert (answer.status_code, body["error"], body["message"]) == (status, sentence, sentence), answer.text
    assert re.fullmatch(r"[a-z_]+", body["code"])
    assert set(body) <= {"error", "message", "code", "details"}


def stages(agent: Agent, heard: list[Heard], task_id: str) -> list[tuple[int, str]]:
    """Return the stages that a task was heard to pass, once its end was heard."""

    def mine() -> list[dict[str, Any]]:
        return [event.data for event in list(heard) if event.kind == "task" and event.data["id"] == task_id]

    await_(lambda: any(row["status"] in ENDED for row in mine()) or None, "the end's event", SECONDS, agent.seen)
    seen = [(row["progress_percent"], row["progress_info"]["status"]) for row in mine() if row["progress_info"]]
    return list(dict.fromkeys(seen))


def attrs(export: str) -> dict[str, str]:
    """Return the attr resources of what `zonecfg export` prints."""
    found = re.findall(r'add attr\nset name="?(.*?)"?\nset type="?\w+"?\nset value="?(.*?)"?\nend', export)
    return dict(found)


def resources(export: str, kind: str, prop: str) -> list[str]:
    """Return a property of each resource of a kind."""
    blocks = re.findall(rf"add {kind}\n(.*?)\nend", export, re.DOTALL)
    return [match.group(1) for block in blocks if (match := re.search(rf'set {prop}="?(.*?)"?(?:\n|$)', block))]


def created(message: str, name: str) -> dict[str, Any]:
    return {"zone_name": name, "operation": "zone_create", "message": message}


PLAIN = "Zone creation task queued successfully"
STARTED = "Zone creation task queued with auto-start"
MODIFIED = "Modification queued. Changes will take effect on next zone boot."


def test_the_document_from_top_to_bottom(agent: Agent) -> None:
    """Every example of the document, in its order, does and answers what the document says."""
    creating(agent)
    modifying(agent)
    tracking(agent)
    errors(agent)
    provisioning(agent)
    deleting(agent)
    recovering(agent)


def creating(agent: Agent) -> None:
    """Six ways to make a zone."""
    with agent.listening("/events?topics=tasks") as heard:
        # Minimal
        answer = agent.ask("POST", "/zones", {"name": "test-vm-01", "brand": "bhyve"})
        minimal = queued(answer, **created(PLAIN, "test-vm-01"))
        agent.completed(answer)
        assert agent.zones_on_host()["test-vm-01"] == "installed"
        assert "bootdisk" not in attrs(agent.export("test-vm-01"))
        assert resources(agent.export("test-vm-01"), "device", "match") == []

        # With resources
        answer = agent.ask(
            "POST",
            "/zones",
            {
                "name": "web-server-01",
                "brand": "bhyve",
                "ram": "2G",
                "vcpus": "2",
                "diskif": "virtio",
                "netif": "virtio",
                "vnc": "on",
                "boot_volume": {
                    "create_new": True,
                    "pool": "rpool",
                    "dataset": "zones",
                    "volume_name": "root",
                    "size": "30G",
                    "sparse": True,
                },
                "nics": [{"physical": "vnic0", "global_nic": "igb0"}],
                "cdroms": [{"path": "/iso/omnios-r151050.iso"}],
                "start_after_create": True,
            },
        )
        queued(answer, **created(STARTED, "web-server-01"))
        assert list(answer.json()) == [
            "success",
            "task_id",
            "start_task_id",
            "zone_name",
            "operation",
            "status",
            "message",
        ]
        agent.completed(answer)
        start = agent.get(f"/tasks/{answer.json()['start_task_id']}")
        assert (start["operation"], start["depends_on"]) == ("zone_start", answer.json()["task_id"])
        assert agent.zones_on_host()["web-server-01"] == "running"
        export = agent.export("web-server-01")
        assert attrs(export) == {
            "ram": "2G",
            "vcpus": "2",
            "diskif": "virtio",
            "netif": "virtio",
            "vnc": "on",
            "bootdisk": "rpool/zones/web-server-01/root",
            "cdrom": "/iso/omnios-r151050.iso",
        }
        assert resources(export, "device", "match") == ["/dev/zvol/rdsk/rpool/zones/web-server-01/root"]
        assert resources(export, "net", "physical") == ["vnic0"]
        assert resources(export, "net", "global-nic") == ["igb0"]
        assert resources(export, "fs", "special") == ["/iso/omnios-r151050.iso"]
        assert agent.prop("rpool/zones/web-server-01/root", "volsize") == str(30 * GIB)
        assert agent.prop("rpool/zones/web-server-01/root", "refreservation") in {"0", "none"}

        # From a template, by both strategies
        body: dict[str, Any] = {
            "name": "from-template",
            "brand": "bhyve",
            "source": {
                "type": "template",
                "template_dataset": "rpool/templates/omnios-base",
                "clone_strategy": "clone",
            },
            "boot_volume": {"pool": "rpool", "dataset": "zones", "volume_name": "root", "size": "30G"},
        }
        answer = agent.ask("POST", "/zones", body)
        cloned = queued(answer, **created(PLAIN, "from-template"))
        agent.completed(answer)
        assert agent.prop("rpool/zones/from-template/root", "origin") == "rpool/templates/omnios-base@ready"
        assert agent.prop("rpool/zones/from-template/root", "volsize") == str(30 * GIB)
        body = {**body, "name": "copied", "source": {**body["source"], "clone_strategy": "copy"}}
        answer = agent.ask("POST", "/zones", body)
        copied = queued(answer, **created(PLAIN, "copied"))
        agent.completed(answer)
        assert agent.prop("rpool/zones/copied/root", "origin") == "-"
        assert agent.prop("rpool/zones/copied/root", "volsize") == str(30 * GIB)
        assert content(agent, "rpool/zones/copied/root") == content(agent, "rpool/templates/omnios-base")

        # With existing storage
        before = content(agent, "rpool/vms/old-server/root")
        body = {
            "name": "migrated-vm",
            "brand": "bhyve",
            "ram": "4G",
            "vcpus": "4",
            "boot_volume": {"create_new": False, "existing_dataset": "rpool/vms/old-server/root"},
        }
        answer = agent.ask("POST", "/zones", body)
        queued(answer, **created(PLAIN, "migrated-vm"))
        agent.completed(answer)
        assert attrs(agent.export("migrated-vm"))["bootdisk"] == "rpool/vms/old-server/root"
        assert content(agent, "rpool/vms/old-server/root") == before
        row = agent.failed(agent.ask("POST", "/zones", {**body, "name": "second-owner"}))
        assert row["error_message"] == "Dataset rpool/vms/old-server/root is already in use by zone migrated-vm"
        assert "second-owner" not in agent.zones_on_host()
        agent.completed(agent.ask("POST", "/zones", {**body, "name": "second-owner", "force": True}))
        assert attrs(agent.export("second-owner"))["bootdisk"] == "rpool/vms/old-server/root"

        # Started after creation
        answer = agent.ask(
            "POST", "/zones", {"name": "auto-start-vm", "brand": "bhyve", "ram": "2G", "start_after_create": True}
        )
        queued(answer, **created(STARTED, "auto-start-vm"))
        agent.completed(answer)
        assert agent.zones_on_host()["auto-start-vm"] == "running"

        # With cloud-init
        answer = agent.ask(
            "POST",
            "/zones",
            {
                "name": "cloud-vm",
                "brand": "bhyve",
                "ram": "2G",
                "vcpus": "2",
                "boot_volume": {
                    "create_new": True,
                    "pool": "rpool",
                    "dataset": "zones",
                    "volume_name": "root",
                    "size": "30G",
                },
                "cloud_init": {
                    "enabled": "on",
                    "dns_domain": "example.com",
                    "password": "changeme",
                    "resolvers": "8.8.8.8,8.8.4.4",
                    "sshkey": "ssh-rsa AAAA...",
                },
            },
        )
        cloud = queued(answer, **created(PLAIN, "cloud-vm"))
        agent.completed(answer)
        assert {
            "cloud-init": "on",
            "dns-domain": "example.com",
            "password": "changeme",
            "resolvers": "8.8.8.8,8.8.4.4",
            "sshkey": "ssh-rsa AAAA...",
        }.items() <= attrs(agent.export("cloud-vm")).items()
        agent.idle()
        for path in (
            "/zones/cloud-vm",
            "/zones/cloud-vm/config",
            f"/tasks/{cloud}",
            f"/tasks/{cloud}/output",
            f"/tasks/{cloud}/steps",
            "/audit",
        ):
            assert "changeme" not in agent.ask("GET", path).text, path
        assert "changeme" not in agent.log.read_text(errors="replace")

        assert stages(agent, heard, minimal) == STAGES
        assert stages(agent, heard, cloud) == STAGES
        assert stages(agent, heard, cloned) == WITH_TEMPLATE
        assert stages(agent, heard, copied) == WITH_TEMPLATE
        assert "changeme" not in str(heard)


def content(agent: Agent, dataset: str) -> bytes:
    """Return the beginning of a volume."""
    with (agent.home / "lab/root/dev/zvol/rdsk" / dataset).open("rb") as volume:
        return volume.read(4096)


def modify(agent: Agent, body: dict[str, Any], *, restart: bool = True, zone: str = "web-server-01") -> str:
    """Change a zone as the document does, check the answer and return the configuration afterwards."""
    answer = agent.ask("PUT", f"/zones/{zone}", body)
    queued(answer, zone_name=zone, operation="zone_modify", message=MODIFIED, requires_restart=restart)
    agent.completed(answer)
    return agent.export(zone)


def modifying(agent: Agent) -> None:
    """Everything that can be changed while the zone runs."""
    export = modify(agent, {"ram": "4G", "vcpus": "4", "vnc": "on"})
    assert {"ram": "4G", "vcpus": "4", "vnc": "on"}.items() <= attrs(export).items()
    pending = agent.get("/zones/web-server-01/pending")
    assert pending["requires_restart"] is True
    assert {"ram", "vcpus"} == {change["name"] for change in pending["changes"]}
    assert agent.zones_on_host()["web-server-01"] == "running"

    export = modify(agent, {"add_nics": [{"physical": "vnic1", "global_nic": "igb0"}], "remove_nics": ["vnic0"]})
    assert resources(export, "net", "physical") == ["vnic1"]

    data = {"create_new": True, "pool": "rpool", "dataset": "zones", "volume_name": "data", "size": "100G"}
    export = modify(agent, {"add_disks": [data]})
    assert attrs(export)["disk0"] == "rpool/zones/web-server-01/data"
    assert agent.prop("rpool/zones/web-server-01/data", "volsize") == str(100 * GIB)
    export = modify(agent, {"add_disks": [{"create_new": False, "existing_dataset": "rpool/shared/backup-vol"}]})
    assert attrs(export)["disk1"] == "rpool/shared/backup-vol"
    export = modify(agent, {"remove_disks": ["disk0"]})
    assert "disk0" not in attrs(export)
    assert "rpool/zones/web-server-01/data" in agent.datasets()
    assert resources(export, "device", "match") == [
        "/dev/zvol/rdsk/rpool/zones/web-server-01/root",
        "/dev/zvol/rdsk/rpool/shared/backup-vol",
    ]

    export = modify(agent, {"add_cdroms": [{"path": "/iso/install.iso"}]})
    assert sorted(resources(export, "fs", "special")) == ["/iso/install.iso", "/iso/omnios-r151050.iso"]
    assert "/iso/install.iso" in attrs(export).values()

    cloud_init = {"enabled": "on", "dns_domain": "newdomain.com", "resolvers": "1.1.1.1,1.0.0.1"}
    export = modify(agent, {"cloud_init": cloud_init})
    assert {"cloud-init": "on", "dns-domain": "newdomain.com", "resolvers": "1.1.1.1,1.0.0.1"}.items() <= attrs(
        export
    ).items()

    export = modify(agent, {"autoboot": True}, restart=False)
    assert re.search(r'set autoboot="?true', export)
    assert agent.zone("web-server-01")["zone_info"]["autoboot"] is True

    # What waited takes effect with the next boot; a zone that does not run needs no restart.
    agent.completed(agent.ask("POST", "/zones/web-server-01/restart"))
    assert agent.get("/zones/web-server-01/pending")["changes"] == []
    modify(agent, {"ram": "3G"}, restart=False, zone="from-template")


def tracking(agent: Agent) -> None:
    """A task's row, as the document asks for it."""
    listed = agent.get("/tasks?operation=zone_create&zone_name=web-server-01")
    row = agent.get(f"/tasks/{listed['tasks'][0]['id']}")
    assert set(row) == ROW
    assert (row["status"], row["progress_percent"]) == ("completed", 100)
    for name in ("created_at", "started_at", "completed_at", "updatedAt"):
        assert datetime.fromisoformat(row[name]).utcoffset() is not None


def errors(agent: Agent) -> None:
    """The errors that the document shows, word by word."""
    body = {"name": "web-server-01", "brand": "bhyve"}
    refused(agent.ask("POST", "/zones", body), 409, "Zone web-server-01 already exists in database")
    for name in ("bad name", "-dash", "global", "SUNWzone", "x" * 64, "ünder", "a/b"):
        refused(agent.ask("POST", "/zones", {"name": name, "brand": "bhyve"}), 400, "Invalid zone name")
    refused(agent.ask("PUT", "/zones/web-server-01", {}), 400, "No modification fields specified")
    for missing in ({"name": "x"}, {"brand": "bhyve"}, {}):
        refused(agent.ask("POST", "/zones", missing), 400, "Missing required parameters: name and brand")
    refused(agent.ask("GET", "/zones/nobody"), 404, "Zone not found")
    unknown: list[tuple[str, str, Any]] = [("PUT", "", {"ram": "1G"}), ("DELETE", "", None), ("POST", "/start", None)]
    for method, path, sent in unknown:
        refused(agent.ask(method, f"/zones/nobody{path}", sent), 404, "Zone not found")

    # In use, during the task: neither the configuration nor new volumes remain.
    before = agent.export("from-template")
    disks = [
        {"create_new": True, "size": "1G", "volume_name": "fresh"},
        {"existing_dataset": "rpool/shared/backup-vol"},
    ]
    row = agent.failed(agent.ask("PUT", "/zones/from-template", {"add_disks": disks}))
    assert row["error_message"] == "Dataset rpool/shared/backup-vol is already in use by zone web-server-01"
    assert agent.export("from-template") == before
    assert "rpool/zones/from-template/fresh" not in agent.datasets()
    agent.completed(agent.ask("PUT", "/zones/from-template", {"add_disks": disks[1:], "force": True}))

    # Rolled back at any stage: no configuration, no dataset of the task, nothing else touched.
    there = agent.datasets()
    for words, options in (
        (("zfs", "create", "-V"), ()),
        (("zonecfg", "-f"), ()),
        (("zoneadm", "install"), ()),
        (("zoneadm", "install"), ("--when", "after")),
    ):
        agent.fault("fail", *words, options=options)
        with agent.listening("/events?topics=tasks") as heard:
            doomed = {"name": "doomed", "brand": "bhyve", "boot_volume": {"size": "1G"}, "start_after_create": True}
            answer = agent.ask("POST", "/zones", doomed)
            row = agent.failed(answer)
            start = agent.ended(answer.json()["start_task_id"])
            passed = stages(agent, heard, row["id"])
        assert "out of luck" in row["error_message"]
        assert (start["status"], start["error_message"]) == ("cancelled", "Dependency failed")
        assert "doomed" not in agent.zones_on_host()
        assert agent.datasets() == there
        assert agent.ask("GET", "/zones/doomed").status_code == 404
        assert [stage for stage in passed if stage in STAGES] == STAGES[: len(passed) - 1]


CONFIGURATION: dict[str, Any] = {
    "recipe_id": "uuid-of-debian-netplan-recipe",
    "mode": "ansible_local",
    "artifact_id": "uuid-of-uploaded-tar-gz",
    "credentials": {
        "username": "startcloud",
        "password": "STARTcloud24@!",
        "ssh_key_path": "/etc/zoneweaver-agent/ssh/provision_key",
    },
    "sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant", "exclude": []}],
    "provisioners": [
        {
            "type": "ansible_local",
            "playbook": "/vagrant/ansible/playbook.yml",
            "collections": ["startcloud.startcloud_roles"],
            "extra_vars": {"hostname": "web01", "domain": "example.com"},
        }
    ],
    "variables": {"vnic_name": "eth0", "ip": "10.190.190.10", "gateway": "10.190.190.1", "dns": "8.8.8.8"},
}


def archive() -> bytes:
    """An artifact as the document means it: a tar.gz with a playbook."""
    content = b"- hosts: all\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("ansible/playbook.yml")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def uploaded(agent: Agent, content: bytes) -> str:
    """Upload an artifact and return its id."""
    prepared = agent.ask("POST", "/artifacts/upload/prepare", {"filename": "site.tar.gz", "size": len(content)}).json()
    said = agent.headers({"Content-Type": "application/octet-stream"})
    answer = agent.client.request("POST", prepared["upload_url"], headers=said, content=content)
    assert answer.status_code == 200, answer.text
    return str(prepared["artifact_id"])


def provisioning(agent: Agent) -> None:
    """The configuration is kept and shown without its password."""
    recipe = agent.get("/provisioning/recipes/debian-netplan")["recipe"]["id"]
    configuration = {**CONFIGURATION, "recipe_id": recipe, "artifact_id": uploaded(agent, archive())}
    answer = agent.ask("PUT", "/zones/web-server-01", {"provisioning": CONFIGURATION})
    refused(answer, 400, "provisioning.recipe_id: Recipe 'uuid-of-debian-netplan-recipe' not found")
    answer = agent.ask("PUT", "/zones/web-server-01", {"provisioning": configuration})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "success": True,
        "zone_name": "web-server-01",
        "operation": "zone_modify",
        "status": "completed",
        "message": "Zone metadata updated successfully.",
        "requires_restart": False,
    }
    kept = agent.zone("web-server-01")["zone_info"]["provisioning"]
    password = kept["credentials"].pop("password")
    shown = {**configuration, "credentials": {k: v for k, v in CONFIGURATION["credentials"].items() if k != "password"}}
    assert kept == shown
    assert set(password) == {"*"}
    pipeline(agent)
    for path in ("/zones", "/zones/web-server-01", "/tasks?limit=1000", "/audit", f"{PROVISION}/status"):
        assert "STARTcloud24@!" not in agent.ask("GET", path).text
    for place in agent.home.glob("zoneweaver.db*"):
        assert b"STARTcloud24@!" not in place.read_bytes()
    assert "STARTcloud24@!" not in agent.log.read_text(errors="replace")


PROVISION = "/zones/web-server-01/provision"
STAGES_OF_PIPELINE = {
    "extract": "zfs_create_dataset",
    "boot": "zone_start",
    "setup": "zone_setup",
    "wait_ssh": "zone_wait_ssh",
    "sync": "zone_sync",
    "provision": "zone_provision",
}


def pipeline(agent: Agent) -> None:
    """Begun, watched, cancelled: nobody answers SSH at the example's address."""
    answer = agent.ask("POST", PROVISION)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    ids = body.pop("pipeline_tasks")
    assert body == {
        "success": True,
        "task_id": body["task_id"],
        "zone_name": "web-server-01",
        "operation": "zone_provision",
        "status": "pending",
        "message": "Provisioning pipeline started",
    }
    rows = {stage: agent.get(f"/tasks/{task}") for stage, task in ids.items()}
    assert {stage: row["operation"] for stage, row in rows.items()} == STAGES_OF_PIPELINE
    assert [row["depends_on"] for row in rows.values()] == [None, *list(ids.values())[:-1]]
    assert {row["parent_task_id"] for row in rows.values()} == {body["task_id"]}
    assert agent.ended(ids["extract"])["status"] == "completed", agent.output(ids["extract"])
    assert "rpool/zones/web-server-01/provisioning" in agent.datasets()
    status = agent.get(f"{PROVISION}/status")
    assert (status["success"], status["zone_name"], status["status"]) == (True, "web-server-01", "provisioning")
    assert list(status["progress"]) == list(STAGES_OF_PIPELINE)
    assert status["progress"]["extract"] == "completed"
    assert status["current_stage"] in STAGES_OF_PIPELINE.values()
    assert status["last_provisioned_at"] is None
    assert agent.ask("POST", PROVISION).status_code == 409
    answer = agent.ask("POST", f"{PROVISION}/cancel")
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert agent.ended(body["task_id"])["status"] == "cancelled"
    answer = agent.ask("POST", f"{PROVISION}/rollback")
    assert agent.completed(answer)["operation"] == "zone_provision_rollback"


def deleting(agent: Agent) -> None:
    """What goes and what stays, with and without clean-up."""
    # Basic: halted, uninstalled, configuration and record gone, data kept.
    kept = content(agent, "rpool/zones/web-server-01/root")
    answer = agent.ask("DELETE", "/zones/web-server-01")
    queued(answer, zone_name="web-server-01", operation="zone_delete", message="Zone deletion task queued successfully")
    row = agent.completed(answer)
    said = agent.output(row["id"])
    for command in ("zoneadm -z web-server-01 halt", "zoneadm -z web-server-01 uninstall -F", "delete -F"):
        assert command in said
    assert "web-server-01" not in agent.zones_on_host()
    refused(agent.ask("GET", "/zones/web-server-01"), 404, "Zone not found")
    assert {"rpool/zones/web-server-01/root", "rpool/zones/web-server-01/data", "rpool/shared/backup-vol"} <= set(
        agent.datasets()
    )
    assert content(agent, "rpool/zones/web-server-01/root") == kept

    # Data that was kept is never adopted and never destroyed; attached by name, it comes back.
    body: dict[str, Any] = {"name": "web-server-01", "brand": "bhyve", "boot_volume": {"size": "30G"}}
    row = agent.failed(agent.ask("POST", "/zones", body))
    assert re.fullmatch(
        r"Dataset rpool/zones/web-server-01/\w+ exists already; it was left alone", row["error_message"]
    )
    assert content(agent, "rpool/zones/web-server-01/root") == kept

    # With clean-up: the zone's own go, what was attached stays.
    body = {
        "name": "cleaned",
        "brand": "bhyve",
        "boot_volume": {"size": "1G"},
        "additional_disks": [{"volume_name": "data", "size": "1G"}, {"existing_dataset": "rpool/shared/backup-vol"}],
        "start_after_create": True,
        "force": True,
    }
    agent.completed(agent.ask("POST", "/zones", body))
    agent.host("zfs", "create", "rpool/zones/other-persons")
    backup = content(agent, "rpool/shared/backup-vol")
    answer = agent.ask("DELETE", "/zones/cleaned?cleanup_datasets=true")
    queued(answer, zone_name="cleaned", operation="zone_delete", message="Zone deletion task queued successfully")
    agent.completed(answer)
    assert agent.datasets("rpool/zones/cleaned") == []
    assert {"rpool/shared/backup-vol", "rpool/zones/other-persons"} <= set(agent.datasets())
    assert content(agent, "rpool/shared/backup-vol") == backup
    refused(agent.ask("GET", "/zones/cleaned"), 404, "Zone not found")

    # The workflow of the example.
    body = {"name": "test-zone", "brand": "bhyve", "boot_volume": {"size": "1G"}, "start_after_create": True}
    agent.completed(agent.ask("POST", "/zones", body))
    agent.completed(agent.ask("POST", "/zones/test-zone/halt"))
    assert agent.zones_on_host()["test-zone"] == "installed"
    agent.completed(agent.ask("DELETE", "/zones/test-zone?cleanup_datasets=true"))
    assert agent.ask("GET", "/zones/test-zone").status_code == 404
    assert agent.datasets("rpool/zones/test-zone") == []


def recovering(agent: Agent) -> None:
    """A delete that fails partway is completed by hand, and its record removed."""
    body = {"name": "stuck", "brand": "bhyve", "boot_volume": {"size": "1G"}}
    agent.completed(agent.ask("POST", "/zones", body))
    refused(agent.ask("DELETE", "/zones/stuck/force"), 409, "Zone stuck still exists on the system")
    agent.fault("fail", "zonecfg", "delete", options=["--always"])
    row = agent.failed(agent.ask("DELETE", "/zones/stuck?cleanup_datasets=true"))
    assert "out of luck" in row["error_message"]
    agent.command("lab", "faults", "--clear")
    assert agent.zones_on_host()["stuck"] == "configured"
    assert agent.zone("stuck")["zone_info"]["name"] == "stuck"
    agent.host("zonecfg", "-z", "stuck", "delete", "-F")
    agent.host("zfs", "destroy", "-r", "rpool/zones/stuck")
    answer = agent.ask("DELETE", "/zones/stuck/force")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "success": True,
        "zone_name": "stuck",
        "message": "Zone record removed from database",
    }
    refused(agent.ask("GET", "/zones/stuck"), 404, "Zone not found")
    refused(agent.ask("DELETE", "/zones/stuck/force"), 404, "Zone not found")


def test_every_property_of_the_tables_arrives_in_the_configuration(agent: Agent) -> None:
    """Each zone attribute of the document becomes what the bhyve brand reads, under the name that it reads."""
    body = {
        "name": "properties",
        "brand": "bhyve",
        "ram": "2G",
        "vcpus": "2",
        "bootrom": "BHYVE_RELEASE_CSM",
        "hostbridge": "i440fx",
        "diskif": "virtio",
        "netif": "virtio",
        "os_type": "generic",
        "vnc": "on",
        "acpi": "on",
        "xhci": "on",
        "autoboot": False,
    }
    answer = agent.ask("POST", "/zones", body)
    agent.completed(answer)
    export = agent.export("properties")
    assert attrs(export) == {
        "ram": "2G",
        "vcpus": "2",
        "bootrom": "BHYVE_RELEASE_CSM",
        "hostbridge": "i440fx",
        "diskif": "virtio",
        "netif": "virtio",
        "type": "generic",
        "vnc": "on",
        "acpi": "on",
        "xhci": "on",
    }
    assert re.search(r'set brand="?bhyve"?\n', export)
    assert re.search(r'set zonepath="?/rpool/zones/properties/path"?\n', export)
    answer = agent.ask(
        "PUT", "/zones/properties", {**{k: body[k] for k in body if k not in {"name", "brand"}}, "acpi": "off"}
    )
    agent.completed(answer)
    assert attrs(agent.export("properties"))["acpi"] == "off"
    agent.completed(agent.ask("DELETE", "/zones/properties?cleanup_datasets=true"))


def test_numbers_and_switches_may_be_json_of_their_kind(agent: Agent) -> None:
    """Numbers for amounts and true or false for switches mean what the document's strings mean."""
    body = {"name": "kinds", "brand": "bhyve", "ram": 2048, "vcpus": 2, "vnc": True, "xhci": False}
    agent.completed(agent.ask("POST", "/zones", body))
    assert attrs(agent.export("kinds")) == {"ram": "2G", "vcpus": "2", "vnc": "on", "xhci": "off"}
    agent.completed(agent.ask("DELETE", "/zones/kinds?cleanup_datasets=true"))


def test_a_misspelt_field_creates_nothing(agent: Agent) -> None:
    """A typo must not make a zone without its disk: 400 names it, at any depth."""
    for body, field in (
        ({"boot_volum": {"size": "1G"}}, "boot_volum"),
        ({"boot_volume": {"sice": "1G"}}, "boot_volume.sice"),
        ({"nics": [{"physical": "vnic0", "globalnic": "igb0"}]}, "nics[0].globalnic"),
    ):
        answer = agent.ask("POST", "/zones", {"name": "typo", "brand": "bhyve", **body})
        assert answer.status_code == 400
        assert field in answer.json()["error"]
        assert answer.json()["details"]["field"] == field
    assert agent.get("/zones?name=typo")["total"] == 0
    assert agent.get("/tasks?zone_name=typo")["total"] == 0

"""What the API promises beyond the users' guide, as far as it takes a host to keep the promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.acceptance.agents import SECONDS, Agent, await_

from zoneweaver.domain.tasks import PRIORITIES, Kind

pytestmark = pytest.mark.slow

DISK = {"size": "1G"}


@pytest.fixture(autouse=True)
def tidy(agent: Agent) -> Iterator[None]:
    """Leave a host without zones, faults and tasks at work to the next test."""
    yield
    agent.command("lab", "faults", "--clear")
    agent.idle()
    for row in agent.get("/zones")["zones"]:
        gone = agent.ask("DELETE", f"/zones/{row['name']}?cleanup_datasets=true")
        agent.completed(gone)


def make(agent: Agent, name: str, **more: Any) -> None:
    agent.completed(agent.ask("POST", "/zones", {"name": name, "brand": "bhyve", **more}))


# --- plans


def test_a_plan_is_what_is_done_and_changes_nothing(agent: Agent) -> None:
    """`dry_run` on create, modify and delete names the commands that the task then says, secrets masked."""
    body = {"name": "planned", "brand": "bhyve", "boot_volume": DISK, "cloud_init": {"password": "s3cret-word"}}
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/zones", body),
        ("PUT", "/zones/planned", {"ram": "3G", "add_disks": [{"size": "2G"}]}),
        ("DELETE", "/zones/planned?cleanup_datasets=true", None),
    ]
    for method, path, sent in requests:
        before = agent.datasets(), agent.zones_on_host(), agent.get("/tasks")["total"]
        plan = agent.ask(method, f"{path}{'&' if '?' in path else '?'}dry_run=true", sent)
        assert plan.status_code == 200, plan.text
        assert (plan.json()["success"], plan.json()["dry_run"]) == (True, True)
        assert (agent.datasets(), agent.zones_on_host(), agent.get("/tasks")["total"]) == before
        assert "s3cret-word" not in plan.text
        commands = [" ".join(argv) for step in plan.json()["plan"] for argv in step["commands"]]
        assert commands
        assert all({"step", "commands", "undo"} <= set(step) for step in plan.json()["plan"])
        row = agent.completed(agent.ask(method, path, sent))
        pieces = agent.get(f"/tasks/{row['id']}/output")["output"]
        said = [piece["data"].splitlines()[0].replace("'", "") for piece in pieces if piece["stream"] == "command"]
        assert [command.replace("<task_id>", row["id"]) for command in commands] == said


# --- versions


def test_a_zone_that_changed_meanwhile_is_not_overwritten(agent: Agent) -> None:
    """PUT and DELETE with the ETag of an older read are 412 and do nothing; with the present one they are done."""
    make(agent, "versioned")
    old = agent.ask("GET", "/zones/versioned").headers["etag"]
    agent.completed(agent.ask("PUT", "/zones/versioned", {"ram": "2G"}, headers={"If-Match": old}))
    requests: list[tuple[str, Any]] = [("PUT", {"ram": "3G"}), ("PUT", {"notes": "mine"}), ("DELETE", None)]
    for method, sent in requests:
        answer = agent.ask(method, "/zones/versioned", sent, headers={"If-Match": old})
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), answer.text
    assert agent.zone("versioned")["zone_info"]["ram"] == "2G"
    new = agent.ask("GET", "/zones/versioned").headers["etag"]
    agent.completed(agent.ask("DELETE", "/zones/versioned", headers={"If-Match": new}))


def test_one_key_makes_one_zone(agent: Agent) -> None:
    """The same Idempotency-Key and body give the first answer, also when the zone is there; another body is 409."""
    body = {"name": "once", "brand": "bhyve"}
    first = agent.ask("POST", "/zones", body, headers={"Idempotency-Key": "k1"})
    agent.completed(first)
    again = agent.ask("POST", "/zones", body, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (202, first.json())
    other = agent.ask("POST", "/zones", {**body, "ram": "2G"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409
    assert agent.get("/tasks?operation=zone_create&zone_name=once")["total"] == 1


# --- lists


def test_zones_are_listed_by_page_and_filter(agent: Agent) -> None:
    """Name, status, brand and tag choose; limit and offset cut; total counts what matches."""
    for name, tags in (("list-a", ["web", "old"]), ("list-b", ["web"]), ("list-c", [])):
        make(agent, name, tags=tags)
    agent.completed(agent.ask("POST", "/zones/list-b/start"))

    def names(query: str) -> tuple[list[str], int]:
        body = agent.get(f"/zones?{query}")
        return [row["name"] for row in body["zones"]], body["total"]

    assert names("") == (["list-a", "list-b", "list-c"], 3)
    assert names("limit=1&offset=1") == (["list-b"], 3)
    assert names("tag=web") == (["list-a", "list-b"], 2)
    assert names("tag=old") == (["list-a"], 1)
    assert names("status=running") == (["list-b"], 1)
    assert names("status=installed") == (["list-a", "list-c"], 2)
    assert names("brand=lipkg") == ([], 0)
    assert names("name=st-c") == (["list-c"], 1)
    row = agent.get("/zones?name=list-b")["zones"][0]
    assert {
        "name", "brand", "status", "autoboot", "ram", "vcpus", "zonepath", "tags", "notes", "is_orphaned",
        "auto_discovered", "last_seen", "current_task",
    } <= set(row)  # fmt: skip
    stats = agent.get("/stats")
    assert (stats["allzones"], stats["runningzones"]) == (["list-a", "list-b", "list-c"], ["list-b"])


def test_a_client_can_poll_for_changes_alone(agent: Agent) -> None:
    """`since` the newest `updatedAt` answers with that task and what came after it."""
    make(agent, "polled")
    newest = max(row["updatedAt"] for row in agent.get("/tasks")["tasks"])
    assert {row["updatedAt"] for row in agent.get(f"/tasks?since={newest}")["tasks"]} == {newest}
    answer = agent.ask("PUT", "/zones/polled", {"ram": "2G"})
    agent.completed(answer)
    assert answer.json()["task_id"] in {row["id"] for row in agent.get(f"/tasks?since={newest}")["tasks"]}


# --- power


def test_power_goes_where_it_is_asked_to(agent: Agent) -> None:
    """Start, stop, halt, restart and reset; what is so already is 200 and queues nothing."""
    make(agent, "power", ram="1G")

    def state() -> str:
        return agent.zones_on_host()["power"]

    def already(verb: str, word: str) -> None:
        answer = agent.ask("POST", f"/zones/power/{verb}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == f"already_{word}"
        assert "task_id" not in answer.json()

    already("stop", "stopped")
    already("halt", "stopped")
    assert agent.ask("POST", "/zones/power/reset").status_code == 409
    row = agent.completed(agent.ask("POST", "/zones/power/start"))
    assert (row["operation"], state()) == ("zone_start", "running")
    already("start", "running")
    row = agent.completed(agent.ask("POST", "/zones/power/reset"))
    assert (row["operation"], state()) == ("zone_reset", "running")
    row = agent.completed(agent.ask("POST", "/zones/power/restart"))
    assert (row["operation"], state()) == ("zone_restart", "running")
    row = agent.completed(agent.ask("POST", "/zones/power/stop?timeout=20"))
    assert (row["operation"], state()) == ("zone_stop", "installed")
    assert "shutdown" in agent.output(row["id"])
    agent.completed(agent.ask("POST", "/zones/power/start"))
    row = agent.completed(agent.ask("POST", "/zones/power/halt"))
    assert (row["operation"], state()) == ("zone_halt", "installed")
    said = agent.output(row["id"])
    assert said.index("bhyvectl") < said.index("zoneadm -z power halt")
    agent.completed(agent.ask("POST", "/zones/power/start"))
    row = agent.completed(agent.ask("POST", "/zones/power/stop?force=true"))
    assert "shutdown" not in agent.output(row["id"])
    assert state() == "installed"


def test_a_start_that_does_not_hold_says_why(agent: Agent) -> None:
    """A boot whose image is gone fails with the host's sentence, and the zone is down."""
    image = agent.home / "lab/root/iso/passing.iso"
    image.write_bytes(b"\0" * 4096)
    make(agent, "no-image", cdroms=[{"path": "/iso/passing.iso"}])
    image.unlink()
    row = agent.failed(agent.ask("POST", "/zones/no-image/start"))
    assert "could not access /iso/passing.iso: No such file or directory" in row["error_message"]
    assert agent.zones_on_host()["no-image"] == "installed"


def test_a_deaf_guest_is_powered_off(agent: Agent) -> None:
    """A guest that does not shut down within the timeout loses its power, and the stop is completed."""
    make(agent, "deaf", start_after_create=True)
    agent.fault("hang", "zoneadm", "deaf", "shutdown")
    row = agent.completed(agent.ask("POST", "/zones/deaf/stop?timeout=1"))
    said = agent.output(row["id"])
    assert "did not shut down within 1 s" in said
    assert "bhyvectl" in said
    assert agent.zones_on_host()["deaf"] == "installed"


# --- what is made


def test_volumes_are_as_asked_for_or_as_promised(agent: Agent) -> None:
    """30 and 50 GiB, sparse, named root and diskN when nothing is said; sizes in any unit, rounded up to a block."""
    disks = [{}, {"size": "1.5G", "sparse": False}, {"volume_name": "logs", "size": 1_000_001}]
    make(agent, "sizes", boot_volume={}, additional_disks=disks, zonepath="/rpool/zones/sizes/elsewhere")
    root = "rpool/zones/sizes"
    sizes = {name: int(agent.prop(f"{root}/{name}", "volsize")) for name in ("root", "disk0", "disk1", "logs")}
    block = int(agent.prop(f"{root}/logs", "volblocksize"))
    gib = 1 << 30
    assert (sizes["root"], sizes["disk0"], sizes["disk1"]) == (30 * gib, 50 * gib, 3 * gib // 2)
    assert 1_000_001 <= sizes["logs"] < 1_000_001 + 2 * block
    assert sizes["logs"] % block == 0
    reserved = {name: agent.prop(f"{root}/{name}", "refreservation") for name in sizes}
    assert {name for name, value in reserved.items() if value not in {"0", "none"}} == {"disk1"}
    assert "/rpool/zones/sizes/elsewhere" in agent.export("sizes")


def test_cards_are_configured_in_full(agent: Agent) -> None:
    """VLAN, MAC address, allowed address and router reach the net resource, and the cards keep their order."""
    nics = [
        {"physical": "full1", "global_nic": "igb0", "vlan_id": 7, "mac_addr": "2:8:20:a:b:c"},
        {"physical": "full0", "global_nic": "igb0", "allowed_address": "10.1.2.3/24", "defrouter": "10.1.2.1"},
    ]
    make(agent, "cards", nics=nics)
    export = agent.export("cards")
    assert export.index("full1") < export.index("full0")
    for line in ("set vlan-id=7", "set allowed-address=10.1.2.3/24", "set defrouter=10.1.2.1"):
        assert line in export.replace('"', "")
    shown = agent.get("/zones/cards/config")["configuration"]["nics"]
    assert [nic["physical"] for nic in shown] == ["full1", "full0"]


def test_links_are_settled_when_a_changed_zone_stops(agent: Agent) -> None:
    """The VNIC of a card that was taken from a running zone goes; one that others made stays, whatever the brand does."""
    agent.host("dladm", "create-vnic", "-l", "igb0", "made0")
    make(
        agent,
        "links",
        nics=[{"physical": "demand0", "global_nic": "igb0"}, {"physical": "made0"}],
        start_after_create=True,
    )

    def vnics() -> set[str]:
        return set(agent.host("dladm", "show-vnic", "-p", "-o", "link").split())

    assert {"demand0", "made0"} <= vnics()
    change = {"remove_nics": ["demand0", "made0"], "add_nics": [{"physical": "made0", "global_nic": "igb0"}]}
    agent.completed(agent.ask("PUT", "/zones/links", change))
    assert {"demand0", "made0"} <= vnics()
    agent.completed(agent.ask("POST", "/zones/links/halt"))
    assert "demand0" not in vnics()
    assert "made0" in vnics()
    agent.host("dladm", "delete-vnic", "made0")


def test_another_snapshot_of_a_template_can_be_named(agent: Agent) -> None:
    """`template@snapshot` is taken in place of `@ready`; one that is not there is 404 with its name."""
    agent.host("zfs", "snapshot", "rpool/templates/omnios-base@older")
    source = {"type": "template", "template_dataset": "rpool/templates/omnios-base@older"}
    make(agent, "older", source=source)
    assert agent.prop("rpool/zones/older/root", "origin") == "rpool/templates/omnios-base@older"
    assert agent.prop("rpool/zones/older/root", "volsize") == agent.prop("rpool/templates/omnios-base", "volsize")
    source["template_dataset"] = "rpool/templates/omnios-base@newest"
    answer = agent.ask("POST", "/zones", {"name": "newest", "brand": "bhyve", "source": source})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_template")


# --- tasks


def held(agent: Agent, zone: str) -> str:
    """Begin a start of a zone that hangs until it is cancelled; returns its task once it runs."""
    agent.fault("hang", "zoneadm", zone, "boot")
    task_id: str = agent.ask("POST", f"/zones/{zone}/start").json()["task_id"]
    await_(
        lambda: "boot" in agent.output(task_id) or None,
        "a boot that hangs",
        SECONDS,
        agent.seen,
    )
    return task_id


def test_tasks_of_one_zone_run_one_at_a_time_by_priority(agent: Agent) -> None:
    """While one works the others wait, then the most urgent goes first; another zone's do not wait."""
    make(agent, "queue")
    make(agent, "neighbour")
    holding = held(agent, "queue")
    later = {
        "restart": agent.ask("POST", "/zones/queue/restart").json()["task_id"],
        "modify": agent.ask("PUT", "/zones/queue", {"ram": "2G"}).json()["task_id"],
        "stop": agent.ask("POST", "/zones/queue/stop?force=true").json()["task_id"],
    }
    rows = {verb: agent.get(f"/tasks/{task_id}") for verb, task_id in later.items()}
    assert {row["status"] for row in rows.values()} == {"pending"}
    assert {verb: row["priority"] for verb, row in rows.items()} == {"restart": 40, "modify": 60, "stop": 80}
    again = agent.ask("POST", "/zones/queue/stop?force=true")
    assert (again.status_code, again.json()["task_id"]) == (202, later["stop"])
    agent.completed(agent.ask("PUT", "/zones/neighbour", {"ram": "2G"}))
    assert agent.get(f"/tasks/{holding}")["status"] == "running"
    assert agent.get("/tasks?status=running")["running_count"] == 1
    shown = agent.zone("queue")
    assert shown["zone_info"]["current_task"]["id"] == holding
    assert {row["id"] for row in shown["pending_tasks"]} == {holding, *later.values()}
    agent.ask("POST", f"/tasks/{holding}/cancel")
    assert agent.ended(holding)["status"] == "cancelled"
    ended = {verb: agent.ended(task_id) for verb, task_id in later.items()}
    assert sorted(later, key=lambda verb: str(ended[verb]["started_at"])) == ["stop", "modify", "restart"]


def test_the_priorities_are_those_of_the_contract() -> None:
    """Delete 100, stop and halt 80, start, create and modify 60, restart 40, discovery 20."""
    assert {kind: PRIORITIES[kind] for kind in (Kind.ZONE_DELETE, Kind.ZONE_STOP, Kind.ZONE_START)} == {
        Kind.ZONE_DELETE: 100,
        Kind.ZONE_STOP: 80,
        Kind.ZONE_START: 60,
    }
    assert [PRIORITIES[kind] for kind in (Kind.ZONE_CREATE, Kind.ZONE_MODIFY, Kind.ZONE_RESTART)] == [60, 60, 40]
    assert PRIORITIES[Kind.ZONE_DISCOVER] == 20


def test_a_running_create_is_cancelled_and_leaves_nothing(agent: Agent) -> None:
    """Its command is killed with all its children, what was made is taken back, and the dependent start never runs."""
    before = agent.datasets()
    agent.fault("hang", "zoneadm", "install")
    body = {"name": "half", "brand": "bhyve", "boot_volume": DISK, "start_after_create": True}
    answer = agent.ask("POST", "/zones", body).json()
    await_(lambda: "install" in agent.output(answer["task_id"]) or None, "an install that hangs", SECONDS, agent.seen)
    duplicate = agent.ask("POST", "/zones", body)
    assert (duplicate.status_code, duplicate.json()["error"]) == (409, "Zone half already exists in database")
    cancelled = agent.ask("DELETE", f"/tasks/{answer['task_id']}")
    assert (cancelled.status_code, cancelled.json()["was_running"]) == (200, True)
    assert agent.ended(answer["task_id"])["status"] == "cancelled"
    start = agent.ended(answer["start_task_id"])
    assert (start["status"], start["error_message"]) == ("cancelled", "Dependency failed")
    assert agent.datasets() == before
    assert "half" not in agent.zones_on_host()
    assert agent.ask("GET", "/zones/half").status_code == 404


def test_a_failed_task_is_retried(agent: Agent) -> None:
    """A retry is a new task with the old one's wish, passwords included; one that completed is 409."""
    agent.fault("fail", "zoneadm", "install")
    body = {"name": "again", "brand": "bhyve", "cloud_init": {"password": "s3cret-word"}}
    row = agent.failed(agent.ask("POST", "/zones", body))
    answer = agent.ask("POST", f"/tasks/{row['id']}/retry")
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/tasks/{answer.json()['task_id']}"
    agent.completed(answer)
    assert "s3cret-word" in agent.export("again")
    assert agent.ask("POST", f"/tasks/{answer.json()['task_id']}/retry").status_code == 409


def test_a_listener_that_lost_its_line_misses_nothing(agent: Agent) -> None:
    """With Last-Event-ID the events since then come first, each once."""
    with agent.listening("/events?topics=tasks") as heard:
        make(agent, "resumed")
        await_(lambda: heard or None, "an event", SECONDS, agent.seen)
        agent.idle()
        await_(lambda: heard[-1].data["status"] == "completed" or None, "the end of the task", SECONDS, agent.seen)
    middle = len(heard) // 2
    with agent.listening("/events?topics=tasks", headers={"Last-Event-ID": str(heard[middle].id)}) as later:
        await_(lambda: len(later) >= len(heard) - middle - 1 or None, "the rest", SECONDS, agent.seen)
    assert later == heard[middle + 1 :]


# --- discovery


def test_zones_that_others_make_are_found_managed_and_missed(agent: Agent) -> None:
    """Made outside: found and managed like any other. Removed outside: shown as orphaned until it is forgotten."""
    script = agent.home / "outside.zonecfg"
    script.write_text(
        'create -b\nset brand=bhyve\nset zonepath="/rpool/zones/outside/path"\nset ip-type=exclusive\n'
        'add attr\nset name="ram"\nset type="string"\nset value="1G"\nend\n'
    )
    agent.host("zfs", "create", "rpool/zones/outside")
    agent.host("zonecfg", "-z", "outside", "-f", str(script))
    agent.host("zoneadm", "-z", "outside", "install")
    taken = agent.ask("POST", "/zones", {"name": "outside", "brand": "bhyve"})
    assert (taken.status_code, taken.json()["error"]) == (409, "Zone outside already exists on the system")
    answer = agent.ask("POST", "/zones/discover")
    assert agent.completed(answer)["operation"] == "zone_discover"
    found = agent.zone("outside")["zone_info"]
    assert (found["auto_discovered"], found["is_orphaned"], found["status"]) == (True, False, "installed")
    conflict = agent.ask("POST", "/zones", {"name": "outside", "brand": "bhyve"})
    assert conflict.status_code == 409
    agent.completed(agent.ask("PUT", "/zones/outside", {"ram": "2G"}))
    agent.completed(agent.ask("POST", "/zones/outside/start"))
    agent.completed(agent.ask("POST", "/zones/outside/halt"))
    config = agent.get("/zones/outside/config")
    assert "2G" in config["export"]

    agent.host("zoneadm", "-z", "outside", "uninstall", "-F")
    agent.host("zonecfg", "-z", "outside", "delete", "-F")
    agent.completed(agent.ask("POST", "/zones/discover"))
    assert agent.zone("outside")["zone_info"]["is_orphaned"] is True
    assert agent.ask("DELETE", "/zones/outside/force").status_code == 200
    assert agent.datasets("rpool/zones/outside") == ["rpool/zones/outside"]
    agent.host("zfs", "destroy", "rpool/zones/outside")


def test_a_clean_up_keeps_what_others_need(agent: Agent) -> None:
    """A volume that another zone was cloned from, and what somebody else made below the root, are kept and named."""
    make(agent, "parent", boot_volume=DISK)
    agent.host("zfs", "create", "rpool/zones/parent/theirs")
    agent.host("zfs", "snapshot", "rpool/zones/parent/root@ready")
    source = {"type": "template", "template_dataset": "rpool/zones/parent/root"}
    make(agent, "child", source=source)
    row = agent.completed(agent.ask("DELETE", "/zones/parent?cleanup_datasets=true"))
    said = agent.output(row["id"])
    assert "kept rpool/zones/parent/root: rpool/zones/child/root was cloned from it" in said
    assert "kept rpool/zones/parent/theirs: " in said
    assert {"rpool/zones/parent/root", "rpool/zones/parent/theirs"} <= set(agent.datasets())
    agent.completed(agent.ask("DELETE", "/zones/child?cleanup_datasets=true"))
    agent.host("zfs", "destroy", "-r", "rpool/zones/parent")


# --- what is open to everybody, and what is not there


def test_the_agent_says_who_it_is(agent: Agent) -> None:
    """/health and /status answer without a key, /version, /stats and /metrics with one."""
    open_to_all = agent.client.get("/status").json()
    assert (open_to_all["role"], open_to_all["bootstrapAvailable"]) == ("agent", False)
    assert agent.client.get("/health").status_code == 200
    for path in ("/version", "/stats", "/metrics"):
        assert agent.client.get(path).status_code == 401
        assert agent.ask("GET", path).status_code == 200
    assert "zoneweaver_" in agent.ask("GET", "/metrics").text
    assert agent.client.post("/api-keys/bootstrap", json={"name": "late"}).status_code == 403


def test_changes_leave_an_audit_row_whether_done_or_refused(agent: Agent) -> None:
    """Who, what, from where, and what came of it."""
    make(agent, "audited")
    agent.ask("POST", "/zones", {"name": "audited", "brand": "bhyve"})
    rows = agent.get("/audit?target=audited&limit=10")["audit"]
    assert [(row["action"], row["status"]) for row in rows] == [("zone.create", 409), ("zone.create", 202)]
    assert {(row["key_name"], row["source"]) for row in rows} == {("lab", "127.0.0.1")}

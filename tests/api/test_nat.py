"""`/network/nat` over the application: rules of the file and of the kernel, bodies, refusals, deletions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.nat import rule

RULES = "/network/nat/rules"
FILE = "/etc/ipf/ipnat.conf"
SVCS = ("svcs", "-H", "-o", "STATE,FMRI", "svc:/network/ipfilter:default")
ONLINE = "online svc:/network/ipfilter:default\n"
ABSENT = CommandFailed(argv=SVCS, exit_status=1, stderr="svcs: Pattern 'x' doesn't match any instances")

PORTMAP: dict[str, Any] = {
    "type": "portmap",
    "bridge": "igb0",
    "subnet": "10.190.190.0/24",
    "target": "0/32",
    "protocol": "tcp/udp",
}
BIMAP: dict[str, Any] = {"type": "bimap", "bridge": "igb0", "subnet": "10.190.190.9/32", "target": "192.0.2.77/32"}
RDR: dict[str, Any] = {
    "type": "rdr",
    "bridge": "igb0",
    "external_ip": "0/0",
    "external_port": 8080,
    "internal_ip": "10.190.190.9",
    "internal_port": 80,
    "protocol": "tcp",
}
OURS = "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto"
THEIRS = "rdr igb0 0/0 port 80 -> 192.0.2.7 port 80 tcp"
UNREAD = "map igb0 10.9.0.0/24 -> 0/32 proxy port ftp ftp/tcp"
TEXT = f"# the site's own\n{THEIRS}\n{UNREAD}\n# zoneweaver begin network\n{OURS}\n# zoneweaver end network\n"
MINE, OTHER = rule(PORTMAP).id, rule({**RDR, "external_port": 80, "internal_ip": "192.0.2.7"}).id


def filtering(api: Api) -> None:
    """Let the packet filter be at work, with the rules of a file of ours and others."""
    api.put(FILE, TEXT)
    api.host.answers[SVCS] = ONLINE
    api.host.answers[("ipnat", "-l")] = (
        "List of active MAP/Redirect filters:\nrdr igb0 0.0.0.0/0 port 80 -> 192.0.2.7 port 80 tcp\n"
        "map igb0 10.9.0.0/24 -> 0.0.0.0/32 proxy port ftp ftp/tcp\n"
        "map igb0 10.190.190.0/24 -> 0.0.0.0/32 portmap tcp/udp auto\n\nList of active sessions:\n"
        "MAP 10.190.190.5    40000 <- -> 192.0.2.10      1025  [198.51.100.7 443]\n"
    )


async def test_rules_are_shown_with_who_wrote_them_and_whether_they_are_in_force(api: Api) -> None:
    """Ours and those of others that can be read, each with its id; the rest as it stands."""
    filtering(api)
    client = await api.client(Scope.READ)
    shown = (await client.get(RULES)).json()
    assert [(row["rule"], row["managed"], row["active"]) for row in shown["rules"]] == [
        (OURS, True, True),
        (THEIRS, False, True),
    ]
    assert shown["rules"][0] | PORTMAP | {"id": MINE} == shown["rules"][0]
    assert (shown["total"], shown["others"], shown["config_file"]) == (2, [UNREAD], FILE)
    status = (await client.get("/network/nat/status")).json()
    assert (status["state"], status["running"], status["sessions"]) == ("online", True, 1)
    assert len(status["active_rules"]) == 3


async def test_a_host_without_the_filter(api: Api) -> None:
    """Nothing is in force; that the host has no such service is told when a rule is wanted."""
    api.host.answers[SVCS] = ABSENT
    api.host.answers[("ipnat", "-l")] = CommandFailed(
        argv=("ipnat", "-l"), exit_status=1, stderr="/dev/ipnat: open: No such file or directory"
    )
    client = await api.client(Scope.WRITE)
    status = (await client.get("/network/nat/status")).json()
    assert (status["state"], status["running"], status["active_rules"]) == (None, False, [])
    assert (await client.get(RULES)).json()["rules"] == []
    refused = await client.post(RULES, json=PORTMAP)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_such_service"), refused.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (PORTMAP, OURS),
        ({"bridge": "igb0", "subnet": "10.190.190.0/24"}, OURS),
        ({**PORTMAP, "ports": "2000:3000"}, "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp 2000:3000"),
        ({"type": "map", "bridge": "igb0", "subnet": "10.190.190.0/24"}, "map igb0 10.190.190.0/24 -> 0/32"),
        (BIMAP, "bimap igb0 10.190.190.9/32 -> 192.0.2.77/32"),
        (RDR, "rdr igb0 0/0 port 8080 -> 10.190.190.9 port 80 tcp"),
        ({**RDR, "protocol": "tcp/udp"}, "rdr igb0 0/0 port 8080 -> 10.190.190.9 port 80 tcp/udp"),
        ({**RDR, "external_ip": "192.0.2.10"}, "rdr igb0 192.0.2.10/32 port 8080 -> 10.190.190.9 port 80 tcp"),
    ],
)
async def test_each_kind_of_rule_is_queued_as_ipnat_has_it(api: Api, body: dict[str, Any], text: str) -> None:
    """The answer has the rule and its id, with a task of the global zone; the trail has the interface."""
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=body)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["rule"], told["id"], told["operation"]) == (text, rule(body).id, "network_nat_rule_create")
    assert answer.headers["location"] == f"/tasks/{told['task_id']}"
    (task,) = (await client.get("/tasks?zone_name=global")).json()["tasks"]
    assert task["id"] == told["task_id"]
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.nat.create", "igb0", 202)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "bridge"),
        ({**PORTMAP, "bridge": "igb"}, "bridge"),
        ({**PORTMAP, "type": "nat"}, "type"),
        ({**PORTMAP, "subnet": "10.190.190.1/24"}, "subnet"),
        ({**PORTMAP, "subnet": "10.190.190.0/33"}, "subnet"),
        ({**PORTMAP, "subnet": "10.0.0.0/8 -> 0/32\nrdr"}, "subnet"),
        ({**PORTMAP, "subnet": None}, "subnet"),
        ({**PORTMAP, "target": "x"}, "target"),
        ({**PORTMAP, "protocol": "icmp"}, "protocol"),
        ({**PORTMAP, "ports": "0:9"}, "ports"),
        ({**PORTMAP, "ports": "9:8"}, "ports"),
        ({**PORTMAP, "internal_port": 80}, "internal_port"),
        ({**BIMAP, "target": "192.0.2.0/24"}, "target"),
        ({**BIMAP, "protocol": "tcp"}, "protocol"),
        ({**RDR, "external_port": 0}, "external_port"),
        ({**RDR, "external_port": 65536}, "external_port"),
        ({**RDR, "internal_port": "80"}, "internal_port"),
        ({**RDR, "internal_ip": "10.190.190.256"}, "internal_ip"),
        ({**RDR, "external_ip": "here"}, "external_ip"),
        ({**RDR, "subnet": "10.0.0.0/8"}, "subnet"),
        ({**PORTMAP, "rule": "block in all"}, "rule"),
    ],
)
async def test_a_rule_that_cannot_be_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    """Nothing is queued, and no command is run."""
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=body)
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text
    assert (await client.get("/tasks")).json()["tasks"] == []
    assert api.host.said == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**PORTMAP, "bridge": "igb9"}, 404, "no_such_interface"),
        (PORTMAP, 409, "rule_exists"),
        ({**PORTMAP, "target": "192.0.2.9/32"}, 409, "rule_exists"),
        ({**RDR, "external_port": 80}, 409, "rule_exists"),
    ],
)
async def test_a_rule_that_would_not_be_used_is_refused(api: Api, body: dict[str, Any], status: int, code: str) -> None:
    """An interface that is not there, the same rule again, and one in whose place another is taken."""
    filtering(api)
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/ipf/ipf.conf", "block in all\n"),
        ("/etc/ipf/ipf6.conf", "block in all\n"),
        (FILE, f"{THEIRS}\n"),
        (FILE, f"{UNREAD}\n"),
    ],
)
async def test_rules_of_others_are_not_woken(api: Api, path: str, text: str) -> None:
    """The filter does not run, and starting it would bring into force what somebody has only written down."""
    api.put(path, text)
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=PORTMAP)
    assert (answer.status_code, answer.json()["code"]) == (409, "dormant_filter"), answer.text
    assert answer.json()["details"]["files"] == [path]
    api.put(path, "# nothing but words\n\n")
    assert (await client.post(RULES, json=PORTMAP)).status_code == 202


async def test_a_file_that_cannot_be_read_may_say_anything(api: Api) -> None:
    """The filter is not started over rules that nobody has seen."""
    api.host.path("/etc/ipf/ipf.conf").mkdir(parents=True)
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=PORTMAP)
    assert (answer.status_code, answer.json()["code"]) == (409, "dormant_filter"), answer.text


@pytest.mark.parametrize(
    ("active", "told"),
    [
        (f"{THEIRS}\n{UNREAD}\n{OURS}\nbimap igb0 10.9.0.7/32 -> 192.0.2.7/32\n", "bimap igb0 10.9.0.7/32 -> 192.0.2.7/32"),
        (f"{UNREAD}\n{OURS}\nmap igb0 10.8.0.0/24 -> 0/32 proxy port ftp ftp/tcp\n{THEIRS}\n", UNREAD),
        (f"{UNREAD}\n{OURS}\n", THEIRS),
        (f"{THEIRS}\n{OURS}\n", UNREAD),
    ],
)  # fmt: skip
async def test_what_others_left_apart_is_not_joined(api: Api, active: str, told: str) -> None:
    """A rule that is only in the kernel would be lost, one of others that is only in the file would be woken."""
    filtering(api)
    api.host.answers[("ipnat", "-l")] = f"List of active MAP/Redirect filters:\n{active}\nList of active sessions:\n"
    client = await api.client(Scope.WRITE)
    for answer in (await client.post(RULES, json=BIMAP), await client.delete(f"{RULES}/{MINE}")):
        assert (answer.status_code, answer.json()["code"]) == (409, "rules_apart"), answer.text
        assert told in answer.json()["details"]["rules"]
    assert (await client.get("/tasks")).json()["tasks"] == []


async def test_a_rule_of_ours_that_is_not_in_force_is_no_hindrance(api: Api) -> None:
    """It comes into force with the next change, and so do others' words that the kernel says otherwise."""
    filtering(api)
    api.host.answers[("ipnat", "-l")] = (
        f"List of active MAP/Redirect filters:\n{THEIRS}\nmap igb0 10.9.0.0/24 -> 0/32 proxy port 21 ftp/tcp\n\n"
    )
    client = await api.client(Scope.WRITE)
    assert (await client.post(RULES, json=BIMAP)).status_code == 202


@pytest.mark.parametrize(
    ("rule_id", "status", "code"), [(MINE, 202, None), (OTHER, 409, "not_ours"), ("0" * 12, 404, "no_such_rule")]
)
async def test_only_rules_of_ours_go(api: Api, rule_id: str, status: int, code: str | None) -> None:
    """One of somebody else's is a conflict, one that is not there is not found; the trail names it each time."""
    filtering(api)
    client = await api.client(Scope.WRITE)
    answer = await client.delete(f"{RULES}/{rule_id}")
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.nat.delete", rule_id, status)


async def test_who_may_only_read_changes_nothing(api: Api) -> None:
    """Rules are made and taken away with a key that may write."""
    client = await api.client(Scope.READ)
    assert (await client.post(RULES, json=PORTMAP)).status_code == 403
    assert (await client.delete(f"{RULES}/{MINE}")).status_code == 403


async def test_a_block_that_somebody_has_edited_is_not_guessed_at(api: Api) -> None:
    """What the agent did not write into its block is named, and nothing is queued."""
    api.put(FILE, f"# zoneweaver begin network\n{UNREAD}\n# zoneweaver end network\n")
    client = await api.client(Scope.WRITE)
    answer = await client.post(RULES, json=PORTMAP)
    assert answer.status_code == 500, answer.text
    assert FILE in answer.json()["error"]

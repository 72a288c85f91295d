"""The host's network over HTTPS: links, addresses, routes, forwarding, and the cards of zones against them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.lab import worlds
from tests.lab.agents import Lab
from tests.lab.cases import OPERATIONS, Operation
from tests.lab.judging import asks, journal, picture, shape, told

pytestmark = pytest.mark.slow

MOST_COMMANDS = {
    "/network/interfaces": 5,
    "/network/etherstubs": 1,
    "/network/vnics": 2,
    "/network/vlans": 3,
    "/network/bridges": 2,
    "/network/aggregates": 3,
    "/network/addresses": 1,
    "/network/routes": 1,
    "/network/forwarding": 3,
}
"""How many commands an answer may cost."""


def said(lab: Lab, since: int = 0) -> list[list[str]]:
    """The commands that the host was told."""
    return [entry["argv"] for entry in journal(lab.world)[since:]]


def named(lab: Lab, path: str, word: str) -> list[str]:
    return [row["name"] for row in lab.get(path)[word]]


def test_links_of_every_kind_come_and_go(lab: Lab) -> None:
    """What is made is told with what it is over; what is deleted is gone, and the host is as before."""
    before = picture(lab.world)
    lab.do("POST", "/network/etherstubs", {"name": "lan1"})
    lab.do("POST", "/network/vnics", {"name": "in1", "link": "lan1", "mac_address": "2:8:20:1:2:3", "vlan_id": 9})
    lab.do("POST", "/network/vnics", {"name": "in2", "link": "lan1"})
    lab.do("POST", "/network/vlans", {"link": "igb0", "vid": 7})
    lab.do("POST", "/network/bridges", {"name": "br", "links": ["lan1"], "priority": 4096})
    seen = lab.get("/network/vnics/in1")
    expected = {"class": "vnic", "over": ["lan1"], "mac_address": "02:08:20:01:02:03", "vlan_id": 9, "zone": None}
    assert expected.items() <= seen.items(), seen
    assert lab.get("/network/vnics/in2")["mac_address"].startswith("02:08:20:")
    assert lab.get("/network/vlans/igb7000")["vlan_id"] == 7
    bridge = lab.get("/network/bridges/br")
    assert (bridge["link"], bridge["over"], bridge["priority"]) == ("br0", ["lan1"], 4096)
    assert lab.get("/network/etherstubs/lan1")["bridge"] == "br"
    assert {"lan1", "in1", "in2", "igb7000", "br0", "igb0"} <= set(named(lab, "/network/interfaces", "interfaces"))
    assert named(lab, "/network/interfaces?class=vlan", "interfaces") == ["igb7000"]

    busy = lab.ask("DELETE", "/network/etherstubs/lan1")
    assert (busy.status, busy.body["details"]["used_by"]) == (409, ["vnic in1", "vnic in2", "bridge br0"])
    assert "bridge br0" in busy.body["error"]
    held = lab.ask("DELETE", "/network/bridges/br")
    assert (held.status, held.body["details"]["used_by"]) == (409, ["link lan1"])
    lab.do("DELETE", "/network/bridges/br?force=true")
    for path in ("vnics/in1", "vnics/in2", "vlans/igb7000", "etherstubs/lan1"):
        lab.do("DELETE", f"/network/{path}")
        assert lab.ask("GET", f"/network/{path}").status == 404
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_addresses_and_forwarding_come_and_go(lab: Lab) -> None:
    """An interface comes with its first address and goes with its last; forwarding is one interface's or the host's."""
    lab.do("POST", "/network/etherstubs", {"name": "lan1"})
    lab.do("POST", "/network/vnics", {"name": "in1", "link": "lan1"})
    before = picture(lab.world)
    lab.do("POST", "/network/addresses", {"addrobj": "in1/v4", "interface": "in1", "address": "10.7.0.1/24"})
    lab.do("POST", "/network/addresses", {"addrobj": "in1/v6", "type": "addrconf"})
    first, second = lab.get("/network/addresses?interface=in1")["addresses"]
    assert (first["address"], first["type"], first["persistent"]) == ("10.7.0.1/24", "static", True)
    assert second["type"] == "addrconf"
    assert lab.ask("DELETE", "/network/vnics/in1").body["details"]["used_by"] == ["interface in1"]
    routes = lab.get("/network/routes")
    assert routes["default"]["interface"] == "igb0"
    assert "10.7.0.0" in [route["destination"] for route in routes["routes"]]

    lab.do("PUT", "/network/forwarding", {"interfaces": ["in1", "igb0"]})
    seen = lab.get("/network/forwarding")
    assert {row["interface"]: row["ipv4"]["current"] for row in seen["interfaces"]} == {
        "lo0": "off",
        "igb0": "on",
        "in1": "on",
    }
    assert seen["forwarding"]["ipv4"] == {"current": "disabled", "persistent": "disabled"}
    lab.do("PUT", "/network/forwarding", {"enabled": True})
    assert lab.get("/network/forwarding")["forwarding"]["ipv4"] == {"current": "enabled", "persistent": "enabled"}
    since = len(said(lab))
    lab.do("PUT", "/network/forwarding", {"enabled": True})
    assert not [argv for argv in said(lab, since) if "-u" in argv], "what is so already is not said again"
    lab.do("PUT", "/network/forwarding", {"enabled": False})

    lab.do("DELETE", "/network/addresses/in1/v6")
    assert "in1" in worlds.say(lab.world, "ipadm", "show-if", "-p", "-o", "IFNAME").split()
    lab.do("DELETE", "/network/addresses/in1%2Fv4")
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_the_address_that_the_routes_need_stays(lab: Lab) -> None:
    """The host is not cut off by one request that did not mean to."""
    answer = lab.ask("DELETE", "/network/addresses/igb0/v4")
    assert (answer.status, answer.body["details"]["used_by"]) == (409, ["route default by 192.0.2.1"])
    assert lab.ask("DELETE", "/network/addresses/lo0/v4?force=true").status == 409
    lab.do("POST", "/network/addresses", {"addrobj": "igb0/lease", "type": "dhcp", "wait": 5})
    (lease,) = lab.get("/network/addresses?type=dhcp")["addresses"]
    assert lease["address"].endswith("/24")
    lab.do("DELETE", "/network/addresses/igb0/v4")  # the gateway is reached by the other one
    lab.do("DELETE", "/network/addresses/igb0/lease?force=true&release=true")
    assert lab.get("/network/addresses?interface=igb0")["total"] == 0


def test_the_address_that_others_need_stays(lab: Lab) -> None:
    """A subnet that is served and a rule of translation hold the address of their interface, whoever wrote them."""
    lab.do("POST", "/network/vnics", {"name": "in1", "link": "stub0"})
    lab.do("POST", "/network/addresses", {"addrobj": "in1/v4", "address": "10.7.0.1/24"})
    Path(lab.world.host("/etc/dhcpd.conf")).write_text("subnet 10.7.0.0 netmask 255.255.255.0 { }\n")
    Path(lab.world.host("/etc/ipf/ipnat.conf")).write_text("map in1 10.7.0.0/24 -> 0/32\n")
    answer = lab.ask("DELETE", "/network/addresses/in1/v4")
    assert answer.status == 409
    assert answer.body["details"]["used_by"] == ["DHCP subnet 10.7.0.0/24", "NAT rule `map in1 10.7.0.0/24 -> 0/32`"]
    lab.do("POST", "/network/addresses", {"addrobj": "in1/second", "address": "10.7.0.2/24"})
    lab.do("DELETE", "/network/addresses/in1/v4")
    lab.do("DELETE", "/network/addresses/in1/second?force=true")


def test_what_waits_for_each_other_is_done_in_order(lab: Lab) -> None:
    """A link over one that is only queued is no mistake; two network tasks never run at once."""
    asked = [
        lab.post("/network/etherstubs", {"name": "lan1"}),
        lab.post("/network/vnics", {"name": "in1", "link": "lan1"}),
        lab.post("/network/addresses", {"addrobj": "in1/v4", "address": "10.7.0.1/24"}),
        lab.post("/network/vnics", {"name": "in1", "link": "lan1"}),
    ]
    rows = [lab.wait(answer.body["task_id"]) for answer in asked if answer.status == 202]
    assert [row["status"] for row in rows[:3]] == ["completed"] * 3, rows
    assert {row["zone_name"] for row in rows} == {"global"}
    for earlier, later in pairwise(rows):
        assert earlier["completed_at"] <= later["started_at"]
    if len(rows) == 4:
        assert (rows[3]["status"], "exists already" in rows[3]["error_message"]) == ("failed", True)
    else:
        assert asked[3].status == 409


REFUSALS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("POST", "/network/etherstubs", {"name": "estub"}, 400, "name"),
    ("POST", "/network/etherstubs", {"name": "lan01"}, 400, "name"),
    ("POST", "/network/etherstubs", {"name": "stub0"}, 409, "name"),
    ("POST", "/network/etherstubs", {"name": "theirs1"}, 409, "name"),
    ("POST", "/network/vnics", {"name": "in1", "link": "none0"}, 404, "link"),
    ("POST", "/network/vnics", {"name": "in1", "link": "theirs0"}, 409, "link"),
    ("POST", "/network/vnics", {"name": "in1", "link": "igb0", "mac_address": "1:0:0:0:0:1"}, 400, "mac_address"),
    ("POST", "/network/vnics", {"name": "in1", "link": "igb0", "mac_address": "0:c:29:3a:5b:7c"}, 409, "mac_address"),
    ("POST", "/network/vnics", {"name": "in1", "link": "igb0", "vlan_id": 4095}, 400, "vlan_id"),
    ("POST", "/network/vlans", {"link": "theirs0", "vid": 7}, 409, "link"),
    ("POST", "/network/vlans", {"link": "igb0"}, 400, "vid"),
    ("POST", "/network/bridges", {"name": "lan0"}, 400, "name"),
    ("POST", "/network/bridges", {"name": "lan", "links": ["stub0", "stub0"]}, 400, "links[1]"),
    ("POST", "/network/bridges", {"name": "lan", "links": ["stub0", "none0"]}, 404, "links[1]"),
    ("POST", "/network/bridges", {"name": "lan", "priority": 7}, 400, "priority"),
    ("POST", "/network/aggregates", {"name": "aggr0", "links": ["igb0"]}, 409, "links[0]"),
    ("POST", "/network/aggregates", {"name": "aggr0", "links": ["igb0"], "policy": "L5"}, 400, "policy"),
    ("POST", "/network/addresses", {"addrobj": "igb0"}, 400, "addrobj"),
    ("POST", "/network/addresses", {"addrobj": "none0/v4", "address": "10.0.0.5/24"}, 404, "addrobj"),
    ("POST", "/network/addresses", {"addrobj": "igb0/v4", "address": "10.0.0.5/24"}, 409, "addrobj"),
    ("POST", "/network/addresses", {"addrobj": "theirs1/v4", "address": "10.0.0.5/24"}, 404, "addrobj"),
    ("POST", "/network/addresses", {"addrobj": "igb0/b", "address": "10.0.0.0/24"}, 400, "address"),
    ("POST", "/network/addresses", {"addrobj": "igb0/b", "address": "192.0.2.10/24"}, 409, "address"),
    ("POST", "/network/addresses", {"addrobj": "igb0/b"}, 400, "address"),
    ("POST", "/network/addresses", {"addrobj": "igb0/b", "type": "dhcp", "address": "10.0.0.5/24"}, 400, "address"),
    ("POST", "/network/addresses", {"addrobj": "igb0/b", "interface": "igb1", "type": "dhcp"}, 400, "interface"),
    ("PUT", "/network/forwarding", {}, 400, "enabled"),
    ("PUT", "/network/forwarding", {"interfaces": ["theirs0"]}, 404, "interfaces[0]"),
]


def test_what_cannot_be_is_refused_before_anything_runs(lab: Lab) -> None:
    """The answer comes at once and names the field; nothing is queued, and nothing on the host has changed."""
    before = picture(lab.world)
    wrong = []
    for method, path, body, status, field in REFUSALS:
        answer = lab.ask(method, path, body)
        found = (answer.status, (answer.body.get("details") or {}).get("field"))
        if found != (status, field) or field not in answer.body["error"]:
            wrong.append((method, path, body, found, answer.body["error"]))
    assert not wrong, "\n".join(map(str, wrong))
    assert lab.busy() == 0
    assert picture(lab.world) == before


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.setup == "network"], ids=lambda one: one.name)
def test_the_plan_is_what_is_done(operation: Operation, lab_of: Callable[..., Lab]) -> None:
    """A plan changes nothing, and is word for word what is said to the host afterwards."""
    lab = lab_of("network")
    before = picture(lab.world)
    mark = "&" if "?" in operation.path else "?"
    answer = lab.ask(operation.method, f"{operation.path}{mark}dry_run=true", operation.body)
    assert answer.status == 200, answer
    planned = [argv for step in answer.body["plan"] for argv in step["commands"]]
    assert picture(lab.world) == before
    since = len(said(lab))
    lab.do(operation.method, operation.path, operation.body)
    assert planned == [shape(argv) for argv in said(lab, since) if not asks(argv)]


def test_answers_cost_few_commands(lab: Lab) -> None:
    """Everything is asked of the host at the moment, once."""
    for path, most in MOST_COMMANDS.items():
        since = len(said(lab))
        lab.get(path)
        commands = said(lab, since)
        assert len(commands) == most, (path, commands)


ZONE = {"name": "web", "brand": "bhyve"}
CARDS: list[tuple[dict[str, Any], int, str]] = [
    ({"physical": "web0", "global_nic": "none0"}, 404, "nics[0].global_nic"),
    ({"physical": "web0", "global_nic": "theirs0"}, 400, "nics[0].global_nic"),
    ({"physical": "web0", "global_nic": "igb0", "vlan_id": 4095}, 400, "nics[0].vlan_id"),
    ({"physical": "web0", "mac_addr": "0:c:29:3a:5b:7c"}, 409, "nics[0].mac_addr"),
    ({"physical": "web0", "mac_addr": "1:0:0:0:0:1"}, 400, "nics[0].mac_addr"),
    ({"physical": "web0", "allowed_address": "192.0.2.10/24"}, 409, "nics[0].allowed_address"),
    ({"physical": "stub0", "global_nic": "igb0"}, 409, "nics[0].physical"),
    ({"physical": "theirs1"}, 409, "nics[0].physical"),
]


def test_cards_of_zones_fit_what_exists(lab: Lab) -> None:
    """A creation and a modification refuse the same cards in the same words; a plan tells it by the status."""
    lab.do("POST", "/zones", {**ZONE, "name": "old"})
    before = picture(lab.world)
    wrong = []
    for card, status, field in CARDS:
        for method, path, body in (
            ("POST", "/zones?dry_run=true", {**ZONE, "nics": [card]}),
            ("PUT", "/zones/old?dry_run=true", {"add_nics": [card]}),
        ):
            expected = field if method == "POST" else field.replace("nics", "add_nics")
            answer = lab.ask(method, path, body)
            found = (answer.status, (answer.body.get("details") or {}).get("field"))
            if found != (status, expected):
                wrong.append((card, method, found, answer.body))
    assert not wrong, "\n".join(map(str, wrong))
    task = lab.post("/zones", {**ZONE, "nics": [CARDS[0][0]]}).body["task_id"]
    row = lab.wait(task)
    assert (row["status"], "no link none0" in row["error_message"]) == ("failed", True)
    assert picture(lab.world) == before


@pytest.mark.parametrize(
    ("nics", "most"),
    [
        ([], 0),
        ([{"physical": "web0"}], 0),
        ([{"physical": "web0", "global_nic": "igb0"}, {"physical": "web1", "global_nic": "igb0"}], 1),
        ([{"physical": "web0", "global_nic": "igb0", "mac_addr": "2:8:20:9:9:9", "allowed_address": "10.0.0.5/24"}], 4),
    ],
)
def test_a_creation_asks_of_the_network_only_what_matters(lab: Lab, nics: list[dict[str, Any]], most: int) -> None:
    """Cards that name nothing cost no command."""
    since = len(said(lab))
    lab.do("POST", "/zones", {**ZONE, "nics": nics})
    asked = [argv for argv in said(lab, since) if argv[0] in {"dladm", "ipadm", "netstat", "route"}]
    assert len(asked) == most, asked

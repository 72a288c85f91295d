"""`zoneweaver network …`: what is sent, and what is said of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.agents import Command, Events, Stub, row

QUEUED: dict[str, Any] = {"success": True, "task_id": "t-1", "status": "pending", "message": "Queued"}
IGB0: dict[str, Any] = {
    "name": "igb0",
    "class": "phys",
    "over": [],
    "mac_address": "00:0c:29:3a:5b:7c",
    "mtu": 1500,
    "state": "up",
    "speed": 1000,
    "vlan_id": None,
    "zone": None,
    "bridge": None,
}
WEB0 = {**IGB0, "name": "web0", "class": "vnic", "over": ["igb0"], "speed": None, "zone": "web", "vlan_id": 7}
LAN = {
    **IGB0,
    "name": "lan",
    "link": "lan0",
    "class": "bridge",
    "over": ["igb0"],
    "protection": "stp",
    "priority": 4096,
}

CHANGES: list[tuple[str, str, str, Any, dict[str, str]]] = [
    ("etherstubs create stub0", "POST", "/network/etherstubs", {"name": "stub0"}, {}),
    ("etherstubs delete stub0", "DELETE", "/network/etherstubs/stub0", None, {}),
    (
        "vnics create web0 igb0 --vlan 7 --mac 02:08:20:00:00:01",
        "POST",
        "/network/vnics",
        {"name": "web0", "link": "igb0", "vlan_id": 7, "mac_address": "02:08:20:00:00:01"},
        {},
    ),
    ("vnics delete web0", "DELETE", "/network/vnics/web0", None, {}),
    (
        "vlans create igb0 7 --name seven0 --force",
        "POST",
        "/network/vlans",
        {"link": "igb0", "vid": 7, "name": "seven0", "force": True},
        {},
    ),
    ("vlans create igb0 7", "POST", "/network/vlans", {"link": "igb0", "vid": 7}, {}),
    (
        "bridges create lan igb1 igb2 --protection trill --priority 4096",
        "POST",
        "/network/bridges",
        {"name": "lan", "links": ["igb1", "igb2"], "protection": "trill", "priority": 4096},
        {},
    ),
    ("bridges create lan", "POST", "/network/bridges", {"name": "lan"}, {}),
    ("bridges delete lan --force", "DELETE", "/network/bridges/lan", None, {"force": "true"}),
    (
        "aggregates create aggr0 igb1 igb2 --policy L3,L4 --lacp-mode active --lacp-timer long",
        "POST",
        "/network/aggregates",
        {
            "name": "aggr0",
            "links": ["igb1", "igb2"],
            "policy": "L3,L4",
            "lacp_mode": "active",
            "lacp_timer": "long",
        },
        {},
    ),
    (
        "address create web0/v4 10.0.0.5/24",
        "POST",
        "/network/addresses",
        {"addrobj": "web0/v4", "address": "10.0.0.5/24"},
        {},
    ),
    (
        "address create web0/v4 --type dhcp --lease-seconds 5",
        "POST",
        "/network/addresses",
        {"addrobj": "web0/v4", "type": "dhcp", "wait": 5},
        {},
    ),
    (
        "address delete web0/v4 --release --force",
        "DELETE",
        "/network/addresses/web0/v4",
        None,
        {"release": "true", "force": "true"},
    ),
    ("forwarding set on", "PUT", "/network/forwarding", {"enabled": True}, {}),
    (
        "forwarding set off -i igb0 --interface web0 --family ipv6",
        "PUT",
        "/network/forwarding",
        {"enabled": False, "interfaces": ["igb0", "web0"], "family": "ipv6"},
        {},
    ),
    (
        "nat add igb0 --subnet 10.0.0.0/24 --target 0/32 --protocol tcp/udp --ports 1024:2048",
        "POST",
        "/network/nat/rules",
        {
            "bridge": "igb0",
            "subnet": "10.0.0.0/24",
            "target": "0/32",
            "protocol": "tcp/udp",
            "ports": "1024:2048",
        },
        {},
    ),
    (
        "nat add igb0 --type rdr --external-ip 0/0 --external-port 80 --internal-ip 10.0.0.5 --internal-port 8080",
        "POST",
        "/network/nat/rules",
        {
            "bridge": "igb0",
            "type": "rdr",
            "external_ip": "0/0",
            "external_port": 80,
            "internal_ip": "10.0.0.5",
            "internal_port": 8080,
        },
        {},
    ),
    ("nat remove 4c98da5d28f7", "DELETE", "/network/nat/rules/4c98da5d28f7", None, {}),
    (
        "dhcp set 10.0.0.0 --netmask 255.255.255.0 --router 10.0.0.1 --range-start 10.0.0.10 --range-end 10.0.0.99 "
        "--dns 9.9.9.9 --dns 1.1.1.1 --authoritative --listen-interface web0 --replacing 10.1.0.0/24",
        "PUT",
        "/network/dhcp/config",
        {
            "subnet": "10.0.0.0",
            "netmask": "255.255.255.0",
            "router": "10.0.0.1",
            "range_start": "10.0.0.10",
            "range_end": "10.0.0.99",
            "dns": ["9.9.9.9", "1.1.1.1"],
            "authoritative": True,
            "listen_interface": "web0",
            "replacing": "10.1.0.0/24",
        },
        {},
    ),
    (
        "dhcp add web 02:08:20:00:00:01 10.0.0.5",
        "POST",
        "/network/dhcp/hosts",
        {"hostname": "web", "mac": "02:08:20:00:00:01", "ip": "10.0.0.5"},
        {},
    ),
    (
        "dhcp add web 02:08:20:00:00:01",
        "POST",
        "/network/dhcp/hosts",
        {"hostname": "web", "mac": "02:08:20:00:00:01"},
        {},
    ),
    ("dhcp remove web", "DELETE", "/network/dhcp/hosts/web", None, {}),
    *((f"dhcp {act}", "PUT", "/network/dhcp/status", {"action": act}, {}) for act in ("start", "stop", "restart")),
    ("dhcp refresh", "PUT", "/network/dhcp/status", {"action": "refresh"}, {}),
    ("setup", "POST", "/provisioning/network/setup", {}, {}),
    (
        "setup --etherstub stub0 --vnic host0 --subnet 10.0.0.0/24 --host-ip 10.0.0.1 --range-start 10.0.0.10 "
        "--range-end 10.0.0.99 --uplink igb0 --dns 9.9.9.9",
        "POST",
        "/provisioning/network/setup",
        {
            "etherstub_name": "stub0",
            "host_vnic_name": "host0",
            "subnet": "10.0.0.0/24",
            "host_ip": "10.0.0.1",
            "dhcp_range_start": "10.0.0.10",
            "dhcp_range_end": "10.0.0.99",
            "uplink": "igb0",
            "dns": ["9.9.9.9"],
        },
        {},
    ),
    ("teardown", "DELETE", "/provisioning/network/teardown", None, {}),
]


@pytest.mark.parametrize(("words", "method", "path", "body", "query"), CHANGES, ids=lambda given: str(given)[:40])
def test_a_change_is_one_request(
    zw: Command, agent: Stub, words: str, method: str, path: str, body: Any, query: dict[str, str]
):
    """What was given is sent and nothing else; with --dry-run it is only planned, and the plan is shown."""
    plan = {"success": True, "dry_run": True, "plan": [{"step": "it", "commands": [["dladm", "x"]], "undo": []}]}
    agent.on(method, path, (202, QUEUED), (200, plan))
    ran = zw("network", *words.split())
    assert (ran.status, ran.out) == (0, "Queued\n"), ran.err
    assert "zoneweaver tasks watch t-1" in ran.err
    planned = zw("network", *words.split(), "--dry-run")
    assert (planned.status, planned.out) == (0, "1. it\n     dladm x\n"), planned.err
    queued, dry = agent.asked(method, path)
    assert (queued.body, queued.query) == (body, query)
    assert (dry.body, dry.query) == (body, {**query, "dry_run": "true"})


def test_a_change_can_be_waited_for(zw: Command, agent: Stub):
    """With --wait its stages pass, and it is said what there is now; with --json it is the task's row alone."""
    made = row("completed", 100, "completed", operation="network_link_create", zone_name="global")
    busy = row("running", 85, "configuring_dhcp", operation="network_link_create", zone_name="global")
    agent.on("POST", "/network/etherstubs", (202, QUEUED))
    agent.on("GET", "/tasks/t-1/stream", Events([busy]))
    agent.on("GET", "/tasks/t-1", (200, made))
    ran = zw("network", "etherstubs", "create", "stub0", "--wait")
    assert (ran.status, ran.out) == (0, "The link is there.\n")
    assert "Configuring DHCP\n" in ran.err
    assert json.loads(zw("network", "etherstubs", "create", "stub0", "-w", "--json").out) == made


def test_what_a_file_will_say_is_part_of_a_plan(zw: Command, agent: Stub):
    """A plan shows the lines of ours in a file, and that there are none left."""
    steps = [
        {"step": "translation", "commands": [], "undo": [], "file": "/etc/ipf/ipnat.conf", "block": ["map igb0 …"]},
        {"step": "record", "commands": [], "undo": [["rm", "x"]], "file": "/etc/opt/record", "block": []},
    ]
    agent.on("DELETE", "/provisioning/network/teardown", (200, {"dry_run": True, "plan": steps}))
    ran = zw("network", "teardown", "--dry-run")
    assert ran.out.splitlines() == [
        "1. translation",
        "     /etc/ipf/ipnat.conf says",
        "       map igb0 …",
        "2. record",
        "     /etc/opt/record says nothing of ours any more",
        "   undo: rm x",
    ]


def test_a_refusal_is_told_as_the_agent_says_it(zw: Command, agent: Stub):
    """The sentence names who uses the link; the status is 1, and with --json the body is there, too."""
    said = {"error": "etherstub stub0 is used by vnic web0", "code": "link_busy", "details": {"used_by": ["vnic web0"]}}
    agent.on("DELETE", "/network/etherstubs/stub0", (409, said))
    ran = zw("network", "etherstubs", "delete", "stub0")
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: etherstub stub0 is used by vnic web0\n")
    assert json.loads(zw("network", "etherstubs", "delete", "stub0", "--json").out) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("address create web0/v4", "A static address has to be given"),
        ("address delete web0", "web0 is not an address's name such as igb0/v4"),
        ("aggregates create aggr0", "name at least one"),
        ("forwarding set maybe", "maybe"),
        ("nat add igb0 --type masquerade", "masquerade"),
        ("dhcp set 10.0.0.0/24", "--router"),
        ("map --width 39", "--width must be at least 40"),
        ("vlans create igb0 seven", "seven"),
    ],
)
def test_what_cannot_be_meant_is_not_sent(zw: Command, agent: Stub, words: str, said: str):
    """It is said what is wrong and where help is, with status 2."""
    ran = zw("network", *words.split())
    assert ran.status == 2
    assert said in ran.err
    assert f"Try: zoneweaver network {words.split(maxsplit=1)[0]}" in ran.err
    assert agent.requests == []


SHOWN: list[tuple[str, str, Any, str]] = [
    (
        "interfaces",
        "/network/interfaces",
        {"interfaces": [IGB0, WEB0]},
        """\
NAME  CLASS  OVER  STATE  SPEED   ZONE
igb0  phys   -     up     1 Gb/s  -
web0  vnic   igb0  up     -       web
""",
    ),
    (
        "addresses",
        "/network/addresses",
        {
            "addresses": [
                {"addrobj": "igb0/v4", "type": "dhcp", "state": "ok", "address": "10.0.0.5/24", "persistent": True}
            ]
        },
        """\
NAME     TYPE  STATE  STAYS  ADDRESS
igb0/v4  dhcp  ok     yes    10.0.0.5/24
""",
    ),
    (
        "routes",
        "/network/routes",
        {"routes": [{"destination": "default", "gateway": "10.0.0.1", "flags": "UG", "interface": "igb0"}]},
        """\
DESTINATION  GATEWAY   FLAGS  INTERFACE
default      10.0.0.1  UG     igb0
""",
    ),
    ("etherstubs list", "/network/etherstubs", {"etherstubs": []}, ""),
    (
        "vnics list",
        "/network/vnics",
        {"vnics": [WEB0]},
        """\
NAME  OVER  VLAN  MAC                ZONE
web0  igb0  7     00:0c:29:3a:5b:7c  web
""",
    ),
    (
        "vlans list",
        "/network/vlans",
        {"vlans": [{**WEB0, "name": "igb7000", "bridge": "lan"}]},
        """\
NAME     VLAN  OVER  STATE  BRIDGE
igb7000  7     igb0  up     lan
""",
    ),
    (
        "bridges ls",
        "/network/bridges",
        {"bridges": [LAN]},
        """\
NAME  PROTECTION  PRIORITY  STATE  LINKS
lan   stp         4096      up     igb0
""",
    ),
    (
        "aggregates list",
        "/network/aggregates",
        {"aggregates": [{**IGB0, "name": "aggr0", "policy": "L4", "lacp_mode": "off", "over": ["igb1", "igb2"]}]},
        """\
NAME   POLICY  LACP  STATE  CARDS
aggr0  L4      off   up     igb1, igb2
""",
    ),
    (
        "forwarding show",
        "/network/forwarding",
        {
            "forwarding": {
                "ipv4": {"current": "enabled", "persistent": "enabled"},
                "ipv6": {"current": "disabled", "persistent": "disabled"},
            },
            "interfaces": [{"interface": "igb0", "ipv4": {"current": "on", "persistent": "off"}}],
        },
        """\
WHO       IPV4                     IPV6
the host  on                       off
igb0      on (off after a reboot)  -
""",
    ),
    (
        "nat rules",
        "/network/nat/rules",
        {
            "rules": [{"id": "4c98", "active": True, "managed": False, "rule": "map igb0 10.0.0.0/24 -> 0/32"}],
            "others": ["rewrite …"],
            "config_file": "/etc/ipf/ipnat.conf",
        },
        """\
ID    ACTIVE  OURS  RULE
4c98  yes     no    map igb0 10.0.0.0/24 -> 0/32
""",
    ),
    (
        "nat status",
        "/network/nat/status",
        {"service": "svc:/network/ipfilter:default", "state": "online", "sessions": 3, "active_rules": ["map a", "b"]},
        """\
service   svc:/network/ipfilter:default
state     online
sessions  3
ACTIVE RULE
map a
b
""",
    ),
    (
        "dhcp config",
        "/network/dhcp/config",
        {
            "subnets": [
                {
                    "subnet": "10.0.0.0",
                    "netmask": "255.255.255.0",
                    "router": "10.0.0.1",
                    "range_start": "10.0.0.10",
                    "range_end": "10.0.0.99",
                    "dns": ["9.9.9.9", "1.1.1.1"],
                }
            ],
            "others": ["10.9.0.0/24"],
            "listen_interfaces": [],
        },
        """\
SUBNET    NETMASK        ROUTER    RANGE                  DNS
10.0.0.0  255.255.255.0  10.0.0.1  10.0.0.10 - 10.0.0.99  9.9.9.9, 1.1.1.1
""",
    ),
    (
        "dhcp hosts",
        "/network/dhcp/hosts",
        {
            "hosts": [{"hostname": "web", "mac": "02:08:20:00:00:01", "ip": "10.0.0.5", "managed": True}],
            "next_free": {"10.0.0.0/24": "10.0.0.2"},
        },
        """\
NAME  MAC                ADDRESS   OURS
web   02:08:20:00:00:01  10.0.0.5  yes
""",
    ),
    (
        "dhcp leases",
        "/network/dhcp/leases",
        {
            "leases": [
                {"ip": "10.0.0.10", "mac": "02:08:20:00:00:01", "active": True, "ends": None, "zone": "web"},
            ]
        },
        """\
ADDRESS    MAC                ACTIVE  ENDS   ZONE  NAME
10.0.0.10  02:08:20:00:00:01  yes     never  web   -
""",
    ),
    (
        "dhcp status",
        "/network/dhcp/status",
        {"state": "online", "running": True},
        "state    online\nrunning  yes\n",
    ),
    ("vnics show web0", "/network/vnics/web0", {"name": "web0", "over": ["igb0"]}, "name  web0\nover  igb0\n"),
]


@pytest.mark.parametrize(("words", "path", "answer", "shown"), SHOWN, ids=[case[0] for case in SHOWN])
def test_what_there_is_is_shown(zw: Command, agent: Stub, words: str, path: str, answer: Any, shown: str):
    """For people in columns, with --json as the agent says it."""
    agent.on("GET", path, (200, answer))
    ran = zw("network", *words.split())
    assert (ran.status, ran.out) == (0, shown), ran.err
    assert json.loads(zw("network", *words.split(), "--json").out) == answer


def test_what_others_have_written_is_told_beside(zw: Command, agent: Stub):
    """Remarks go to stderr: lines of others, subnets of others, the next free address, that there is nothing."""
    answers = {words: (path, answer) for words, path, answer, _ in SHOWN}
    for words, said in (
        ("nat rules", "Somebody else's in /etc/ipf/ipnat.conf, which the agent leaves alone:\n  rewrite …\n"),
        ("dhcp config", "10.9.0.0/24\nInterfaces: all that have such a subnet\n"),
        ("dhcp hosts", "Next free in 10.0.0.0/24: 10.0.0.2\n"),
        ("etherstubs list", "There are no etherstubs.\n"),
    ):
        path, answer = answers[words]
        agent.on("GET", path, (200, answer))
        assert zw("network", *words.split()).err.endswith(said)


def test_links_and_addresses_can_be_asked_for_by_kind(zw: Command, agent: Stub):
    """The options become the query's parameters."""
    agent.on("GET", "/network/interfaces", (200, {"interfaces": []}))
    agent.on("GET", "/network/addresses", (200, {"addresses": []}))
    agent.on("GET", "/network/dhcp/leases", (200, {"leases": []}))
    assert zw("network", "interfaces", "--class", "vnic", "--zone", "web").status == 0
    assert zw("network", "addresses", "--interface", "igb0", "--type", "static").status == 0
    assert zw("network", "dhcp", "leases", "--active").status == 0
    assert [request.query for request in agent.requests] == [
        {"class": "vnic", "zone": "web"},
        {"interface": "igb0", "type": "static"},
        {"active": "true"},
    ]


def part(name: str, **more: Any) -> dict[str, Any]:
    """A part of the provisioning network that is as it should be."""
    return {"name": name, "exists": True, "ready": True, "managed": True, "difference": None, **more}


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({}, "ready", "The provisioning network is ready.\n"),
        ({"exists": False, "ready": False}, "missing", "Make what is missing: zoneweaver network setup\n"),
        (
            {"ready": False, "difference": "stub0 is of class vnic, not an etherstub"},
            "different",
            "Different: stub0 is of class vnic, not an etherstub\n",
        ),
    ],
    ids=["ready", "missing", "different"],
)
def test_the_provisioning_network_is_shown_part_by_part(
    zw: Command, agent: Stub, change: dict[str, Any], state: str, said: str
):
    """Each part has its state, and what can be done about it is said."""
    parts = [
        {**part("etherstub", link="stub0"), **change},
        part("address", addrobj="host0/v4", address="10.0.0.1/24"),
        part("nat", interface="igb0", subnet="10.0.0.0/24", rules=["map …"]),
        part("dhcp", subnet="10.0.0.0/24", range_start="10.0.0.10", range_end="10.0.0.99"),
        part("something_new"),
    ]
    ready = state == "ready"
    agent.on("GET", "/provisioning/network/status", (200, {"ready": ready, "components": parts}))
    ran = zw("network", "status")
    assert ran.out.splitlines()[1].split() == ["Etherstub", state, "yes", "stub0"]
    assert "Address translation" in ran.out
    assert "10.0.0.0/24 out of igb0\n" in ran.out
    assert "  10.0.0.10 - 10.0.0.99\n" in ran.out
    assert ran.out.splitlines()[-1].split() == ["something_new", "ready", "yes", "-"]
    assert said in ran.err

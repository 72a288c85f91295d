"""`zoneweaver network map`: what the picture is made of."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from tests.cli.agents import Command, Stub


def link(name: str, kind: str, *over: str, **more: Any) -> dict[str, Any]:
    """A link as the API shows it."""
    return {
        "name": name,
        "class": kind,
        "over": list(over),
        "mac_address": None,
        "mtu": 1500,
        "state": "up",
        "speed": 1000 if kind == "phys" else None,
        "vlan_id": None,
        "zone": None,
        "bridge": None,
        **more,
    }


def address(name: str, text: str | None, **more: Any) -> dict[str, Any]:
    """An address object as the API shows it."""
    return {
        "addrobj": name,
        "interface": name.partition("/")[0],
        "type": "static",
        "state": "ok",
        "address": text,
        "persistent": True,
        **more,
    }


OFF = {"current": "off", "persistent": "off"}
ON = {"current": "on", "persistent": "on"}
HOST: dict[str, Any] = {
    "/network/interfaces": {
        "interfaces": [
            link("igb0", "phys", bridge="lan"),
            link("igb1", "phys"),
            link("igb10", "phys", state="down", speed=None, mtu=9000),
            link("lan0", "bridge", "igb0"),
            link("stub0", "etherstub", state="unknown", mtu=9000),
            link("igb1007", "vlan", "igb1", vlan_id=7),
            link("host0", "vnic", "stub0", mtu=9000),
            link("web0", "vnic", "stub0", zone="web", mac_address="02:08:20:00:00:01"),
            link("web1", "vnic", "igb0", zone="web", vlan_id=9, mac_address="02:08:20:00:00:02"),
            link("free0", "vnic", "stub0"),
            link("kept0", "vnic", "igb1007"),
        ]
    },
    "/network/addresses": {
        "addresses": [
            address("lo0/v4", "127.0.0.1/8"),
            address("igb0/v4", "192.0.2.10/24"),
            address("igb1/v4", None, type="dhcp", state="disabled"),
            address("host0/v4", "10.0.0.1/24", persistent=False),
            address("ipmp0/v4", "198.51.100.1/24"),
        ]
    },
    "/network/routes": {
        "routes": [],
        "default": {"destination": "default", "gateway": "192.0.2.1", "flags": "UG", "interface": "igb0"},
    },
    "/network/forwarding": {
        "interfaces": [
            {"interface": "igb0", "ipv4": ON, "ipv6": OFF},
            {"interface": "igb1", "ipv4": OFF, "ipv6": OFF},
            {"interface": "host0", "ipv4": OFF, "ipv6": ON},
        ]
    },
    "/network/nat/rules": {
        "rules": [
            {"type": "portmap", "bridge": "igb0", "subnet": "10.0.0.0/24", "active": True},
            {"type": "map", "bridge": "igb0", "subnet": "10.0.0.0/24", "active": True},
            {"type": "map", "bridge": "igb0", "subnet": "10.9.0.0/24", "active": False},
            {
                "type": "rdr",
                "bridge": "igb0",
                "external_port": 8080,
                "internal_ip": "10.0.0.5",
                "internal_port": 80,
                "active": True,
            },
        ]
    },
    "/network/dhcp/config": {"listen_interfaces": ["host0"]},
    "/network/dhcp/hosts": {"hosts": [{"hostname": "web", "mac": "02:08:20:00:00:01", "ip": "10.0.0.5"}]},
    "/network/dhcp/leases": {
        "leases": [
            {"ip": "10.0.0.5", "mac": "02:08:20:00:00:01", "active": True},
            {"ip": "10.0.0.77", "mac": "02:08:20:00:00:01", "active": False},
            {"ip": "10.0.0.78", "mac": "02:08:20:00:00:03", "active": True},
        ]
    },
    "/zones": {
        "zones": [
            {"name": "web", "status": "running"},
            {"name": "idle", "status": "installed"},
            {"name": "lost", "status": "not_found", "is_orphaned": True},
        ]
    },
    "/zones/web/config": {
        "configuration": {
            "nics": [
                {"physical": "web0", "global_nic": "stub0"},
                {"physical": "web1", "global_nic": "igb0", "allowed_address": "192.0.2.77/24"},
            ]
        }
    },
    "/zones/idle/config": {
        "configuration": {
            "nics": [
                {"physical": "idle0", "global_nic": "stub0", "mac_addr": "2:8:20:0:0:3"},
                {"physical": "idle1", "global_nic": "igb9", "vlan_id": 3},
                {"physical": "kept0"},
            ]
        }
    },
}

PICTURE = """\
━━ igb1 ━━ physical · up · 1 Gb/s ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
 │  no address (DHCP, disabled)
 └─ igb1007   VLAN 7
    └─ kept0  zone idle  installed

━━ igb10 ━━ physical · down · MTU 9000 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━

━━ lan0 ━━ bridge lan · up ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
 └═ igb0      physical   up · 1 Gb/s · 192.0.2.10/24
    │                    default route to 192.0.2.1 · forwards
    │                    NAT for 10.0.0.0/24 · port 8080 to 10.0.0.5:80
    └─ web1   zone web   VLAN 9 · 192.0.2.77/24

━━ stub0 ━━ etherstub ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
 ├─ free0     unused
 ├─ host0     host       10.0.0.1/24 (until the next boot) · forwards
 │                       DHCP server
 ├┄ idle0     zone idle  installed · 10.0.0.78 (lease)
 └─ web0      zone web   10.0.0.5 (reserved)

━━ ipmp0 ━━ IP interface ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
    198.51.100.1/24

┄┄ igb9 ┄┄ not there ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
 └┄ idle1     zone idle  installed · VLAN 3
"""


@pytest.fixture
def host(agent: Stub) -> Stub:
    """An agent whose host has some of everything."""
    for path, answer in HOST.items():
        agent.on("GET", path, (200, answer))
    return agent


def test_the_picture_of_a_host(zw: Command, host: Stub):
    """Cards, switches, who sits on them, and what the host does there; the zones' cards also while they rest."""
    ran = zw("network", "map")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == PICTURE


def test_the_picture_is_as_wide_as_asked(zw: Command, host: Stub):
    """--width is kept; without a terminal it is 80."""
    assert max(len(line) for line in zw("network", "map", "--width", "50").out.splitlines()) == 50
    assert max(len(line) for line in zw("network", "map").out.splitlines()) == 80


def test_what_the_picture_is_made_of_can_be_had(zw: Command, host: Stub):
    """--json prints all answers in one object."""
    found = json.loads(zw("network", "map", "--json").out)
    assert found["interfaces"] == HOST["/network/interfaces"]
    assert found["nat/rules"] == HOST["/network/nat/rules"]
    assert [zone["name"] for zone in found["zones"]] == ["web", "idle"]
    assert found["zones"][0]["nics"] == HOST["/zones/web/config"]["configuration"]["nics"]


def test_a_broken_file_of_the_host_costs_only_its_part(zw: Command, host: Stub):
    """The picture is drawn without address translation, and that is said."""
    host.on("GET", "/network/nat/rules", (409, {"error": "/etc/ipf/ipnat.conf: no end of a block", "code": "broken"}))
    ran = zw("network", "map")
    assert ran.status == 0
    assert "NAT" not in ran.out
    assert "host0" in ran.out
    assert ran.err == "The map is drawn without /network/nat/rules: /etc/ipf/ipnat.conf: no end of a block\n"


def test_without_links_there_is_nothing_to_draw(zw: Command, host: Stub):
    """What cannot be done without is not left out: the refusal ends it."""
    host.on("GET", "/network/interfaces", (403, {"error": "The key may not read", "code": "forbidden"}))
    ran = zw("network", "map")
    assert (ran.status, ran.out) == (1, "")
    assert "The key may not read" in ran.err


def test_a_zone_that_went_meanwhile_is_left_out(zw: Command, host: Stub):
    """A zone may be deleted between two questions."""
    host.on("GET", "/zones/idle/config", (404, {"error": "There is no zone idle", "code": "not_found"}))
    ran = zw("network", "map")
    assert ran.status == 0
    assert "zone idle" not in ran.out


def test_names_from_elsewhere_steer_no_terminal(zw: Command, host: Stub):
    """Control characters in what the host says are shown, not obeyed, and the picture stays in its width."""
    odd = [link("igb0", "phys"), link("x\x1b[2J0", "vnic", "igb0", zone="w\x07")]
    host.on("GET", "/network/interfaces", (200, {"interfaces": odd}))
    out = zw("network", "map").out
    assert "\x1b" not in out
    assert "x\\x1b[2J0" in out
    assert "zone w\\x07" in out


def test_a_terminal_without_lines_gets_plain_strokes(zw: Command, host: Stub, monkeypatch: pytest.MonkeyPatch):
    """Where stdout cannot say the strokes the picture is drawn with what it can say."""
    from zoneweaver.cli import main

    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["network", "map"]) == 0
    stdout.seek(0)
    lines = stdout.read().splitlines()
    assert lines[0] == "== igb1 == physical - up - 1 Gb/s " + "=" * 46
    assert lines[2] == " `- igb1007   VLAN 7"

"""The provisioning network over HTTPS: made in one call, taken away without a trace, and its parts on their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.lab import worlds
from tests.lab.agents import Lab
from tests.lab.judging import picture, told

pytestmark = pytest.mark.slow

SETUP, STATUS, TEARDOWN = (f"/provisioning/network/{word}" for word in ("setup", "status", "teardown"))
FOREIGN = '# the site\'s own\noption domain-name "example.com";\n\nhost printer {\n  hardware ethernet 0:1:2:3:4:5;\n}'
"""What somebody else keeps in dhcpd.conf, without a last newline."""


def parts(lab: Lab) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in lab.get(STATUS)["components"]}


def put(lab: Lab, path: str, text: str) -> Path:
    """Write a file of the host."""
    file = Path(lab.world.path) / "root" / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_made_and_taken_away(lab: Lab) -> None:
    """One call makes all of it, a second does nothing, and the teardown leaves the host as it was."""
    put(lab, "/etc/resolv.conf", "nameserver 127.0.0.1\nnameserver 192.0.2.53\n")
    before = picture(lab.world)
    assert not lab.get(STATUS)["ready"]
    queued = lab.ask("POST", SETUP, {})
    assert queued.status == 202, queued.body
    assert (queued.body["ready"], queued.body["components"][0]["exists"]) == (False, False)
    lab.wait(queued.body["task_id"])
    status = lab.get(STATUS)
    assert status["ready"], status
    assert all(item["managed"] for item in status["components"]), status
    (subnet,) = lab.get("/network/dhcp/config")["subnets"]
    assert (subnet["router"], subnet["range_start"], subnet["dns"]) == ("10.190.190.1", "10.190.190.10", ["192.0.2.53"])
    assert [row["rule"] for row in lab.get("/network/nat/rules")["rules"]] == [
        "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto",
        "map igb0 10.190.190.0/24 -> 0/32",
    ]
    assert all(row["active"] for row in lab.get("/network/nat/rules")["rules"])
    assert lab.get("/network/dhcp/status")["running"]

    after = picture(lab.world)
    again = lab.do("POST", SETUP)
    assert again["status"] == "completed"
    assert picture(lab.world) == after, told(after, picture(lab.world))
    lab.do("DELETE", TEARDOWN)
    assert picture(lab.world) == before, told(before, picture(lab.world))
    gone = lab.ask("DELETE", TEARDOWN)
    assert (gone.status, gone.body["code"]) == (404, "no_setup")


def test_only_what_was_made_goes(lab: Lab) -> None:
    """What was there before a setup stays after the teardown, and files of others are kept byte by byte."""
    conf = put(lab, "/etc/dhcpd.conf", FOREIGN)
    rules = put(lab, "/etc/ipf/ipnat.conf", "# ours\nrdr igb0 0/0 port 80 -> 192.0.2.7 port 80 tcp\n")
    asleep = lab.ask("POST", SETUP, {})
    assert (asleep.status, asleep.body["details"]["files"]) == (409, ["/etc/ipf/ipnat.conf"])
    worlds.say(lab.world, "svcadm", "enable", "-s", "svc:/network/ipfilter:default")
    lab.do("POST", "/network/etherstubs", {"name": "estub_provision0"})
    lab.do("PUT", "/network/forwarding", {"interfaces": ["igb0"]})
    before = picture(lab.world)
    lab.do("POST", SETUP)
    found = parts(lab)
    assert {name for name, item in found.items() if not item["managed"]} == {
        *("etherstub", "forwarding_uplink", "ipfilter"),
    }
    assert conf.read_text(encoding="utf-8").startswith(FOREIGN)
    lab.do("DELETE", TEARDOWN)
    assert conf.read_text(encoding="utf-8") == FOREIGN
    assert "rdr igb0" in rules.read_text(encoding="utf-8")
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_what_is_different_is_told_and_nothing_touched(lab: Lab) -> None:
    """Every difference is named at once; settings of a request are checked by field."""
    lab.do("POST", "/network/vnics", {"name": "provision_interconnect0", "link": "igb0"})
    lab.do("POST", "/network/addresses", {"addrobj": "provision_interconnect0/v4", "address": "10.190.190.2/24"})
    before = picture(lab.world)
    refused = lab.ask("POST", SETUP, {})
    assert (refused.status, refused.body["code"]) == (409, "in_the_way")
    assert set(refused.body["details"]["differences"]) == {"host_vnic", "address"}
    assert "over igb0, not over estub_provision0" in refused.body["error"]
    assert picture(lab.world) == before
    for body, field in (
        ({"etherstub_name": "estub_provision"}, "etherstub_name"),
        ({"host_ip": "10.0.0.1"}, "host_ip"),
        ({"dhcp_range_start": "10.190.190.1"}, "dhcp_range_start"),
        ({"dhcp_range_end": "10.190.190.5"}, "dhcp_range_end"),
        ({"subnet": "10.190.190.1/24"}, "subnet"),
        ({"uplink": "provision_interconnect0"}, "uplink"),
    ):
        answer = lab.ask("POST", SETUP, body)
        assert (answer.status, answer.body["details"]["field"]) == (400, field), answer.body
    nowhere = lab.ask("POST", SETUP, {"uplink": "igb9", "etherstub_name": "e1", "host_vnic_name": "h1"})
    assert "igb9 is no IP interface" in nowhere.body["error"]


def test_a_teardown_is_refused_while_it_is_used(lab: Lab) -> None:
    """Reservations and zones that use the network are named; without them it goes."""
    lab.do("POST", SETUP)
    lab.do("POST", "/network/dhcp/hosts", {"hostname": "web01", "mac": "2:8:20:1:2:3", "ip": "10.190.190.5"})
    busy = lab.ask("DELETE", TEARDOWN)
    assert (busy.status, busy.body["details"]["hosts"]) == (409, ["web01"])
    lab.do("DELETE", "/network/dhcp/hosts/web01")
    nic = {"physical": "web0", "global_nic": "estub_provision0"}
    lab.do("POST", "/zones", {"name": "web", "brand": "bhyve", "boot_volume": {"size": "1G"}, "nics": [nic]})
    busy = lab.ask("DELETE", TEARDOWN)
    assert (busy.status, busy.body["details"]["used_by"]) == (409, ["zone web"])
    lab.do("DELETE", "/zones/web?cleanup_datasets=true")
    lab.do("DELETE", TEARDOWN)


def test_a_host_that_forwards_by_now_goes_on(lab: Lab) -> None:
    """Forwarding that the whole host has been given since the setup is not the setup's to take away."""
    lab.do("POST", SETUP)
    lab.do("PUT", "/network/forwarding", {"enabled": True})
    lab.do("DELETE", TEARDOWN)
    assert (
        worlds.say(lab.world, "ipadm", "show-ifprop", "-c", "-o", "CURRENT", "-p", "forwarding", "-m", "ipv4", "igb0")
        == "on\n"
    )


def test_rules_that_only_the_kernel_has_are_not_lost(lab: Lab) -> None:
    """Somebody loads a rule by hand: no change of ours sweeps it away, and without it the teardown goes on."""
    before = picture(lab.world)
    lab.do("POST", SETUP)
    by_hand = "rdr igb0 0/0 port 80 -> 192.0.2.7 port 80 tcp\n"
    worlds.say(lab.world, "ipnat", "-f", "-", stdin=by_hand)
    refused = lab.ask("DELETE", TEARDOWN)
    assert (refused.status, refused.body["code"]) == (409, "rules_apart")
    worlds.say(lab.world, "ipnat", "-r", "-f", "-", stdin=by_hand)
    lab.do("DELETE", TEARDOWN)
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_rules_that_somebody_took_out_of_the_kernel_come_back(lab: Lab) -> None:
    """The file has them, nobody gets out: a setup puts them in force again."""
    lab.do("POST", SETUP)
    after = picture(lab.world)
    worlds.say(lab.world, "ipnat", "-C")
    assert not parts(lab)["nat"]["ready"]
    lab.do("POST", SETUP)
    assert picture(lab.world) == after, told(after, picture(lab.world))


def test_a_second_network_is_refused_and_the_first_still_goes(lab: Lab) -> None:
    """The record of the first is not lost to it."""
    before = picture(lab.world)
    lab.do("POST", SETUP)
    other = {"etherstub_name": "e1", "host_vnic_name": "h1", "subnet": "10.191.0.0/24", "host_ip": "10.191.0.1"}
    other |= {"dhcp_range_start": "10.191.0.10", "dhcp_range_end": "10.191.0.99"}
    refused = lab.ask("POST", SETUP, other)
    assert (refused.status, refused.body["code"]) == (409, "in_the_way")
    lab.do("DELETE", TEARDOWN)
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_an_address_that_is_gone_already_is_no_hindrance(lab: Lab) -> None:
    """Somebody has taken it by hand, and its interface was left: the teardown takes that too."""
    before = picture(lab.world)
    lab.do("POST", SETUP)
    worlds.say(lab.world, "ipadm", "delete-addr", "provision_interconnect0/v4")
    lab.do("DELETE", TEARDOWN)
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_a_setup_over_half_of_it(lab: Lab) -> None:
    """What has gone missing is made again, and all of it is remembered."""
    before = picture(lab.world)
    lab.do("POST", SETUP)
    (rule, _) = lab.get("/network/nat/rules")["rules"]
    lab.do("DELETE", f"/network/nat/rules/{rule['id']}")
    assert not lab.get(STATUS)["ready"]
    lab.do("PUT", "/network/dhcp/status", {"action": "stop"})
    lab.do("POST", SETUP)
    assert lab.get(STATUS)["ready"]
    lab.do("DELETE", TEARDOWN)
    assert picture(lab.world) == before, told(before, picture(lab.world))


def test_rules_of_the_three_kinds(lab: Lab) -> None:
    """Each comes out as ipnat(5) has it, is in force, and leaves alone; what would never be used is refused."""
    bodies: list[dict[str, Any]] = [
        {"type": "portmap", "bridge": "igb0", "subnet": "10.9.0.0/24", "target": "0/32", "protocol": "tcp/udp"},
        {"type": "bimap", "bridge": "igb0", "subnet": "10.9.0.7/32", "target": "192.0.2.77/32"},
        {
            "type": "rdr",
            "bridge": "igb0",
            "external_ip": "0.0.0.0/0",
            "external_port": 8080,
            "internal_ip": "10.9.0.8",
            "internal_port": 80,
            "protocol": "tcp",
        },
    ]
    before = picture(lab.world)
    for body in bodies:
        lab.do("POST", "/network/nat/rules", body)
    rows = lab.get("/network/nat/rules")["rules"]
    assert [row["rule"] for row in rows] == [
        "map igb0 10.9.0.0/24 -> 0/32 portmap tcp/udp auto",
        "bimap igb0 10.9.0.7/32 -> 192.0.2.77/32",
        "rdr igb0 0/0 port 8080 -> 10.9.0.8 port 80 tcp",
    ]
    assert all(row["active"] and row["managed"] for row in rows)
    assert lab.get("/network/nat/status")["running"]
    taken = lab.ask("POST", "/network/nat/rules", {**bodies[2], "internal_ip": "10.9.0.9"})
    assert (taken.status, taken.body["code"]) == (409, "rule_exists")
    for body, field in (
        ({"bridge": "igb"}, "bridge"),
        ({"bridge": "igb9"}, "bridge"),
        ({"external_port": 0}, "external_port"),
        ({"internal_ip": "10.9.0.256"}, "internal_ip"),
        ({"subnet": "10.9.0.0/24"}, "subnet"),
    ):
        wrong = lab.ask("POST", "/network/nat/rules", bodies[2] | body)
        assert (wrong.status, wrong.body["details"]["field"]) == (404 if body == {"bridge": "igb9"} else 400, field)
    for row in (rows[1], rows[0], rows[2]):
        lab.do("DELETE", f"/network/nat/rules/{row['id']}")
    assert lab.get("/network/nat/rules")["total"] == 0
    assert lab.ask("DELETE", f"/network/nat/rules/{rows[0]['id']}").status == 404
    # The packet filter that was started for the first of them stays: others may need it by now.
    assert told(before, picture(lab.world)).count("ipfilter") or lab.get("/network/nat/status")["running"]


def test_reservations(lab: Lab) -> None:
    """The next free address is given where none is asked for; duplicates name their field; all of them survive a
    change of the subnet, or refuse it by name.
    """
    lab.do("POST", SETUP)
    hosts = "/network/dhcp/hosts"
    assert lab.get(hosts)["next_free"] == {"10.190.190.0/24": "10.190.190.2"}
    first = lab.ask("POST", hosts, {"hostname": "web01", "mac": "2:8:20:1:2:3"})
    assert (first.status, first.body["ip"]) == (202, "10.190.190.2")
    lab.wait(first.body["task_id"])
    lab.do("POST", hosts, {"hostname": "web02", "mac": "2:8:20:1:2:4", "ip": "10.190.190.200"})
    for body, field, status in (
        ({"hostname": "WEB01", "mac": "2:8:20:1:2:9", "ip": "10.190.190.9"}, "hostname", 409),
        ({"hostname": "c", "mac": "02:08:20:01:02:03", "ip": "10.190.190.9"}, "mac", 409),
        ({"hostname": "c", "mac": "2:8:20:1:2:9", "ip": "10.190.190.2"}, "ip", 409),
        ({"hostname": "c", "mac": "1:8:20:1:2:9", "ip": "10.190.190.9"}, "mac", 400),
        ({"hostname": "c", "mac": "2:8:20:1:2:9", "ip": "10.1.1.9"}, "ip", 400),
        ({"hostname": "c", "mac": "2:8:20:1:2:9", "ip": "10.190.190.1"}, "ip", 409),
        ({"hostname": "a b", "mac": "2:8:20:1:2:9", "ip": "10.190.190.9"}, "hostname", 400),
    ):
        answer = lab.ask("POST", hosts, body)
        assert (answer.status, answer.body["details"]["field"]) == (status, field), answer.body
    smaller = {"subnet": "10.190.190.0/25", "router": "10.190.190.1", "range_start": "10.190.190.50"}
    smaller |= {"range_end": "10.190.190.90", "replacing": "10.190.190.0/24"}
    refused = lab.ask("PUT", "/network/dhcp/config", smaller)
    assert (refused.status, refused.body["details"]["hosts"]) == (409, ["web02"])
    lab.do("DELETE", f"{hosts}/web02")
    lab.do("PUT", "/network/dhcp/config", smaller)
    assert [row["hostname"] for row in lab.get(hosts)["hosts"]] == ["web01"]
    assert lab.get("/network/dhcp/config")["subnets"][0]["netmask"] == "255.255.255.128"
    assert lab.ask("DELETE", f"{hosts}/nobody").status == 404


def test_removing_any_reservation_changes_nothing_else(lab: Lab) -> None:
    """Whichever of three goes, the others and the text of others stay."""
    conf = put(lab, "/etc/dhcpd.conf", FOREIGN)
    lab.do("POST", SETUP)
    for number in (1, 2, 3):
        body = {"hostname": f"h{number}", "mac": f"2:8:20:0:0:{number}", "ip": f"10.190.190.{number + 2}"}
        lab.do("POST", "/network/dhcp/hosts", body)
    whole = conf.read_text(encoding="utf-8")
    for number in (1, 2, 3):
        lab.do("DELETE", f"/network/dhcp/hosts/h{number}")
        left = conf.read_text(encoding="utf-8")
        ours = whole.splitlines(keepends=True)
        start = ours.index(f"host h{number} {{\n")
        assert left == "".join(ours[:start] + ours[start + 4 :])
        body = {"hostname": f"h{number}", "mac": f"2:8:20:0:0:{number}", "ip": f"10.190.190.{number + 2}"}
        lab.do("POST", "/network/dhcp/hosts", body)
        whole = conf.read_text(encoding="utf-8")


def test_leases_are_joined_with_zones(lab: Lab) -> None:
    """Each lease tells the zone that its card belongs to; only those that hold are shown when that is asked for."""
    lab.do("POST", SETUP)
    nic = {"physical": "web0", "global_nic": "estub_provision0", "mac_addr": "2:8:20:1:2:3"}
    lab.do("POST", "/zones", {"name": "web", "brand": "bhyve", "boot_volume": {"size": "1G"}, "nics": [nic]})
    put(
        lab,
        "/var/db/dhcpd.leases",
        "lease 10.190.190.10 {\n  starts 3 2026/11/25 10:00:00;\n  ends never;\n  binding state active;\n"
        '  hardware ethernet 02:08:20:01:02:03;\n  client-hostname "web";\n}\n'
        "lease 10.190.190.11 {\n  starts 3 2020/11/25 10:00:00;\n  ends 3 2020/11/25 11:00:00;\n"
        "  binding state free;\n  hardware ethernet 02:08:20:01:02:04;\n}\n",
    )
    rows = lab.get("/network/dhcp/leases")["leases"]
    assert [(row["ip"], row["zone"], row["active"]) for row in rows] == [
        ("10.190.190.10", "web", True),
        ("10.190.190.11", None, False),
    ]
    assert [row["ip"] for row in lab.get("/network/dhcp/leases?active=true")["leases"]] == ["10.190.190.10"]


def test_the_service(lab: Lab) -> None:
    """It is not started without a subnet, nor with a file that is wrong; what is wrong is told."""
    assert lab.ask("PUT", "/network/dhcp/status", {"action": "start"}).body["code"] == "no_subnet"
    lab.do("POST", SETUP)
    assert lab.ask("PUT", "/network/dhcp/status", {"action": "fly"}).status == 400
    lab.do("PUT", "/network/dhcp/status", {"action": "restart"})
    lab.do("PUT", "/network/dhcp/status", {"action": "stop"})
    assert lab.get("/network/dhcp/status")["state"] == "disabled"
    assert lab.ask("PUT", "/network/dhcp/status", {"action": "restart"}).status == 409
    lab.do("PUT", "/network/dhcp/status", {"action": "start"})
    assert lab.get("/network/dhcp/status")["running"]


def test_a_plan_changes_nothing(lab: Lab) -> None:
    """The setup is shown step by step, with its commands, and nothing is done."""
    before = picture(lab.world)
    plan = lab.ask("POST", f"{SETUP}?dry_run=true", {}).body["plan"]
    assert [step["step"] for step in plan] == [
        "record",
        "create etherstub estub_provision0",
        "create VNIC provision_interconnect0",
        "create address provision_interconnect0/v4",
        "address translation",
        "ipv4 forwarding of igb0",
        "ipv4 forwarding of provision_interconnect0",
        "DHCP configuration",
    ]
    assert picture(lab.world) == before

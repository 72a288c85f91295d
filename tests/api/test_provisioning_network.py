"""`/provisioning/network` over the application: how far it is, what refuses a setup, what refuses a teardown."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api
from tests.api.scripted_network import LINKS, SAID, VNICS

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.keys import Scope
from zoneweaver.operations.provisioning_network import RECORD

SETUP, STATUS, TEARDOWN = (f"/provisioning/network/{word}" for word in ("setup", "status", "teardown"))
SVCS = ("svcs", "-H", "-o", "STATE,FMRI")
IPFILTER, DHCP = "svc:/network/ipfilter:default", "svc:/network/service/dhcp:ipv4"
ADDRESSES = ("ipadm", "show-addr", "-p", "-o", "ADDROBJ,TYPE,STATE,PERSISTENT,ADDR")
STUB, VNIC = "estub_provision0", "provision_interconnect0"
MAC = "02:08:20:00:00:07"
RULES = "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto\nmap igb0 10.190.190.0/24 -> 0/32\n"
SUBNET = (
    "subnet 10.190.190.0 netmask 255.255.255.0 {\n  authoritative;\n  option routers 10.190.190.1;\n"
    "  range 10.190.190.10 10.190.190.254;\n}\n"
)
HOST = "host web01 {\n  hardware ethernet 02:08:20:01:02:03;\n  fixed-address 10.190.190.2;\n}\n"
PARTS = [
    "etherstub",
    "host_vnic",
    "address",
    "nat",
    "forwarding_uplink",
    "forwarding_host_vnic",
    "dhcp",
    "ipfilter",
    "dhcp_service",
]
RECORDED = (
    f"etherstub {STUB}\nvnic {VNIC} {MAC}\naddress {VNIC}/v4 10.190.190.1/24\ninterface {VNIC}\n"
    + "".join(f"rule {line}\n" for line in RULES.splitlines())
    + f"forwarding {VNIC}\nsubnet 10.190.190.0/24\nlisten {VNIC}\nservice {IPFILTER}\nservice {DHCP}\n"
)


def block(text: str) -> str:
    return f"# zoneweaver begin network +file\n{text}# zoneweaver end network\n"


def made(
    api: Api,
    *,
    over: str = STUB,
    mac: str = MAC,
    address: str = "10.190.190.1/24",
    subnet: str = SUBNET,
    more: str = "",
    beside: str = "",
) -> None:
    """Let a setup have made all of it, or something that is otherwise."""
    links = f"{STUB}:etherstub:9000:up:\n{VNIC}:vnic:9000:up:{over}\n"
    vnics = f"{VNIC}:{over}:{mac.replace(':', chr(92) + ':')}:0:--\n"
    addresses = f"{VNIC}/v4:static:ok:U--:{address}\n"
    said = {
        (*LINKS, STUB): links.splitlines(keepends=True)[0],
        (*LINKS, VNIC): links.splitlines(keepends=True)[1],
        LINKS: f"igb0:phys:1500:up:\n{links}{more}",
        VNICS: vnics,
        (*VNICS, VNIC): vnics,
        ADDRESSES: f"lo0/v4:static:ok:---:127.0.0.1/8\nigb0/v4:static:ok:U--:192.0.2.10/24\n{addresses}{beside}",
        (*ADDRESSES, f"{VNIC}/v4"): addresses,
        ("ipadm", "show-if", "-p", "-o", "IFNAME,CLASS,STATE,PERSISTENT"): (
            f"lo0:VIRTUAL:ok:---\nigb0:IP:ok:-46\n{VNIC}:IP:ok:-46\n"
        ),
        ("ipadm", "show-ifprop", "-p", "forwarding"): f"lo0:off:\nigb0:on:on\n{VNIC}:on:on\n",
        (*SVCS, IPFILTER): f"online {IPFILTER}\n",
        (*SVCS, DHCP): f"online {DHCP}\n",
        ("svccfg", "-s", DHCP, "listprop", "config"): (f'config application\nconfig/listen_ifnames astring "{VNIC}"\n'),
        ("ipnat", "-l"): f"List of active MAP/Redirect filters:\n{RULES}\nList of active sessions:\n",
    }
    api.host.answers |= said
    api.put("/etc/ipf/ipnat.conf", block(RULES))
    api.put("/etc/dhcpd.conf", block(subnet))
    api.put(RECORD, block(RECORDED))


def parts(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in body["components"]}


async def test_a_host_that_has_nothing_of_it(api: Api) -> None:
    """Every part is named with what it shall be; forwarding of the uplink is there already."""
    client = await api.client(Scope.READ)
    shown = (await client.get(STATUS)).json()
    assert not shown["ready"]
    assert [item["name"] for item in shown["components"]] == PARTS
    found = parts(shown)
    assert {name for name, item in found.items() if item["exists"]} == {"forwarding_uplink"}
    assert not any(item["managed"] or item["difference"] for item in found.values()), found
    assert found["nat"]["rules"] == RULES.splitlines()
    assert (found["address"]["addrobj"], found["address"]["address"]) == (f"{VNIC}/v4", "10.190.190.1/24")
    assert shown["network"]["subnet"] == "10.190.190.0/24"


async def test_a_host_that_has_all_of_it(api: Api) -> None:
    """It is ready, and each part tells whether a setup made it."""
    made(api)
    client = await api.client(Scope.READ)
    shown = (await client.get(STATUS)).json()
    assert shown["ready"], shown
    assert {name for name, item in parts(shown).items() if not item["managed"]} == {"forwarding_uplink"}


async def test_a_setup_is_queued_with_the_parts_as_they_were_found(api: Api) -> None:
    """Also without a body, and with one key only once; the trail has it."""
    client = await api.client(Scope.WRITE)
    first, again = [await client.post(SETUP, headers={"idempotency-key": "one"}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert first.json() == again.json()
    told = first.json()
    assert (told["operation"], told["ready"]) == ("provisioning_network_setup", False)
    assert [item["name"] for item in told["components"]] == PARTS
    assert first.headers["location"] == f"/tasks/{told['task_id']}"
    (task,) = (await client.get("/tasks?zone_name=global")).json()["tasks"]
    assert task["id"] == told["task_id"]
    rows = [(row["action"], row["status"]) for row in await api.audit()]
    assert rows == [("provisioning_network.setup", 202)] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"etherstub_name": "estub_provision"}, "etherstub_name"),
        ({"host_vnic_name": STUB}, "host_vnic_name"),
        ({"host_vnic_name": "interconnect"}, "host_vnic_name"),
        ({"subnet": "10.190.190.9/24"}, "subnet"),
        ({"subnet": "10.191.0.0/24"}, "host_ip"),
        ({"host_ip": "10.190.190.255"}, "host_ip"),
        ({"host_ip": "10.190.190.77"}, "dhcp_range_start"),
        ({"dhcp_range_start": "10.1.1.1"}, "dhcp_range_start"),
        ({"dhcp_range_end": "10.190.190.9"}, "dhcp_range_end"),
        ({"uplink": VNIC}, "uplink"),
        ({"uplink": "igb"}, "uplink"),
        ({"dns": ["nine"]}, "dns"),
        ({"dns": ["9.9.9.9"] * 9}, "dns"),
        ({"bridge": "igb0"}, "bridge"),
        ({"host_ip": 7}, "host_ip"),
    ],
)
async def test_a_network_that_cannot_be_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    """Before anything of the host is looked at."""
    client = await api.client(Scope.WRITE)
    answer = await client.post(SETUP, json=body)
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text
    assert api.host.said == []


@pytest.mark.parametrize(
    ("facts", "part", "said"),
    [
        ({"over": "igb0"}, "host_vnic", f"over igb0, not over {STUB}"),
        ({"address": "10.190.190.2/24"}, "address", "not 10.190.190.1/24"),
        ({"subnet": SUBNET.replace("190.10 ", "190.20 ")}, "dhcp", "range 10.190.190.20 to 10.190.190.254"),
    ],
)
async def test_what_is_different_refuses_a_setup(api: Api, facts: dict[str, Any], part: str, said: str) -> None:
    """The part is named with the difference, by the status too, and nothing is queued."""
    made(api, **facts)
    client = await api.client(Scope.WRITE)
    assert said in parts((await client.get(STATUS)).json())[part]["difference"]
    answer = await client.post(SETUP, json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_the_way"), answer.text
    assert set(answer.json()["details"]["differences"]) == {part}
    assert said in answer.json()["error"]
    assert (await client.get("/tasks")).json()["tasks"] == []


async def test_every_difference_is_told_at_once(api: Api) -> None:
    """Names that others have, a network that others are in, services that are not installed."""
    absent = CommandFailed(argv=SVCS, exit_status=1, stderr="svcs: Pattern 'x' doesn't match any instances")
    api.host.answers |= {(*SVCS, DHCP): absent, (*SVCS, IPFILTER): absent}
    api.put("/etc/dhcpd.conf", "subnet 192.0.2.0 netmask 255.255.255.0 { }\n")
    client = await api.client(Scope.WRITE)
    body = {
        "etherstub_name": "web0",
        "host_vnic_name": "stub0",
        "subnet": "192.0.2.0/24",
        "host_ip": "192.0.2.1",
        "dhcp_range_start": "192.0.2.20",
        "dhcp_range_end": "192.0.2.99",
        "uplink": "igb9",
    }
    answer = await client.post(SETUP, json=body)
    assert answer.status_code == 409, answer.text
    assert set(answer.json()["details"]["differences"]) == {
        "etherstub",
        "host_vnic",
        "address",
        "nat",
        "dhcp",
        "ipfilter",
        "dhcp_service",
    }


async def test_a_host_without_a_way_out_must_be_told_one(api: Api) -> None:
    """Without a default route the uplink is asked for."""
    api.host.answers[("netstat", "-rn")] = SAID[("netstat", "-rn")].replace("default  ", "10.0.0.0 ")  # type: ignore[union-attr]
    client = await api.client(Scope.WRITE)
    answer = await client.post(SETUP, json={})
    assert (answer.status_code, set(answer.json()["details"]["differences"])) == (409, {"nat"}), answer.text
    assert (await client.post(SETUP, json={"uplink": "igb0"})).status_code == 202


@pytest.mark.parametrize(
    ("path", "text"), [("/etc/ipf/ipf.conf", "block in all\n"), ("/etc/ipf/ipnat.conf", "map igb0 10/8 -> 0/32\n")]
)
async def test_rules_of_others_are_not_woken(api: Api, path: str, text: str) -> None:
    """A setup would start the packet filter, and with it what somebody has only written down."""
    api.put(path, text)
    client = await api.client(Scope.WRITE)
    answer = await client.post(SETUP, json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "dormant_filter"), answer.text
    assert answer.json()["details"] == {"files": [path], "service": IPFILTER}


async def test_a_dormant_server_is_not_woken(api: Api) -> None:
    """A subnet that somebody has only written down would be served with ours; one that is served already does no harm."""
    api.put("/etc/dhcpd.conf", "subnet 10.50.0.0 netmask 255.255.0.0 { }\n")
    client = await api.client(Scope.WRITE)
    answer = await client.post(SETUP, json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "dormant_server"), answer.text
    assert answer.json()["details"] == {"subnets": ["10.50.0.0/16"], "service": DHCP}
    api.host.answers[(*SVCS, DHCP)] = f"online {DHCP}\n"
    assert (await client.post(SETUP, json={})).status_code == 202


async def test_rules_that_are_not_in_force_are_not_there(api: Api) -> None:
    """The file alone lets nobody out; a setup puts them in force again."""
    made(api)
    api.host.answers[("ipnat", "-l")] = "List of active MAP/Redirect filters:\n\nList of active sessions:\n"
    client = await api.client(Scope.WRITE)
    shown = (await client.get(STATUS)).json()
    assert {name for name, item in parts(shown).items() if not item["ready"]} == {"nat"}
    assert (await client.post(SETUP, json={})).status_code == 202


@pytest.mark.parametrize(
    ("body", "different"),
    [
        ({"etherstub_name": "other0"}, {"etherstub", "host_vnic"}),
        ({"host_vnic_name": "other0"}, {"host_vnic", "address"}),
        ({"etherstub_name": "other0", "host_vnic_name": "in0"}, {"etherstub", "host_vnic", "address"}),
        ({"host_ip": "10.190.190.2"}, {"address", "dhcp"}),
        (
            {
                "etherstub_name": "other0",
                "host_vnic_name": "in0",
                "subnet": "10.191.0.0/24",
                "host_ip": "10.191.0.1",
                "dhcp_range_start": "10.191.0.10",
                "dhcp_range_end": "10.191.0.99",
            },
            {"etherstub", "host_vnic", "address", "dhcp"},
        ),
    ],
)
async def test_a_second_network_does_not_take_the_place_of_the_first(
    api: Api, body: dict[str, Any], different: set[str]
) -> None:
    """What is on record would be forgotten, and left behind for ever."""
    made(api)
    client = await api.client(Scope.WRITE)
    answer = await client.post(SETUP, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_the_way"), answer.text
    assert set(answer.json()["details"]["differences"]) == different
    assert (await client.get("/tasks")).json()["tasks"] == []


async def test_a_vnic_that_somebody_made_anew_is_not_shown_as_ours(api: Api) -> None:
    """It is known by its MAC address."""
    made(api, mac="02:08:20:00:00:66")
    client = await api.client(Scope.READ)
    assert not parts((await client.get(STATUS)).json())["host_vnic"]["managed"]


async def test_a_teardown_without_a_setup(api: Api) -> None:
    """There is nothing on record, and so nothing to take away."""
    client = await api.client(Scope.WRITE)
    answer = await client.delete(TEARDOWN)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_setup"), answer.text


async def test_a_teardown_is_queued(api: Api) -> None:
    """With a task of the global zone; the trail has it."""
    made(api)
    client = await api.client(Scope.WRITE)
    answer = await client.delete(TEARDOWN)
    assert (answer.status_code, answer.json()["operation"]) == (202, "provisioning_network_teardown"), answer.text
    (row,) = await api.audit()
    assert (row["action"], row["status"]) == ("provisioning_network.teardown", 202)


@pytest.mark.parametrize(
    ("facts", "code", "details"),
    [
        ({"subnet": SUBNET + HOST}, "in_use", {"field": "subnet", "hosts": ["web01"]}),
        ({"more": f"web1:vnic:1500:up:{STUB}\n"}, "link_busy", {"used_by": ["vnic web1"]}),
        ({"mac": "02:08:20:00:00:66"}, "changed", {"link": VNIC}),
        ({"address": "10.190.190.3/24"}, "changed", {"addrobj": f"{VNIC}/v4"}),
        ({"subnet": SUBNET.replace("255.255.255.0", "255.255.254.0")}, "changed", {"subnet": "10.190.190.0/23"}),
        ({"beside": f"{VNIC}/more:static:ok:U--:10.77.0.1/24\n"}, "link_busy", {"used_by": [f"address {VNIC}/more"]}),
    ],
)
async def test_a_teardown_is_refused_by_name(
    api: Api, facts: dict[str, Any], code: str, details: dict[str, Any]
) -> None:
    """While a reservation or a link uses it, and when somebody has changed what a setup made."""
    made(api, **facts)
    client = await api.client(Scope.WRITE)
    answer = await client.delete(TEARDOWN)
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (409, code, details), answer.text
    assert (await client.get("/tasks")).json()["tasks"] == []


async def test_a_zone_that_is_configured_with_it_refuses_a_teardown(api: Api) -> None:
    """It need not run."""
    made(api)
    api.put("/etc/zones/index", "global:installed:/\ndb:installed:/rpool/zones/db/path:\n")
    api.put(
        "/etc/zones/db.xml",
        f'<zone name="db" zonepath="/rpool/zones/db/path" brand="bhyve">\n'
        f'  <network physical="db0" global-nic="{STUB}"/>\n</zone>\n',
    )
    client = await api.client(Scope.WRITE)
    answer = await client.delete(TEARDOWN)
    assert (answer.status_code, answer.json()["details"]) == (409, {"used_by": ["zone db"]}), answer.text


async def test_a_record_that_somebody_has_edited_is_not_guessed_at(api: Api) -> None:
    """The file and the line are named, and nothing is queued."""
    api.put(RECORD, block("bridge lan\n"))
    client = await api.client(Scope.WRITE)
    answer = await client.delete(TEARDOWN)
    assert answer.status_code == 500, answer.text
    assert RECORD in answer.json()["error"]
    assert "bridge lan" in answer.json()["error"]


async def test_who_may_only_read_changes_nothing(api: Api) -> None:
    """A setup and a teardown want a key that may write."""
    client = await api.client(Scope.READ)
    assert (await client.post(SETUP, json={})).status_code == 403
    assert (await client.delete(TEARDOWN)).status_code == 403

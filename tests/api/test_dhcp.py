"""`/network/dhcp` over the application: what is served, reserved and given, bodies, refusals, deletions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.keys import Scope

CONFIG, HOSTS, STATUS, LEASES = (f"/network/dhcp/{word}" for word in ("config", "hosts", "status", "leases"))
FILE, LEASE_FILE = "/etc/dhcpd.conf", "/var/db/dhcpd.leases"
FMRI = "svc:/network/service/dhcp:ipv4"
SVCS = ("svcs", "-H", "-o", "STATE,FMRI", FMRI)
ABSENT = CommandFailed(argv=SVCS, exit_status=1, stderr=f"svcs: Pattern '{FMRI}' doesn't match any instances")

BODY: dict[str, Any] = {
    "subnet": "10.190.190.0",
    "netmask": "255.255.255.0",
    "router": "10.190.190.1",
    "range_start": "10.190.190.10",
    "range_end": "10.190.190.254",
    "dns": ["9.9.9.9"],
}
WEB: dict[str, Any] = {"hostname": "web01", "mac": "02:08:20:01:02:03", "ip": "10.190.190.2"}
THEIRS = (
    'option domain-name "example.com";\nsubnet 10.50.0.0 netmask 255.255.0.0 { option routers 10.50.0.1; }\n'
    "host printer { hardware ethernet 0:1:2:3:4:5; fixed-address 10.190.190.3; }\n"
)
SUBNET = (
    "subnet 10.190.190.0 netmask 255.255.255.0 {\n  option routers 10.190.190.1;\n"
    "  option domain-name-servers 9.9.9.9;\n  range 10.190.190.10 10.190.190.254;\n}\n"
)
HOST = "host web01 {\n  hardware ethernet 02:08:20:01:02:03;\n  fixed-address 10.190.190.2;\n}\n"
ZONE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<zone name="db" zonepath="/rpool/zones/db/path" brand="bhyve">\n'
    '  <network allowed-address="10.190.190.4/24" physical="db0" mac-addr="2:8:20:0:0:9" global-nic="igb0"/>\n</zone>\n'
)


def lease(ip: str, mac: str, *, state: str = "active", ends: str = "never") -> str:
    return (
        f"lease {ip} {{\n  starts 3 2026/11/25 10:00:00;\n  ends {ends};\n  binding state {state};\n"
        f'  hardware ethernet {mac};\n  client-hostname "guest";\n}}\n'
    )


def serving(api: Api, *blocks: str) -> None:
    """Let the host have a file with these statements of ours, behind those of others."""
    api.put(FILE, f"{THEIRS}# zoneweaver begin network\n{''.join(blocks)}# zoneweaver end network\n")


def with_zone(api: Api) -> None:
    """Let the host have a zone that does not run, with a card."""
    api.put("/etc/zones/index", "global:installed:/\ndb:installed:/rpool/zones/db/path:\n")
    api.put("/etc/zones/db.xml", ZONE)


# --- what is shown


async def test_what_is_served_is_shown(api: Api) -> None:
    """Our subnets in full, those of others by their networks, with the interfaces that the service was told."""
    serving(api, SUBNET)
    api.host.answers[("svccfg", "-s", FMRI, "listprop", "config")] = (
        'config application\nconfig/listen_ifnames astring "in0 in1"\n'
    )
    client = await api.client(Scope.READ)
    assert (await client.get(CONFIG)).json() == {
        "config_file": FILE,
        "subnets": [{**BODY, "authoritative": False}],
        "others": ["10.50.0.0/16"],
        "listen_interfaces": ["in0", "in1"],
    }


async def test_reservations_and_the_next_free_address(api: Api) -> None:
    """Ours and those of others; what is reserved, leased, the host's or a zone's is not free."""
    serving(api, SUBNET, HOST)
    with_zone(api)
    api.put(LEASE_FILE, lease("10.190.190.5", "02:08:20:00:00:07"))
    client = await api.client(Scope.READ)
    shown = (await client.get(HOSTS)).json()
    assert shown["hosts"] == [
        {**WEB, "managed": True},
        {"hostname": "printer", "mac": "00:01:02:03:04:05", "ip": "10.190.190.3", "managed": False},
    ]
    assert (shown["total"], shown["next_free"]) == (2, {"10.190.190.0/24": "10.190.190.6"})


async def test_leases_are_joined_with_zones_by_their_cards(api: Api) -> None:
    """A running zone is known by its link, another one by its configuration; nobody's card has no zone."""
    with_zone(api)
    api.put(
        LEASE_FILE,
        lease("10.190.190.12", "02:08:20:00:00:77", state="free", ends="3 2026/11/25 11:00:00")
        + lease("10.190.190.10", "02:08:20:00:00:05", ends="3 2020/11/25 11:00:00")
        + lease("10.190.190.11", "02:08:20:00:00:09")
        + lease("10.190.190.10", "02:08:20:00:00:05")
        + "lease 10.190.190.13 {\n  starts 3 2026/",
    )
    client = await api.client(Scope.READ)
    shown = (await client.get(LEASES)).json()
    assert [(row["ip"], row["zone"], row["active"], row["ends"] is None) for row in shown["leases"]] == [
        ("10.190.190.10", "web", True, True),
        ("10.190.190.11", "db", True, True),
        ("10.190.190.12", None, False, False),
    ]
    assert (shown["total"], shown["lease_file"]) == (3, LEASE_FILE)
    held = (await client.get(f"{LEASES}?active=true")).json()
    assert [row["ip"] for row in held["leases"]] == ["10.190.190.10", "10.190.190.11"]
    assert (await client.get(f"{LEASES}?active=perhaps")).status_code == 400


async def test_a_host_that_never_had_the_server(api: Api) -> None:
    """Without isc-dhcp there is nothing served, reserved or leased; that it is not installed is told."""
    api.host.answers[SVCS] = ABSENT
    client = await api.client(Scope.WRITE)
    assert (await client.get(STATUS)).json() == {
        "service": FMRI,
        "state": None,
        "running": False,
        "installed": False,
        "config_file": FILE,
    }
    shown = (await client.get(CONFIG)).json()
    assert (shown["subnets"], shown["others"], shown["listen_interfaces"]) == ([], [], [])
    assert (await client.get(HOSTS)).json() == {"hosts": [], "total": 0, "next_free": {}}
    assert (await client.get(LEASES)).json()["leases"] == []
    for request in (
        client.put(CONFIG, json=BODY),
        client.post(HOSTS, json=WEB),
        client.put(STATUS, json={"action": "start"}),
        client.put(STATUS, json={"action": "stop"}),
    ):
        answer = await request
        assert (answer.status_code, answer.json()["code"]) == (409, "no_such_service"), answer.text
    assert (await client.get("/tasks")).json()["tasks"] == []


@pytest.mark.parametrize("state", ["online", "disabled", "maintenance", "offline"])
async def test_where_the_service_stands(api: Api, state: str) -> None:
    """Only an online one runs."""
    api.host.answers[SVCS] = f"{state} {FMRI}\n"
    client = await api.client(Scope.READ)
    shown = (await client.get(STATUS)).json()
    assert (shown["state"], shown["running"], shown["installed"]) == (state, state == "online", True)


# --- what is served


async def test_a_subnet_is_queued(api: Api) -> None:
    """The answer names it, with a task of the global zone; the trail has what was asked for."""
    client = await api.client(Scope.WRITE)
    answer = await client.put(CONFIG, json=BODY)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["subnet"], told["operation"]) == ("10.190.190.0/24", "network_dhcp_config")
    (task,) = (await client.get("/tasks?zone_name=global")).json()["tasks"]
    assert task["id"] == told["task_id"]
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.dhcp.config", "10.190.190.0", 202)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"subnet": "10.190.190.7"}, 400, "subnet"),
        ({"subnet": "10.190.190.0/16"}, 400, "subnet"),
        ({"netmask": "255.0.255.0"}, 400, "netmask"),
        ({"router": "10.190.191.1"}, 400, "router"),
        ({"router": "10.190.190.20"}, 400, "range_start"),
        ({"range_start": "10.190.190.0"}, 400, "range_start"),
        ({"range_end": "10.190.190.5"}, 400, "range_end"),
        ({"range_end": "10.190.191.5"}, 400, "range_end"),
        ({"dns": ["nine"]}, 400, "dns"),
        ({"dns": ["9.9.9.9; } host x {"]}, 400, "dns"),
        ({"listen_interface": "in"}, 400, "listen_interface"),
        ({"replacing": "10.1.0.0"}, 400, "replacing"),
        ({"authoritative": "yes"}, 400, "authoritative"),
        ({"lease_time": 7}, 400, "lease_time"),
        ({"replacing": "10.1.0.0/24"}, 404, "replacing"),
        ({"listen_interface": "in9"}, 404, "listen_interface"),
        ({"listen_interface": "igb0"}, 409, "listen_interface"),
        (
            {"subnet": "10.50.7.0", "router": "10.50.7.1", "range_start": "10.50.7.9", "range_end": "10.50.7.99"},
            409,
            "subnet",
        ),
    ],
)
async def test_a_subnet_that_cannot_be_served_names_the_field(
    api: Api, change: dict[str, Any], status: int, field: str
) -> None:
    """In itself, or because of what is there; nothing is queued."""
    serving(api, SUBNET)
    client = await api.client(Scope.WRITE)
    answer = await client.put(CONFIG, json=BODY | change)
    assert (answer.status_code, answer.json()["details"]["field"]) == (status, field), answer.text
    assert (await client.get("/tasks")).json()["tasks"] == []


async def test_a_subnet_that_leaves_reservations_outside_is_refused_by_name(api: Api) -> None:
    """Also one that would make a reservation the router; a wider one keeps all of them."""
    serving(api, SUBNET, HOST)
    client = await api.client(Scope.WRITE)
    far = {"subnet": "10.60.0.0", "router": "10.60.0.1", "range_start": "10.60.0.9", "range_end": "10.60.0.99"}
    refused = await client.put(CONFIG, json={**BODY, **far, "replacing": "10.190.190.0/24"})
    assert (refused.status_code, refused.json()["details"]["hosts"]) == (409, ["web01"]), refused.text
    refused = await client.put(CONFIG, json={**BODY, "router": WEB["ip"]})
    assert (refused.status_code, refused.json()["details"]["hostname"]) == (409, "web01"), refused.text
    wider = {**BODY, "netmask": "255.255.254.0", "replacing": "10.190.190.0/24"}
    assert (await client.put(CONFIG, json=wider)).status_code == 202


# --- reservations


async def test_a_reservation_is_queued(api: Api) -> None:
    """With the address that was asked for, or the next that nobody has."""
    serving(api, SUBNET)
    client = await api.client(Scope.WRITE)
    asked = {key: WEB[key] for key in ("hostname", "mac")}
    answer = await client.post(HOSTS, json=asked)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["hostname"], answer.json()["ip"]) == ("web01", "10.190.190.2")
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.dhcp.reserve", "web01", 202)
    assert (await client.post(HOSTS, json={**WEB, "ip": "10.190.190.77"})).json()["ip"] == "10.190.190.77"


async def test_an_address_is_chosen_where_there_is_no_doubt(api: Api) -> None:
    """With no subnet, or two of them, it must be said."""
    client = await api.client(Scope.WRITE)
    asked = {key: WEB[key] for key in ("hostname", "mac")}
    two = SUBNET.replace("10.190.190.", "10.190.191.")
    for blocks in ((), (SUBNET, two)):
        serving(api, *blocks)
        answer = await client.post(HOSTS, json=asked)
        assert (answer.status_code, answer.json()["details"]["field"]) == (400, "ip"), answer.text


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"hostname": "WEB01"}, 409, "hostname"),
        ({"hostname": "Printer"}, 409, "hostname"),
        ({"mac": "2:8:20:1:2:3"}, 409, "mac"),
        ({"mac": "00:01:02:03:04:05"}, 409, "mac"),
        ({"ip": "10.190.190.2"}, 409, "ip"),
        ({"ip": "10.190.190.3"}, 409, "ip"),
        ({"ip": "10.190.190.1"}, 409, "ip"),
        ({"ip": "10.190.190.255"}, 400, "ip"),
        ({"ip": "10.190.191.9"}, 400, "ip"),
        ({"ip": "nowhere"}, 400, "ip"),
        ({"mac": "01:08:20:01:02:03"}, 400, "mac"),
        ({"mac": "2:8:20"}, 400, "mac"),
        ({"hostname": "a b"}, 400, "hostname"),
        ({"hostname": "a{}"}, 400, "hostname"),
        ({"hostname": ""}, 400, "hostname"),
        ({"name": "x"}, 400, "name"),
    ],
)
async def test_a_reservation_that_cannot_be_names_the_field(
    api: Api, change: dict[str, Any], status: int, field: str
) -> None:
    """Duplicates by name, card and address, those of others counted; and what is wrong in itself."""
    serving(api, SUBNET, HOST)
    client = await api.client(Scope.WRITE)
    new = {"hostname": "new", "mac": "02:08:20:00:00:99", "ip": "10.190.190.9"}
    answer = await client.post(HOSTS, json=new | change)
    assert (answer.status_code, answer.json()["details"]["field"]) == (status, field), answer.text
    assert (await client.get("/tasks")).json()["tasks"] == []


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("web01", 202, None), ("WEB01", 202, None), ("printer", 409, "not_ours"), ("PRINTER", 409, "not_ours"),
     ("nobody", 404, "not_found")],
)  # fmt: skip
async def test_only_reservations_of_ours_go(api: Api, name: str, status: int, code: str | None) -> None:
    """Upper and lower case alike; the trail names it each time."""
    serving(api, SUBNET, HOST)
    client = await api.client(Scope.WRITE)
    answer = await client.delete(f"{HOSTS}/{name}")
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.dhcp.release", name, status)


# --- the service


@pytest.mark.parametrize(
    ("state", "action", "status", "code"),
    [
        ("disabled", "start", 202, None),
        ("online", "stop", 202, None),
        ("online", "restart", 202, None),
        ("online", "refresh", 202, None),
        ("maintenance", "restart", 202, None),
        ("disabled", "restart", 409, "not_online"),
        ("offline", "refresh", 409, "not_online"),
    ],
)
async def test_what_can_be_done_with_the_service(
    api: Api, state: str, action: str, status: int, code: str | None
) -> None:
    """One that is not there yet is started, not started anew."""
    serving(api, SUBNET)
    api.host.answers |= {SVCS: f"{state} {FMRI}\n", ("dhcpd", "-t", "-cf", FILE): ""}
    client = await api.client(Scope.WRITE)
    answer = await client.put(STATUS, json={"action": action})
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    (row,) = await api.audit()
    assert (row["action"], row["target"], row["status"]) == ("network.dhcp.service", action, status)


async def test_a_server_with_a_file_that_is_wrong_is_left_alone(api: Api) -> None:
    """What dhcpd says about it is told; without a subnet it is not started either."""
    client = await api.client(Scope.WRITE)
    none = await client.put(STATUS, json={"action": "start"})
    assert (none.status_code, none.json()["code"]) == (409, "no_subnet"), none.text
    serving(api, SUBNET)
    said = "Internet Systems Consortium DHCP Server\n/etc/dhcpd.conf line 7: semicolon expected.\nexiting."
    check = ("dhcpd", "-t", "-cf", FILE)
    api.host.answers[check] = CommandFailed(argv=check, exit_status=1, stderr=said)
    wrong = await client.put(STATUS, json={"action": "start"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_configuration"), wrong.text
    assert "line 7: semicolon expected" in wrong.json()["error"]
    unknown = await client.put(STATUS, json={"action": "fly"})
    assert (unknown.status_code, unknown.json()["details"]["field"]) == (400, "action")


async def test_who_may_only_read_changes_nothing(api: Api) -> None:
    """Every change wants a key that may write."""
    client = await api.client(Scope.READ)
    for answer in (
        await client.put(CONFIG, json=BODY),
        await client.post(HOSTS, json=WEB),
        await client.delete(f"{HOSTS}/web01"),
        await client.put(STATUS, json={"action": "stop"}),
    ):
        assert answer.status_code == 403

"""`/network` over the application: what is shown, what is queued, and what the trail keeps."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.keys import Scope


async def test_links_are_shown_with_what_is_special_about_their_kind(api: Api) -> None:
    """A VNIC tells its zone, an aggregation how it spreads, a bridge its own name and that of its link."""
    client = await api.client(Scope.READ)
    vnic = (await client.get("/network/vnics/web0")).json()
    assert (vnic["zone"], vnic["vlan_id"], vnic["mac_address"]) == ("web", 7, "02:08:20:00:00:05")
    (aggregate,) = (await client.get("/network/aggregates")).json()["aggregates"]
    assert aggregate["over"] == ["igb2"]
    assert (aggregate["policy"], aggregate["lacp_mode"], aggregate["lacp_timer"]) == ("L3,L4", "active", "short")
    assert aggregate["mac_address"] == "00:0c:29:00:00:03"
    bridge = (await client.get("/network/bridges/lan")).json()
    assert (bridge["name"], bridge["link"], bridge["over"], bridge["protection"]) == ("lan", "lan0", ["igb1"], "stp")
    assert (await client.get("/network/etherstubs/web0")).status_code == 404
    cards = (await client.get("/network/interfaces?class=phys")).json()
    assert [(row["name"], row["speed"], row["bridge"]) for row in cards["interfaces"]] == [
        ("igb0", 1000, None),
        ("igb1", 0, "lan"),
        ("igb2", 1000, None),
    ]
    lent = (await client.get("/network/interfaces?zone=web")).json()
    assert [row["name"] for row in lent["interfaces"]] == ["web0"]
    assert (await client.get("/network/interfaces?class=none")).status_code == 400


async def test_a_change_is_a_task_of_the_global_zone(api: Api) -> None:
    """Asked twice with one key it is queued once; the trail has both requests."""
    client = await api.client(Scope.WRITE)
    body = {"name": "new1", "link": "igb0"}
    first, again = [
        await client.post("/network/vnics", json=body, headers={"idempotency-key": "one"}) for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert first.json() == again.json()
    assert first.headers["location"] == f"/tasks/{first.json()['task_id']}"
    assert first.json()["name"] == "new1"
    (task,) = (await client.get("/tasks?zone_name=global")).json()["tasks"]
    assert (task["id"], task["operation"]) == (first.json()["task_id"], "network_link_create")
    rows = [(row["action"], row["target"], row["status"]) for row in await api.audit()]
    assert rows == [("network.vnic.create", "new1", 202)] * 2


@pytest.mark.parametrize(
    ("path", "status", "target"),
    [
        ("/network/addresses/igb0/v6", 202, "igb0/v6"),
        ("/network/addresses/igb0%2Fv6?release=true", 202, "igb0/v6"),
        ("/network/addresses/igb0/v4", 409, "igb0/v4"),
        ("/network/addresses/igb0/v9", 404, "igb0/v9"),
        ("/network/addresses/igb0/9", 400, "igb0/9"),
        ("/network/vnics/web0", 409, "web0"),
        ("/network/bridges/lan", 409, "lan"),
        ("/network/bridges/lan?force=true", 202, "lan"),
        ("/network/etherstubs/none0", 404, "none0"),
        ("/network/etherstubs/none", 400, "none"),
    ],
)
async def test_the_trail_names_what_was_to_be_deleted(api: Api, path: str, status: int, target: str) -> None:
    """Done or refused, the row says of what."""
    client = await api.client(Scope.WRITE)
    answer = await client.delete(path)
    assert answer.status_code == status, answer.text
    (row,) = await api.audit()
    assert (row["target"], row["status"]) == (target, status)


async def test_what_waits_behind_another_task_is_not_judged_yet(api: Api) -> None:
    """The host will be another one by then; what is wrong in itself is refused all the same."""
    client = await api.client(Scope.WRITE)
    over: dict[str, Any] = {"name": "in1", "link": "new1"}
    assert (await client.post("/network/vnics", json=over)).status_code == 404
    assert (await client.post("/network/etherstubs", json={"name": "new1"})).status_code == 202
    assert (await client.post("/network/vnics", json=over)).status_code == 202
    wrong = await client.post("/network/vnics", json={**over, "name": "in"})
    assert (wrong.status_code, wrong.json()["details"]["field"]) == (400, "name")

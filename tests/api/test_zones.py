"""`/zones` over HTTP: what is sent on, what is refused, what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.keys import Scope
from zoneweaver.domain.secret import Secret

CREATE = {"name": "web-server-01", "brand": "bhyve"}


async def test_a_creation_is_answered_as_the_guide_shows(api: Api) -> None:
    """202, the documented body, and a Location that answers."""
    client = await api.client()
    answer = await client.post("/zones", json=CREATE)
    assert answer.status_code == 202
    body = answer.json()
    assert body == {
        "success": True,
        "task_id": body["task_id"],
        "zone_name": "web-server-01",
        "operation": "zone_create",
        "status": "pending",
        "message": "Zone creation task queued successfully",
    }
    assert answer.headers["location"] == f"/tasks/{body['task_id']}"
    task = (await client.get(answer.headers["location"])).json()
    assert (task["operation"], task["created_by"]) == ("zone_create", "admin")


async def test_every_field_of_the_guide_is_taken(api: Api) -> None:
    """The service gets what was sent, with text for numbers and switches, and passwords as secrets."""
    client = await api.client()
    body: dict[str, Any] = {
        **CREATE,
        "ram": "2G",
        "vcpus": 2,
        "bootrom": "BHYVE_RELEASE_CSM",
        "hostbridge": "i440fx",
        "diskif": "virtio",
        "netif": "virtio",
        "os_type": "generic",
        "vnc": True,
        "acpi": "on",
        "xhci": False,
        "autoboot": False,
        "boot_volume": {"create_new": True, "pool": "rpool", "dataset": "zones", "volume_name": "root", "size": "30G"},
        "additional_disks": [{"existing_dataset": "rpool/vms/data"}, {"size": 1073741824, "sparse": False}],
        "nics": [{"physical": "vnic0", "global_nic": "igb0", "vlan_id": 7, "mac_addr": "2:8:20:0:0:1"}],
        "cdroms": [{"path": "/iso/omnios-r151050.iso"}],
        "cloud_init": {"enabled": True, "dns_domain": "example.com", "password": "changeme", "sshkey": "ssh-rsa AAAA"},
        "zonepath": "/rpool/zones/web-server-01/path",
        "tags": ["prod"],
        "notes": "mine",
        "force": True,
        "start_after_create": True,
    }
    answer = await client.post("/zones", json=body)
    assert answer.status_code == 202, answer.text
    (sent,) = api.zones.bodies
    assert sent["vcpus"] == "2"
    assert (sent["vnc"], sent["acpi"], sent["xhci"]) == ("on", "on", "off")
    assert sent["additional_disks"][1] == {"size": "1073741824", "sparse": False}
    assert sent["cloud_init"]["enabled"] == "on"
    assert sent["cloud_init"]["password"] == Secret("changeme")
    assert set(sent) == set(body)


@pytest.mark.parametrize(
    ("more", "says", "field"),
    [
        ({"boot_volum": {}}, "Unknown field: boot_volum (did you mean boot_volume?)", "boot_volum"),
        ({"boot_volume": {"sise": "1G"}}, "did you mean size?", "boot_volume.sise"),
        ({"nics": [{"global_nic": "igb0"}]}, "nics[0].physical is missing", "nics[0].physical"),
        ({"nics": [{"physical": "v0"}, {"physical": "v1", "mac": 1}]}, "nics[1].mac", "nics[1].mac"),
        ({"ram": True}, "ram must be a string", "ram"),
        ({"ram": 1.5}, "ram must be a string", "ram"),
        ({"ram": None}, "ram must be a string", "ram"),
        ({"autoboot": "yes"}, "autoboot must be true or false", "autoboot"),
        ({"autoboot": 1}, "autoboot must be true or false", "autoboot"),
        ({"nics": {}}, "nics must be a list", "nics"),
        ({"boot_volume": "rpool/x"}, "boot_volume must be an object", "boot_volume"),
        ({"boot_volume": None}, "boot_volume must be an object", "boot_volume"),
        ({"cloud_init": {"password": 1}}, "cloud_init.password", "cloud_init.password"),
        ({"source": {"clone_strategy": "link"}}, "source.clone_strategy", "source.clone_strategy"),
        ({"tags": [""]}, "tags[0]", "tags[0]"),
    ],
)
async def test_a_wrong_field_is_named(api: Api, more: dict[str, Any], says: str, field: str) -> None:
    """400 with the path of the field; nothing reaches the service."""
    client = await api.client()
    answer = await client.post("/zones", json={**CREATE, **more})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]
    assert answer.json()["details"]["field"] == field
    assert api.zones.bodies == []


async def test_all_wrong_fields_are_listed(api: Api) -> None:
    """The sentence names the first, the details all of them."""
    client = await api.client()
    answer = await client.post("/zones", json={**CREATE, "ram": [], "foo": 1})
    assert {problem["field"] for problem in answer.json()["details"]["problems"]} == {"ram", "foo"}


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"brand": "bhyve"}, {"name": "", "brand": "bhyve"}])
async def test_name_and_brand_are_required_in_the_words_of_the_guide(api: Api, body: dict[str, str]) -> None:
    """400 `Missing required parameters: name and brand`."""
    client = await api.client()
    answer = await client.post("/zones", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Missing required parameters: name and brand"


@pytest.mark.parametrize("path", ["/zones/global", "/zones/-x", "/zones/SUNWx", "/zones/a%20b", "/zones/%00"])
async def test_a_path_that_is_no_zone_name_is_400(api: Api, path: str) -> None:
    """`Invalid zone name`, on every route with a zone in it."""
    client = await api.client()
    for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/start"), ("GET", "/config")):
        answer = await client.request(method, path + more)
        assert answer.status_code == 400
        assert answer.json()["error"] == "Invalid zone name"


async def test_a_zone_that_is_there_is_409(api: Api) -> None:
    """In the words of the guide."""
    await api.zone("web-server-01")
    client = await api.client()
    answer = await client.post("/zones", json=CREATE)
    assert answer.status_code == 409
    assert answer.json()["error"] == "Zone web-server-01 already exists in database"


async def test_a_change_of_nothing_is_400(api: Api) -> None:
    """In the words of the guide."""
    await api.zone("web")
    client = await api.client()
    answer = await client.put("/zones/web", json={})
    assert answer.status_code == 400
    assert answer.json()["error"] == "No modification fields specified"


async def test_a_dry_run_queues_nothing(api: Api) -> None:
    """200 with the plan, secrets masked; no task, no audit row, and the name stays free."""
    client = await api.client()
    body = {**CREATE, "cloud_init": {"password": "geheim"}}
    answer = await client.post("/zones?dry_run=true", json=body)
    assert answer.status_code == 200
    assert answer.json()["dry_run"] is True
    assert answer.json()["plan"][0]["step"] == "zone_create"
    assert "geheim" not in answer.text
    assert (await client.get("/tasks")).json()["total"] == 0
    assert await api.audit() == []
    assert (await client.post("/zones?dry_run=maybe", json=body)).status_code == 400


async def test_the_same_key_gets_the_first_answer(api: Api) -> None:
    """A repeated request is not done twice, even when its first effect would now refuse it."""
    client = await api.client(Scope.ADMIN, **{"idempotency-key": "build-17"})
    first = await client.post("/zones", json=CREATE)
    await api.zone("web-server-01")
    again = await client.post("/zones", json=dict(reversed(CREATE.items())))
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (await client.get("/tasks")).json()["total"] == 1


async def test_a_key_used_for_something_else_is_409(api: Api) -> None:
    """Another body, another path or another query under the same key is refused."""
    await api.zone("web")
    client = await api.client(Scope.ADMIN, **{"idempotency-key": "build-17"})
    await client.post("/zones", json=CREATE)
    assert (await client.post("/zones", json={**CREATE, "ram": "2G"})).status_code == 409
    assert (await client.post("/zones/web/start")).status_code == 409
    answer = await client.delete("/zones/web?cleanup_datasets=true")
    assert answer.json()["code"] == "idempotency_key_reused"


async def test_a_refused_request_is_not_remembered(api: Api) -> None:
    """What failed may be sent again under the same key once its cause is gone."""
    client = await api.client(Scope.ADMIN, **{"idempotency-key": "k"})
    assert (await client.post("/zones/web/start")).status_code == 404
    await api.zone("web")
    assert (await client.post("/zones/web/start")).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
async def test_a_key_must_be_printable_and_short(api: Api, key: str) -> None:
    """400 names the header."""
    client = await api.client(Scope.ADMIN, **{"idempotency-key": key})
    answer = await client.post("/zones", json=CREATE)
    assert answer.status_code == 400
    assert answer.json()["details"]["field"] == "Idempotency-Key"


async def test_a_version_guards_a_change(api: Api) -> None:
    """The ETag of a read, sent as If-Match: the second writer is told with 412."""
    await api.zone("web")
    client = await api.client()
    etag = (await client.get("/zones/web")).headers["etag"]
    first = await client.put("/zones/web", json={"tags": ["a"]}, headers={"if-match": etag})
    assert first.status_code == 200
    second = await client.put("/zones/web", json={"tags": ["b"]}, headers={"if-match": etag})
    assert second.status_code == 412
    assert second.json()["code"] == "precondition_failed"


async def test_nothing_to_do_is_200_without_a_task(api: Api) -> None:
    """A guard that answers in place of the proposal queues nothing."""
    await api.zone("web")
    client = await api.client()
    answer = await client.post("/zones/web/halt")
    assert answer.status_code == 200
    assert answer.json()["status"] == "already_stopped"
    assert "location" not in answer.headers
    assert (await client.get("/tasks")).json()["total"] == 0


async def test_the_list_is_written_once_until_something_changes(api: Api) -> None:
    """The same bytes are answered for as long as the database is the same; a change is seen at once."""
    await api.zone("web")
    client = await api.client()
    await client.get("/zones")
    first = await client.get("/zones")
    listed = api.zones.listed
    assert (await client.get("/zones")).content == first.content
    assert api.zones.listed == listed
    assert (await client.get("/zones?name=x")).json()["total"] == 0
    await api.zone("web2")
    assert (await client.get("/zones")).json()["total"] == 2


async def test_stop_has_a_default_patience(api: Api) -> None:
    """The setting's, unless the query says another."""
    await api.zone("web")
    client = await api.client()
    assert (await client.post("/zones/web/stop?timeout=5&force=false")).status_code == 202
    for query in ("timeout=0", "timeout=-1", "timeout=inf", "timeout=nan", "force=perhaps"):
        assert (await client.post(f"/zones/web/stop?{query}")).status_code == 400, query


async def test_a_forgotten_zone_is_gone(api: Api) -> None:
    """DELETE …/force removes the record, once."""
    await api.zone("web")
    client = await api.client()
    assert (await client.delete("/zones/web/force")).status_code == 200
    assert (await client.get("/zones/web")).status_code == 404
    assert (await client.delete("/zones/web/force")).status_code == 404

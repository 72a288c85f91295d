"""The description of the API: complete, valid, and what answers really look like."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest
from tests.api.conftest import Api
from tests.api.test_artifacts import uploaded
from tests.api.test_tasks import claimed, finish, queued, wrote

from zoneweaver import reference
from zoneweaver.api import openapi
from zoneweaver.api.routes import TABLE
from zoneweaver.domain.keys import Scope

DOCUMENT = openapi.document()

LINKS = {
    "/network/etherstubs/{link}": "stub0",
    "/network/vnics/{link}": "web0",
    "/network/vlans/{link}": "igb7000",
    "/network/bridges/{link}": "lan",
    "/network/aggregates/{link}": "aggr0",
}
"""A link of each kind that the scripted host has."""


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that stands on its own."""
    return {**schema, "components": DOCUMENT["components"]}


def test_every_route_is_described() -> None:
    """Each with a summary, an id of its own and the status it answers with."""
    ids = set()
    for route in TABLE:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        assert operation["summary"]
        assert str(route.status) in operation["responses"]
        ids.add(operation["operationId"])
    assert len(ids) == len(TABLE)


def test_every_tag_is_explained() -> None:
    """And no tag is explained that nothing has."""
    assert {route.tag for route in TABLE} == set(openapi.TAGS)


def test_every_schema_is_a_schema_and_its_examples_fit() -> None:
    """The examples of the guide are taken by the schema that shows them."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        validator = jsonschema_rs.Draft202012Validator(resolved(schema))
        for example in schema.get("examples", []):
            assert [error.message for error in validator.iter_errors(example)] == [], name


def test_every_field_of_a_body_is_explained() -> None:
    """People read the description of a field, not our source."""
    for route in TABLE:
        if route.body is None:
            continue
        schema = DOCUMENT["components"]["schemas"][route.body.__name__]
        for name, field in schema["properties"].items():
            assert field.get("description") or "$ref" in field, (route.path, name)


def test_secrets_are_marked() -> None:
    """Generated clients know that a password is written and never read."""
    password = DOCUMENT["components"]["schemas"]["CloudInit"]["properties"]["password"]
    assert password["writeOnly"] is True
    assert password["format"] == "password"


async def test_answers_are_what_the_description_says(api: Api) -> None:
    """Every GET of a small world validates against the schema of its answer."""
    await api.zone("web")
    done = await queued(api)
    await claimed(api)
    await wrote(api, done, "text")
    await finish(api, done)
    client = await api.client()
    await client.post("/zones", json={"name": "new", "brand": "bhyve"})
    await client.post("/provisioning/profiles", json={"name": "base"})
    made = await uploaded(client)
    ids = {"artifacts": made["artifact_id"]}
    checked = 0
    for route in TABLE:
        if route.method != "GET" or route.answer is None:
            continue
        path = route.path.replace("{name}", "web").replace("{task_id}", made["task_id"])
        path = path.replace("{link}", LINKS.get(route.path, ""))
        path = path.replace("{recipe_id}", "debian-netplan").replace("{profile_id}", "base")
        answer = await client.get(path.replace("{id}", ids.get(route.tag, done)))
        assert answer.status_code == 200, route.path
        schema = {"$ref": f"#/components/schemas/{route.answer.__name__}"}
        errors = jsonschema_rs.Draft202012Validator(resolved(schema)).iter_errors(answer.json())
        assert [error.message for error in errors] == [], route.path
        checked += 1
    assert checked > 10


async def test_the_document_is_served_to_everybody(api: Api) -> None:
    """Without a key, as JSON."""
    client = await api.client(None)
    answer = await client.get("/openapi.json")
    assert answer.json() == json.loads(json.dumps(DOCUMENT))


class Links(HTMLParser):
    """Gathers everything a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href"}]


async def test_the_page_for_people_needs_nothing_from_elsewhere(api: Api) -> None:
    """Everything it loads is served here; the browser is told to allow nothing else."""
    client = await api.client(None)
    page = await client.get("/api-docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    links = Links()
    links.feed(page.text)
    assert len(links.found) == 4
    for link in links.found:
        assert link.startswith("/")
        assert (await client.get(link)).status_code == 200
    assert (await client.get("/api-docs/other.js")).status_code == 404
    script = (await client.get("/api-docs/docs.js")).text
    assert "http" + "://" not in script
    assert "https" + "://" not in script
    assert "innerHTML" not in script


async def test_the_page_can_be_turned_off(api: Api) -> None:
    """`api_docs.enabled: false` makes it unknown."""
    docs = api.services.settings.api_docs.model_copy(update={"enabled": False})
    api.services.settings = api.services.settings.model_copy(update={"api_docs": docs})
    client = await api.client(None)
    assert (await client.get("/api-docs")).status_code == 404


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_reference_pages_are_what_the_source_says(name: str) -> None:
    """When this fails: `python -m zoneweaver.reference`."""
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name]


async def test_who_we_are_is_told_to_everybody(api: Api) -> None:
    """The fields that existing clients look for, and only what works here."""
    client = await api.client(None)
    status = (await client.get("/status")).json()
    assert (status["role"], status["agent"], status["auth"]) == ("agent", "zoneweaver-agent", ["apikey"])
    assert status["hypervisors"] == ["bhyve"]
    assert status["console"] == []
    assert {"version", "hostname", "platform", "arch", "bootstrapAvailable", "features"} <= set(status)


async def test_the_host_is_shown_in_numbers(api: Api) -> None:
    """All zones, and those that run."""
    await api.zone("web")
    client = await api.client(Scope.READ)
    stats = (await client.get("/stats")).json()
    assert (stats["allzones"], stats["runningzones"]) == (["web"], [])
    assert stats["cpus"] >= 1
    assert stats["uptime"] > 0


async def test_health_says_what_is_wrong(api: Api) -> None:
    """503 with the check that failed, 200 when all is well."""
    client = await api.client(None)
    assert (await client.get("/health")).status_code == 200
    api.services.database.close()
    answer = await client.get("/health")
    assert answer.status_code == 503
    assert "closed" in answer.json()["checks"]["database"]

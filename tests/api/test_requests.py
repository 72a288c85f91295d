"""What every request has in common: bodies, queries, methods, ids, audit rows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError
from tests.api.conftest import Api

from zoneweaver.api import bodies
from zoneweaver.api.keys import FirstKey
from zoneweaver.api.wire import explain
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.keys import Scope

JSON = {"content-type": "application/json"}


def deep(levels: int) -> bytes:
    """Return JSON nested so deep that its innermost value stands that many levels down."""
    return b'{"name":' + b"[" * (levels - 1) + b"1" + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"", "needed"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"x"', "object"),
        (b'{"name":"a","name":"b"}', "name is given twice"),
        (b'{"ram":NaN}', "NaN"),
        (b'{"ram":-Infinity}', "Infinity"),
        (b'{"ram":1e999}', "too large"),
        (b'{"ram":' + b"9" * 5000 + b"}", "too large"),
        (b'{"name":"\xff"}', "UTF-8"),
        (b'{"name":"\\ud800"}', "name holds a lone surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"nics":[{"physical":"a\\u0000"}]}', "nics[0].physical holds a NUL"),
        (b'"\\u0000"', "The body holds a NUL"),
        (b'\xef\xbb\xbf{"name":"a"}', "not valid JSON"),
        (b"[" * 100_000, "deep"),
        (b'{"a":' * 100_000, "deep"),
        (deep(65), "deeper"),
    ],
)
async def test_what_is_no_good_json_is_400(api: Api, body: bytes, says: str) -> None:
    """Each trap of JSON is refused with a sentence that names it."""
    client = await api.client()
    answer = await client.post("/zones", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"], answer.text
    assert answer.json()["message"] == answer.json()["error"]
    assert api.zones.bodies == []


def test_a_name_given_twice_is_found_among_many() -> None:
    """Whatever the number of names."""
    names = [f"n{number}" for number in range(40_000)]
    body = "{" + ",".join(f'"{name}":0' for name in [*names, names[-1]]) + "}"
    with pytest.raises(Invalid, match="n39999 is given twice"):
        bodies.parse(body.encode())


def test_a_body_of_unknown_names_is_refused() -> None:
    """Whatever their number; the first fifty are told."""
    body = {f"n{number}": 0 for number in range(40_000)}
    with pytest.raises(ValidationError) as raised:
        FirstKey.model_validate(body)
    invalid = explain(raised.value, FirstKey)
    assert invalid.message == "Unknown field: n0"
    assert len(invalid.details["problems"]) == 50


def test_depth_is_counted_exactly() -> None:
    """64 levels are taken, 65 are not."""
    assert bodies.parse(deep(64))
    with pytest.raises(Invalid):
        bodies.parse(deep(65))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json", ""]
)
async def test_a_body_that_is_not_declared_as_json_is_415(api: Api, kind: str) -> None:
    """Another media type or character set is refused before the body is looked at."""
    client = await api.client()
    answer = await client.post("/zones", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind", ["application/json", "APPLICATION/JSON; charset=UTF-8", "application/merge-patch+json"]
)
async def test_json_by_any_of_its_names_is_taken(api: Api, kind: str) -> None:
    """Case, character set and suffix do not matter."""
    client = await api.client()
    answer = await client.post("/zones", content=b'{"name":"a","brand":"bhyve"}', headers={"content-type": kind})
    assert answer.status_code == 202


async def test_a_large_body_is_refused_by_its_length(api: Api) -> None:
    """10 MiB announced: 413, and not a byte is asked for."""
    await api.client()
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"", "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"x-api-key", api.keys[Scope.ADMIN].reveal().encode()),
        (b"content-type", b"application/json"),
        (b"content-length", b"10485760"),
    ]
    scope = {"type": "http", "method": "POST", "path": "/zones", "query_string": b"", "headers": headers}
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 413
    assert asked == 0


async def test_a_large_body_of_unknown_length_is_refused_when_it_is_too_much(api: Api) -> None:
    """Chunks are counted; reading stops soon after the limit."""
    client, sent = await api.client(), 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 65536

    answer = await client.post("/zones", content=chunks(), headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["details"] == {"limit": 1048576}


async def test_a_body_of_just_the_limit_is_read(api: Api) -> None:
    """1 MiB is not too large: it fails for what it says, not for its size."""
    client = await api.client()
    body = b'{"name":"a","brand":"bhyve"}'.ljust(1024 * 1024)
    assert (await client.post("/zones", content=body, headers=JSON)).status_code == 202
    assert (await client.post("/zones", content=body + b" ", headers=JSON)).status_code == 413


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("foo=1", "foo"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=abc", "limit"),
        ("limit=1e2", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("status=done", "status"),
        ("since=yesterday", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=0875-07-04T06:00:37Z", "since"),
        ("since=0001-01-01T00:00:00%2B23:59", "since"),
        ("since=2026-02-30T00:00:00Z", "since"),
        ("since=1767225600", "since"),
        ("order=up", "order"),
        ("limit=1&limit=2", "limit"),
        ("zone_name=%00", "zone_name"),
    ],
)
async def test_a_wrong_query_parameter_is_named(api: Api, query: str, field: str) -> None:
    """400 with the parameter in the sentence and in the details; never a 500, never a 422."""
    client = await api.client()
    answer = await client.get(f"/tasks?{query}")
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["error"]
    assert answer.json()["details"]["field"] == field


async def test_a_query_that_is_not_utf8_is_400(api: Api) -> None:
    """Broken percent encodings are refused."""
    client = await api.client()
    assert (await client.get("/tasks?zone_name=%ff")).status_code == 400


@pytest.mark.parametrize("path", ["/zones/web/start", "/zones/web/stop", "/zones/web/force"])
async def test_routes_without_a_body_take_none(api: Api, path: str) -> None:
    """An empty object is as good as nothing; anything in it would be ignored, so it is refused."""
    await api.zone("web")
    client = await api.client()
    method = "DELETE" if path.endswith("force") else "POST"
    assert (await client.request(method, path, json={"force": True})).status_code == 400
    assert (await client.request(method, path, json={})).status_code < 300


async def test_unknown_paths_are_404_in_json(api: Api) -> None:
    """Also without a key, and also for a trailing slash."""
    client = await api.client(None)
    for path in ("/", "/nothing", "/zones/", "/zones//config", "/zones/a/b/c"):
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["code"] == "no_such_path"


async def test_a_method_that_is_not_there_is_405_with_allow(api: Api) -> None:
    """The answer lists what the path takes."""
    client = await api.client(None)
    answer = await client.patch("/zones/web")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
    assert (await client.get("/zones/web/start")).headers["allow"] == "OPTIONS, POST"


async def test_options_answers_with_allow(api: Api) -> None:
    """204 and the methods of the path."""
    client = await api.client(None)
    answer = await client.options("/tasks/completed")
    assert answer.status_code == 204
    assert "DELETE" in answer.headers["allow"]
    assert (await client.options("/nothing")).status_code == 404


async def test_head_is_get_without_the_body(api: Api) -> None:
    """Same status and headers, also for errors and streams."""
    await api.zone("web")
    client = await api.client()
    for path in ("/zones", "/zones/web", "/health", "/zones/nobody"):
        got, head = await client.get(path), await client.head(path)
        assert head.status_code == got.status_code
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.content == b""
    assert (await client.head("/events")).headers["content-type"] == "text/event-stream"


async def test_a_request_has_an_id(api: Api) -> None:
    """A good one is kept, anything else is replaced."""
    client = await api.client()
    kept = await client.get("/zones", headers={"x-request-id": "build-17.3"})
    assert kept.headers["x-request-id"] == "build-17.3"
    made = await client.get("/zones", headers={"x-request-id": "a b"})
    assert made.headers["x-request-id"] not in {"a b", ""}


async def test_a_request_that_breaks_the_agent_is_told_as_500_without_its_inside(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer has the request's id and nothing of the error; the log has it."""

    async def breaks(**_: Any) -> Any:
        raise RuntimeError("the inside")

    api.zones.list = breaks  # type: ignore[method-assign]
    client = await api.client(Scope.READ)
    answer = await client.get("/zones", headers={"x-request-id": "r1"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "r1" in answer.json()["error"]
    assert "inside" not in answer.text.replace("inside the agent", "")


async def test_every_change_leaves_an_audit_row(api: Api) -> None:
    """Accepted, refused by what it says, by the key, and without any key: who, what, from where, result."""
    await api.zone("web")
    admin, reader, stranger = await api.client(), await api.client(Scope.READ), await api.client(None)
    body = {"name": "new", "brand": "bhyve", "cloud_init": {"password": "geheim"}}
    await admin.post("/zones", json=body)
    await admin.post("/zones", json={**body, "name": "web"})
    await admin.post("/zones", json={**body, "tpyo": 1})
    await reader.post("/zones/web/start")
    await stranger.delete("/zones/web")
    await reader.get("/zones")
    rows = [(row["key_name"], row["action"], row["target"], row["status"], row["source"]) for row in await api.audit()]
    assert rows == [
        (None, "zone.delete", "web", 401, "192.0.2.7"),
        ("read", "zone.start", "web", 403, "192.0.2.7"),
        ("admin", "zone.create", "new", 400, "192.0.2.7"),
        ("admin", "zone.create", "web", 409, "192.0.2.7"),
        ("admin", "zone.create", "new", 202, "192.0.2.7"),
    ]
    assert "geheim" not in json.dumps(await api.audit())


async def test_the_trail_cannot_be_flooded_without_a_key(api: Api) -> None:
    """A few rows a second for strangers; the next one says how many were left out."""
    stranger = await api.client(None)
    for _ in range(30):
        assert (await stranger.delete("/zones/web")).status_code == 401
    assert len(await api.audit()) == 5
    api.clock.seconds += 1
    await stranger.delete("/zones/web")
    rows = await api.audit()
    assert len(rows) == 6
    assert rows[0]["details"]["left_out_before"] == 25


async def test_the_trail_can_be_asked(api: Api) -> None:
    """Filters by target, verb, key and time; a page with its total."""
    client = await api.client()
    for name in ("a", "b"):
        await client.post("/zones", json={"name": name, "brand": "bhyve"})
    key_id = (await client.get("/api-keys/info")).json()["id"]
    assert (await client.get("/audit?target=a")).json()["total"] == 1
    assert (await client.get("/audit?action=zone.create&limit=1")).json()["total"] == 2
    assert (await client.get(f"/audit?key_id={key_id}")).json()["total"] == 2
    assert (await client.get("/audit?since=2100-01-01T00:00:00Z")).json() == {"audit": [], "total": 0}


async def test_answers_carry_no_guessable_type(api: Api) -> None:
    """`nosniff` is on every answer."""
    client = await api.client()
    answer = await client.get("/zones")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_metrics_count_requests_by_route(api: Api) -> None:
    """Names in paths do not become labels."""
    await api.zone("web")
    client = await api.client()
    await client.get("/zones/web")
    await client.get("/zones/nobody")
    await client.get("/nothing")
    page: httpx2.Response = await client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert 'zoneweaver_requests_total{method="GET",route="/zones/{name}",status="200"} 1.0' in page.text
    assert 'zoneweaver_requests_total{method="GET",route="/zones/{name}",status="404"} 1.0' in page.text
    assert 'route="unknown",status="404"} 1.0' in page.text
    assert "nobody" not in page.text

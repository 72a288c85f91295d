"""Who may ask for what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.api.conftest import Api

from zoneweaver.api.routes import TABLE
from zoneweaver.domain.keys import Scope
from zoneweaver.services.callers import SYSTEM

OPEN = {
    "/health",
    "/status",
    "/openapi.json",
    "/api-docs",
    "/api-docs/{file}",
    "/api-keys/bootstrap",
}


def test_only_these_paths_are_open_to_everybody() -> None:
    """A route that forgets its scope is noticed here."""
    assert {route.path for route in TABLE if route.scope is None} == OPEN


def test_whatever_changes_something_leaves_an_audit_row() -> None:
    """Every route that is not a GET names the verb of its audit row, but for tickets, which change nothing."""
    silent = {route.path for route in TABLE if route.method != "GET" and route.audit is None}
    assert silent == {"/tickets"}


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic hw_x"}, {"authorization": "Bearer"}])
async def test_without_a_key_nothing_is_answered(api: Api, header: dict[str, str]) -> None:
    """No key, or another scheme than Bearer, is 401 with WWW-Authenticate."""
    client = await api.client(None, **header)
    answer = await client.get("/zones")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("key", ["hw_" + "x" * 43, "", "wh_old", "ünïcode", "x" * 5000])
async def test_an_unknown_key_is_refused(api: Api, key: str) -> None:
    """A key that is not known is 401, whatever it looks like."""
    client = await api.client(None)
    answer = await client.get("/zones", headers={b"x-api-key": key.encode("latin-1")})
    assert answer.status_code == 401


async def test_both_headers_carry_a_key(api: Api) -> None:
    """Bearer and X-API-Key are the same."""
    await api.client(Scope.READ)
    plain = api.keys[Scope.READ].reveal()
    client = await api.client(None)
    for header in ({"authorization": f"Bearer {plain}"}, {"authorization": f"bearer {plain}"}, {"x-api-key": plain}):
        assert (await client.get("/zones", headers=header)).status_code == 200


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_scope_reaches_exactly_as_far_as_the_table_says(api: Api, scope: Scope) -> None:
    """For every route: 403 below its scope, and something else at or above it."""
    client = await api.client(scope)
    for route in TABLE:
        if route.scope is None or route.streams:
            continue
        path = route.path.replace("{name}", "web").replace("{id}", "none")
        answer = await client.request(route.method, path)
        assert (answer.status_code == 403) == (scope < route.scope), (route.method, path, answer.text)
        if answer.status_code == 403:
            assert answer.json()["details"] == {"scope": scope.word, "needed": route.scope.word}


async def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    """Revoking over the API empties what is believed."""
    admin, reader = await api.client(Scope.ADMIN), await api.client(Scope.READ)
    assert (await reader.get("/zones")).status_code == 200
    key_id = (await reader.get("/api-keys/info")).json()["id"]
    assert (await admin.put(f"/api-keys/{key_id}/revoke")).status_code == 200
    assert (await reader.get("/zones")).status_code == 401


async def test_a_key_revoked_by_another_process_is_refused_within_a_second(api: Api) -> None:
    """What is believed without looking is never older than a second."""
    reader = await api.client(Scope.READ)
    assert (await reader.get("/zones")).status_code == 200
    key_id = (await reader.get("/api-keys/info")).json()["id"]
    from zoneweaver.store import keys

    await api.services.database.run(lambda c: keys.revoke(c, key_id))
    api.clock.seconds += 1.01
    assert (await reader.get("/zones")).status_code == 401


async def test_an_expired_key_is_refused(api: Api) -> None:
    """`expires_at` in the past is as good as no key."""
    _, plain = await api.services.keys.create(
        name="old",
        description="",
        scope=Scope.READ,
        expires_at=datetime.now(UTC) - timedelta(seconds=1),
        caller=SYSTEM,
    )
    client = await api.client(None)
    assert (await client.get("/zones", headers={"x-api-key": plain.reveal()})).status_code == 401


async def test_a_ticket_opens_its_stream_once(api: Api) -> None:
    """A ticket is good for one path, once, and does not replace a key elsewhere."""
    client, stranger = await api.client(Scope.READ), await api.client(None)
    body = {"path": "/tasks/none/stream"}
    ticket = (await client.post("/tickets", json=body)).json()["ticket"]
    assert (await stranger.get(f"/zones?ticket={ticket}")).status_code == 401
    assert (await stranger.get(f"/tasks/none/stream?ticket={ticket}")).status_code == 404
    assert (await stranger.get(f"/tasks/none/stream?ticket={ticket}")).status_code == 401


async def test_a_ticket_is_bound_to_its_path(api: Api) -> None:
    """A ticket for one stream does not open another, and is used up by the attempt."""
    client, stranger = await api.client(Scope.READ), await api.client(None)
    ticket = (await client.post("/tickets", json={"path": "/events"})).json()["ticket"]
    assert (await stranger.get(f"/tasks/none/stream?ticket={ticket}")).status_code == 401
    assert (await stranger.get(f"/events?ticket={ticket}")).status_code == 401


async def test_a_ticket_dies_after_a_minute(api: Api) -> None:
    """60 seconds later a ticket is unknown."""
    client, stranger = await api.client(Scope.READ), await api.client(None)
    ticket = (await client.post("/tickets", json={"path": "/tasks/none/stream"})).json()["ticket"]
    api.clock.seconds += 60.5
    assert (await stranger.get(f"/tasks/none/stream?ticket={ticket}")).status_code == 401

"""Keys over HTTP: the first one, further ones, and the end of them."""

from __future__ import annotations

import stat

import pytest
from tests.api.conftest import Api

from zoneweaver.domain.keys import Scope


async def test_the_first_key_needs_the_setup_token(api: Api) -> None:
    """Without the token 403, with it an admin key; then the token is gone and the door closed."""
    assert await api.services.keys.offer_setup_token()
    path = api.services.keys.setup_token_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token, client = path.read_text().strip(), await api.client(None)
    assert (await client.get("/status")).json()["bootstrapAvailable"] is True
    assert (await client.post("/api-keys/bootstrap")).status_code == 403
    assert (await client.post("/api-keys/bootstrap", headers={"x-setup-token": "guess"})).status_code == 403
    answer = await client.post(
        "/api-keys/bootstrap", headers={"x-setup-token": token}, json={"name": "first", "description": "mine"}
    )
    assert answer.status_code == 200
    key = answer.json()["api_key"]
    assert key.startswith("hw_")
    assert len(key) == 46
    assert answer.json()["scope"] == "admin"
    assert not path.exists()
    assert (await client.get("/status")).json()["bootstrapAvailable"] is False
    again = await client.post("/api-keys/bootstrap", headers={"x-setup-token": token})
    assert again.status_code == 403
    assert (await client.get("/api-keys", headers={"x-api-key": key})).status_code == 200
    assert [row["status"] for row in await api.audit()] == [403, 200, 403, 403]


async def test_the_token_stays_the_same_until_it_is_used(api: Api) -> None:
    """A second start without a key offers the token that lies there."""
    await api.services.keys.offer_setup_token()
    first = api.services.keys.setup_token_path.read_text()
    assert await api.services.keys.offer_setup_token()
    assert api.services.keys.setup_token_path.read_text() == first


async def test_an_empty_token_is_made_anew(api: Api) -> None:
    """An agent that died while it wrote the token leaves nobody without a first key."""
    api.services.keys.setup_token_path.touch()
    assert await api.services.keys.offer_setup_token()
    assert len(api.services.keys.setup_token_path.read_text().strip()) > 40


async def test_no_token_is_offered_once_there_is_a_key(api: Api) -> None:
    """A key made on the host itself closes the door too."""
    await api.services.keys.offer_setup_token()
    await api.client(Scope.READ)
    assert not await api.services.keys.offer_setup_token()
    assert not api.services.keys.setup_token_path.exists()


async def test_a_key_is_shown_once(api: Api) -> None:
    """The list and the audit trail hold everything about a key but the key."""
    client = await api.client()
    made = (await client.post("/api-keys/generate", json={"name": "wall", "scope": "read"})).json()
    listed = (await client.get("/api-keys")).text
    assert made["api_key"] not in listed
    assert made["entity_id"] in listed
    assert made["api_key"] not in str(await api.audit())
    assert (await client.get("/zones", headers={"x-api-key": made["api_key"]})).status_code == 200


@pytest.mark.parametrize("verb", ["revoke", "delete"])
async def test_the_last_admin_key_stays(api: Api, verb: str) -> None:
    """Nobody can lock everybody out; with a second admin key it is allowed."""
    client = await api.client()
    key_id = (await client.get("/api-keys/info")).json()["id"]
    method, path = ("PUT", f"/api-keys/{key_id}/revoke") if verb == "revoke" else ("DELETE", f"/api-keys/{key_id}")
    assert (await client.request(method, path)).status_code == 409
    await client.post("/api-keys/generate", json={"name": "second"})
    assert (await client.request(method, path)).status_code == 200
    assert (await client.get("/zones")).status_code == 401


async def test_an_expired_admin_key_is_no_way_back_in(api: Api) -> None:
    """It does not count when the last admin key that still opens is to be revoked."""
    client = await api.client()
    key_id = (await client.get("/api-keys/info")).json()["id"]
    await client.post("/api-keys/generate", json={"name": "old", "expires_at": "2020-01-01T00:00:00Z"})
    assert (await client.put(f"/api-keys/{key_id}/revoke")).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "role": "admin"}, "role"),
    ],
)
async def test_a_wrong_wish_for_a_key_names_the_field(api: Api, body: dict[str, str], field: str) -> None:
    """400 names what is to blame, and no key is made."""
    client = await api.client()
    answer = await client.post("/api-keys/generate", json=body)
    assert answer.status_code == 400
    assert answer.json()["details"]["field"] == field
    assert (await client.get("/api-keys")).json()["total"] == 1


async def test_unknown_keys_are_not_found(api: Api) -> None:
    """404 for ids that are no key's."""
    client = await api.client()
    assert (await client.delete("/api-keys/nobody")).status_code == 404
    assert (await client.put("/api-keys/nobody/revoke")).status_code == 404


async def test_use_is_noted_once_a_minute(api: Api) -> None:
    """`last_used` is set by the first use; more uses within a minute write nothing."""
    client = await api.client(Scope.READ)
    await client.get("/zones")
    first = (await client.get("/api-keys/info")).json()["last_used"]
    assert first is not None
    revision = api.services.database.revision
    api.clock.seconds += 30
    await client.get("/zones")
    assert api.services.database.revision == revision
    api.clock.seconds += 31
    await client.get("/zones")
    assert (await client.get("/api-keys/info")).json()["last_used"] > first

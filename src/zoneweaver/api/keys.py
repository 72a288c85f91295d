"""`/api-keys` and `/tickets`: who may ask, and how a browser opens a stream."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Instant, Shown
from zoneweaver.domain.errors import Unauthorized
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.services import tickets
from zoneweaver.services.keys import shown


class NewKey(Body):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "dashboard", "description": "Reads for the wall", "scope": "read"}]}
    )

    name: str = Field(min_length=1, max_length=100)
    """What the key is for; tasks and the audit trail show it."""
    description: str = Field(default="", max_length=1000)
    """More about it."""
    scope: Literal["read", "operate", "write", "admin"] = "admin"
    """How far it reaches: `read` < `operate` (power, tasks) < `write` (create, modify, delete) < `admin` (keys)."""
    expires_at: Instant = NOT_GIVEN
    """When it stops being good; never, when left out."""


class FirstKey(Body):
    """The first key; it is an admin's."""

    name: str = Field(default="Bootstrap-Key", min_length=1, max_length=100)
    """What the key is for."""
    description: str = Field(default="Initial bootstrap API key", max_length=1000)
    """More about it."""


class NewTicket(Body):
    """A ticket for one stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "/events"}]})

    path: str = Field(min_length=1, max_length=1000, pattern="^/")
    """The path that will be opened, without its query."""


class MadeKey(Shown):
    """A key and the only copy of it."""

    api_key: str
    """The key. It is shown once."""
    entity_id: str
    name: str
    description: str
    scope: str
    message: str


class KeyRow(Shown):
    """A key as it is remembered."""

    id: str
    name: str
    description: str
    scope: str
    prefix: str
    """Its first characters, to tell it from others."""
    is_active: bool
    created_at: str
    last_used: str | None
    """Exact to a minute."""
    revoked_at: str | None


class KeyList(Shown):
    """All keys, the newest first."""

    entities: list[KeyRow]
    total: int


class KeyChanged(Shown):
    """What became of a key."""

    message: str
    entity_id: str
    name: str


class Ticket(Shown):
    """A ticket: open `<path>?ticket=<ticket>` with it, once, within a minute."""

    ticket: str
    path: str
    expires_in: int
    """Seconds."""


def _made(key: ApiKey, plain: Secret, message: str, **more: str) -> Answer:
    return Answer(
        body={
            "success": True,
            "api_key": reveal(plain),
            "entity_id": key.id,
            "name": key.name,
            "description": key.description,
            "scope": key.scope.word,
            "message": message,
            **more,
        },
        headers=(("cache-control", "no-store"),),
    )


async def bootstrap(call: Call) -> Answer:
    """Make the first key."""
    asked = call.sent(FirstKey)
    key, plain = await call.services.keys.bootstrap(
        name=asked.name, description=asked.description, token=call.header(b"x-setup-token"), caller=call.caller
    )
    call.audited = True
    note = "Bootstrap endpoint will be auto-disabled for future requests"
    return _made(key, plain, "Bootstrap API key generated successfully", note=note)


async def generate(call: Call) -> Answer:
    """Make a key."""
    asked = call.sent(NewKey)
    key, plain = await call.services.keys.create(
        name=asked.name,
        description=asked.description,
        scope=Scope.of(asked.scope),
        expires_at=asked.expires_at,
        caller=call.caller,
    )
    call.audited = True
    return _made(key, plain, "API key generated successfully")


async def every(call: Call) -> Answer:
    """Answer with all keys."""
    rows = await call.services.keys.every()
    return Answer(body={"entities": rows, "total": len(rows)})


async def info(call: Call) -> Answer:
    """Answer with the key that asks."""
    return Answer(body=shown(await _own(call)))


async def revoke(call: Call) -> Answer:
    """Revoke a key."""
    key = await call.services.keys.revoke(call.path["id"], call.caller)
    call.audited = True
    return _changed(key, "API key revoked successfully")


async def delete(call: Call) -> Answer:
    """Delete a key."""
    key = await call.services.keys.delete(call.path["id"], call.caller)
    call.audited = True
    return _changed(key, "API key deleted successfully")


def _changed(key: ApiKey, message: str) -> Answer:
    return Answer(body={"success": True, "message": message, "entity_id": key.id, "name": key.name})


async def ticket(call: Call) -> Answer:
    """Issue a ticket."""
    path = call.sent(NewTicket).path
    issued = call.services.tickets.issue(await _own(call), path)
    body = {"ticket": issued, "path": path, "expires_in": int(tickets.SECONDS)}
    return Answer(body=body, headers=(("cache-control", "no-store"),))


async def _own(call: Call) -> ApiKey:
    if call.caller.key_id is None:
        raise Unauthorized("An API key is needed")
    return await call.services.keys.get(call.caller.key_id)


ROUTES: Final = (
    Route(
        method="POST",
        path="/api-keys/bootstrap",
        summary="Make the first key",
        description=(
            "Works only while no key exists, with the setup token that the agent wrote to `setup.token` in its state "
            "folder at its first start, in the header `X-Setup-Token`."
        ),
        handler=bootstrap,
        tag="keys",
        scope=None,
        body=FirstKey,
        body_optional=True,
        answer=MadeKey,
        refusals=(403,),
        audit="key.bootstrap",
        target="name",
    ),
    Route(
        method="POST",
        path="/api-keys/generate",
        summary="Make a key",
        handler=generate,
        tag="keys",
        scope=Scope.ADMIN,
        body=NewKey,
        answer=MadeKey,
        audit="key.create",
        target="name",
    ),
    Route(
        method="GET",
        path="/api-keys",
        summary="List keys",
        handler=every,
        tag="keys",
        scope=Scope.ADMIN,
        answer=KeyList,
    ),
    Route(
        method="GET",
        path="/api-keys/info",
        summary="Show the key that asks",
        handler=info,
        tag="keys",
        scope=Scope.READ,
        answer=KeyRow,
    ),
    Route(
        method="PUT",
        path="/api-keys/{id}/revoke",
        summary="Revoke a key for good",
        description="409 for the last active admin key: nobody could make another.",
        handler=revoke,
        tag="keys",
        scope=Scope.ADMIN,
        answer=KeyChanged,
        refusals=(404, 409),
        audit="key.revoke",
        target="id",
    ),
    Route(
        method="DELETE",
        path="/api-keys/{id}",
        summary="Delete a key",
        description="409 for the last active admin key: nobody could make another.",
        handler=delete,
        tag="keys",
        scope=Scope.ADMIN,
        answer=KeyChanged,
        refusals=(404, 409),
        audit="key.delete",
        target="id",
    ),
    Route(
        method="POST",
        path="/tickets",
        summary="Get a ticket for a stream",
        description=(
            "For browsers, which cannot send a key when they open a stream: good once, for a minute, for one path, "
            "with the reach of the key that asked."
        ),
        handler=ticket,
        tag="streams",
        scope=Scope.READ,
        body=NewTicket,
        answer=Ticket,
        refusals=(429,),
    ),
)

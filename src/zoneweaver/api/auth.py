"""Who calls: a key in a header, or a ticket where a browser opens a stream."""

from __future__ import annotations

from collections.abc import Mapping

from zoneweaver.api.route import Route
from zoneweaver.api.services import Services
from zoneweaver.domain.errors import Forbidden, Unauthorized
from zoneweaver.domain.keys import ApiKey
from zoneweaver.services.callers import Caller


async def identify(
    route: Route,
    *,
    services: Services,
    headers: Mapping[bytes, bytes],
    ticket: str | None,
    stranger: Caller,
) -> Caller:
    """Return who calls; a stranger where the route is open to everybody. Raises Unauthorized."""
    if route.scope is None:
        return stranger
    plain = shown_key(headers)
    if plain is not None:
        return known(await services.keys.authenticate(plain), stranger, pepper=plain)
    if ticket is not None and route.streams:
        return known(services.tickets.redeem(ticket, stranger.path), stranger)
    raise Unauthorized("An API key is needed: Authorization: Bearer hw_… or X-API-Key")


def admit(caller: Caller, route: Route) -> None:
    """Raise Forbidden when the caller's scope ends before this route."""
    if route.scope is not None and (caller.scope is None or caller.scope < route.scope):
        has = caller.scope.word if caller.scope else "none"
        raise Forbidden(
            f"The key's scope is {has}; this needs {route.scope.word}",
            details={"scope": has, "needed": route.scope.word},
        )


def shown_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key that the headers show, or None. X-API-Key wins over Authorization."""
    direct = headers.get(b"x-api-key")
    if direct is not None:
        return direct.decode("latin-1").strip()
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    return rest.decode("latin-1").strip() if scheme.lower() == b"bearer" else None


def known(key: ApiKey, stranger: Caller, *, pepper: str = "") -> Caller:
    """Return the stranger as the one that the key makes known."""
    return Caller(
        name=key.name,
        key_id=key.id,
        scope=key.scope,
        address=stranger.address,
        request_id=stranger.request_id,
        method=stranger.method,
        path=stranger.path,
        pepper=pepper.encode(),
    )

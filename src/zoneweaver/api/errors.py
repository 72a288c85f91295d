"""From error types to HTTP: the only place that knows numbers."""

from __future__ import annotations

from typing import Any, Final

from zoneweaver.domain import errors
from zoneweaver.domain.errors import AgentError


class MethodNotAllowed(AgentError):
    """The path exists, but not for this method; `details["allow"]` lists those it has."""

    code = "method_not_allowed"


STATUS: Final[dict[type[AgentError], int]] = {
    errors.Invalid: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.Refused: 409,
    errors.Cancelled: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.RangeNotSatisfiable: 416,
    errors.TooMany: 429,
    errors.Failed: 500,
    errors.Unavailable: 503,
    errors.CommandMissing: 503,
    errors.CommandTimeout: 503,
    AgentError: 500,
}
"""Status by error type; a type that is not here takes that of the nearest type above it."""

REASONS: Final[dict[int, str]] = {
    400: "The request is wrong in itself; `details.field` names what is to blame.",
    401: "No key was given, or one that is unknown, expired or revoked.",
    403: "The key's scope does not reach, or the door is closed.",
    404: "There is no such thing.",
    405: "The path does not know this method; the `Allow` header lists those it knows.",
    409: "The thing exists already, or is in a state that forbids this now.",
    412: "`If-Match` named another version than the present one.",
    413: "The body is larger than `server.body_limit`, or the file larger than `provisioning.artifacts.size_limit`.",
    415: "The body is not `application/json`.",
    416: "`Range` names no byte of the file.",
    429: "More at once than the agent allows; try again later.",
    500: "Something went wrong inside the agent or on the host; the sentence says what.",
    503: "The agent cannot answer at the moment; try again.",
}
"""What each status means, for the reference pages."""


def status_of(error: AgentError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body_of(error: AgentError) -> dict[str, Any]:
    """Return the body of an error; `message` repeats `error` for clients that read that."""
    body: dict[str, Any] = {"error": error.message, "message": error.message, "code": error.code}
    if error.details:
        body["details"] = error.details
    return body


def headers_of(error: AgentError) -> tuple[tuple[str, str], ...]:
    """Return the headers that go with an error."""
    if isinstance(error, errors.Unauthorized):
        return (("www-authenticate", 'Bearer realm="zoneweaver"'),)
    if isinstance(error, MethodNotAllowed):
        return (("allow", ", ".join(error.details["allow"])),)
    if isinstance(error, errors.RangeNotSatisfiable):
        return (("content-range", f"bytes */{error.details['size']}"),)
    if isinstance(error, errors.TooMany | errors.Unavailable):
        return (("retry-after", "1"),)
    return ()

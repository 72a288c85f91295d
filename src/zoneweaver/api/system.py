"""`/health`, `/status`, `/version`, `/stats`, `/metrics`, and the description of the API itself."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import Shown
from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.keys import Scope
from zoneweaver.services.metrics import MEDIA_TYPE


class Health(Shown):
    """Whether the agent can do its work."""

    status: str
    """`ok` or `unavailable`."""
    version: str
    uptime: int
    """Seconds since the agent started."""
    checks: dict[str, str]
    """What was looked at: `ok`, or what is wrong."""


class Status(Shown):
    """Who answers here."""

    role: str
    agent: str
    version: str
    hostname: str
    platform: str
    arch: str
    hypervisors: list[str]
    auth: list[str]
    bootstrapAvailable: bool  # noqa: N815 - the name that existing clients know
    """Whether the first key is still to be made."""
    console: list[str]
    features: list[str]


class Version(Shown):
    """The version and what it runs on."""

    success: bool
    version: str
    name: str
    python_version: str
    platform: str
    arch: str
    uptime_seconds: int


class Stats(Shown):
    """The host in numbers."""

    hostname: str
    release: str
    uptime: int
    """Seconds since the host was booted."""
    cpus: int
    loadavg: list[float]
    totalmem: int | None
    """Bytes."""
    freemem: int | None
    allzones: list[str]
    runningzones: list[str]


async def health(call: Call) -> Answer:
    """Answer 200 when all is well, else 503 with what is not."""
    well, body = await call.services.system.health()
    return Answer(status=200 if well else 503, body=body)


async def status(call: Call) -> Answer:
    """Answer with who we are."""
    return Answer(body=await call.services.system.status())


async def version(call: Call) -> Answer:
    """Answer with the version."""
    return Answer(body=call.services.system.version())


async def stats(call: Call) -> Answer:
    """Answer with the host's numbers."""
    return Answer(body=await call.services.system.stats())


async def metrics(call: Call) -> Answer:
    """Answer with all counters."""
    return Answer(body=call.services.metrics.page(), media_type=MEDIA_TYPE)


async def openapi(_call: Call) -> Answer:
    """Answer with the OpenAPI document; it is made at the first request."""
    from zoneweaver.api.openapi import rendered  # noqa: PLC0415 - costs memory that few agents ever need

    return Answer(body=rendered())


_FILES: Final = {
    "index.html": "text/html; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
}

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


async def docs(call: Call) -> Answer:
    """Answer with a page that shows the OpenAPI document; everything it needs is served here."""
    name = call.path.get("file", "index.html")
    if not call.services.settings.api_docs.enabled or name not in _FILES:
        raise NotFound("There is no such page", code="no_such_path")
    content = resources.files("zoneweaver.api").joinpath("static", name).read_bytes()
    headers = (("content-security-policy", _POLICY), ("cache-control", "no-cache"))
    return Answer(body=content, media_type=_FILES[name], headers=headers)


def _open(path: str, summary: str, handler: Any, **more: Any) -> Route:
    return Route(method="GET", path=path, summary=summary, handler=handler, tag="system", **more)


ROUTES: Final = (
    _open("/health", "Say whether the agent can do its work", health, scope=None, answer=Health, refusals=(503,)),
    _open("/status", "Say who answers here", status, scope=None, answer=Status),
    _open("/version", "Show the version", version, scope=Scope.READ, answer=Version),
    _open("/stats", "Show the host in numbers", stats, scope=Scope.READ, answer=Stats),
    _open("/metrics", "Show all counters, for Prometheus", metrics, scope=Scope.READ, media_type="text/plain"),
    _open("/openapi.json", "Describe the API (OpenAPI 3.1)", openapi, scope=None),
    _open("/api-docs", "Show the API to people", docs, scope=None, media_type="text/html", refusals=(404,)),
    _open("/api-docs/{file}", "A part of that page", docs, scope=None, media_type="text/html", refusals=(404,)),
)

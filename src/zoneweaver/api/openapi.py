"""The OpenAPI document, made from the route table and the wire models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from zoneweaver import __version__
from zoneweaver.api.errors import REASONS
from zoneweaver.api.route import Route, to_json
from zoneweaver.api.routes import TABLE
from zoneweaver.api.wire import Shown, WireSchema

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{model}"

TAGS: Final = {
    "zones": "Virtual machines: make, change, remove, look at.",
    "power": "Start, stop, restart, halt, reset.",
    "artifacts": "Files that people give to the agent: archives to provision guests with, CD-ROMs, disk images.",
    "network": "The host's links, addresses, routes, forwarding, address translation and DHCP.",
    "provisioning network": "The network that guests are provisioned on, made and taken away as a whole.",
    "recipes": "How guests are set up over their serial console, step by step.",
    "provisioning": "From a bare zone to a configured server.",
    "tasks": "Everything that takes longer than an answer is a task: durable, visible, and undone when it fails.",
    "streams": "What happens, as it happens.",
    "keys": "Who may ask, and for what.",
    "audit": "Who asked for what, from where, and what became of it.",
    "system": "The agent itself and its host.",
}


class Error(Shown):
    """Every error, whatever its status."""

    error: str
    """One sentence."""
    message: str
    """The same sentence."""
    code: str
    """The same in a word, for programs."""
    details: dict[str, Any] | None = None
    """Facts; `field` names what is to blame in the request."""


class Plan(Shown):
    """What would be done; nothing was."""

    success: bool
    dry_run: bool
    plan: list[dict[str, Any]]
    """Steps with `step`, `commands` and `undo` (argv lists, secrets masked)."""


_cache: dict[int, bytes] = {}


def rendered(table: Sequence[Route] = TABLE) -> bytes:
    """Return the document as bytes, made once for a table."""
    if id(table) not in _cache:
        _cache[id(table)] = to_json(document(table))
    return _cache[id(table)]


def document(table: Iterable[Route] = TABLE) -> Json:
    """Return the document (OpenAPI 3.1)."""
    routes = list(table)
    schemas = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zoneweaver Agent",
            "version": __version__,
            "description": (
                "bhyve zones on illumos. Reads answer 200; what takes longer answers 202 with a task, and `Location` "
                "to follow it. Every error has the shape of `Error`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer hw_…`"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "ticket": {"type": "apiKey", "in": "query", "name": "ticket", "description": "From `POST /tickets`."},
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> Json:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Error, "serialization"): None}
    for route in routes:
        if route.body is not None:
            wanted[route.body, "validation"] = None
        if route.answer is not None:
            wanted[route.answer, "serialization"] = None
        if route.plans:
            wanted[Plan, "serialization"] = None
    _, definitions = models_json_schema(list(wanted), ref_template=_REF, schema_generator=WireSchema)
    schemas: Json = definitions["$defs"]
    return schemas


def operation_id(route: Route) -> str:
    """Return a name for generated clients: `getZonesName`."""
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    return route.method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def _operation(route: Route) -> Json:
    operation: Json = {"operationId": operation_id(route), "tags": [route.tag], "summary": route.summary}
    described = [route.description] if route.description else []
    if route.scope is not None:
        described.append(f"Needs scope `{route.scope.word}`.")
        operation["security"] = [{"bearer": []}, {"header": []}, *([{"ticket": []}] if route.streams else [])]
    else:
        operation["security"] = []
    if described:
        operation["description"] = "\n\n".join(described)
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=route.body.__name__)}}},
        }
    if route.raw:
        file = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": file}, "multipart/form-data": {"schema": form}},
        }
    operation["responses"] = _responses(route)
    return operation


def _path_parameters(route: Route) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(route: Route) -> Iterable[Json]:
    if route.query is not None:
        schema = route.query.model_json_schema(schema_generator=WireSchema)
        for name, inner in schema.get("properties", {}).items():
            plain = _without_null(inner)
            parameter = {"name": name, "in": "query", "required": False, "schema": plain}
            if "description" in plain:
                parameter["description"] = plain.pop("description")
            yield parameter
    if route.plans:
        yield {
            "name": "dry_run",
            "in": "query",
            "required": False,
            "description": "Queue nothing; answer 200 with the commands that would be run.",
            "schema": {"type": "boolean", "default": False},
        }


def _without_null(schema: Json) -> Json:
    """Return a parameter's schema without null, which a query string cannot say."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if len(options) != 1:
        return dict(schema)
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**options[0], **rest}


def _header_parameters(route: Route) -> Iterable[Json]:
    def header(name: str, description: str, **schema: Any) -> Json:
        return {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string", **schema},
        }

    if route.queues:
        yield header(
            "Idempotency-Key",
            "The same key and body within 24 hours get the first answer; another body gets 409.",
            minLength=1,
            maxLength=200,
            pattern="^[ -~]+$",
        )
    if route.conditional and route.method != "GET":
        yield header("If-Match", "An ETag; 412 when the zone is at another version.")
    if route.streams:
        yield header("Last-Event-ID", "The id of the last event that was seen.")
    if route.ranges:
        yield header("Range", "Which bytes are wanted, such as `bytes=1000-`; answered with 206.")
        yield header("If-Range", "An ETag: with another version of the file, all of it is answered.")
    if route.raw:
        yield header("Content-Range", "Which bytes of the file the body is, such as `bytes 0-1048575/5000000`.")
    if route.path == "/api-keys/bootstrap":
        yield header("X-Setup-Token", "What `setup.token` in the agent's state folder holds.")


def refusals(route: Route) -> list[int]:
    """Return every status of an error that the route can answer with, in order."""
    found = {400, 500, 503, *route.refusals}
    if route.scope is not None:
        found |= {401, 403}
    if route.method != "GET":
        found |= {413, 415}
    if route.queues:
        found.add(409)
    if route.conditional and route.method != "GET":
        found.add(412)
    if route.ranges:
        found.add(416)
    return sorted(found)


def _responses(route: Route) -> Json:
    schema: Json = {"type": "string"}
    if route.answer is not None:
        schema = {"$ref": _REF.format(model=route.answer.__name__)}
    elif route.media_type == "application/json":
        schema = {"type": "object"}
    content = {route.media_type: {"schema": schema}}
    good: Json = {"description": _good(route), "content": content}
    if route.status == 202:
        good["headers"] = {"Location": {"description": "Where to follow the task.", "schema": {"type": "string"}}}
    if route.conditional and route.method == "GET":
        good["headers"] = {"ETag": {"description": "The version.", "schema": {"type": "string"}}}
    responses: Json = {str(route.status): good}
    if route.queues and route.status == 202:
        shapes = [schema, {"$ref": _REF.format(model="Plan")}] if route.plans else [schema]
        responses["200"] = {
            "description": "Done or there already: no task." + (" Or the plan, with `dry_run`." if route.plans else ""),
            "content": {route.media_type: {"schema": {"anyOf": shapes} if len(shapes) > 1 else schema}},
        }
    if route.ranges:
        responses["206"] = {"description": "The bytes that `Range` names.", "content": content}
    error: Mapping[str, Any] = {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}}
    for status in refusals(route):
        if status == 503 and route.path == "/health":
            responses["503"] = {"description": "The agent cannot do its work.", "content": content}
        else:
            responses[str(status)] = {"description": REASONS[status], "content": error}
    return responses


def _good(route: Route) -> str:
    return (route.answer.__doc__ or "").strip() if route.answer is not None else "As asked."

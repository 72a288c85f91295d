"""The reference pages that are made from the source: `python -m zoneweaver.reference [FOLDER]` writes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zoneweaver import settings
from zoneweaver.api import openapi
from zoneweaver.api.errors import REASONS, STATUS
from zoneweaver.api.route import Route
from zoneweaver.api.routes import TABLE

NOTE: Final = "<!-- Made by `python -m zoneweaver.reference`; change {source} instead. -->"

FOLDER: Final = Path("docs/reference")


def pages() -> Mapping[str, str]:
    """Return every page by its file name."""
    return {"settings.md": settings.reference(), "api.md": api(), "status-codes.md": status_codes()}


def status_codes() -> str:
    """Return the page about statuses: what each means, and which errors have it."""
    lines = [
        "# Status codes",
        "",
        NOTE.format(source="src/zoneweaver/api/errors.py"),
        "",
        "200 answers a read, or a change that needed no task. 202 answers what was queued; `Location` leads to it.",
        "",
        "Every error has the same shape; `message` repeats `error`, and `details` holds facts where there are any:",
        "",
        "```json",
        '{"error": "Zone not found", "message": "Zone not found", "code": "zone_not_found",',
        ' "details": {"zone": "web"}}',
        "```",
        "",
        "| status | meaning | error types |",
        "|---|---|---|",
    ]
    for status, reason in REASONS.items():
        kinds = ", ".join(f"`{kind.__name__}`" for kind, number in STATUS.items() if number == status)
        lines.append(f"| {status} | {reason} | {kinds} |")
    lines += [
        "",
        "The types live in `src/zoneweaver/domain/errors.py`; their statuses in `src/zoneweaver/api/errors.py`, the",
        "only place that knows numbers. An error of the agent itself is 500 with code `internal`; its log has the",
        "request id.",
    ]
    return "\n".join(lines) + "\n"


def api() -> str:
    """Return the page about the API: every route, what it takes and what it answers."""
    document = openapi.document()
    lines = [
        "# HTTP API",
        "",
        NOTE.format(source="src/zoneweaver/api"),
        "",
        "The same is at `/openapi.json` of every agent, and at `/api-docs` for people. Errors:",
        "[status codes](status-codes.md).",
        "",
        "| method | path | scope | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {route.method} | [`{route.path}`](#{_anchor(route)}) | {route.scope.word if route.scope else 'none'} | "
        f"{route.summary} |"
        for route in TABLE
    ]
    for route in TABLE:
        lines += _section(document, route)
    lines += ["", "# Objects"]
    for name, schema in document["components"]["schemas"].items():
        lines += ["", f"## {name}", "", str(schema.get("description", "")).strip(), ""]
        lines += _fields(schema)
    return "\n".join(lines) + "\n"


def _anchor(route: Route) -> str:
    return re.sub(r"[^a-z0-9 -]", "", f"{route.method} {route.path}".lower()).replace(" ", "-")


def _section(document: Mapping[str, Any], route: Route) -> list[str]:
    operation = document["paths"][route.path][route.method.lower()]
    lines = ["", f"## {route.method} {route.path}", "", f"{route.summary}."]
    if operation.get("description"):
        lines += ["", operation["description"]]
    if operation.get("parameters"):
        lines += ["", "| parameter | in | type | |", "|---|---|---|---|"]
        lines += [
            f"| `{one['name']}` | {one['in']} | {_kind(one['schema'])} | {_cell(one.get('description', ''))} |"
            for one in operation["parameters"]
        ]
    if route.body is not None:
        lines += ["", f"Body: {_link(route.body.__name__)}{' (may be left out)' if route.body_optional else ''}."]
    if route.raw:
        lines += [
            "",
            "Body: the file as it is (`application/octet-stream`), or `multipart/form-data` with field `file`.",
        ]
    answer = f" {_link(route.answer.__name__)}" if route.answer is not None else f" `{route.media_type}`"
    errors = ", ".join(str(status) for status in openapi.refusals(route))
    return [*lines, "", f"Answers {route.status}:{answer}. Errors: {errors}."]


def _fields(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required", ())
    lines = ["| field | type | |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        star = " (required)" if name in required else ""
        lines.append(f"| `{name}`{star} | {_kind(field)} | {_cell(field.get('description', ''))} |")
    return lines


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

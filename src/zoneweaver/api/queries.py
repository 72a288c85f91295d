"""Reading query strings: UTF-8, each name once, checked against the route's model."""

from __future__ import annotations

from urllib.parse import parse_qsl

from pydantic import ValidationError

from zoneweaver.api.wire import Query, explain
from zoneweaver.domain.errors import Invalid

MOST: int = 50


def read(raw: bytes) -> dict[str, str]:
    """Return the parameters. Raises Invalid for bytes that are not UTF-8 and names that are given twice."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST)
    except ValueError:
        raise Invalid("The query string is not valid", code="invalid_query") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"Query parameter {name[:80]} is given twice", field=name[:80])
        if "\x00" in value or "\x00" in name:
            shown = name.replace("\x00", "")[:80]
            raise Invalid(f"Query parameter {shown} holds a NUL character", field=shown or None)
        found[name] = value
    return found


def switch(found: dict[str, str], name: str) -> bool:
    """Take a true/false parameter out, False when it is not there. Raises Invalid."""
    value = found.pop(name, "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise Invalid(f"{name} must be true or false", field=name)
    return value in {"true", "1"}


def check(found: dict[str, str], model: type[Query] | None) -> Query | None:
    """Validate the parameters. Raises Invalid naming the one to blame."""
    if model is None:
        if found:
            name = next(iter(found))[:80]
            raise Invalid(f"Unknown query parameter: {name}", field=name)
        return None
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise explain(error, model, noun="query parameter") from None

"""The grammar of bodies and query strings: strict models, the types that fields share, and errors that name fields."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.secret import Secret

NOT_GIVEN: Final[Any] = None
"""Default of fields that may be left out but must not be null."""


class Body(BaseModel):
    """A request body, or an object inside one: unknown fields are refused, types are not bent."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, use_attribute_docstrings=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that were given, as JSON (secrets as `Secret`)."""
        return self.model_dump(exclude_unset=True)


class Query(BaseModel):
    """A query string: unknown parameters are refused, text is read as the type that is wanted."""

    model_config = ConfigDict(extra="forbid", defer_build=True, use_attribute_docstrings=True)


class Shown(BaseModel):
    """An answer, for the OpenAPI document only: answers are written by the services as they are."""

    model_config = ConfigDict(extra="allow", defer_build=True, use_attribute_docstrings=True)


class Page(Query):
    """Which part of a list."""

    limit: int = Field(default=100, ge=1, le=1000)
    """How many at most."""
    offset: int = Field(default=0, ge=0, le=2**31)
    """How many to leave out first."""


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else value


def _switch_as_text(value: Any) -> Any:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _secret(value: Any) -> Secret:
    if not isinstance(value, str) or not value or len(value) > 4096:
        raise ValueError("must be a string of 1 to 4096 characters")
    return Secret(value)


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _instant(value: Any) -> datetime:
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            moment = datetime.fromisoformat(value).astimezone(UTC)
            if moment >= EPOCH:
                return moment
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a moment after 1970 such as 2027-01-01T00:00:00Z")


Amount = Annotated[
    str,
    BeforeValidator(_number_as_text),
    Field(max_length=64),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 64}, {"type": "integer"}]}),
]
"""A size or a count: text, or a plain number."""

Switch = Annotated[
    str,
    BeforeValidator(_switch_as_text),
    Field(max_length=1024),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 1024}, {"type": "boolean"}]}),
]
"""`on` or `off` (or more, where the attribute knows more); true and false are understood."""

Hidden = Annotated[
    Secret,
    PlainValidator(_secret),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 4096, "format": "password", "writeOnly": True}),
]
"""A secret: taken, never shown."""

Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment in ISO 8601, with its offset from UTC."""

Line = Annotated[str, Field(max_length=4096)]
"""Text of moderate length."""

_SENTENCES: Final = {
    "missing": "is missing",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


MOST_PROBLEMS: Final = 50
"""Problems of one body that are told; a million of them would hold up everybody else."""


def explain(error: ValidationError, model: type[BaseModel], *, noun: str = "field") -> Invalid:
    """Turn what Pydantic found into one sentence that names a field, with all problems in the details."""
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=True)[:MOST_PROBLEMS]:
        field = field_path(item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(item["loc"][-1]), _fields_at(model, item["loc"][:-1]), n=1)
            told = f"Unknown {noun}: {field}" + (f" (did you mean {near[0]}?)" if near else "")
        else:
            said = _SENTENCES.get(item["type"]) or _lower(item["msg"])
            told = f"{field or 'The body'} {said}" if item["type"] in _SENTENCES else f"{field}: {said}"
        problems.append({"field": field, "message": told})
    invalid = Invalid(problems[0]["message"], field=problems[0]["field"] or None)
    if len(problems) > 1:
        invalid.details["problems"] = problems
    return invalid


def field_path(place: Sequence[str | int]) -> str:
    """Write the place of a field: `nics[0].physical`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{str(part)[:80]}" if text else str(part)[:80]
    return text


def _lower(sentence: str) -> str:
    plain = sentence.removeprefix("Value error, ").removeprefix("Input ")
    return plain[:1].lower() + plain[1:]


def _fields_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Return the field names that are known at a place inside a model."""
    for part in place:
        if isinstance(part, int):
            continue
        found = model.model_fields.get(part)
        inner = _model_in(found.annotation) if found else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(kind: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as `list[Nic] | None`."""
    if typing.get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for arg in typing.get_args(kind) if (found := _model_in(arg))), None)


class WireSchema(GenerateJsonSchema):
    """JSON Schema without titles, and without defaults that only mean `not given`."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out a default of None."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is given
        """Give fields no titles: their names say enough."""
        return False

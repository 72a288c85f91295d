"""JSON text without the regular-expression machinery that the `json` package drags in: commands start quickly."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

make_scanner: Any = None
make_encoder: Any = None
try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:  # an interpreter without the accelerators: slower, but the same text
    make_scanner = None


class _Rules:
    """What the accelerated scanner asks its owner for."""

    __slots__ = ("memo",)
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}


def _unknown(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def loads(text: str) -> Any:
    """Return the value a JSON text stands for; ValueError when it is not one value."""
    if make_scanner is None:
        import json

        return json.loads(text)
    text = text.strip()
    try:
        value, end = make_scanner(_Rules())(text, 0)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    if end != len(text):
        raise ValueError(f"text after the JSON value at character {end}")
    return value


def dumps(value: object) -> str:
    """Return the compact JSON text of a value."""
    if make_scanner is None:
        import json

        return json.dumps(value, separators=(",", ":"))
    encode = make_encoder(None, _unknown, encode_basestring_ascii, None, ":", ",", False, False, True)
    return "".join(encode(value, 0))

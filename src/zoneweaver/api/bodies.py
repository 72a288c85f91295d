"""Reading bodies: bounded before they are read, and JSON without its traps."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NoReturn

from zoneweaver.api.wire import field_path
from zoneweaver.domain.errors import Invalid, TooLarge, Unavailable, UnsupportedMediaType

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

DEEPEST: Final = 64
"""Objects and lists may be nested this deep."""


async def read(headers: Mapping[bytes, bytes], receive: Receive, *, limit: int) -> bytes:
    """Return the body. Raises TooLarge as soon as it is known to be longer than `limit` bytes."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    if declared == b"0" and b"transfer-encoding" not in headers:
        return b""
    chunks: list[bytes] = []
    size = 0
    async for chunk in pieces(receive):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it comes. Raises Unavailable when the client goes away before its end."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("the client went away before its request was complete", code="client_gone")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes", details={"limit": limit})


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Raise UnsupportedMediaType unless the body is declared as JSON in UTF-8."""
    named = headers.get(b"content-type", b"").decode("latin-1").lower()
    kind, *params = [part.strip() for part in named.split(";")]
    charsets = [param.removeprefix("charset=").strip('"') for param in params if param.startswith("charset=")]
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json or any(charset not in {"utf-8", "utf8", "us-ascii"} for charset in charsets):
        raise UnsupportedMediaType(
            f"The body must be application/json in UTF-8, not {kind[:80] or 'of no declared type'}"
        )


def parse(body: bytes) -> Any:
    """Read JSON in UTF-8. Raises Invalid.

    Refused although Python would take them: a name twice in an object, NaN and Infinity, numbers beyond all bounds,
    lone surrogates, NUL characters, and nesting deeper than 64.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_json(f"not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer
        )
    except json.JSONDecodeError as error:
        raise _not_json(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    _check(value)
    return value


def _not_json(why: str) -> Invalid:
    return Invalid(f"The body is not valid JSON: {why}", code="invalid_json")


def _too_deep() -> Invalid:
    return Invalid(f"The body is nested deeper than {DEEPEST}", code="invalid_json")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Invalid(f"{_shown(double)} is given twice", field=_shown(double), code="invalid_json")
    return found


def _constant(word: str) -> NoReturn:
    raise _not_json(f"{word} is not a JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _not_json(f"the number {text[:40]} is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > 40:
        raise _not_json(f"the number {text[:40]}… is too large")
    return int(text)


def _shown(name: str) -> str:
    return name[:80].encode("ascii", "backslashreplace").decode()


def _check(value: Any) -> None:
    """Walk the value without recursion; raise Invalid for what may not be inside."""
    level: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    for _ in range(DEEPEST + 1):
        below: list[tuple[tuple[str | int, ...], Any]] = []
        for place, item in level:
            if isinstance(item, dict):
                for name, inner in item.items():
                    _check_text(name, (*place, _shown(name)))
                    below.append(((*place, name), inner))
            elif isinstance(item, list):
                below.extend(((*place, number), inner) for number, inner in enumerate(item))
            elif isinstance(item, str):
                _check_text(item, place)
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str, place: tuple[str | int, ...]) -> None:
    if "\x00" in text:
        raise _not_text(place, "a NUL character")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _not_text(place, "a lone surrogate") from None


def _not_text(place: tuple[str | int, ...], what: str) -> Invalid:
    field = field_path(place)
    return Invalid(f"{field or 'The body'} holds {what}", field=field or None, code="invalid_json")

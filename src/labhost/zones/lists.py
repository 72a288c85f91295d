"""Properties of a resource that hold several values: options of an fs, properties of a net, values of an rctl."""

from __future__ import annotations

from labhost.zones import schema
from labhost.zones.schema import STRINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Resource
    from labhost.zones.lexer import Pairs, Reader, Value
    from labhost.zones.session import Session


def add_value(session: Session, draft: Resource, reader: Reader) -> None:
    """Add a value, or each of several, to a list of the open resource."""
    for value in _given(session, draft, reader, "add"):
        made = item(session, draft.kind, value)
        if made is None:
            session.usage("add")
            return
        if draft.kind == "fs" and made in draft.items:
            session.fail(f"options: {made[0]} is already there")
            return
        draft.items.append(made)


def remove_value(session: Session, draft: Resource, reader: Reader) -> None:
    """Remove a value, or each of several, from a list of the open resource."""
    for value in _given(session, draft, reader, "remove"):
        made = item(session, draft.kind, value)
        if made is None:
            return
        if made not in draft.items:
            session.fail(f"remove {schema.LISTS[draft.kind]}: {STRINGS['no property id']}")
            return
        draft.items.remove(made)


def set_values(session: Session, draft: Resource, value: Value) -> None:
    """Replace the whole list, unless one of the new values has the wrong form."""
    items = [item(session, draft.kind, each) for each in (value if isinstance(value, list) else [value])]
    if None not in items:
        draft.items = [each for each in items if each is not None]


def _given(session: Session, draft: Resource, reader: Reader, command: str) -> list[str | Pairs]:
    """Take `PROPERTY VALUE`; nothing after saying why it cannot be."""
    name = reader.word(schema.PROPERTIES)
    value = reader.value()
    reader.finish()
    if not session.writable(command):
        return []
    if schema.LISTS.get(draft.kind) != name:
        session.fail(f"{name}: {STRINGS['no property']}")
        session.usage(command)
        return []
    return value if isinstance(value, list) else [value]


def item(session: Session, kind: str, value: str | Pairs) -> tuple[str, ...] | None:
    """Return the list item a value stands for; None (and a message) if it has the wrong form."""
    if kind == "fs":
        if isinstance(value, str):
            return (value,)
        session.fail("A simple value was expected here.")
        return None
    if isinstance(value, str):
        session.fail("A complex value was expected here.")
        return None
    names = ("priv", "limit", "action") if kind == "rctl" else ("name", "value")
    given = dict(value)
    for name in given:
        if name not in names:
            session.fail(f"{name}: {STRINGS['no property']}")
            return None
    for name in names:
        if name not in given:
            session.fail(f"{name} not specified")
            return None
    return tuple(given[name] for name in names)

"""Commands of zonecfg that give values: set and clear, global or in the open resource."""

from __future__ import annotations

import sys

from labhost.zones import limits, schema, states, values
from labhost.zones.lists import set_values
from labhost.zones.names import is_zone_name
from labhost.zones.schema import STRINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Config, Resource
    from labhost.zones.lexer import Reader, Value
    from labhost.zones.session import Session


def assign(session: Session, reader: Reader) -> None:
    """Set a property, global or of the open resource."""
    name = reader.word(schema.PROPERTIES)
    reader.mark("=")
    value = reader.value()
    reader.finish()
    if not session.writable("set"):
        return
    if session.draft is not None:
        _set_in(session, session.draft, name, value)
        return
    if name not in schema.GLOBALS and name not in schema.ALIASES:
        session.fail("Cannot set a resource-specific property from the global scope.")
        session.usage("set")
        return
    config = session.open()
    if config is None:
        return
    if not isinstance(value, str):
        session.fail("A simple value was expected here.")
        return
    _set_global(session, config, name, value)


def _set_global(session: Session, config: Config, name: str, value: str) -> None:
    if name in ("zonepath", "brand") and states.at_least(states.state(session.world, session.zone), "installed"):
        session.say(f"Zone {session.zone} already installed; set {name} not allowed.")
        return
    if name == "zonename":
        if not is_zone_name(value) or value == "global" or value.startswith("SUNW"):
            session.fail(f"{value}: {STRINGS['bogus name']}")
            sys.stderr.write(schema.NAME_RULES)
            return
        session.zone = value
    values.check_global(name, value)
    if name == "zonepath":
        # Several slashes are one, and the last one goes.
        value = "/" + "/".join(part for part in value.split("/") if part)
    if name == "brand":
        session.known_brand(value)
    if name in schema.ALIASES:
        rctl, action = schema.ALIASES[name]
        limits.keep(config, rctl, values.amount(name, value), action)
    else:
        config.root["name" if name == "zonename" else name] = value
    session.dirty = True


def _set_in(session: Session, draft: Resource, name: str, value: Value) -> None:
    if schema.LISTS.get(draft.kind) == name:
        set_values(session, draft, value)
        return
    if name not in schema.RESOURCES[draft.kind]:
        session.fail(f"{name}: {STRINGS['no property']}")
        session.usage("set")
        return
    if not isinstance(value, str):
        session.fail("A simple value was expected here.")
        return
    if value:
        values.check(draft.kind, name, value)
        draft.props[name] = value
    else:
        draft.props.pop(name, None)


def clear(session: Session, reader: Reader) -> None:
    """Take a property back to its default."""
    name = reader.word(schema.PROPERTIES)
    reader.finish()
    if not session.writable("clear"):
        return
    draft = session.draft
    if draft is not None:
        if name not in schema.CLEARABLE.get(draft.kind, ()):
            known = name in schema.RESOURCES[draft.kind] or schema.LISTS.get(draft.kind) == name
            session.fail(f"{name}: {STRINGS['no clear' if known else 'no property']}")
        elif schema.LISTS.get(draft.kind) == name:
            draft.items.clear()
        else:
            draft.props.pop(name, None)
        return
    if name not in schema.GLOBALS and name not in schema.ALIASES:
        session.fail("Cannot clear a resource-specific property from the global scope.")
        session.usage("clear")
        return
    config = session.open()
    if config is None:
        return
    if name in ("zonename", "zonepath", "brand"):
        session.fail(f"{name}: {STRINGS['no clear']}")
    elif name in schema.ALIASES:
        limits.keep(config, schema.ALIASES[name][0], "", "")
        session.dirty = True
    else:
        if name in ("autoboot", "ip-type"):
            config.root[name] = "false" if name == "autoboot" else "shared"
        else:
            config.root.pop(name, None)
        session.dirty = True


COMMANDS = {"set": assign, "clear": clear}

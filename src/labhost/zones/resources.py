"""Commands of zonecfg on resources: add, select, cancel, remove, end."""

from __future__ import annotations

from labhost.zones import limits, schema, showing, values
from labhost.zones.document import Resource
from labhost.zones.lists import add_value, remove_value
from labhost.zones.schema import STRINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Config
    from labhost.zones.lexer import Reader
    from labhost.zones.session import Session


def pairs(reader: Reader, kind: str) -> dict[str, str]:
    """Take the pairs `property=value` that tell resources of a kind apart."""
    wanted: dict[str, str] = {}
    while reader.more():
        name = reader.word(schema.RESOURCES[kind])
        reader.mark("=")
        wanted[name] = reader.simple()
    return wanted


def found(config: Config, kind: str, wanted: dict[str, str]) -> list[Resource]:
    """Return the resources of a kind that have all the values wanted."""
    return [
        each
        for each in showing.resources(config, kind)
        if all(each.get(name) == value for name, value in wanted.items())
    ]


def add(session: Session, reader: Reader) -> None:
    """Begin a resource, or add a value to a list of the one that is open."""
    if session.draft is not None:
        add_value(session, session.draft, reader)
        return
    kind = reader.word({**schema.RESOURCES, **dict.fromkeys(schema.PROPERTIES)})
    if kind not in schema.RESOURCES or reader.more():
        session.usage("add")
        return
    config = session.edit("add")
    if config is None:
        return
    if kind in schema.SINGLE and showing.resources(config, kind):
        session.fail(f"A {kind} resource already exists.  Use 'select {kind}' to modify it.")
        return
    session.draft, session.old = Resource(kind), None


def select(session: Session, reader: Reader) -> None:
    """Open a resource that is there."""
    kind = reader.word(schema.RESOURCES)
    wanted = pairs(reader, kind)
    if not wanted and kind not in schema.SINGLE:
        session.usage("select")
        return
    config = session.edit("select")
    if config is None:
        return
    matching = found(config, kind, wanted)
    if len(matching) != 1:
        session.fail(f"select {kind}: {STRINGS['no id' if not matching else 'insufficient']}")
        return
    session.old = matching[0]
    session.draft = matching[0].copy()


def cancel(session: Session, reader: Reader) -> None:
    """Forget what was done to the open resource."""
    reader.finish()
    session.draft = session.old = None


def remove(session: Session, reader: Reader) -> None:
    """Remove resources, or a value from a list of the open one."""
    if session.draft is not None:
        remove_value(session, session.draft, reader)
        return
    given = reader.options("F")
    kind = reader.word(schema.RESOURCES)
    wanted = pairs(reader, kind)
    if "?" in given or len(wanted) > 3:
        session.usage("remove")
        return
    config = session.edit("remove")
    if config is None:
        return
    matching = found(config, kind, wanted)
    if not matching:
        session.fail(f"remove {kind}: {STRINGS['no id' if wanted else 'no entry']}")
        return
    if len(matching) > 1 and "F" not in given:
        if wanted:
            session.fail(f"remove {kind}: {STRINGS['insufficient']}")
            return
        answer = session.ask(f"Are you sure you want to remove ALL '{kind}' resources")
        if answer is None:
            session.fail(
                "There are multiple instances of this resource.  Either qualify the resource to\n"
                "remove a single instance or use the -F option to remove all instances."
            )
            return
        if not answer:
            return
    if kind in limits.CAPPED:
        limits.forget(config, set(limits.controls(kind).values()))
    else:
        config.resources = [each for each in config.resources if not any(each is gone for gone in matching)]
    session.dirty = True


def end(session: Session, reader: Reader) -> None:
    """Put the open resource into the configuration, if it is complete."""
    reader.finish()
    draft, config = session.draft, session.config
    if draft is None or config is None:
        return
    complaints = _missing(draft) or _wrong(session, config, draft)
    for text in complaints:
        session.fail(text)
    if complaints:
        return
    if draft.kind in limits.CAPPED:
        limits.keep_capped(config, draft)
    else:
        # A changed resource is taken out and put in anew: it moves behind the others of the document.
        config.resources = [each for each in config.resources if each is not session.old]
        config.resources.append(draft)
    session.draft = session.old = None
    session.dirty = True


def _missing(draft: Resource) -> list[str]:
    complaints = [
        f"{name} not specified"
        for name in schema.REQUIRED.get(draft.kind, ())
        if not (draft.items if schema.LISTS.get(draft.kind) == name else draft.get(name))
    ]
    if draft.kind in ("capped-memory", "security-flags") and not draft.props:
        complaints.append(f"No property of {draft.kind} was specified.")
    return complaints


def _wrong(session: Session, config: Config, draft: Resource) -> list[str]:
    if draft.kind == "attr":
        complaint = values.attr_complaint(draft.get("type"), draft.get("value"))
        if complaint:
            return [complaint]
    keys = schema.KEYS.get(draft.kind, ())
    for other in config.of(draft.kind) if keys else ():
        if other is not session.old and all(other.get(key) == draft.get(key) for key in keys):
            article = "An" if draft.kind in ("attr", "admin") else "A"
            which = ", and ".join(f"{key} '{draft.get(key)}'" for key in keys)
            return [f"{article} {draft.kind} resource with the {which} already exists."]
    return []


COMMANDS = {"add": add, "select": select, "cancel": cancel, "remove": remove, "end": end}

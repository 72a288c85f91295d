"""Commands of zonecfg on the configuration as a whole: create, delete, verify, commit, revert, exit."""

from __future__ import annotations

from labhost.zones import configurations, index, states
from labhost.zones.document import parse
from labhost.zones.schema import STRINGS
from labhost.zones.session import Leave
from labhost.zones.verification import verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Config
    from labhost.zones.lexer import Reader
    from labhost.zones.session import Session


def create(session: Session, reader: Reader) -> None:
    """Begin a configuration from a template."""
    given = reader.options("bFX", "at")
    if "?" in given or reader.more():
        session.usage("create")
        return
    if not session.writable("create"):
        return
    found = states.state(session.world, session.zone)
    if states.at_least(found, "installed"):
        # Says no, yet is no error: what follows edits the zone that is there.
        session.say(f"Zone {session.zone} already installed; create not allowed.")
        return
    if found is not None or session.config is not None:
        if "F" in given:
            session.show(f"Zone {session.zone} already exists; overwriting.")
        else:
            answer = session.ask(f"Zone {session.zone} already exists; do you want to overwrite it")
            if answer is None:
                session.say("Zone exists, input not from terminal and -F not specified:")
                session.say("create command ignored, exiting.")
                raise Leave(1)
            if not answer:
                return
    config = _template(session, given)
    if config is None:
        return
    config.root["name"] = session.zone
    config.root.pop("debugid", None)
    session.config = config
    if not session.saved_as and found is not None:
        session.saved_as = session.zone
    session.dirty = True


def _template(session: Session, given: dict[str, str]) -> Config | None:
    if "a" in given:
        try:
            config = parse(configurations.text_at(session.world.host(f"{given['a']}/SUNWdetached.xml")))
        except (OSError, ValueError):
            session.fail(f"{given['a']}: invalid path to detached zone")
            return None
        config.root["zonepath"] = given["a"]
        return config
    name = "SUNWblank" if "b" in given else given.get("t", "SUNWdefault")
    if name[:1].islower():
        name = f"OMNI{name}"
    try:
        config = configurations.load(session.world, name)
    except configurations.NoZone:
        session.fail(f"{name}: {STRINGS['no zone']}")
        return None
    except configurations.BadDocument:
        session.fail(f"{name}: {STRINGS['document']}")
        return None
    return config


def delete(session: Session, reader: Reader) -> None:
    """Delete the zone's configuration, whatever was edited before."""
    given = reader.options("F")
    if "?" in given or reader.more():
        session.usage("delete")
        return
    if not session.writable("delete"):
        return
    force = "F" in given
    if not force:
        if session.open() is None:
            return
        answer = session.ask(f"Are you sure you want to delete zone {session.zone}")
        if answer is None:
            session.say("Input not from terminal and -F not specified:")
            session.say("delete command ignored, exiting.")
            raise Leave(1)
        if not answer:
            return
    found = states.state(session.world, session.zone)
    if found is None or session.zone == "global":
        session.fail(f"{session.zone}: {STRINGS['no zone' if found is None else 'bad state']}")
    elif found == "configured" or (force and found in ("incomplete", "installed")):
        with index.Editing(session.world) as book:
            configurations.remove(configurations.place(session.world, session.zone))
            book.drop(session.zone)
    elif force:
        session.fail(f"{session.zone}: {STRINGS['bad state']}")
    else:
        session.say(f"Zone {session.zone} not in configured state; delete not allowed.  Use -F to force delete.")
    session.dirty = False
    session.config = None
    session.saved_as = ""


def check(session: Session, reader: Reader) -> None:
    """Say what would keep the configuration from being saved."""
    reader.finish()
    config = session.open()
    if config is None:
        return
    said, reason = verify(config)
    for text in said:
        session.fail(text)
    if reason:
        session.fail(f"{session.zone}: {reason}")


def commit(session: Session, reader: Reader) -> None:
    """Save what was changed so far."""
    reader.finish()
    if session.writable("commit") and session.open() is not None:
        session.save()


def revert(session: Session, reader: Reader) -> None:
    """Forget what was changed since the last commit."""
    given = reader.options("F")
    reader.finish()
    if not session.writable("revert") or session.open() is None:
        return
    if session.dirty and "F" not in given:
        answer = session.ask("Are you sure you want to revert")
        if answer is None:
            session.fail("Input not from terminal and -F not specified:\nrevert command ignored.")
            return
        if not answer:
            return
    session.zone = session.base
    session.config = None
    session.dirty = False
    session.open()


def leave(session: Session, reader: Reader) -> None:
    """End the session."""
    given = reader.options("F")
    reader.finish()
    if session.draft is not None and "F" not in given:
        answer = session.ask("Resource incomplete; really quit")
        if answer is None:
            session.say("Resource incomplete, input not from terminal and -F not specified:")
            session.say("exit command ignored, but exiting anyway.")
            raise Leave(1)
        if not answer:
            return
    if session.draft is not None and "F" in given:
        session.draft = None
    session.done = True


COMMANDS = {
    "create": create, "delete": delete, "verify": check, "commit": commit, "revert": revert, "exit": leave,
}  # fmt: skip

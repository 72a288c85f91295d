"""Commands of zonecfg that only look: info, export, help."""

from __future__ import annotations

import sys

from labhost.zones import configurations, schema, showing
from labhost.zones.limits import limit_of
from labhost.zones.resources import found, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.lexer import Reader
    from labhost.zones.session import Session


def info(session: Session, reader: Reader) -> None:
    """Show the configuration, some resources, or one property."""
    if session.draft is not None and not reader.more():
        for line in showing.resource_lines(session.draft):
            session.show(line)
        return
    if not reader.more():
        config = session.open()
        if config is not None:
            sys.stdout.write("\n".join(showing.info(config)) + "\n")
        return
    name = reader.word({**schema.RESOURCES, **dict.fromkeys(schema.GLOBALS), **schema.ALIASES})
    if name not in schema.RESOURCES:
        reader.finish()
        config = session.open()
        if config is None:
            return
        if name in schema.ALIASES:
            limit = limit_of(config, schema.ALIASES[name][0])
            session.show(f"[{name}: {limit}]" if limit else f"[{name} not specified]")
        else:
            session.show(f"{name}: {showing.global_value(config, name)}")
        return
    wanted = pairs(reader, name)
    config = session.open()
    if config is None:
        return
    matching = found(config, name, wanted)
    if not matching and wanted:
        session.show(f"No such {name} resource.")
    for resource in matching:
        for line in showing.resource_lines(resource):
            session.show(line)


def export(session: Session, reader: Reader) -> None:
    """Print, or write into a file, the commands that make this configuration."""
    given = reader.options("", "f")
    if "?" in given or reader.more():
        session.usage("export")
        return
    config = session.open()
    if config is None:
        return
    try:
        brand = configurations.load(session.world, session.zone).get("brand")
    except (configurations.NoZone, configurations.BadDocument):
        brand = config.get("brand")
    text = "\n".join(showing.export(config, brand)) + "\n"
    if "f" not in given:
        sys.stdout.write(text)
        return
    try:
        with open(given["f"], "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as problem:
        session.fail(f"unable to open file {given['f']}: {problem.strerror}")


def explain(session: Session, reader: Reader) -> None:
    """Say how commands are written."""
    for name in [reader.word(schema.COMMANDS)] if reader.more() else schema.COMMANDS:
        session.show(f"usage:\n{schema.COMMANDS[name]}")


COMMANDS = {"info": info, "export": export, "help": explain}

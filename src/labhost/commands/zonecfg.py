"""zonecfg(8): set up a zone's configuration."""

from __future__ import annotations

import sys

from labhost.zones import schema
from labhost.zones.lexer import statements
from labhost.zones.names import is_zone_name
from labhost.zones.session import Leave, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

USAGE = """usage:\tzonecfg help
\tzonecfg -z <zone>\t\t\t(interactive)
\tzonecfg -z <zone> <command>
\tzonecfg -z <zone> -f <command-file>
"""


def main(world: World, argv: list[str]) -> int:
    """Run zonecfg: 0 all well, 1 something was wrong, 2 usage."""
    zone, file_name, at = "", None, 0
    if argv[:1] == ["help"]:
        for text in schema.COMMANDS.values():
            sys.stdout.write(text + "\n")
        return 0
    while at < len(argv) and argv[at][:1] == "-" and len(argv[at]) > 1:
        flag, rest = argv[at][1], argv[at][2:]
        at += 1
        if flag not in "zfR" or (not rest and at >= len(argv)):
            return _usage()
        value = rest
        if not rest:
            value = argv[at]
            at += 1
        if flag == "z":
            zone = value
        elif flag == "f":
            file_name = value
    words = argv[at:]
    if not zone or (file_name is not None and words):
        return _usage()
    if not is_zone_name(zone):
        sys.stderr.write(f"{zone}: {schema.STRINGS['bogus name']}\n{schema.NAME_RULES}")
        return 2
    try:
        if file_name is not None and file_name != "-":
            return _file(world, zone, file_name)
        if words:
            session = Session(world, zone)
            for statement in statements(" ".join(words) + "\n"):
                session.run(statement)
                if session.done:
                    break
            return session.finish()
        return _dialogue(world, zone, "-" if file_name is not None else "")
    except Leave as leave:
        return leave.code


def _file(world: World, zone: str, file_name: str) -> int:
    """Do the commands of a file up to the first error; what was done by then is committed."""
    try:
        with open(file_name, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = file.read()
    except OSError as problem:
        sys.stderr.write(f"{file_name}: could not open file: {problem.strerror}\n")
        return 1
    session = Session(world, zone, file_name=file_name)
    for statement in statements(text):
        session.run(statement)
        if session.error or session.done:
            break
    return session.finish()


def _dialogue(world: World, zone: str, file_name: str) -> int:
    """Do the commands of standard input as they come, with a prompt for a person at a terminal."""
    session = Session(world, zone, file_name=file_name, interactive=True)
    person = sys.stdin.isatty()
    if not session.read_only:
        session.open(expected=False)
    number = 0
    over = False
    while not over:
        if person:
            scope = f":{session.draft.kind}" if session.draft is not None else ""
            sys.stdout.write(f"zonecfg:{session.zone}{scope}> ")
            sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            break
        number += 1
        for statement in statements(line if line.endswith("\n") else line + "\n", number):
            session.run(statement)
            over = session.done
            if over:
                break
        sys.stderr.flush()
    return session.finish()


def _usage() -> int:
    sys.stderr.write(USAGE)
    return 2

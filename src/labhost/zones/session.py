"""One session of zonecfg: a copy of the configuration, commands that change it, and what they say.

Nothing here is a transaction: a command that fails leaves what went before, and the whole document is written at
the commit over whatever others wrote meanwhile. Only the index is locked.
"""

from __future__ import annotations

import sys

from labhost.zones import configurations, index, schema, values
from labhost.zones.lexer import Reader, SyntaxProblem
from labhost.zones.verification import verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.world import World
    from labhost.zones.document import Config, Resource
    from labhost.zones.lexer import Statement

_STRINGS = schema.STRINGS
_RESOURCE_ONLY = ("cancel", "end")
_GLOBAL_ONLY = ("commit", "create", "delete", "revert", "select", "verify")
# command -> the module that does it, by its COMMANDS; only that module is loaded
_MODULES = {
    "add": "resources", "cancel": "resources", "clear": "assignments", "commit": "whole", "create": "whole",
    "delete": "whole", "end": "resources", "exit": "whole", "export": "looks", "help": "looks", "info": "looks",
    "remove": "resources", "revert": "whole", "select": "resources", "set": "assignments", "verify": "whole",
}  # fmt: skip


class Leave(Exception):
    """The session ends at once with this exit code; nothing more is committed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """The state of one run of zonecfg; `file_name` is set in `-f` mode, `interactive` for a dialogue."""

    __slots__ = (
        "base", "config", "dirty", "done", "draft", "error", "file_name", "interactive", "line", "old", "read_only",
        "said_line", "saved_as", "world", "zone",
    )  # fmt: skip

    def __init__(self, world: World, zone: str, *, file_name: str = "", interactive: bool = False) -> None:
        self.world = world
        self.zone = zone
        self.file_name = file_name
        self.interactive = interactive
        self.read_only = world.setting("euid", 0) != 0
        self.config: Config | None = None
        self.base = zone  # what `revert` goes back to
        self.saved_as = ""  # the name under which the configuration is on disk
        self.draft: Resource | None = None
        self.old: Resource | None = None
        self.dirty = False
        self.done = False
        self.error = False
        self.line = 0
        self.said_line = 0

    # -- saying

    def say(self, text: str, *, error: bool = False) -> None:
        """Print a message to standard error, after the place in the file where there is one."""
        self.error |= error
        if self.file_name and self.line > self.said_line:
            place = f"On line {self.line}:" if self.file_name == "-" else f"On line {self.line} of {self.file_name}:"
            sys.stderr.write(place + "\n")
            self.said_line = self.line
        sys.stderr.write(text + "\n")

    def fail(self, text: str) -> None:
        """Say what is wrong; the session's exit code will be 1."""
        self.say(text, error=True)

    def usage(self, command: str) -> None:
        """Say how a command is written."""
        self.fail(f"usage:\n{schema.COMMANDS[command]}")

    def show(self, text: str) -> None:
        """Print a line to standard output."""
        sys.stdout.write(text + "\n")

    # -- the handle

    def open(self, *, expected: bool = True) -> Config | None:
        """Return the copy being edited, read at first use; None after saying that there is no such zone."""
        if self.config is not None:
            return self.config
        try:
            config = configurations.load(self.world, self.zone)
        except configurations.NoZone:
            self.say(f"{self.zone}: {_STRINGS['no zone']}", error=expected)
            if self.interactive and not self.read_only:
                sys.stdout.write("Use 'create' to begin configuring a new zone.\n")
            return None
        except configurations.BadDocument:
            self.say(f"{self.zone}: {_STRINGS['document']}", error=expected)
            return None
        if not config.get("brand"):
            self.say(f"Zone {self.zone} is inconsistent: missing brand attribute")
            raise Leave(1)
        self.known_brand(config.get("brand"))
        self.config = config
        self.saved_as = self.zone
        return config

    def known_brand(self, brand: str) -> None:
        """Leave the session if there is no such brand."""
        if brand not in schema.BRANDS:
            self.say(f'Zone {self.zone} uses non-existent brand "{brand}".  Unable to continue')
            raise Leave(1)

    def writable(self, command: str) -> bool:
        """Tell whether the zone may be changed, after saying why not."""
        if self.zone.startswith("SUNW"):
            self.fail(f"{self.zone}: zones beginning with SUNW are read-only.")
            return False
        if self.read_only:
            self.fail(f"{self.zone}: cannot {command} in read-only mode.")
            return False
        return True

    def ask(self, question: str) -> bool | None:
        """Ask the person at the terminal; None if there is none."""
        if not (self.interactive and sys.stdin.isatty()):
            return None
        sys.stdout.write(f"{question} (y/[n])? ")
        sys.stdout.flush()
        return sys.stdin.readline().strip().lower().startswith("y")

    # -- running

    def run(self, statement: Statement) -> None:
        """Do one statement."""
        self.line = statement.line
        reader = Reader(statement)
        command = ""
        try:
            if statement.broken is not None and not statement.tokens:
                raise SyntaxProblem(statement.broken)
            command = reader.word(schema.COMMANDS)
            if statement.broken is not None:
                raise SyntaxProblem(statement.broken)
            if (command in _RESOURCE_ONLY and self.draft is None) or (
                command in _GLOBAL_ONLY and self.draft is not None
            ):
                self.fail(
                    f"The {command} command only makes sense in the "
                    f"{'resource' if self.draft is None else 'global'} scope."
                )
                return
            _act(command)(self, reader)
        except SyntaxProblem as problem:
            self.fail(str(problem))
            if command:
                self.usage(command)
        except values.Refused as refusal:
            self.fail(str(refusal))

    def finish(self) -> int:
        """End a session that is no dialogue: commit what is there, and return the exit code."""
        if self.draft is not None:
            self.fail("Resource incomplete.")
        elif self.dirty and not self.save():
            self.fail("Configuration not saved.")
        return 1 if self.error else 0

    def save(self) -> bool:
        """Verify and write the configuration; tell whether it is saved."""
        config = self.config
        if config is None:
            return False
        said, reason = verify(config)
        for text in said:
            self.fail(text)
        if reason:
            self.fail(f"Zone {self.zone} failed to verify")
            self.fail(f"{self.zone}: {reason}")
            return False
        config.root["name"] = self.zone
        old = self.saved_as if self.saved_as != self.zone else ""
        with index.Editing(self.world) as book:
            if old and book.get(self.zone) is not None:
                self.fail(f"{self.zone}: {_STRINGS['in use']}")
                return False
            configurations.give_debug_id(self.world, config)
            entry = book.get(old or self.zone) or index.Entry(self.zone, "configured", "")
            entry.name = self.zone
            entry.path = config.get("zonepath")
            book.put(entry, old)
            configurations.save(self.world, config)
            if old:
                configurations.remove(configurations.place(self.world, old))
        self.saved_as = self.base = self.zone
        self.dirty = False
        return True

    def edit(self, command: str) -> Config | None:
        """Return the copy to be changed; None after saying why this zone may not or cannot be."""
        return self.open() if self.writable(command) else None


def edit(world: World, zone: str, text: str) -> None:
    """Change a zone's configuration as a program of the system does, with a line of zonecfg's language."""
    from labhost.zones.lexer import statements

    session = Session(world, zone)
    session.read_only = False
    for statement in statements(text + "\n"):
        session.run(statement)
    session.finish()


def _act(command: str) -> Callable[[Session, Reader], None]:
    name = f"labhost.zones.{_MODULES[command]}"
    __import__(name)
    return sys.modules[name].COMMANDS[command]  # type: ignore[no-any-return]

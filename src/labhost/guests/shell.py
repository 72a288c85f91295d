"""A small Bourne shell for scripted guests: lists, pipes, redirection, here documents, variables, if, for and while.

It runs as a generator: a command that waits yields what for (`("line", echo)` or `("sleep", seconds)`).
"""

from __future__ import annotations

from labhost.guests.syntax import Incomplete, Word, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from labhost.guests.disk import Disk
    from labhost.guests.syntax import Command, Node

    Wait = tuple[str, Any]
    Steps = Generator[Wait, Any, int]

__all__ = ["Incomplete", "Leave", "Session", "Shell", "Streams"]


class Leave(Exception):
    """The innermost shell ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """Who works where in one shell of the terminal."""

    __slots__ = ("cwd", "env", "user")

    def __init__(self, user: str, cwd: str, env: dict[str, str]) -> None:
        self.user = user
        self.cwd = cwd
        self.env = env


class Streams:
    """The three streams of a command; `given` is None where standard input is the terminal."""

    __slots__ = ("err", "given", "out")

    def __init__(self, given: str | None, out: Callable[[str], None], err: Callable[[str], None]) -> None:
        self.given = given
        self.out = out
        self.err = err


def _nowhere(_text: str) -> None:
    """Lose a text."""


class Shell:
    """Runs command lines against a table of commands and a disk."""

    __slots__ = ("commands", "disk", "errors", "sessions", "status", "system")

    def __init__(self, system: Any, disk: Disk, commands: dict[str, Any]) -> None:
        self.system = system
        self.disk = disk
        self.commands = commands
        self.errors: Callable[[str], None] = _nowhere
        self.sessions: list[Session] = []
        self.status = 0

    @property
    def session(self) -> Session:
        """The innermost shell."""
        return self.sessions[-1]

    @property
    def is_root(self) -> bool:
        """Tell whether commands run as root."""
        return self.session.user == "root"

    def path(self, text: str) -> str:
        """Return an absolute path for one as it was given."""
        return text if text.startswith("/") else f"{self.session.cwd.rstrip('/')}/{text}"

    def run(self, text: str, streams: Streams) -> Steps:
        """Run a text. Raises Incomplete when it goes on in the next line, Leave for `exit`."""
        self.errors = streams.err
        try:
            node = parse(text)
        except SyntaxError as problem:
            streams.err(f"-bash: syntax error near unexpected token `{problem.msg}'\n")
            self.status = 2
            return 2
        return (yield from self._list(node, streams))

    def _list(self, nodes: list[Node], streams: Streams) -> Steps:
        for node in nodes:
            if node.joint == "&&" and self.status != 0:
                continue
            if node.joint == "||" and self.status == 0:
                continue
            self.status = yield from self._pipeline(node, streams)
        return self.status

    def _pipeline(self, node: Node, streams: Streams) -> Steps:
        given = streams.given
        code = 0
        for place, command in enumerate(node.commands):
            last = place == len(node.commands) - 1
            kept: list[str] = []
            code = yield from self._command(command, Streams(given, streams.out if last else kept.append, streams.err))
            if not last:
                given = "".join(kept)
        return (0 if code else 1) if node.negated else code

    def _command(self, command: Command, streams: Streams) -> Steps:
        flows = yield from self._redirected(command, streams)
        if flows is None:
            return 1
        inner, outputs = flows
        try:
            if command.kind == "simple":
                code = yield from self._simple(command, inner)
            else:
                code = yield from self._compound(command, inner)
        finally:
            for path, kept, append in outputs:
                self._store(path, "".join(kept), streams, append=append)
        return code

    def _store(self, path: str, text: str, streams: Streams, *, append: bool) -> None:
        try:
            self.disk.write(path, text, append=append)
        except OSError as problem:
            streams.err(f"-bash: {path}: {problem.strerror}\n")

    def _redirected(self, command: Command, streams: Streams) -> Generator[Wait, Any, Any]:
        inner = Streams(streams.given, streams.out, streams.err)
        outputs: list[tuple[str, list[str], bool]] = []
        for operator, number, target in command.redirections:
            if operator == "<<":
                inner.given = yield from self._here(target)
                continue
            words = yield from self.expand(target)
            text = words[0] if words else ""
            if operator == "<<<":
                inner.given = text + "\n"
            elif operator == ">&":
                if number == 2:
                    inner.err = inner.out
                else:
                    inner.out = inner.err
            elif operator == "<":
                try:
                    inner.given = self.disk.read(self.path(text))
                except OSError as problem:
                    streams.err(f"-bash: {text}: {problem.strerror}\n")
                    return None
            else:
                kept: list[str] = []
                if text != "/dev/null":
                    full = self.path(text)
                    if not self.is_root and full.startswith(self.system.protected):
                        streams.err(f"-bash: {text}: Permission denied\n")
                        return None
                    if not self.disk.is_folder(full.rpartition("/")[0] or "/"):
                        streams.err(f"-bash: {text}: No such file or directory\n")
                        return None
                    outputs.append((full, kept, operator == ">>"))
                if number == 2:
                    inner.err = kept.append
                else:
                    inner.out = kept.append
                    if operator == "&>":
                        inner.err = kept.append
        return inner, outputs

    def _here(self, target: Word) -> Generator[Wait, Any, str]:
        if target.quoted:
            return target.parts[0][1] if target.parts else ""
        return (yield from self._text(target))

    def _compound(self, command: Command, streams: Streams) -> Steps:
        if command.kind in ("{", "("):
            return (yield from self._list(command.body, streams))
        if command.kind == "if":
            for condition, body in command.branches:
                if condition is None or (yield from self._list(condition, streams)) == 0:
                    self.status = 0
                    return (yield from self._list(body, streams))
            return 0
        code = 0
        if command.kind == "for":
            values: list[str] = []
            for word in command.words:
                values += yield from self.expand(word)
            for value in values:
                self.session.env[command.name] = value
                code = yield from self._list(command.body, streams)
            return code
        condition = command.branches[0][0] or []
        while ((yield from self._list(condition, streams)) == 0) == (command.kind == "while"):
            code = yield from self._list(command.body, streams)
            yield ("sleep", 0.001)
        return code

    def _simple(self, command: Command, streams: Streams) -> Steps:
        before = self.status
        assigned: dict[str, str] = {}
        for name, word in command.assignments:
            assigned[name] = yield from self._text(word)
        argv: list[str] = []
        for word in command.words:
            argv += yield from self.expand(word)
        if not argv:
            self.session.env.update(assigned)
            return self.status if self.status != before else 0
        kept = dict(self.session.env)
        self.session.env.update(assigned)
        session = self.session
        try:
            return (yield from self.call(argv, streams))
        finally:
            if assigned and argv[0] not in ("export", "read"):
                session.env = kept

    def call(self, argv: list[str], streams: Streams) -> Steps:
        """Run one command with its words."""
        name = argv[0].rpartition("/")[2] if argv[0].startswith(("/usr/", "/bin/", "/sbin/")) else argv[0]
        act = self.commands.get(name)
        if act is None:
            path = self.path(argv[0])
            if "/" in argv[0] and self.disk.exists(path):
                return (yield from self.run(self.disk.read(path), streams))
            if "/" in argv[0]:
                streams.err(f"-bash: {argv[0]}: No such file or directory\n")
            else:
                streams.err(f"-bash: {argv[0]}: command not found\n")
            return 127
        done = act(self, argv, streams)
        if isinstance(done, int):
            return done
        return (yield from done)  # type: ignore[no-any-return]

    # -- expansion

    def expand(self, word: Word) -> Generator[Wait, Any, list[str]]:
        """Return the fields a word becomes."""
        fields: list[str] = []
        current = ""
        begun = False
        wild = False
        for kind, text in word.parts:
            value = yield from self._value(kind, text)
            if kind in ("literal", "quoted", "quoted variable", "quoted command"):
                current += value
                begun = True
                wild |= kind == "literal" and any(mark in value for mark in "*?[")
                continue
            pieces = value.split()
            if value[:1].isspace() and begun and current:
                fields.append(current)
                current, begun = "", False
            for place, piece in enumerate(pieces):
                if place:
                    fields.append(current)
                    current = ""
                current += piece
                begun = True
        if begun:
            fields.append(current)
        if wild:
            return [match for field in fields for match in self._glob(field)]
        return fields

    def _glob(self, field: str) -> list[str]:
        if field.startswith("/"):
            return self.disk.matches(field)
        base = self.session.cwd.rstrip("/") + "/"
        found = self.disk.matches(base + field)
        return [each.removeprefix(base) for each in found]

    def _text(self, word: Word) -> Generator[Wait, Any, str]:
        found = ""
        for kind, text in word.parts:
            found += yield from self._value(kind, text)
        return found

    def _value(self, kind: str, text: str) -> Generator[Wait, Any, str]:
        if kind.endswith("variable"):
            return self._variable(text)
        if kind.endswith("command"):
            kept: list[str] = []
            code = yield from self.run(text, Streams("", kept.append, self.errors))
            self.status = code
            return "".join(kept).rstrip("\n")
        if kind == "literal" and text[:1] == "~" and text[1:2] in ("", "/"):
            return self.session.env.get("HOME", "/") + text[1:]
        return text

    def _variable(self, text: str) -> str:
        if text == "?":
            return str(self.status)
        if text == "$":
            return "612"
        if text.startswith("#"):
            return str(len(self.session.env.get(text[1:], "")))
        for mark in (":-", "-", ":+", "##", "#", "%%", "%"):
            name, found, rest = text.partition(mark)
            if found and name.replace("_", "").isalnum():
                value = self.session.env.get(name, "")
                if mark in (":-", "-"):
                    return value or rest
                if mark == ":+":
                    return rest if value else ""
                from fnmatch import fnmatchcase

                places = range(len(value) + 1) if mark in ("#", "%%") else range(len(value), -1, -1)
                for place in places:
                    if mark[0] == "#" and fnmatchcase(value[:place], rest):
                        return value[place:]
                    if mark[0] == "%" and fnmatchcase(value[place:], rest):
                        return value[:place]
                return value
        return self.session.env.get(text, "")

"""The grammar of the scripted guests' shell: a text becomes lists of pipelines of commands."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Token = tuple[str, "Word | str"]

_OPERATORS = ("&&", "||", ";;", "&>", "<<<", "<<-", "<<", ">>", ">&", "|", "&", ";", "\n", "(", ")", "<", ">")
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")
_ENDINGS = ("then", "else", "elif", "fi", "do", "done", "}", ")")


class Incomplete(Exception):
    """The text goes on in the next line."""


class Word:
    """A word: parts (kind, text) of kind literal, quoted, variable, command; `quoted` if any of it was quoted."""

    __slots__ = ("parts", "quoted")

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []
        self.quoted = False

    def add(self, kind: str, text: str) -> None:
        """Add a part; equal neighbours become one."""
        if self.parts and self.parts[-1][0] == kind and kind in ("literal", "quoted"):
            self.parts[-1] = (kind, self.parts[-1][1] + text)
        else:
            self.parts.append((kind, text))

    def plain(self) -> str:
        """Return the word if it was written without any quoting or expansion, else nothing."""
        if not self.quoted and len(self.parts) == 1 and self.parts[0][0] == "literal":
            return self.parts[0][1]
        return ""


class Command:
    """A simple command, or a group, `if`, `for` or `while` with what is in it."""

    __slots__ = ("assignments", "body", "branches", "kind", "name", "redirections", "words")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = ""
        self.words: list[Word] = []
        self.assignments: list[tuple[str, Word]] = []
        self.redirections: list[tuple[str, int, Word]] = []
        self.body: list[Node] = []
        self.branches: list[tuple[list[Node] | None, list[Node]]] = []


class Node:
    """A pipeline and how it is joined to the one before: `;`, `&&` or `||`."""

    __slots__ = ("commands", "joint", "negated")

    def __init__(self, joint: str) -> None:
        self.joint = joint
        self.commands: list[Command] = []
        self.negated = False


def parse(text: str) -> list[Node]:
    """Return what a text says. Raises Incomplete, or SyntaxError with the token in `msg`."""
    reader = _Reader(_tokens(text))
    nodes = reader.list(())
    if reader.more():
        raise SyntaxError(reader.shown())
    return nodes


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    waiting: list[tuple[Word, bool]] = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char in " \t\r":
            at += 1
        elif text.startswith("\\\n", at):
            at += 2
            if at >= end:
                raise Incomplete
        elif char == "#":
            while at < end and text[at] != "\n":
                at += 1
        elif char.isdigit() and text[at + 1 : at + 2] in (">", "<") and (at == 0 or text[at - 1] in " \t;|&("):
            found.append(("number", char))
            at += 1
        else:
            operator = next((each for each in _OPERATORS if text.startswith(each, at)), "")
            if operator:
                at += len(operator)
                found.append(("operator", operator))
                if operator == "\n" and waiting:
                    at = _bodies(text, at, waiting)
                continue
            word, at = _word(text, at)
            if found and found[-1][0] == "operator" and found[-1][1] in ("<<", "<<-"):
                waiting.append((word, found[-1][1] == "<<-"))
            found.append(("word", word))
    if waiting:
        raise Incomplete
    return found


def _bodies(text: str, at: int, waiting: list[tuple[Word, bool]]) -> int:
    """Read the here documents that begin after a line's end into their words."""
    for word, tabs in waiting:
        stop = "".join(part for _, part in word.parts)
        lines = []
        while True:
            if at >= len(text):
                raise Incomplete
            line, found, _ = text[at:].partition("\n")
            at += len(line) + len(found)
            line = line.rstrip("\r")
            if tabs:
                line = line.lstrip("\t")
            if line == stop:
                break
            if not found:
                raise Incomplete
            lines.append(line + "\n")
        body = "".join(lines)
        quoted = word.quoted
        word.parts.clear()
        if quoted:
            word.add("quoted", body)
        else:
            _quoted(word, body, 0, "")
            word.quoted = False
    waiting.clear()
    return at


def _word(text: str, at: int) -> tuple[Word, int]:
    word = Word()
    end = len(text)
    while at < end:
        char = text[at]
        if char in " \t\r\n;|&()<>":
            break
        if char == "'":
            stop = text.find("'", at + 1)
            if stop < 0:
                raise Incomplete
            word.add("quoted", text[at + 1 : stop])
            word.quoted = True
            at = stop + 1
        elif char == '"':
            word.quoted = True
            word.add("quoted", "")
            at = _quoted(word, text, at + 1, '"')
        elif char == "\\":
            if at + 1 >= end:
                raise Incomplete
            if text[at + 1] != "\n":
                word.add("quoted", text[at + 1])
                word.quoted = True
            elif at + 2 >= end:
                raise Incomplete
            at += 2
        elif char in "$`":
            at = _dollar(word, text, at, "")
        else:
            word.add("literal", char)
            at += 1
    return word, at


def _quoted(word: Word, text: str, at: int, stop: str) -> int:
    """Read the inside of double quotes (or, without `stop`, all of a here document) and return where it ends."""
    while at < len(text):
        char = text[at]
        if stop and char == stop:
            return at + 1
        if char == "\\" and text[at + 1 : at + 2] in ("$", "`", "\\", "\n", '"'):
            if text[at + 1] == '"' and not stop:
                word.add("quoted", '\\"')
            elif text[at + 1] != "\n":
                word.add("quoted", text[at + 1])
            at += 2
        elif char in "$`":
            at = _dollar(word, text, at, "quoted ")
        else:
            word.add("quoted", char)
            at += 1
    if stop:
        raise Incomplete
    return at


def _dollar(word: Word, text: str, at: int, kind: str) -> int:
    if text[at] == "`":
        stop = text.find("`", at + 1)
        if stop < 0:
            raise Incomplete
        word.add(f"{kind}command", text[at + 1 : stop])
        return stop + 1
    following = text[at + 1 : at + 2]
    if following == "(":
        depth, place, quote = 1, at + 2, ""
        while place < len(text) and depth:
            char = text[place]
            if quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            else:
                depth += (char == "(") - (char == ")")
            place += 1
        if depth:
            raise Incomplete
        word.add(f"{kind}command", text[at + 2 : place - 1])
        return place
    if following == "{":
        stop = text.find("}", at)
        if stop < 0:
            raise Incomplete
        word.add(f"{kind}variable", text[at + 2 : stop])
        return stop + 1
    if following in ("?", "$", "#", "!", "@", "*"):
        word.add(f"{kind}variable", following)
        return at + 2
    place = at + 1
    while place < len(text) and text[place] in _NAME:
        place += 1
    if place == at + 1:
        word.add("quoted" if kind else "literal", "$")
        return place
    word.add(f"{kind}variable", text[at + 1 : place])
    return place


class _Reader:
    __slots__ = ("at", "tokens")

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def more(self) -> bool:
        return self.at < len(self.tokens)

    def shown(self) -> str:
        kind, value = self.tokens[self.at]
        if kind == "word" and isinstance(value, Word):
            return "".join(part for _, part in value.parts)
        return "newline" if value == "\n" else str(value)

    def operator(self, *wanted: str) -> str:
        """Return the next token if it is one of these operators."""
        if self.more() and self.tokens[self.at][0] == "operator" and self.tokens[self.at][1] in wanted:
            return str(self.tokens[self.at][1])
        return ""

    def keyword(self) -> str:
        """Return the next token if it is an unquoted word."""
        if self.more():
            kind, value = self.tokens[self.at]
            if kind == "word" and isinstance(value, Word):
                return value.plain()
        return ""

    def skip(self) -> None:
        while self.operator("\n", ";"):
            self.at += 1

    def expect(self, word: str) -> None:
        self.skip()
        if not self.more():
            raise Incomplete
        if word == ")":
            if not self.operator(")"):
                raise SyntaxError(self.shown())
        elif self.keyword() != word:
            raise SyntaxError(self.shown())
        self.at += 1

    def list(self, stops: tuple[str, ...]) -> list[Node]:
        nodes: list[Node] = []
        joint = ";"
        while True:
            if joint == ";":
                self.skip()
            else:
                while self.operator("\n"):
                    self.at += 1
            if not self.more():
                if stops or joint != ";":
                    raise Incomplete
                return nodes
            if self.keyword() in stops or (")" in stops and self.operator(")")):
                return nodes
            if self.keyword() in _ENDINGS or self.operator(")"):
                raise SyntaxError(self.shown())
            nodes.append(self.pipeline(joint))
            found = self.operator("&&", "||", ";", "\n", "&")
            if found:
                self.at += 1
                joint = found if found in ("&&", "||") else ";"
            elif self.more() and not (self.keyword() in stops or self.operator(")")):
                raise SyntaxError(self.shown())
            else:
                joint = ";"

    def pipeline(self, joint: str) -> Node:
        node = Node(joint)
        if self.keyword() == "!":
            node.negated = True
            self.at += 1
        while True:
            node.commands.append(self.command())
            if not self.operator("|"):
                return node
            self.at += 1
            while self.operator("\n"):
                self.at += 1
            if not self.more():
                raise Incomplete

    def command(self) -> Command:
        word = self.keyword()
        if word == "{" or self.operator("("):
            kind = "{" if word else "("
            command = Command(kind)
            self.at += 1
            stop = "}" if kind == "{" else ")"
            command.body = self.list((stop,))
            self.expect(stop)
        elif word == "if":
            command = Command("if")
            self.at += 1
            condition = self.list(("then",))
            self.expect("then")
            command.branches.append((condition, self.list(("elif", "else", "fi"))))
            while self.keyword() == "elif":
                self.at += 1
                condition = self.list(("then",))
                self.expect("then")
                command.branches.append((condition, self.list(("elif", "else", "fi"))))
            if self.keyword() == "else":
                self.at += 1
                command.branches.append((None, self.list(("fi",))))
            self.expect("fi")
        elif word in ("while", "until"):
            command = Command(word)
            self.at += 1
            command.branches.append((self.list(("do",)), []))
            self.expect("do")
            command.body = self.list(("done",))
            self.expect("done")
        elif word == "for":
            command = Command("for")
            self.at += 1
            command.name = self.keyword()
            self.at += 1
            if self.keyword() == "in":
                self.at += 1
                while self.more() and self.tokens[self.at][0] == "word":
                    command.words.append(self.tokens[self.at][1])  # type: ignore[arg-type]
                    self.at += 1
            self.expect("do")
            command.body = self.list(("done",))
            self.expect("done")
        else:
            return self.simple()
        while self.redirection(command):
            pass
        return command

    def simple(self) -> Command:
        command = Command("simple")
        while self.more():
            if self.redirection(command):
                continue
            kind, value = self.tokens[self.at]
            if kind != "word" or not isinstance(value, Word):
                break
            self.at += 1
            first, text = value.parts[0] if value.parts else ("", "")
            name, equals, rest = text.partition("=")
            if not command.words and first == "literal" and equals and name and _NAME.issuperset(name):
                tail = Word()
                tail.quoted = value.quoted
                if rest:
                    tail.add("literal", rest)
                tail.parts += value.parts[1:]
                command.assignments.append((name, tail))
            else:
                command.words.append(value)
        if not (command.words or command.assignments or command.redirections):
            raise SyntaxError(self.shown() if self.more() else "newline")
        return command

    def redirection(self, command: Command) -> bool:
        at = self.at
        number = 1
        if self.more() and self.tokens[at][0] == "number":
            number = int(str(self.tokens[at][1]))
            self.at += 1
        operator = self.operator("<", ">", ">>", "<<", "<<-", "<<<", ">&", "&>")
        if not operator:
            self.at = at
            return False
        self.at += 1
        if not self.more():
            raise SyntaxError("newline")
        kind, value = self.tokens[self.at]
        if kind == "number":
            word = Word()
            word.add("literal", str(value))
            value = word
        if not isinstance(value, Word):
            raise SyntaxError(self.shown())
        self.at += 1
        command.redirections.append(("<<" if operator == "<<-" else operator, number, value))
        return True

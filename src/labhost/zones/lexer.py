"""The language of zonecfg: a joined string becomes statements, a statement becomes words and values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # A value is a plain string, a list of values `[a,b]`, or a complex one `(name=value,…)`, kept as a tuple of pairs.
    Pairs = tuple[tuple[str, str], ...]
    Value = str | Pairs | list["str | Pairs"]

_BREAKS = frozenset(' \t\n";=[]()')
_OPENING = {"[": "]", "(": ")"}


class SyntaxProblem(Exception):
    """A statement does not follow the grammar; says at which text."""

    def __init__(self, at: str) -> None:
        super().__init__(f"syntax error at '{at}'")
        self.at = at


class Token:
    """A word, a quoted string (`quoted`), or one of `= [ ] ( ) ,` (`mark`)."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def __repr__(self) -> str:
        return f"Token({self.kind}, {self.text!r})"


class Statement:
    """The tokens up to a `;` or a line's end, the number of its line, and the text nobody could read, if any."""

    __slots__ = ("broken", "line", "terminator", "tokens")

    def __init__(self, line: int) -> None:
        self.line = line
        self.tokens: list[Token] = []
        self.terminator = "\n"
        self.broken: str | None = None


def statements(text: str, first_line: int = 1) -> Iterator[Statement]:
    """Yield the statements of a text; empty ones and comments are left out."""
    at, line, end = 0, first_line, len(text)
    current = Statement(line)
    depth = 0
    while at < end:
        char = text[at]
        if char in " \t":
            at += 1
        elif char in ";\n":
            current.terminator = char
            if current.tokens or current.broken is not None:
                yield current
            line += char == "\n"
            current, depth = Statement(line), 0
            at += 1
        elif char == "#" and not current.tokens and current.broken is None:
            stop = text.find("\n", at)
            at = end if stop < 0 else stop
        elif char == '"':
            stop = at + 1
            while stop < end and text[stop] not in '"\n':
                stop += 1
            if stop >= end or text[stop] == "\n":
                if current.broken is None:
                    current.broken = text[at:stop]
                at = stop
            else:
                current.tokens.append(Token("quoted", text[at + 1 : stop]))
                at = stop + 1
        elif char in "=[]()" or (char == "," and depth):
            depth += (char in "[(") - (char in "])")
            current.tokens.append(Token("mark", char))
            at += 1
        else:
            stop = at + 1
            while stop < end and text[stop] not in _BREAKS and not (depth and text[stop] == ","):
                stop += 1
            current.tokens.append(Token("word", text[at:stop]))
            at = stop
    if current.tokens or current.broken is not None:
        yield current


class Reader:
    """Reads one statement from left to right; what does not fit is a `SyntaxProblem`."""

    __slots__ = ("at", "statement", "tokens")

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.tokens = statement.tokens
        self.at = 0

    def more(self) -> bool:
        """Tell whether anything is left."""
        return self.at < len(self.tokens)

    def problem(self) -> SyntaxProblem:
        """Return the complaint about what comes next."""
        if self.more():
            return SyntaxProblem(self.tokens[self.at].text)
        return SyntaxProblem(self.statement.terminator)

    def finish(self) -> None:
        """Insist that nothing is left."""
        if self.more():
            raise self.problem()

    def word(self, among: object = None) -> str:
        """Take a bare word, one of `among` (a container) if given."""
        if not self.more() or self.tokens[self.at].kind != "word":
            raise self.problem()
        text = self.tokens[self.at].text
        if among is not None and text not in among:  # type: ignore[operator]
            raise self.problem()
        self.at += 1
        return text

    def next_is(self, mark: str) -> bool:
        """Tell whether the next token is this mark."""
        return self.more() and self.tokens[self.at].kind == "mark" and self.tokens[self.at].text == mark

    def mark(self, mark: str) -> None:
        """Take exactly this mark."""
        if not self.next_is(mark):
            raise self.problem()
        self.at += 1

    def simple(self) -> str:
        """Take a plain value, quoted or not."""
        if not self.more() or self.tokens[self.at].kind == "mark":
            raise self.problem()
        self.at += 1
        return self.tokens[self.at - 1].text

    def pairs(self) -> Pairs:
        """Take a complex value `(name=value,…)`."""
        self.mark("(")
        found = []
        while True:
            name = self.word()
            self.mark("=")
            found.append((name, self.simple()))
            if not self.next_is(","):
                break
            self.at += 1
        self.mark(")")
        return tuple(found)

    def value(self) -> Value:
        """Take a value of any form."""
        if self.next_is("("):
            return self.pairs()
        if not self.next_is("["):
            return self.simple()
        self.at += 1
        found: list[str | Pairs] = []
        while not self.next_is("]"):
            if found:
                self.mark(",")
            found.append(self.pairs() if self.next_is("(") else self.simple())
        self.at += 1
        return found

    def options(self, flags: str, valued: str = "") -> dict[str, str]:
        """Take getopt-like options; an unknown one or a missing value is told as the key `?`."""
        found: dict[str, str] = {}
        while self.more() and self.tokens[self.at].kind == "word" and self.tokens[self.at].text[0] == "-":
            text = self.tokens[self.at].text
            self.at += 1
            if text in ("-", "--"):
                break
            for place, flag in enumerate(text[1:], 1):
                if flag in valued:
                    rest = text[place + 1 :]
                    if not rest and (not self.more() or self.tokens[self.at].kind == "mark"):
                        found["?"] = flag
                    else:
                        found[flag] = rest or self.simple()
                    break
                if flag in flags:
                    found[flag] = ""
                else:
                    found["?"] = flag
        return found

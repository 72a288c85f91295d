"""Address translation rules: the grammar of ipnat.conf(5) as far as `map`, `bimap` and `rdr` go."""

from __future__ import annotations

import _socket as socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PROTOCOLS = ("tcp", "udp", "tcp/udp", "tcpudp", "icmp", "gre", "esp", "ip")
SERVICES = {"ftp": 21, "ssh": 22, "smtp": 25, "domain": 53, "http": 80, "https": 443}


class RuleError(Exception):
    """A line that is no rule, worded as ipnat(8) does."""

    def __init__(self, word: str, line: int) -> None:
        super().__init__(f'syntax error error at "{word}", line {line}')
        self.text = str(self)


class Rule:
    """One rule; `text` is how `ipnat -l` prints it."""

    __slots__ = ("interface", "kind", "text")

    def __init__(self, kind: str, interface: str, text: str) -> None:
        self.kind = kind
        self.interface = interface
        self.text = text


class _Words:
    """Words of one line with the place where reading stopped."""

    __slots__ = ("at", "line", "words")

    def __init__(self, words: list[str], line: int) -> None:
        self.words = words
        self.line = line
        self.at = 0

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def next(self) -> str:
        word = self.peek()
        if not word:
            self.fail()
        self.at += 1
        return word

    def expect(self, *words: str) -> str:
        if self.peek() not in words:
            self.fail()
        return self.next()

    def fail(self) -> NoReturn:
        raise RuleError(self.peek() or "\\n", self.line)


def parse_rules(text: str) -> list[Rule]:
    """Read a whole file; the last line must end with a newline, `#` begins a comment. Raises RuleError."""
    lines = text.split("\n")
    rules = []
    joined = ""
    for number, raw in enumerate(lines, start=1):
        line = (joined + raw).partition("#")[0]
        if line.endswith("\\"):
            joined = line[:-1] + " "
            continue
        joined = ""
        words = line.replace(",", " , ").replace("->", " -> ").replace(";", " ").split()
        if not words:
            continue
        if number == len(lines):
            raise RuleError(words[-1], number)
        rules.append(_rule(_Words(words, number)))
    return rules


def _rule(words: _Words) -> Rule:
    kind = words.expect("map", "map-block", "bimap", "rdr")
    interface = words.next()
    if not (interface[0].isalpha() and interface[-1].isdecimal()):
        words.at -= 1
        words.fail()
    if kind == "rdr":
        body = _redirect(words)
    else:
        source = _from(words) if words.peek() == "from" else _net(words)
        words.expect("->")
        body = f"{source} -> {_net(words, block=kind == 'bimap')}{_map_options(words, kind)}"
    if words.peek():
        words.fail()
    return Rule(kind, interface, f"{kind} {interface} {body}")


def _from(words: _Words) -> str:
    words.expect("from")
    source = _net(words)
    words.expect("to")
    return f"from {source} to {_net(words)}"


def _net(words: _Words, *, block: bool = False) -> str:
    """`ADDRESS[/BITS]`, `0/0`, `any` or `ADDRESS netmask MASK`, printed in full."""
    word = words.next()
    if word == "any":
        return "any"
    host, slash, mask = word.partition("/")
    packed = _packed(host)
    if packed is None:
        words.at -= 1
        words.fail()
    if not slash and words.peek() in {"netmask", "mask"}:
        words.next()
        mask = words.next()
        slash = "/"
    bits = 32 if not slash else _bits(mask)
    if bits is None:
        words.at -= 1
        words.fail()
    if not block and packed == bytes(4) and bits == 0:
        return "0.0.0.0/0"
    return f"{socket.inet_ntoa(packed)}/{bits}"


def _packed(text: str) -> bytes | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(p.isdecimal() and int(p) <= 255 for p in parts):
        return None
    return bytes([int(p) for p in parts] + [0] * (4 - len(parts)))


def _bits(text: str) -> int | None:
    if text.isdecimal():
        return int(text) if int(text) <= 32 else None
    packed = _packed(text)
    if packed is None:
        return None
    digits = f"{int.from_bytes(packed, 'big'):032b}"
    return digits.count("1") if "01" not in digits else None


def _map_options(words: _Words, kind: str) -> str:
    text = ""
    if kind == "map" and words.peek() == "portmap":
        words.next()
        text += f" portmap {_protocol(words)}"
        if words.peek() == "auto":
            text += " " + words.next()
        else:
            text += " " + _ports(words)
    elif kind == "map" and words.peek() == "proxy":
        words.next()
        words.expect("port")
        port = _port(words)
        name = words.next()
        text += f" proxy port {port} {name}"
    if words.peek() in PROTOCOLS:
        text += f" {_protocol(words)}"
    while words.peek() in {"frag", "age", "mssclamp", "tag", "sequential"}:
        option = words.next()
        text += f" {option}" if option in {"frag", "sequential"} else f" {option} {words.next()}"
    return text


def _protocol(words: _Words) -> str:
    word = words.expect(*PROTOCOLS)
    return "tcp/udp" if word == "tcpudp" else word


def _ports(words: _Words) -> str:
    first, colon, last = words.next().partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) <= 65535):
        words.at -= 1
        words.fail()
    return f"{first}:{last}"


def _port(words: _Words) -> str:
    word = words.next()
    first, dash, last = word.partition("-")
    number = str(SERVICES[word]) if word in SERVICES else first
    if (
        not number.isdecimal()
        or not 0 < int(number) <= 65535
        or (dash and not (last.isdecimal() and int(last) <= 65535))
    ):
        words.at -= 1
        words.fail()
    return f"{number}-{last}" if dash else number


def _redirect(words: _Words) -> str:
    source = _from(words) if words.peek() == "from" else _net(words)
    text = source
    if words.peek() == "port":
        words.next()
        text += f" port {_port(words)}"
    words.expect("->")
    targets = [_target(words)]
    while words.peek() == ",":
        words.next()
        targets.append(_target(words))
    text += " -> " + ",".join(targets)
    if words.peek() == "port":
        words.next()
        text += f" port {_port(words)}"
    text += f" {_protocol(words)}" if words.peek() in PROTOCOLS else " tcp"
    while words.peek() in {"round-robin", "frag", "age", "mssclamp", "tag", "sticky"}:
        option = words.next()
        text += f" {option}" if option in {"round-robin", "frag", "sticky"} else f" {option} {words.next()}"
    return text


def _target(words: _Words) -> str:
    host, slash, mask = words.next().partition("/")
    packed = _packed(host)
    if packed is None or (slash and mask != "32"):
        words.at -= 1
        words.fail()
    return socket.inet_ntoa(packed)

"""Configuration of the ISC DHCP server: enough of dhcpd.conf(5) to say what is wrong with it."""

from __future__ import annotations

import _socket as socket

from labhost.net.names import parse_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from labhost.world import World

BLOCKS = ("subnet", "subnet6", "shared-network", "group", "pool", "host", "class", "subclass", "zone", "key", "if",
          "else", "elsif", "failover", "on", "switch", "case")  # fmt: skip
STATEMENTS = ("option", "range", "range6", "authoritative", "not", "default-lease-time", "max-lease-time",
              "min-lease-time", "ddns-update-style", "ddns-updates", "log-facility", "hardware", "fixed-address",
              "fixed-address6",
              "filename", "next-server", "server-name", "server-identifier", "allow", "deny", "ignore",
              "include", "set", "lease-file-name", "pid-file-name", "local-port", "local-address", "omapi-port",
              "boot-unknown-clients", "get-lease-hostnames", "use-host-decl-names", "update-static-leases", "match",
              "spawn", "primary", "secondary", "algorithm", "secret", "one-lease-per-client", "ping-check",
              "ping-timeout", "dynamic-bootp-lease-length", "always-broadcast", "stash-agent-options", "interface",
              "abandon-lease-time", "update-conflict-detection", "update-optimization", "delayed-ack")  # fmt: skip

TAKES = {"authoritative": 0, "hardware": 2, "range": 3, "default-lease-time": 1, "max-lease-time": 1, "filename": 1}


class ConfigError(Exception):
    """A configuration the server refuses, with the line."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Config:
    """What a configuration declares: subnets as (network number, bits, text), and hosts by name."""

    __slots__ = ("hosts", "path", "subnets")

    def __init__(self, path: str) -> None:
        self.path = path
        self.subnets: list[tuple[int, int, str]] = []
        self.hosts: dict[str, dict[str, str]] = {}


class _Reader:
    __slots__ = ("at", "config", "tokens")

    def __init__(self, config: Config, text: str) -> None:
        self.config = config
        self.tokens = list(_tokens(text))
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        if self.at >= len(self.tokens):
            self.fail("unexpected end of file.")
        self.at += 1
        return self.tokens[self.at - 1][0]

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        place = min(self.at if at is None else at, len(self.tokens) - 1)
        line = self.tokens[place][1] if self.tokens else 1
        raise ConfigError(f"{self.config.path} line {line}: {what}")

    def statements(self, subnet: tuple[int, int, str] | None, host: dict[str, str] | None, *, nested: bool) -> None:
        while True:
            word = self.peek()
            if word == "" and not nested:
                return
            if word == "}" and nested:
                self.next()
                return
            self.statement(subnet, host)

    def statement(self, subnet: tuple[int, int, str] | None, host: dict[str, str] | None) -> None:
        begun = self.at
        word = self.next()
        if word == ";":
            return
        if word not in BLOCKS and word not in STATEMENTS:
            self.fail("expecting a parameter or declaration" if word.isidentifier() else "semicolon expected.", begun)
        words: list[str] = []
        while self.peek() not in {";", "{", "}", ""}:
            words.append(self.next())
        if word in BLOCKS:
            if self.peek() != "{":
                self.fail("expecting left brace.")
            inner = self.subnet(words, begun) if word == "subnet" else subnet
            owner = self.host(words, begun) if word == "host" else host
            self.next()
            self.statements(inner, owner, nested=True)
            return
        most = TAKES.get(word, len(words))
        if len(words) > most:
            self.fail("semicolon expected.", begun + 1 + most)
        if self.peek() != ";":
            self.fail("semicolon expected.")
        self.next()
        if word == "range":
            self.range(words, subnet, begun)
        elif word == "hardware" and (len(words) != 2 or parse_mac(words[1]) is None):
            self.fail("expecting hexadecimal number.", begun)
        elif word == "fixed-address" and not words:
            self.fail("expecting IP address or hostname", begun)
        if host is not None and words and word in {"hardware", "fixed-address"}:
            host[word] = words[-1]

    def subnet(self, words: list[str], begun: int) -> tuple[int, int, str]:
        if len(words) != 3 or words[1] != "netmask" or not _address(words[0]) or not _address(words[2]):
            self.fail("expecting netmask", begun)
        base, mask = _number(words[0]), _number(words[2])
        if base & ~mask & 0xFFFFFFFF:
            self.fail(f"subnet {words[0]} netmask {words[2]}: bad subnet number/mask combination.", begun)
        found = (base, f"{mask:032b}".count("1"), words[0])
        for other in self.config.subnets:
            bits = 32 - min(other[1], found[1])
            if other[0] >> bits == base >> bits:
                self.fail(f"subnet {words[0]} netmask {words[2]} conflicts with subnet {other[2]}", begun)
        self.config.subnets.append(found)
        return found

    def host(self, words: list[str], begun: int) -> dict[str, str]:
        if len(words) != 1:
            self.fail("expecting host name", begun)
        if words[0] in self.config.hosts:
            self.fail(f"host {words[0]}: already exists", begun)
        return self.config.hosts.setdefault(words[0], {})

    def range(self, words: list[str], subnet: tuple[int, int, str] | None, begun: int) -> None:
        if subnet is None:
            self.fail("range declaration not allowed here.", begun)
        for word in words:
            if not _address(word):
                self.fail(f"{word}: expecting IP address", begun)
            if _number(word) >> (32 - subnet[1]) != subnet[0] >> (32 - subnet[1]):
                text = f"Address range {words[0]} to {words[-1]} not on net {subnet[2]}/{subnet[1]}"
                self.fail(f"{text}!", begun)


def _tokens(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    word = ""
    for number, line in enumerate(text.split("\n"), start=1):
        quoted = False
        for c in line:
            if c == '"':
                quoted = not quoted
                word += c
            elif quoted:
                word += c
            elif c == "#":
                break
            elif c in " \t\r;{},":
                if word:
                    found.append((word, number))
                    word = ""
                if c in ";{}":
                    found.append((c, number))
            else:
                word += c
        if word:
            found.append((word, number))
            word = ""
    return found


def _address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


def _number(text: str) -> int:
    return int.from_bytes(socket.inet_aton(text), "big")


def parse_config(path: str, text: str) -> Config:
    """Read a whole configuration. Raises ConfigError at the first thing wrong."""
    config = Config(path)
    _Reader(config, text).statements(None, None, nested=False)
    return config


def unserved(world: World, config: Config, names: list[str]) -> str:
    """Say why the server has nothing to listen on: an interface without address or without a subnet of its own."""
    from labhost.net.addresses import interface_of, load

    state: dict[str, Any] = load(world)
    on: dict[str, list[int]] = {}
    for name, facts in state["addresses"].items():
        if facts["up"] and "." in facts["addr"] and facts["addr"][:4] != "127.":
            on.setdefault(interface_of(name), []).append(_number(facts["addr"].partition("/")[0]))
    served = {
        name
        for name, numbers in on.items()
        for number in numbers
        for base, bits, _ in config.subnets
        if number >> (32 - bits) == base >> (32 - bits)
    }
    for name in names:
        if name not in served:
            return f"No subnet declaration for {name}." if name in on else f"{name}: no IPv4 address."
    return "" if served else "Not configured to listen on any interfaces!"

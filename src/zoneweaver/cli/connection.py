"""Which agent a command talks to, and with which key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cyclopts import Group, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.entry import UsageError
from zoneweaver.domain.secret import Secret

if TYPE_CHECKING:
    from zoneweaver.client import Answer, Client

AGENT: Final = Group("Agent", sort_key=90)

CERTIFICATE: Final = "ssl/server.crt"
"""Where the agent keeps its own certificate in its state folder."""


HOST_HOME: Final = Path("/var/lib/zoneweaver-agent")
"""The state folder of an agent that is told no other."""


def home() -> Path:
    """Return the state folder: ZONEWEAVER_HOME, or our own `var` in the present folder, or the host's."""
    if given := os.environ.get("ZONEWEAVER_HOME"):
        return Path(given)
    here = Path("var")
    try:
        ours = here.is_dir() and here.stat().st_uid == os.getuid()
    except OSError:
        ours = False
    return here if ours else HOST_HOME


def lab_home() -> Path:
    """Return the state folder of a lab host: ZONEWEAVER_HOME, or `var` in the present folder."""
    return Path(os.environ.get("ZONEWEAVER_HOME") or "var")


@Parameter(name="*", group=AGENT)
@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The options that every command has which talks to an agent."""

    url: str | None = None
    """Address of the agent (ZONEWEAVER_URL; otherwise https://127.0.0.1:5001)."""
    key_file: Path | None = None
    """File with the API key (otherwise ZONEWEAVER_KEY, then $ZONEWEAVER_HOME/admin.key)."""
    certificate: Path | None = None
    """The agent's certificate, when it is signed by nobody (ZONEWEAVER_CERTIFICATE; otherwise the one in
    $ZONEWEAVER_HOME)."""
    json: bool = False
    """Print the agent's JSON as it comes, and nothing else."""

    @contextmanager
    def open(self) -> Iterator[Client]:
        """Yield a client of the agent."""
        from zoneweaver.client import DEFAULT_URL, Client  # noqa: PLC0415  # late: commands that fail early stay quick

        port = os.environ.get("ZONEWEAVER_SERVER__HTTPS_PORT")
        url = self.url or os.environ.get("ZONEWEAVER_URL") or (f"https://127.0.0.1:{port}" if port else DEFAULT_URL)
        with Client(url=url, key=self.key(), certificate=self.trusted(url)) as client:
            yield client

    def key(self) -> Secret | None:
        """Return the key to show; None when there is none to be found."""
        if self.key_file is not None:
            return _read_key(self.key_file)
        if given := os.environ.get("ZONEWEAVER_KEY"):
            return Secret(given.strip())
        kept = home() / "admin.key"
        return _read_key(kept) if kept.exists() else None

    def trusted(self, url: str) -> Path | None:
        """Return the certificate to trust; the state folder's only for an agent on this machine."""
        from urllib.parse import urlsplit  # noqa: PLC0415

        from zoneweaver.client import is_local  # noqa: PLC0415

        named = self.certificate or (Path(os.environ.get("ZONEWEAVER_CERTIFICATE", "")) if _set() else None)
        if named is not None:
            if not named.is_file():
                raise UsageError(f"{named} is not a certificate file")
            return named
        kept = home() / CERTIFICATE
        return kept if is_local(urlsplit(url).hostname or "") and kept.is_file() else None

    def show(self, answer: Answer) -> bool:
        """Print the answer's JSON if that is wanted, and say whether it was."""
        if self.json:
            terminal.put(answer.text)
        return self.json


def behind_the_command(words: Sequence[str]) -> list[str]:
    """Return a command line with the options that lead to an agent behind its command, where they are understood.

    `zoneweaver --url URL zones list` is what many other programs have taught people to write.
    """
    takes_value = {f"--{field.name.replace('_', '-')}": field.type != "bool" for field in fields(Connection)}
    before = 0
    while before < len(words):
        name, given, _ = words[before].partition("=")
        if name not in takes_value:
            break
        before += 2 if takes_value[name] and not given else 1
    rest = list(words[before:])
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *words[:before], *rest[end:]]


def _set() -> bool:
    return bool(os.environ.get("ZONEWEAVER_CERTIFICATE"))


def _read_key(path: Path) -> Secret:
    try:
        text = path.read_text(encoding="utf-8").strip()
        open_to_all = path.stat().st_mode & 0o077
    except OSError as problem:
        raise UsageError(f"The key file {path} cannot be read: {problem.strerror}") from problem
    if not text or len(text.split()) != 1:
        raise UsageError(f"The key file {path} does not hold one key")
    if open_to_all:
        terminal.note(f"Others can read the key file {path}: chmod 600 {path}")
    return Secret(text)


DEFAULTS: Final = Connection()

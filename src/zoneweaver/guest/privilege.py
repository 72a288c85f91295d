"""Who a command in a guest runs as: root by sudo(8), by pfexec(1) where there is no sudo, or as oneself.

Offers `Privilege` and `probe`, which finds out what the guest allows. A password that sudo wants is given on its
standard input, before whatever the command is to read; it is on no command line.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.secret import Secret, reveal
from zoneweaver.guest.ssh import NO_ENDING, Connection, Ending

PROBE_SECONDS: Final = 60.0

_EXPORT: Final = 'while IFS= read -r line && [ "$line" != . ]; do eval "export $line"; done; exec "$@"'
"""Reads an environment from its standard input, up to a line with a dot: no value is on a command line or in a file."""


class NoPrivilege(Failed):
    """The account may not become root in the guest, and must for what is asked."""

    code = "no_privilege"


@dataclass(frozen=True, kw_only=True, slots=True)
class Privilege:
    """How an account becomes root: the words before a command, and the password that they ask for."""

    username: str
    words: tuple[str, ...] = ()
    password: Secret | None = None
    root: bool = False
    """Whether the account is root already."""

    @property
    def typed(self) -> bytes:
        """What is to be read before anything else."""
        return b"" if self.password is None else f"{reveal(self.password)}\n".encode()

    def command(
        self, words: Sequence[str], *, user: str | None = None, env: dict[str, str] | None = None
    ) -> tuple[list[str], bytes]:
        """Return the words that run a command as a user (None: as oneself) in an environment, and what they read.

        Raises NoPrivilege when the user is another one and nothing lets us become it.
        """
        line, said = list(words), b""
        if env:
            line = ["/bin/sh", "-c", _EXPORT, "sh", *line]
            said = "".join(f"{name}={_quoted(value)}\n" for name, value in env.items()).encode() + b".\n"
        if user is None or user == self.username:
            return line, said
        return [*self.becoming(user), *([shlex.join(line)] if self._by_su(user) else line)], self.typed + said

    def ending(self, user: str | None) -> Ending:
        """Return who ends a command that runs as a user (None: as oneself)."""
        if user is None or user == self.username or self.root:
            return NO_ENDING
        return Ending(words=self.words, typed=self.typed)

    def becoming(self, user: str = "root") -> tuple[str, ...]:
        """Return the words before a command that make it run as a user. Raises NoPrivilege."""
        if self.root:
            return () if user == "root" else ("su", user, "-c")
        if not self.words:
            raise NoPrivilege(
                f"{self.username} cannot become {user} in the guest: sudo asks for a password that is not the "
                "account's, or there is neither sudo nor pfexec for it",
                details={"username": self.username, "user": user},
            )
        if user == "root":
            return self.words
        return (*self.words, "su", user, "-c") if self.words[0] == "pfexec" else (*self.words, "-u", user)

    def _by_su(self, user: str) -> bool:
        return user != "root" and (self.root or self.words[:1] == ("pfexec",))


async def probe(made: Connection, username: str, password: Secret | None) -> Privilege:
    """Find out how an account becomes root; one that cannot is told only when it must. Raises Unreachable."""
    if await _is_root(made, ()):
        return Privilege(username=username, root=True)
    for words in (("sudo", "-n"), ("pfexec",)):
        if await _is_root(made, words):
            return Privilege(username=username, words=words)
    asked = ("sudo", "-k", "-S", "-p", "")
    if password is not None and await _is_root(made, asked, f"{reveal(password)}\n".encode()):
        return Privilege(username=username, words=asked, password=password)
    return Privilege(username=username)


async def _is_root(made: Connection, words: tuple[str, ...], typed: bytes = b"") -> bool:
    ran = await made.run([*words, "id", "-u"], stdin=typed, seconds=PROBE_SECONDS)
    return ran.exit_status == 0 and ran.stdout.strip() == "0"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"

"""svccfg(8): the properties of services.

Offers `properties` and `set_strings`; a property takes effect with `svcadm.refresh` (and a restart).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from zoneweaver.domain.errors import Unparseable
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query


def properties(fmri: str, group: str) -> Query[dict[str, tuple[str, ...]]]:
    """Ask for the properties of a group, as `GROUP/NAME` with their values as text. Raises Unparseable."""
    return Query(command=Command(argv=("svccfg", "-s", fmri, "listprop", group)), parse=_read)


def set_strings(fmri: str, name: str, values: Sequence[str]) -> Command:
    """Give a property of strings these values (a property without any is one empty string)."""
    quoted = " ".join(f'"{value}"' for value in values or ("",))
    text = quoted if len(values) < 2 else f"({quoted})"
    argv = ("svccfg", "-s", fmri, "setprop", name, "=", "astring:", text)
    return Command(argv=argv, changes=True, timeout=CHANGE_SECONDS)


def _read(completed: Completed) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in completed.stdout.splitlines():
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}: {error}") from None
        if len(words) < 2:
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}")
        if "/" in words[0]:  # the line of the group itself has its type only
            found[words[0]] = tuple(value for value in words[2:] if value)
    return found

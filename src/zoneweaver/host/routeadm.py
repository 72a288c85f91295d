"""routeadm(8): whether the host forwards packets.

Offers `show` (both families) and `set_forwarding`.
"""

from __future__ import annotations

from typing import Final

from zoneweaver.domain.errors import Unparseable
from zoneweaver.domain.network import Forwarding
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query

FAMILIES: Final = ("ipv4", "ipv6")


def show() -> Query[dict[str, Forwarding]]:
    """Ask whether packets are forwarded, by family: `ipv4` and `ipv6`. Raises Unparseable."""
    return Query(command=Command(argv=("routeadm", "-p")), parse=_read)


def set_forwarding(family: str = "ipv4", *, on: bool) -> Command:
    """Let the host forward packets of a family or not, now and after reboots.

    Every interface follows; whoever was set alone by ipadm(8) before is as all others from then on.
    """
    argv = ("routeadm", "-u", "-e" if on else "-d", f"{family}-forwarding")
    return Command(argv=argv, changes=True, timeout=CHANGE_SECONDS)


_WORDS: Final = {"enabled": True, "disabled": False}


def _read(completed: Completed) -> dict[str, Forwarding]:
    found: dict[str, Forwarding] = {}
    for line in completed.stdout.splitlines():
        name, _, rest = line.partition(" ")
        family = name.removesuffix("-forwarding")
        if name == family or family not in FAMILIES:
            continue
        facts = dict(word.partition("=")[::2] for word in rest.split())
        try:
            found[family] = Forwarding(now=_WORDS[facts["current"]], persistent=_WORDS[facts["persistent"]])
        except KeyError as error:
            why = f"line {line!r}: no {error}"
            raise Unparseable(argv=completed.argv, text=completed.stdout, why=why) from None
    missing = set(FAMILIES) - found.keys()
    if missing:
        why = f"nothing about {', '.join(sorted(missing))}"
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=why)
    return found

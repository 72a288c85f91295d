"""ipf(8): whether the packet filter is at work. Offers `running`."""

from __future__ import annotations

from zoneweaver.domain.errors import Unparseable
from zoneweaver.host.command import Command, Completed, Query


def running() -> Query[bool]:
    """Ask whether the kernel filters and translates. Raises Unparseable."""
    return Query(command=Command(argv=("ipf", "-V")), parse=_read)


def _read(completed: Completed) -> bool:
    for line in completed.stdout.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "Running" and value.strip() in {"yes", "no"}:
            return value.strip() == "yes"
    raise Unparseable(argv=completed.argv, text=completed.stdout, why="it does not say whether it runs")

"""zpool(8): how big and how healthy the pools are."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import Unparseable
from zoneweaver.host.command import Command, Completed, Query


class Health(enum.StrEnum):
    """How a pool is."""

    ONLINE = "ONLINE"
    DEGRADED = "DEGRADED"
    FAULTED = "FAULTED"
    OFFLINE = "OFFLINE"
    UNAVAIL = "UNAVAIL"
    REMOVED = "REMOVED"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """A pool; sizes in bytes, None for a pool that cannot tell them."""

    name: str
    size: int | None
    allocated: int | None
    free: int | None
    health: Health


def list_pools() -> Query[tuple[Pool, ...]]:
    """Ask for every pool; none at all is an answer too. Raises Unparseable."""
    return Query(command=Command(argv=("zpool", "list", "-Hp", "-o", ",".join(_COLUMNS))), parse=_read)


_COLUMNS: Final = ("name", "size", "allocated", "free", "health")


def _read(completed: Completed) -> tuple[Pool, ...]:
    text = completed.stdout
    if text.strip() == "no pools available":
        return ()
    found = []
    for line in text.splitlines():
        try:
            name, size, allocated, free, health = line.split("\t")
            pool = Pool(
                name=name, size=_size(size), allocated=_size(allocated), free=_size(free), health=Health(health)
            )
        except ValueError:
            raise Unparseable(argv=completed.argv, text=text, why=f"line {line!r}") from None
        found.append(pool)
    if not found and "no pools available" not in completed.stderr:
        raise Unparseable(argv=completed.argv, text=text, why="nothing at all")
    return tuple(found)


def _size(text: str) -> int | None:
    return None if text == "-" else int(text)

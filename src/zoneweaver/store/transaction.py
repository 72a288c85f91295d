"""What a function inside a transaction may use besides SQL: the seal, the clock, and telling of changes afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from zoneweaver.domain.secret import masked
from zoneweaver.store.seal import Seal

_FACTS: Final = "zoneweaver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A change that others want to hear of once it is committed. `kind` and `key` say what changed."""

    topics: tuple[str, ...]
    kind: str
    key: str
    data: Mapping[str, Any]


GROSS: Final = timedelta(days=1)
"""A clock that is put right by more than this was wrong."""


class Clock:
    """The host's clock, except that it never runs backwards while the agent lives, unless it was grossly wrong."""

    __slots__ = ("_last", "_read")

    def __init__(self, read: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._read = read
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment, at least a microsecond after the one returned before.

        A clock that was ahead by more than a day and is put right is followed: keys would else expire by it, and tasks
        bear its moments, until the agent is started anew.
        """
        read = self._read()
        if self._last - read > GROSS:
            self._last = read
        else:
            self._last = max(read, self._last + timedelta(microseconds=1))
        return self._last


class Leaps:
    """Whether the host's clock has leapt ahead of one that only counts: for a day it does not say what is old.

    A retention counts from now; a clock that is wrong by a year for a minute would have everything forgotten.
    """

    __slots__ = ("_counter", "_seen", "_until")

    def __init__(self, counter: Callable[[], float] = time.monotonic) -> None:
        self._counter = counter
        self._seen: tuple[datetime, float] | None = None
        self._until = float("-inf")

    def lately(self, moment: datetime) -> bool:
        """Say whether the clock, which shows this moment, has leapt within the last day."""
        count = self._counter()
        if self._seen is not None:
            before, counted = self._seen
            if moment - before - timedelta(seconds=count - counted) > GROSS:
                self._until = count + GROSS.total_seconds()
        self._seen = moment, count
        return count < self._until


@dataclass(kw_only=True, slots=True)
class Facts:
    """What every connection of a database carries."""

    seal: Seal
    clock: Clock
    notes: list[Note] = field(default_factory=list)


def furnish(info: dict[Any, Any], facts: Facts) -> None:
    """Put the facts where the functions below find them."""
    info[_FACTS] = facts


def facts(c: Connection) -> Facts:
    """Return what the connection carries."""
    found = c.info[_FACTS]
    assert isinstance(found, Facts)  # noqa: S101 - c.info is untyped
    return found


def now(c: Connection) -> datetime:
    """Return the moment by the database's clock (UTC, never backwards)."""
    return facts(c).clock.now()


def seal(c: Connection) -> Seal:
    """Return the seal for secrets at rest."""
    return facts(c).seal


def tell(c: Connection, note: Note) -> None:
    """Have a change published after the commit, and not at all after a rollback."""
    facts(c).notes.append(note)


MOST_ANNOUNCED: Final = 60
"""Changes in one announcement; PostgreSQL takes at most 8,000 bytes."""


def announcement(sender: str, notes: Sequence[Note]) -> str:
    """Write what changed, for other agents; with too many changes, only that something did."""
    keys = sorted({(note.kind, note.key) for note in notes})
    return json.dumps([sender, keys if len(keys) <= MOST_ANNOUNCED else []])


def plain(value: Any) -> str:
    """Write a JSON-like value as text with every secret masked, for columns that people may read."""
    return json.dumps(masked(value), separators=(",", ":"))

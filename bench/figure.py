"""What a measurement answers: rows of a table, each with its target; and how much is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NotHere(Exception):
    """A figure that this machine has not what it takes to measure; the text says what is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One number. `met` is None where there is no target."""

    what: str
    target: str
    measured: float
    unit: str
    met: bool | None = None
    said: str = ""
    """What else one should know about the number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How much is measured; `TINY` is for seeing that the measurements still work."""

    seconds: float = 3.0
    """How long a load lasts."""
    rounds: int = 40
    """How often a single thing is done."""
    zones: int = 50
    many_zones: int = 1000
    keys: int = 1000
    burst: int = 20
    """Creations at once."""
    tasks: int = 1500
    finished: int = 500_000
    """Ended tasks in the table of the queue."""
    subscribers: int = 100
    starts: int = 5
    commands: int = 300


FULL = Effort()
TINY = Effort(
    seconds=0.3,
    rounds=2,
    zones=3,
    many_zones=8,
    keys=5,
    burst=2,
    tasks=20,
    finished=100,
    subscribers=3,
    starts=1,
    commands=5,
)


def at_most(what: str, limit: float, measured: float, unit: str, said: str = "") -> Row:
    """Make a row that is met when the number is not above its limit."""
    return Row(what=what, target=f"≤ {limit:g}", measured=measured, unit=unit, met=measured <= limit, said=said)


def at_least(what: str, limit: float, measured: float, unit: str, said: str = "") -> Row:
    """Make a row that is met when the number is not below its limit."""
    return Row(what=what, target=f"≥ {limit:g}", measured=measured, unit=unit, met=measured >= limit, said=said)


def exactly(what: str, wanted: float, measured: float, unit: str, said: str = "") -> Row:
    """Make a row that is met by one number alone."""
    return Row(what=what, target=f"{wanted:g}", measured=measured, unit=unit, met=measured == wanted, said=said)


def told(what: str, measured: float, unit: str, said: str = "") -> Row:
    """Make a row without a target."""
    return Row(what=what, target="-", measured=measured, unit=unit, said=said)


def quantile(numbers: Sequence[float], share: float) -> float:
    """Return the number below which this share of them lies."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(numbers: Sequence[float]) -> float:
    """Return the number in the middle."""
    return quantile(numbers, 0.5)

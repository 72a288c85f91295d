"""What counts once a step has changed something: from then on nothing is a refusal any more, and must be undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zoneweaver.domain.errors import Failed, Refused


@contextmanager
def begun() -> Iterator[None]:
    """Turn every Refused of the block into Failed: the step has been at work, so that it has a way back to go."""
    try:
        yield
    except Refused as error:
        raise Failed(error.message, code=error.code, details=error.details) from error

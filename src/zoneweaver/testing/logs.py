"""An intent log in memory, in which a process can be made to die."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from zoneweaver.domain.secret import Secret
from zoneweaver.tasks.saga import Entry

_MARK: Final = "$secret"


class Killed(BaseException):
    """The process died here. No `except Exception` survives it, as none survives SIGKILL."""


class MemoryLog:
    """An intent log. Data goes through JSON, as in the table: what JSON cannot hold fails here already.

    With `die_at` the process dies at that write (counted from 1), after it, or with `lost` in place of it.
    """

    def __init__(self, written: Sequence[Entry] = (), *, die_at: int | None = None, lost: bool = False) -> None:
        self.written = list(written)
        self.count = 0
        self._die_at = die_at
        self._lost = lost

    async def entries(self) -> Sequence[Entry]:
        """Return what was written."""
        return list(self.written)

    async def append(self, entry: Entry) -> None:
        """Write, or die."""
        self.count += 1
        dies = self.count == self._die_at
        if not (dies and self._lost):
            self.written.append(Entry(step=entry.step, event=entry.event, data=through_json(entry.data)))
        if dies:
            raise Killed


def through_json(value: Any) -> Any:
    """Return the value as it comes back from the intent log; secrets stay secrets. Raises TypeError."""
    secrets: list[Secret] = []

    def keep(item: Any) -> dict[str, int]:
        if not isinstance(item, Secret):
            raise TypeError(f"{type(item).__name__} is not JSON: {item!r}")
        secrets.append(item)
        return {_MARK: len(secrets) - 1}

    def give_back(item: dict[str, Any]) -> Any:
        return secrets[item[_MARK]] if item.keys() == {_MARK} else item

    return json.loads(json.dumps(value, default=keep), object_hook=give_back)

"""Hearing what other agents on the same PostgreSQL database change: LISTEN, on a connection and a thread of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import URL

RETRY_SECONDS: Final = 5.0

Told = Callable[[str, "list[tuple[str, str]]"], None]
"""Told the sender and what changed, as (kind, key); in the listener's thread."""


class Listener:
    """Listens until it is closed, through lost connections."""

    def __init__(self, url: URL, channel: str, told: Told, *, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = options
        self._channel = channel
        self._told = told
        self._ear, self._mouth = os.pipe()
        self._thread = threading.Thread(target=self._work, name="database-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; blocks for a moment."""
        os.write(self._mouth, b".")
        self._thread.join()
        os.close(self._ear)
        os.close(self._mouth)

    def _work(self) -> None:
        import psycopg  # noqa: PLC0415 - only where PostgreSQL is used

        while True:
            with contextlib.suppress(psycopg.Error), self._connect() as connection:
                connection.execute(f"LISTEN {self._channel}")
                self._told("", [])  # something may have happened while nobody listened
                if self._listen(connection):
                    return
            if select.select([self._ear], [], [], RETRY_SECONDS)[0]:
                return

    def _connect(self) -> Any:
        import psycopg  # noqa: PLC0415

        return psycopg.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            autocommit=True,
            **self._options,
        )

    def _listen(self, connection: Any) -> bool:
        """Tell what is heard; True when the listener is closed."""
        while True:
            ready = select.select([self._ear, connection.fileno()], [], [])[0]
            if self._ear in ready:
                return True
            connection.pgconn.consume_input()
            while (notification := connection.pgconn.notifies()) is not None:
                sender, keys = json.loads(notification.extra)
                self._told(sender, [(kind, key) for kind, key in keys])

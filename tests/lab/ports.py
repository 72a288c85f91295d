"""Free ports of this machine, a range of its own for each worker, below those that the system gives away itself."""

from __future__ import annotations

import os
import socket

_FIRST, _EACH = 12000, 2000
_given = 0


def free() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    global _given  # noqa: PLW0603
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0) % 9
    for _ in range(_EACH):
        port = _FIRST + worker * _EACH + (_given + os.getpid()) % _EACH
        _given += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")

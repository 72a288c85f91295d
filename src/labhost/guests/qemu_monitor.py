"""The monitor of a QEMU machine: commands to it, events from it (QMP)."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import Any

    from labhost.guests.process import Guest

_RIGHTS, _LEVEL = 1, 1  # SCM_RIGHTS, SOL_SOCKET


class Monitor:
    """Our end of the line to a machine's monitor; `told` is called with each event, `refused` with each complaint."""

    __slots__ = ("guest", "heard", "line", "refused", "told")

    def __init__(
        self,
        guest: Guest,
        line: _socket.socket,
        told: Callable[[str, dict[str, Any]], None],
        refused: Callable[[str], None],
    ) -> None:
        self.guest = guest
        self.line = line
        self.told = told
        self.refused = refused
        self.heard = b""
        guest.watch(line.fileno(), self._hear)
        self.say("qmp_capabilities")

    def say(self, command: str, arguments: dict[str, Any] | None = None, *, file: int = -1) -> None:
        """Give a command, with an open file if it takes one; a machine that is gone hears nothing."""
        words: dict[str, Any] = {"execute": command}
        if arguments:
            words["arguments"] = arguments
        extra = [(_LEVEL, _RIGHTS, file.to_bytes(4, "little"))] if file >= 0 else []
        try:
            self.line.sendmsg([json.dumps(words).encode() + b"\n"], extra)
        except OSError:
            return

    def _hear(self) -> None:
        try:
            data = self.line.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.guest.forget(self.line.fileno())
            return
        self.heard += data
        *whole, self.heard = self.heard.split(b"\n")
        for line in whole:
            if line.strip():
                self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self.told(message["event"], message.get("data", {}))
        elif "error" in message:
            self.refused(str(message["error"].get("desc", message["error"])))

    def close(self) -> None:
        """Hang up."""
        self.guest.forget(self.line.fileno())
        self.line.close()


def give(monitor: Monitor, number: int) -> None:
    """Let the machine show its screen to whoever is at the other end of a connection, which is closed here."""
    name = f"viewer{number}"
    monitor.say("getfd", {"fdname": name}, file=number)
    monitor.say("add_client", {"protocol": "vnc", "fdname": name})
    os.close(number)

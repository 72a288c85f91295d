"""The serial port of a guest: a UNIX socket that one console client holds; what nobody listens to is lost."""

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import time

from labhost.zones import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from labhost.guests.process import Guest
    from labhost.world import World

BURST = 16
SEND_LIMIT = 1.0  # real seconds that a client may leave the line unread before it is hung up on
PATIENCE = 3.0  # real seconds that a boot waits for a client that is already there


def socket_place(world: World, name: str) -> str:
    """Return the socket of a running guest's serial port."""
    return f"{lifecycle.run_folder(world)}/{name}.console"


def lock_place(world: World, name: str) -> str:
    """Return the file that the one console client of a zone holds locked."""
    return f"{lifecycle.run_folder(world)}/{name}.console.lock"


def is_held(world: World, name: str) -> bool:
    """Tell whether a client is attached to the zone's console."""
    try:
        number = os.open(lock_place(world, name), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno in (errno.EWOULDBLOCK, errno.EACCES)
    finally:
        os.close(number)
    return False


class Console:
    """The guest's end of the serial line."""

    __slots__ = ("client", "drop", "guest", "pending", "place", "server", "system", "waiting_since")

    def __init__(self, guest: Guest) -> None:
        from labhost.guests.process import listen

        self.guest = guest
        self.client: _socket.socket | None = None
        self.system: Any = None
        self.pending: Callable[[], None] | None = None
        self.waiting_since = 0.0
        self.drop = int(guest.world.setting("serial_drop", 0))
        own = guest.world.host(guest.root + guest.serial) if guest.serial else ""
        self.place = own or socket_place(guest.world, guest.name)
        self.server = listen(self.place)
        guest.watch(self.server.fileno(), self._accept)

    def when_ready(self, act: Callable[[], None]) -> None:
        """Do something now, or when a client that already waits for this boot is connected."""
        if not self.guest.serial and is_held(self.guest.world, self.guest.name):
            self.pending = act
            self.waiting_since = time.monotonic()
            self.guest.later(PATIENCE, self._go)
        else:
            act()

    def _go(self) -> None:
        act, self.pending = self.pending, None
        if act is not None:
            act()

    def _accept(self) -> None:
        try:
            number, _ = self.server._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return
        self._hang_up()
        self.client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, number)
        self.client.settimeout(SEND_LIMIT)
        self.guest.watch(number, self._hear)
        self._go()

    def _hang_up(self) -> None:
        if self.client is not None:
            self.guest.forget(self.client.fileno())
            self.client.close()
            self.client = None

    def _hear(self) -> None:
        client = self.client
        if client is None:
            return
        try:
            data = client.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        if self.drop and len(data) > BURST:
            tail = bytes(byte for place, byte in enumerate(data[BURST:], 1) if place % self.drop)
            data = data[:BURST] + tail
        self.system.hear(data)

    def say(self, text: str) -> None:
        """Send text down the line; without a client it is gone."""
        self.send(text.encode("utf-8", "surrogateescape"))

    def send(self, data: bytes) -> None:
        """Send bytes down the line; without a client they are gone."""
        if self.client is None:
            return
        try:
            self.client.sendall(data)
        except OSError:
            self._hang_up()

    def close(self) -> None:
        """End the line with the machine."""
        self._hang_up()
        self.server.close()
        try:
            os.unlink(self.place)
        except FileNotFoundError:
            return

"""The screen of a guest: a VNC server on a UNIX socket that shows one dark picture (RFC 6143)."""

from __future__ import annotations

import _socket
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.guests.process import Guest

WIDTH, HEIGHT = 640, 480
MOST_VIEWERS = 10
SEND_LIMIT = 3.0  # real seconds that a viewer may leave the picture unread before it is hung up on
_VERSION = b"RFB 003.008\n"
_FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
# message -> its length after the type
_LENGTHS = {0: 19, 2: 3, 3: 9, 4: 7, 5: 5, 6: 7}


class Screen:
    """The listening socket of a guest and those who look at it."""

    __slots__ = ("guest", "server", "viewers")

    def __init__(self, guest: Guest) -> None:
        from labhost.guests.process import listen

        place = guest.world.host(guest.root + guest.vnc)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self.guest = guest
        self.server = listen(place)
        self.viewers: dict[int, _Viewer] = {}
        guest.watch(self.server.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            number, _ = self.server._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return
        if len(self.viewers) >= MOST_VIEWERS:
            os.close(number)
            return
        link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, number)
        link.settimeout(SEND_LIMIT)
        viewer = _Viewer(self, link)
        self.viewers[number] = viewer
        self.guest.watch(number, viewer.hear)


class _Viewer:
    __slots__ = ("heard", "link", "screen", "stage")

    def __init__(self, screen: Screen, link: _socket.socket) -> None:
        self.screen = screen
        self.link = link
        self.heard = b""
        self.stage = "version"
        self._say(_VERSION)

    def _say(self, data: bytes) -> None:
        try:
            self.link.sendall(data)
        except OSError:
            self._leave()

    def _leave(self) -> None:
        number = self.link.fileno()
        if number >= 0:
            self.screen.guest.forget(number)
            self.screen.viewers.pop(number, None)
            self.link.close()

    def hear(self) -> None:
        try:
            data = self.link.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._leave()
            return
        self.heard += data
        while self.link.fileno() >= 0 and self._step():
            pass

    def _take(self, size: int) -> bytes | None:
        if len(self.heard) < size:
            return None
        taken, self.heard = self.heard[:size], self.heard[size:]
        return taken

    def _step(self) -> bool:
        """Take one message; False when there is none as a whole."""
        if self.stage == "version":
            if self._take(12) is None:
                return False
            self._say(b"\x01\x01")
            self.stage = "security"
        elif self.stage == "security":
            if self._take(1) is None:
                return False
            self._say(bytes(4))
            self.stage = "init"
        elif self.stage == "init":
            if self._take(1) is None:
                return False
            name = self.screen.guest.name.encode()
            self._say(struct.pack(">HH", WIDTH, HEIGHT) + _FORMAT + struct.pack(">I", len(name)) + name)
            self.stage = "open"
        else:
            return self._message()
        return True

    def _message(self) -> bool:
        if not self.heard:
            return False
        kind = self.heard[0]
        if kind not in _LENGTHS:
            self._leave()
            return False
        size = 1 + _LENGTHS[kind]
        if kind in (2, 6) and len(self.heard) >= size:
            size += (
                struct.unpack(">H", self.heard[2:4])[0] * 4 if kind == 2 else struct.unpack(">I", self.heard[4:8])[0]
            )
        taken = self._take(size)
        if taken is None:
            return False
        if kind == 3 and not taken[1]:
            # One rectangle in raw encoding: the whole screen, all dark.
            self._say(struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + bytes(WIDTH * HEIGHT * 4))
        return True

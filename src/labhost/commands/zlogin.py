"""zlogin(8): attach to a zone's console; a bhyve zone has nothing else to log in to."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

from labhost.zones import states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

USAGE = """usage: zlogin [ -QCES ] [ -e cmdchar ] [-l user] zonename [command [args ...] ]
"""


def main(world: World, argv: list[str]) -> int:
    """Run zlogin: 0 after a console session, 1 when there is none to have, 2 usage."""
    console = quiet = disconnect = False
    escape: bytes | None = b"~"
    at = 0
    while at < len(argv) and argv[at][:1] == "-" and len(argv[at]) > 1:
        word = argv[at]
        at += 1
        place = 1
        while place < len(word):
            flag = word[place]
            place += 1
            if flag in "el":
                value = word[place:]
                if not value:
                    if at >= len(argv):
                        return _usage()
                    value = argv[at]
                    at += 1
                place = len(word)
                if flag == "e":
                    if len(value) != 1:
                        return _say("invalid escape character", 2)
                    escape = value.encode()
            elif flag == "C":
                console = True
            elif flag == "d":
                disconnect = True
            elif flag == "E":
                escape = None
            elif flag == "Q":
                quiet = True
            elif flag not in "inS":
                return _usage()
    words = argv[at:]
    if not words or (console and len(words) > 1):
        return _usage()
    zone = words[0]
    if world.setting("euid", 0) != 0:
        return _say("You lack sufficient privilege to run this command (all privs required)", 1)
    found = states.state(world, zone)
    if found is None:
        return _say(f"zone '{zone}' unknown", 1)
    if zone == "global":
        return _say("global zone has no console" if console else "use su(8) in the global zone", 1)
    if not console:
        if found != "running":
            return _say(f"login allowed only to running zones ({zone} is '{found}').", 1)
        # The brand has no login commands: nothing of the guest can be reached this way.
        return _say("exec failure: No such file or directory", 1)
    if not states.at_least(found, "installed"):
        return _say(f"cannot login to a zone which is '{found}'", 1)
    return _console(world, zone, escape, quiet=quiet, disconnect=disconnect)


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"zlogin: {text}\n")
    return code


def _usage() -> int:
    sys.stderr.write(USAGE)
    return 2


def _console(world: World, zone: str, escape: bytes | None, *, quiet: bool, disconnect: bool) -> int:
    from labhost.guests.console import lock_place, socket_place

    number = os.open(lock_place(world, zone), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    holder = _hold(number)
    if holder:
        return _say(f"Zone is already in use by process ID {holder}.", 1)
    import termios

    try:
        before = termios.tcgetattr(0)
    except termios.error as problem:
        _say(f"failed to get user terminal settings: {problem.args[1]}", 1)
        return _say("failed to set stdin pty to raw mode", 1)
    os.truncate(number, 0)
    os.write(number, f"{os.getpid()}\n".encode())
    try:
        _raw(before)
        # The line is there before anybody is told so: what is typed then arrives.
        line = _connect(socket_place(world, zone))
        if not quiet:
            _out(f"[Connected to zone '{zone}' console]\r\n".encode())
        _attached(world, zone, line, escape, disconnect=disconnect)
        if not quiet:
            _out(f"\r\n[Connection to zone '{zone}' console closed]\r\n".encode())
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        os.truncate(number, 0)
        os.close(number)
    return 0


def _hold(number: int) -> str:
    """Become the zone's console client; return the process that is it already."""
    import time

    holder = ""
    for _ in range(20):
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            if problem.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        else:
            return ""
        holder = os.pread(number, 32, 0).decode().strip()
        if holder:
            return holder
        time.sleep(0.01)  # a guest that only looks whether anybody is there, or a client that just begins
    return holder or "unknown"


def _raw(before: list[Any]) -> None:
    import termios

    mode: list[Any] = [list(field) if isinstance(field, list) else field for field in before]
    mode[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON | termios.INLCR)
    mode[1] &= ~termios.OPOST
    mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(0, termios.TCSADRAIN, mode)


def _out(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


class _Escape:
    """Finds the escape at the beginning of a line and what follows it."""

    __slots__ = ("armed", "char", "fresh")

    def __init__(self, char: bytes | None) -> None:
        self.char = char
        self.fresh = True
        self.armed = False

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """Return what goes to the guest, and whether the session is to end."""
        if self.char is None:
            return data, False
        sent = b""
        for place in range(len(data)):
            byte = data[place : place + 1]
            if self.armed:
                self.armed = False
                if byte in (b".", b"\x04"):
                    return sent, True
                sent += self.char if byte != self.char else b""
                sent += byte
            elif self.fresh and byte == self.char:
                self.armed = True
                self.fresh = False
                continue
            else:
                sent += byte
            # A line begins after its end, and after the keys that kill or interrupt one.
            self.fresh = byte in (b"\r", b"\n", b"\x15", b"\x03", b"\x1a")
        return sent, False


def _attached(world: World, zone: str, line: Any, escape: bytes | None, *, disconnect: bool) -> None:
    import select

    from labhost.guests.console import socket_place
    from labhost.zones import lifecycle

    place = socket_place(world, zone)
    notices = f"{lifecycle.run_folder(world)}/{zone}.notices"
    heard = os.path.getsize(notices) if os.path.exists(notices) else 0
    guard = _Escape(escape)
    waiting = b""
    while True:
        watched = [0] if line is None else [0, line.fileno()]
        ready, _, _ = select.select(watched, [], [], 0.02)
        if line is not None and line.fileno() in ready:
            try:
                data = line.recv(65536)
            except OSError:
                data = b""
            if data:
                _out(data)
            else:
                line.close()
                line = None
        if 0 in ready:
            try:
                typed = os.read(0, 4096)
            except OSError:
                typed = b""
            if not typed:
                return
            sent, over = guard.take(typed)
            if line is not None and sent:
                try:
                    line.sendall(sent)
                except OSError:
                    line.close()
                    line = None
            if over:
                return
        # The state of the zone is told after what its guest had to say.
        if line is None or not ready:
            size = os.path.getsize(notices) if os.path.exists(notices) else 0
            if size < heard:
                heard = 0
            if size > heard:
                with open(notices, "rb") as file:
                    file.seek(heard)
                    waiting += file.read(size - heard)
                heard = size
                *whole, waiting = waiting.split(b"\n")
                for notice in whole:
                    _out(b"\r\n[NOTICE: " + notice + b"]\r\n")
                    if notice == lifecycle.UNINSTALLED.encode() or (disconnect and notice == lifecycle.HALTED.encode()):
                        return
        if line is None:
            if not os.path.isdir(f"{world.path}/state"):
                return  # with its host the zone is gone for good
            line = _connect(place)


def _connect(place: str) -> Any:
    """Return the connection to the guest's serial port, None while there is no guest."""
    import _socket

    if not os.path.exists(place):
        return None
    folder = os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    made = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        made.connect(f"/proc/self/fd/{folder}/{os.path.basename(place)}")
    except OSError:
        made.close()
        return None
    finally:
        os.close(folder)
    return made

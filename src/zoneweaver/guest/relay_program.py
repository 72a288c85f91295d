"""The program at the other side of `relay`: passes bytes between its own streams and a socket. Needs no package.

relay_program.py SOCKET HOST WORD...   as ssh(1) would be called
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading


def main(argv: list[str]) -> int:
    """Ask for the words to be run in the guest, pass on what is said, and end as they end."""
    place, words = argv[0], argv[2:]
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(place)
    line.sendall(json.dumps(words).encode() + b"\n")
    threading.Thread(target=_inward, args=(line,), daemon=True).start()
    coming = line.makefile("rb")
    while True:
        head = coming.read(5)
        if len(head) < 5:
            return 255
        (length,) = struct.unpack("!I", head[1:])
        data = coming.read(length)
        if head[:1] == b"x":
            return data[0]
        _say(2 if head[:1] == b"e" else 1, data)


def _inward(line: socket.socket) -> None:
    try:
        while data := os.read(0, 65536):
            line.sendall(data)
        line.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _say(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]


if __name__ == "__main__":
    status = main(sys.argv[1:])
    os._exit(status)  # the thread may still be waiting for something to be said

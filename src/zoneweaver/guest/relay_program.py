"""The program at the other side of `relay`: passes bytes between its own streams and a socket. Needs no package.

relay_program.py SOCKET HOST WORD...                     as rsync calls a remote shell
relay_program.py SOCKET --ssh [OPTION...] HOST WORD...   as Ansible calls ssh(1); its options mean nothing here
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading

_WITH_VALUE = "BbcDEeFIiJLlmOoPpQRSWw"
"""Options of ssh(1) whose value is the next word."""


def main(argv: list[str]) -> int:
    """Ask for the words to be run in the guest, pass on what is said, and end as they end."""
    place, words = argv[0], _words(argv[1:])
    if not words:
        sys.stderr.write("Usage: SOCKET [--ssh [OPTION...]] HOST WORD...\n")
        return 255
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


def _words(argv: list[str]) -> list[str]:
    """Return the command among the words that ssh(1) is called with."""
    if argv[:1] != ["--ssh"]:
        return argv[1:]
    place = 1
    while place < len(argv) and argv[place].startswith("-"):
        place += 2 if argv[place][-1] in _WITH_VALUE and len(argv[place]) == 2 else 1
    return argv[place + 1 :]


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

"""The load generator, a process of its own: connections that each ask again as soon as they are answered.

`python -m bench.load` reads `{"port", "connections", "seconds", "path", "keys"}` from standard input and prints what it
saw as JSON. One thread and OpenSSL's own sockets, so that it takes as little of the machine as it can.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from bench.figure import quantile
from bench.https import length, request, tls


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a load saw; times in milliseconds."""

    answers: int
    wrong: int
    """Answers other than 200."""
    per_second: float
    p50: float
    p99: float
    bytes: int
    """Length of the longest answer, head and body."""
    own_share: float
    """Share of one processor that the generator took itself."""


def run(port: int, *, connections: int, seconds: float, path: str, keys: list[str]) -> Seen:
    """Make the load from another process."""
    told = {"port": port, "connections": connections, "seconds": seconds, "path": path, "keys": keys}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(told), capture_output=True, text=True, check=True
    )
    return Seen(**json.loads(done.stdout))


def begin(port: int, *, connections: int, seconds: float, path: str, keys: list[str]) -> subprocess.Popen[str]:
    """Begin the load in another process, to do something meanwhile; `finish` waits for its end."""
    told = {"port": port, "connections": connections, "seconds": seconds, "path": path, "keys": keys}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[str]) -> Seen:
    """Return what a load saw that was begun."""
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdout.close()
    if process.wait():
        raise RuntimeError("the load generator failed")
    return Seen(**json.loads(said))


class _Asker:
    """One connection."""

    def __init__(self, port: int) -> None:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls().wrap_socket(plain)
        self.socket.setblocking(False)
        self.asked = 0.0
        self.buffer = bytearray()
        self.wanted = -1
        self.longest = 0

    def ask(self, said: bytes) -> None:
        self.asked = time.perf_counter()
        self.buffer.clear()
        self.wanted = -1
        self.socket.send(said)

    def hear(self) -> bool:
        """Read what is there; say whether the answer is complete."""
        while True:
            try:
                data = self.socket.recv(262144)
            except ssl.SSLWantReadError:
                return False
            if not data:
                raise RuntimeError("the agent hung up")
            self.buffer += data
            if self.wanted < 0:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    continue
                self.wanted = end + 4 + length(bytes(self.buffer[:end]))
            if len(self.buffer) >= self.wanted:
                self.longest = max(self.longest, self.wanted)
                return True


def make(told: dict[str, Any]) -> Seen:
    """Make the load here."""
    requests = [request("GET", told["path"], key) for key in told["keys"]]
    askers = [_Asker(told["port"]) for _ in range(told["connections"])]
    selector = selectors.DefaultSelector()
    taken: list[float] = []
    wrong, turn = 0, 0
    for asker in askers:
        selector.register(asker.socket, selectors.EVENT_READ, asker)
        asker.ask(requests[turn % len(requests)])
        turn += 1
    began, used = time.perf_counter(), time.process_time()
    until = began + told["seconds"]
    now = began
    while now < until:
        for selected, _ in selector.select(1.0):
            asker = selected.data
            if not asker.hear():
                continue
            now = time.perf_counter()
            taken.append(now - asker.asked)
            if asker.buffer[9:12] != b"200":
                wrong += 1
            asker.ask(requests[turn % len(requests)])
            turn += 1
    seconds = now - began
    return Seen(
        answers=len(taken),
        wrong=wrong,
        per_second=len(taken) / seconds,
        p50=quantile(taken, 0.5) * 1000,
        p99=quantile(taken, 0.99) * 1000,
        bytes=max(asker.longest for asker in askers),
        own_share=(time.process_time() - used) / seconds,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(make(json.load(sys.stdin)))), flush=True)
    os._exit(0)

"""Commands that return at once: a lab host that stays, and a small program as each of its commands.

Starting an interpreter is most of what a command of the lab costs. Here the commands are carried out in one process
(`python -m bench.instant FOLDER WORLD`), one after the other, with the same world, journal and messages; what the agent
starts is a program of a few kilobytes that only passes on what it was told.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labhost import shim
from labhost.founding import commands
from labhost.world import World

PROGRAM = Path(__file__).with_name("instant.c")


class NoCompiler(Exception):
    """There is no C compiler, so that there cannot be commands that return at once."""


@contextmanager
def serving(world: World, folder: Path) -> Iterator[Path]:
    """Make such commands for a world, in a folder below this one, and serve them while the block lasts."""
    place = folder / "instant"
    place.mkdir()
    compile_to(place / "instant")
    for name in commands():
        (place / name).symlink_to("instant")
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.instant", str(place), world.path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline() != "ready\n":
            raise RuntimeError("the server of instant commands did not start")
        yield place
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def compile_to(place: Path) -> None:
    """Make the program. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("not measured: there is no C compiler (cc) on this machine")
    subprocess.run([compiler, "-O2", "-o", str(place), str(PROGRAM)], check=True)


def main(folder: str, path: str) -> None:
    """Serve until killed."""
    for name in commands():
        __import__(f"labhost.commands.{name.replace('-', '_')}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(f"{folder}/socket")
    listening.listen(128)
    print("ready", flush=True)
    while True:
        line, _ = listening.accept()
        with line:
            parts = _heard(line)
            if len(parts) >= 3:
                line.sendall(_carried_out(path, *parts[:3], argv=parts[3:]))


def _heard(line: socket.socket) -> list[bytes]:
    data, at = b"", 4
    parts: list[bytes] = []
    while len(data) < 4 or len(parts) < struct.unpack_from("=I", data)[0]:
        if len(data) >= at + 4:
            (size,) = struct.unpack_from("=I", data, at)
            if len(data) >= at + 4 + size:
                parts.append(data[at + 4 : at + 4 + size])
                at += 4 + size
                continue
        more = line.recv(262144)
        if not more:
            return []
        data += more
    return parts


def _carried_out(path: str, cwd: bytes, heard: bytes, name: bytes, *, argv: list[bytes]) -> bytes:
    started = time.time()
    os.chdir(cwd)
    said = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(2)]
    kept = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(heard), encoding="utf-8", errors="surrogateescape")
    sys.stdout, sys.stderr = said
    try:
        code = shim.run(World(path), os.fsdecode(name), [os.fsdecode(word) for word in argv], started)
    except Exception as error:  # noqa: BLE001 - an interpreter of its own would say so and end
        said[1].write(f"{type(error).__name__}: {error}\n")
        code = 1
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept
    texts = []
    for stream in said:
        stream.flush()
        buffer = stream.detach()
        assert isinstance(buffer, io.BytesIO)
        texts.append(buffer.getvalue())
    return struct.pack("=III", code, len(texts[0]), len(texts[1])) + texts[0] + texts[1]


if __name__ == "__main__":
    main(*sys.argv[1:])

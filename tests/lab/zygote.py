"""A process that has imported the agent and forks one for each that is asked for: a start costs milliseconds.

What is forked is an agent like any other: a process in a session of its own, with its own state folder and socket,
that can be killed at any moment. The zygote itself has no threads and no event loop.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, Self

HOUSE = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0


class DidNotStart(Exception):
    """The agent ended before it was ready; the message is what it said."""


class Process:
    """One agent. `port` is where it serves HTTPS on 127.0.0.1."""

    def __init__(self, zygote: Zygote, pid: int, tidings: int, log: Path) -> None:
        self.zygote = zygote
        self.pid = pid
        self.port = 0
        self.log = log
        self._tidings = tidings

    def await_ready(self) -> Self:
        """Wait until it serves. Raises DidNotStart."""
        deadline = time.monotonic() + START_SECONDS
        said = b""
        while b"\n" not in said:
            if not select.select([self._tidings], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise DidNotStart(f"not ready after {START_SECONDS} s: {self.said()}")
            piece = os.read(self._tidings, 256)
            if not piece:
                raise DidNotStart(self.said())
            said += piece
        self.port = int(said)
        return self

    def alive(self) -> bool:
        """Whether it still runs: its end of the pipe is open as long as it does."""
        return self._tidings >= 0 and not select.select([self._tidings], [], [], 0)[0]

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive():
                os.kill(self.pid, signal.SIGKILL)
        self.await_end(10.0)

    def stop(self, seconds: float = 20.0) -> int:
        """Ask it to end, wait, and return its exit status (negative: the signal that ended it)."""
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
        self.await_end(seconds)
        return self.zygote.status(self.pid)

    def await_end(self, seconds: float) -> None:
        """Wait until it is gone. Raises TimeoutError."""
        if self._tidings < 0:
            return
        deadline = time.monotonic() + seconds
        while True:
            if not select.select([self._tidings], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"agent {self.pid} is still there after {seconds} s: {self.said()}")
            if not os.read(self._tidings, 256):
                break
        os.close(self._tidings)
        self._tidings = -1

    def said(self) -> str:
        """The last of what it logged."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-6000:]
        except FileNotFoundError:
            return ""


class Zygote:
    """The test's end: starts the zygote, asks it for agents. Ends with all of them at `close`."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door = ours
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.zygote", str(theirs.fileno())],
            cwd=HOUSE,
            env={**os.environ, "PYTHONPATH": f"{HOUSE}/src:{HOUSE}", "PYTHONDONTWRITEBYTECODE": "1"},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self._ask_for_ready()

    def _ask_for_ready(self) -> None:
        if not self._door.recv(64):
            raise DidNotStart(f"the zygote ended with {self._process.wait()}")

    def start(self, flags: dict[str, Any], *, log: Path, limits: dict[str, int] | None = None) -> Process:
        """Fork an agent with these settings; it may not be ready yet. `limits` are resource limits by name."""
        reading, writing = os.pipe()
        with log.open("ab") as file:
            message = json.dumps({"do": "start", "flags": flags, "limits": limits or {}}).encode()
            socket.send_fds(self._door, [message], [writing, file.fileno()])
        os.close(writing)
        return Process(self, int(self._door.recv(64)), reading, log)

    def status(self, pid: int) -> int:
        """The exit status of an agent that has ended."""
        self._door.send(json.dumps({"do": "status", "pid": pid}).encode())
        return int(self._door.recv(64))

    def close(self) -> None:
        """End the zygote and every agent."""
        self._door.close()
        self._process.wait(timeout=20)


def main(number: int) -> None:
    """Be the zygote, until the other end of the socket is closed."""
    from zoneweaver import agent

    _warm(agent)
    gc.collect()
    gc.freeze()  # or each agent's first collection would copy every page of ours
    door = socket.socket(fileno=number)
    door.set_inheritable(False)
    statuses: dict[int, int] = {}
    living: set[int] = set()
    door.send(b"ready")
    while True:
        message, handles, _, _ = socket.recv_fds(door, 65536, 2)
        if not message:
            break
        order = json.loads(message)
        if order["do"] == "start":
            pid = os.fork()
            if pid == 0:
                door.close()
                _be_agent(agent, order, handles)
            for handle in handles:
                os.close(handle)
            living.add(pid)
            door.send(str(pid).encode())
        else:
            pid = order["pid"]
            if pid in living:
                statuses[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                living.discard(pid)
            door.send(str(statuses.pop(pid)).encode())
        for pid in list(living):  # those that were killed and that nobody asks about
            with contextlib.suppress(ChildProcessError):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    statuses[pid] = os.waitstatus_to_exitcode(status)
                    living.discard(pid)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _warm(agent: Any) -> None:
    """Import what the agent imports late."""
    import importlib

    for name in (
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.wsproto_impl",
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        "sqlalchemy.dialects.sqlite.pysqlite",
        "anyio._backends._asyncio",
        "encodings.idna",
        "cryptography.fernet",
        "cryptography.x509",
        *getattr(agent, "LATE", ()),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _be_agent(agent: Any, order: dict[str, Any], handles: list[int]) -> NoReturn:
    import resource

    code = 1
    try:
        os.setsid()
        tidings, log = handles
        os.set_inheritable(tidings, False)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(nothing)
        os.close(log)
        for name, limit in order["limits"].items():
            kind = getattr(resource, name)
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
        from zoneweaver import settings

        def ready(*_: object, **__: object) -> None:
            os.write(tidings, f"{order['flags']['server.https_port']}\n".encode())

        agent.run(settings.load(flags=order["flags"], environ={}), ready=ready)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""What every command of the host goes through: faults on order, the command itself, the journal, the exit code."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not `signal`: that one drags enumerations in
import os
import sys
import time

from labhost import faults, journal
from labhost.guests import kinds
from labhost.world import World, WorldError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


# The commands after which networks may have to be others.
NETWORKING = frozenset(("dladm", "ipadm", "route", "routeadm", "svcadm", "ipf", "ipnat", "zoneadm"))


class Terminated(BaseException):
    """A signal asks the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def _terminate(number: int, _frame: object) -> None:
    raise Terminated(number)


def main(command: str, directory: str) -> NoReturn:
    """Be the command of the host in this world, with this process's arguments, and exit as it does."""
    started = time.time()
    _signal.signal(_signal.SIGTERM, _terminate)
    _signal.signal(_signal.SIGINT, _terminate)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    _leave(run(World(directory), command, sys.argv[1:], started))


def run(world: World, command: str, argv: list[str], started: float) -> int:
    """Run one command of the host, journalled and under the faults on order; return its exit code."""
    if command == "pfexec" and argv and _is_ours(f"{world.path}/bin/{os.path.basename(argv[0])}"):
        # The profiles decide about privileges; what is started (and journalled) is the command itself.
        from labhost.commands import pfexec

        command, argv = pfexec.assume(world, argv)
    code: int | None = None
    fault: dict[str, Any] | None = None
    try:
        fault = faults.strike(world, command, argv)
        code = _faulty(world, fault, command, argv, started) if fault else execute(world, command, argv)
    except Terminated as end:
        code = end.code
        _mute()
    except WorldError as problem:
        sys.stderr.write(f"{command}: {problem}\n")
        code = 1
    except BrokenPipeError:
        code = 141
        _mute()
    if fault is None or fault["act"] not in ("hang", "kill"):
        journal.record(world, started=started, argv=[command, *argv], code=code, fault=fault["id"] if fault else None)
    return code


def _is_ours(place: str) -> bool:
    """Tell a command of the host from a program that it has of the machine."""
    return os.path.isfile(place) and not os.path.islink(place)


def execute(world: World, command: str, argv: list[str]) -> int:
    """Do what the command does and return its exit code, with everything it said flushed."""
    name = f"labhost.commands.{command.replace('-', '_')}"
    __import__(name)
    try:
        code = sys.modules[name].main(world, argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    if command in NETWORKING and kinds.are_real(world):
        from labhost.net import real

        real.follow(world)
    _flush()
    return int(code or 0)


def _faulty(world: World, fault: dict[str, Any], command: str, argv: list[str], started: float) -> int:
    act, when, caller = fault["act"], fault["when"], os.getppid()
    if act in ("hang", "kill"):
        journal.record(world, started=started, argv=[command, *argv], code=None, fault=fault["id"])
    if act == "fail":
        if when == "after":
            _silently(world, command, argv)
        if fault["message"]:
            sys.stderr.write(fault["message"].rstrip("\n") + "\n")
            _flush()
        return int(fault["exit"])
    if act == "hang":
        if when == "after":
            execute(world, command, argv)
        # Until a signal comes, or the host itself is gone.
        while os.path.isdir(f"{world.path}/state"):
            time.sleep(0.5)
        return 1
    if act == "slow":
        time.sleep(fault["seconds"])
        return execute(world, command, argv)
    if act == "kill":
        if when == "before":
            faults.kill_caller(caller)
            return int(fault["exit"])
        if when == "during":
            faults.kill_caller(caller)
            time.sleep(fault["seconds"])
            return execute(world, command, argv)
        code = execute(world, command, argv)
        faults.kill_caller(caller)
        return code
    if act == "garbage":
        sys.stdout.buffer.write(faults.GARBAGE)
        _flush()
    return 0


def _silently(world: World, command: str, argv: list[str]) -> None:
    """Do the command's work and let nobody hear it."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        kept = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = nowhere
        try:
            execute(world, command, argv)
        finally:
            sys.stdout, sys.stderr = kept


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _mute() -> None:
    """Send what is still buffered to nowhere: its reader has gone away, or nobody waits for it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError:
            os.dup2(nowhere, number)
    os.dup2(nowhere, 1)


def _leave(code: int) -> NoReturn:
    try:
        _flush()
    except OSError:
        code = code or 141
    # No finalisation: everything is written, and taking the interpreter apart costs as much as the command.
    os._exit(code)

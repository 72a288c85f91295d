"""Something done in a process with namespaces of its own: nothing of it is seen by others, nothing stays."""

from __future__ import annotations

import os

from labhost.guests import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DONE = b"."


def aside(act: Callable[[], str], namespaces: int = 0) -> str:
    """Do something with a mount namespace and others of its own; return its answer. Raises OSError with its words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            apart(namespaces)
            said = _DONE + act().encode(errors="surrogateescape")
        except BaseException as problem:
            said = words(problem).encode(errors="replace")
        try:
            while said:
                said = said[os.write(writing, said) :]
        finally:
            os._exit(0)
    os.close(writing)
    heard = b""
    while piece := os.read(reading, 4096):
        heard += piece
    os.close(reading)
    os.waitpid(child, 0)
    if not heard.startswith(_DONE):
        raise OSError(heard.decode(errors="replace") or "it ended without a word")
    return heard[len(_DONE) :].decode(errors="surrogateescape")


def apart(namespaces: int = 0) -> None:
    """Leave for a mount namespace (and others) where what is mounted is seen by nobody else. Raises OSError."""
    syscalls.unshare(syscalls.NEW_MOUNTS | namespaces)
    syscalls.mount("none", "/", flags=syscalls.RECURSIVE | syscalls.PRIVATE)


def words(problem: BaseException) -> str:
    """Return what a problem says, without its number."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem) or type(problem).__name__
    return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror

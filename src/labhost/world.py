"""The world of one lab host: a folder with its state, its file system and its commands."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not `signal`: that one drags enumerations in
import fcntl
import os
import time

from labhost import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEBIBYTE = 1 << 40
_SIGNALS = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)


_open: set[int] = set()


def _forget_locks() -> None:
    """Let a forked child hold nothing of its parent's: neither the locks nor the put-off signals."""
    if _open:
        for number in _open:
            os.close(number)
        _open.clear()
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _SIGNALS)


os.register_at_fork(after_in_child=_forget_locks)


class WorldError(Exception):
    """The folder is not a world, or something would leave it."""


class Whole:
    """A change that is whole or not at all: a polite signal that arrives in its `with` block waits for the end."""

    __slots__ = ("mask",)

    def __enter__(self) -> None:
        self.mask: set[int] = set(_signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS))

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask)


class Lock:
    """Exclusive hold on some areas of the state; ends with its `with` block and puts off polite signals meanwhile."""

    __slots__ = ("areas", "files", "whole", "world")

    def __init__(self, world: World, areas: tuple[str, ...]) -> None:
        self.world = world
        self.areas = sorted(set(areas))
        self.files: list[tuple[str, int]] = []
        self.whole = Whole()

    def __enter__(self) -> None:
        for area in self.areas:
            if area in self.world.held:
                continue
            place = f"{self.world.path}/state/{area}.lock"
            number = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(number, fcntl.LOCK_EX)
            except BaseException:
                os.close(number)
                self._let_go()
                raise
            self.files.append((area, number))
            _open.add(number)
            self.world.held.add(area)
        self.whole.__enter__()

    def __exit__(self, *_: object) -> None:
        self._let_go()
        self.whole.__exit__()

    def _let_go(self) -> None:
        for area, number in reversed(self.files):
            self.world.held.discard(area)
            if number in _open:  # not in a forked child, which let go of it at once
                _open.remove(number)
                os.close(number)
        self.files.clear()


class World:
    """One lab host; state is read fresh and written only under the lock of its area."""

    __slots__ = ("held", "overrides", "path", "root")

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.root = f"{self.path}/root"
        self.held: set[str] = set()
        self.overrides: dict[str, Any] = {}
        if not os.path.isdir(f"{self.path}/state"):
            raise WorldError(f"{self.path} is not a lab host: make it with 'labhost up'")

    @classmethod
    def create(cls, path: str, **settings: object) -> World:
        """Make the world at a folder, or bring an existing one up to date; settings are kept in it."""
        from labhost.founding import found

        return found(path, settings)

    def lock(self, *areas: str) -> Lock:
        """Return the context manager that holds the named areas alone."""
        return Lock(self, areas)

    def read(self, area: str) -> dict[str, Any]:
        """Return an area's state as it is now; empty if nothing was ever written there."""
        try:
            number = os.open(f"{self.path}/state/{area}.json", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        with open(number, encoding="utf-8") as file:
            return jsontext.loads(file.read())  # type: ignore[no-any-return]

    def write(self, area: str, state: dict[str, Any]) -> None:
        """Replace an area's state as a whole; its lock must be held."""
        if area not in self.held:
            raise WorldError(f"area {area} is written without its lock")
        place = f"{self.path}/state/{area}.json"
        passing = f"{place}.{os.getpid()}"
        with open(passing, "w", encoding="utf-8") as file:
            file.write(jsontext.dumps(state))
        os.rename(passing, place)

    def host(self, path: str) -> str:
        """Return where an absolute path of the host lies on this machine; it never leaves the host's root."""
        flat = os.path.normpath("/" + path.lstrip("/"))
        if ".." in path.split("/"):
            raise WorldError(f"{path} would leave the host's root")
        return self.root if flat == "/" else self.root + flat

    def setting(self, name: str, default: Any = None) -> Any:
        """Return one of the world's settings as it is now, or the default."""
        if name in self.overrides:
            return self.overrides[name]
        return self.read("settings").get(name, default)

    def configure(self, **settings: object) -> None:
        """Change settings of the world; None takes one back to its default."""
        with self.lock("settings"):
            state = self.read("settings")
            for name, value in settings.items():
                if value is None:
                    state.pop(name, None)
                else:
                    state[name] = value
            self.write("settings", state)

    def scaled(self, seconds: float) -> float:
        """Return how long something of so many seconds takes in this world."""
        return float(seconds) * float(self.setting("time_scale", 0.02))

    def now(self) -> int:
        """Return the time of day in whole seconds."""
        return int(time.time())

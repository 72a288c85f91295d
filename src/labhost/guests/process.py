"""The process of a guest: it outlives the command that booted it, listens to signals as to buttons, and ends the zone.

SIGTERM is the power button (a zone named in the setting `deaf` does not hear it), SIGUSR1 cuts the power, SIGUSR2 is
the reset button. The setting `guest` says what runs inside: `none`, `scripted`, `container` or `qemu`; each but the
first is the module of its name here, whose `attach(guest)` sets `guest.system`. A system has `power_on()`,
`going_down()` for the power button, `hear(bytes)` for the serial line and `close()`, which leaves nothing of it; one
that is a machine of its own (`guest.real`) turns itself off and says so with `guest.ended(status)`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import os
import select
import sys
import time

from labhost import processes
from labhost.zones import configurations, lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from labhost.world import World

LOOKS_EVERY = 1.0  # real seconds between looks whether the lab still knows this boot
SHUTDOWN_TAKES = 5  # seconds from the power button to the end
POWERED_OFF, TRIPLE_FAULT, CRASHED = 1, 3, 4
SYSTEMS = ("scripted", "container", "qemu")
OWN_SCREEN = ("qemu",)
_BUTTONS = (_signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2)
_IGNORED = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGPIPE)


def _pressed(_number: int, _frame: object) -> None:
    """Do nothing: the number arrives through the wake-up pipe."""


def tell(writing: int) -> None:
    """Say who runs the zone; a boot that was killed meanwhile does not hear it, and the zone runs all the same."""
    try:
        os.write(writing, str(os.getpid()).encode())
    except BrokenPipeError:
        return
    finally:
        os.close(writing)


class Guest:
    """One boot of a zone: what it runs, what wakes it, and when it ends."""

    __slots__ = (
        "doom", "doom_after", "name", "off_at", "pipe", "poller", "real", "root", "serial", "status", "system",
        "timers", "vnc", "watched", "world", "zoneid",
    )  # fmt: skip

    def __init__(self, world: World, name: str, zoneid: int) -> None:
        self.world = world
        self.name = name
        self.zoneid = zoneid
        self.root = ""  # the zone's root as a path of the host
        self.serial = ""  # path in the zone's root of the socket to speak on instead of the console
        self.vnc = ""  # path of the socket in the zone's root
        self.doom: tuple[int, str] | None = None  # exit status and last words of a guest that cannot start
        self.doom_after = 0.0
        self.off_at: float | None = None
        self.status: int | None = None
        self.pipe: tuple[int, int] = (-1, -1)
        self.watched: dict[int, Callable[[], None]] = {}
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.system: Any = None
        self.real = False  # the system is a machine of its own: it knows itself how to turn off
        self.poller = select.poll()

    # -- coming to life

    def start(self) -> int:
        """Start the process and return its number once the zone is recorded as running with it."""
        sys.stdout.flush()
        sys.stderr.flush()
        # The settings are read before the fork, the modules are loaded: the child has nothing to do twice.
        kind = self.world.setting("guest", "none")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                os.setsid()
                if os.fork() == 0:
                    self._live(str(kind), writing)
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        said = os.read(reading, 32)
        os.close(reading)
        return int(said or 0)

    def _live(self, kind: str, writing: int) -> NoReturn:
        try:
            self._detach(writing)
            self.world.held.clear()
            self.pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            for number in _BUTTONS:
                _signal.signal(number, _pressed)
            for number in _IGNORED:
                _signal.signal(number, _signal.SIG_IGN)
            _signal.set_wakeup_fd(self.pipe[1], warn_on_full_buffer=False)
            _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
            self.watch(self.pipe[0], self._wake)
            if self.vnc and self.doom is None and kind not in OWN_SCREEN:
                self._open_vnc()
            if not lifecycle.take_over(self.world, self.name, self.zoneid, guest=kind):
                if self.vnc:
                    configurations.remove(self.world.host(self.root + self.vnc))
                os._exit(0)
            tell(writing)
            self.later(LOOKS_EVERY, self._look)
            if self.doom is not None:
                self.later(self.doom_after, self._fall)
            elif kind in SYSTEMS:
                full = f"labhost.guests.{kind}"
                __import__(full)
                sys.modules[full].attach(self)
            self._run()
        except BaseException as problem:
            self._complain(problem)
            self.status = CRASHED
        try:
            self._end()
        except BaseException as problem:
            self._complain(problem)
        os._exit(0)

    def _complain(self, problem: BaseException) -> None:
        import traceback

        try:
            with open(f"{self.world.path}/run/guests.log", "a", encoding="utf-8") as file:
                file.write(f"{self.name}: " + "".join(traceback.format_exception(problem)))
        except OSError:
            return  # nowhere to complain: the lab's folder is gone

    def _detach(self, kept: int) -> None:
        # Its name and its folder are what whoever ends the lab knows a guest by.
        with open("/proc/self/comm", "w", encoding="utf-8") as file:
            file.write(f"{processes.GUEST}{self.name}")
        os.chdir(lifecycle.run_folder(self.world))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        if kept > 3:
            os.closerange(3, kept)
        os.closerange(kept + 1, 4096)

    def _open_vnc(self) -> None:
        from labhost.guests.screen import Screen

        try:
            Screen(self)
        except OSError as problem:
            self.doom = (CRASHED, f"fbuf: could not listen on {self.vnc}: {problem.strerror}")

    # -- the loop

    def watch(self, number: int, act: Callable[[], None]) -> None:
        """Call `act` whenever the file descriptor can be read."""
        self.watched[number] = act
        self.poller.register(number, select.POLLIN)

    def forget(self, number: int) -> None:
        """Watch a file descriptor no longer."""
        if self.watched.pop(number, None) is not None:
            self.poller.unregister(number)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` after so many real seconds."""
        self.timers.append((time.monotonic() + seconds, act))
        self.timers.sort(key=lambda timer: timer[0])

    def _run(self) -> None:
        while self.status is None:
            wait = None
            if self.timers:
                wait = max(0.0, self.timers[0][0] - time.monotonic()) * 1000 + 0.5
            for number, _ in self.poller.poll(wait):
                act = self.watched.get(number)
                if act is not None:
                    act()
            while self.timers and self.timers[0][0] <= time.monotonic() and self.status is None:
                self.timers.pop(0)[1]()

    def _look(self) -> None:
        """Be gone when the lab is gone or is another one by now, or was ended as by a loss of power."""
        zone = lifecycle.record(self.world, self.name)
        if zone is None or zone["zoneid"] != self.zoneid or not self._is_home():
            if self.real and self.system is not None:
                self.system.close()
            if self.real and not os.path.isdir(f"{self.world.path}/state"):
                from labhost.net import real

                real.unrealise(self.world)
            os._exit(0)
        self.later(LOOKS_EVERY, self._look)

    def _is_home(self) -> bool:
        """Tell whether the lab's folder is still the one this guest was started in."""
        try:
            return os.path.samestat(os.stat("."), os.stat(f"{self.world.path}/run"))
        except OSError:
            return False

    # -- buttons

    def _wake(self) -> None:
        for number in os.read(self.pipe[0], 64):
            if number == _signal.SIGTERM:
                self._power_button()
            elif number == _signal.SIGUSR1:
                self.power_off()
            elif number == _signal.SIGUSR2:
                self.reset()

    def _power_button(self) -> None:
        deaf = self.world.setting("deaf", [])
        if self.off_at is not None or self.name in deaf or "*" in deaf:
            return
        if self.real:
            self.system.going_down()
            return
        takes = self.world.scaled(self.world.setting("shutdown_takes", SHUTDOWN_TAKES))
        self.off_at = time.monotonic() + takes
        if self.system is not None:
            self.system.going_down()
        self.later(takes, self.power_off)

    def power_off(self) -> None:
        """End as a machine whose power is off."""
        self.ended(POWERED_OFF)

    def ended(self, status: int) -> None:
        """End with one of bhyve's exit statuses; the first one counts."""
        if self.status is None:
            self.status = status

    def reset(self) -> None:
        """Start over in place: same zone id, same configuration."""
        self.off_at = None
        self.timers.clear()
        self.later(LOOKS_EVERY, self._look)
        if self.system is not None:
            self.system.power_on()

    def _fall(self) -> None:
        if self.doom is None:
            return
        status, words = self.doom
        lifecycle.write(self.world, f"{self.root}/tmp/init.log", words + "\n")
        self.status = status

    def _end(self) -> None:
        if self.system is not None:
            self.system.close()
        lifecycle.ended(self.world, self.name, self.zoneid, self.status if self.status is not None else CRASHED)


def listen(place: str) -> _socket.socket:
    """Return a socket that listens at a path of any length on this machine."""
    if os.path.lexists(place):
        os.unlink(place)
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    folder = os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A socket's address is at most 107 bytes; the folder's own name does not count this way.
        server.bind(f"/proc/self/fd/{folder}/{os.path.basename(place)}")
    finally:
        os.close(folder)
    server.listen(8)
    server.setblocking(False)
    return server

"""A guest in a QEMU machine: with firmware, disks, cards and a screen of its own, as its zone's configuration says.

The machine is a child of this process and dies with it. Its first serial line and its monitor are socket pairs, so
nothing of it has a name; its cards are taps on the lab's own bridges; what it says itself is in the zone's init.log.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import os

from labhost import machine
from labhost.guests import qemu_probe, qemu_words, syscalls
from labhost.guests.console import Console
from labhost.guests.process import CRASHED, POWERED_OFF
from labhost.guests.qemu_monitor import Monitor, give
from labhost.world import WorldError
from labhost.zones import configurations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from labhost.guests.process import Guest
    from labhost.zones.document import Config

RETRY = 0.05  # real seconds until a line that is full is tried again
_SIZES_EVERY = 1.0  # real seconds between looks whether a volume has another size
# Why a machine cannot be started: this machine, what the zone asks for, or the zone itself being gone.
_UNSTARTED = (OSError, ValueError, LookupError, WorldError, configurations.NoZone, configurations.BadDocument)


def why_not() -> str:
    """Return why this machine cannot have QEMU machines as guests; empty when it can."""
    if os.geteuid() != 0:
        return "this is not root"
    if machine.find(qemu_words.PROGRAM) is None:
        return f"there is no program {qemu_words.PROGRAM}"
    missing = [path for path in (qemu_words.CODE, qemu_words.VARIABLES) if not os.path.exists(path)]
    return f"there is no {missing[0]}" if missing else ""


def attach(guest: Guest) -> None:
    """Give a guest its console and a machine, and power it on."""
    console = Console(guest)
    system = Machine(guest, console)
    console.system = system
    guest.system = system
    guest.real = True
    console.when_ready(system.power_on)


class Machine:
    """One machine; it is off while `pid` is 0."""

    __slots__ = (
        "console", "disks", "guest", "line", "links", "monitor", "pid", "screen", "unsent", "waits", "watch",
    )  # fmt: skip

    def __init__(self, guest: Guest, console: Console) -> None:
        self.guest = guest
        self.console = console
        self.pid = 0
        self.watch = -1
        self.line: _socket.socket | None = None  # our end of its serial line
        self.monitor: Monitor | None = None
        self.screen: _socket.socket | None = None  # where those who want to look knock
        self.waits = False  # for somebody to look
        self.links: list[str] = []
        self.disks: dict[str, tuple[str, int]] = {}  # device -> its file, and the size the machine knows
        self.unsent = b""

    def power_on(self) -> None:
        """Start the machine; one that runs is reset."""
        if self.monitor is not None:
            self.unsent = b""
            self.monitor.say("system_reset")
            self.guest.later(_SIZES_EVERY, self._look_at_sizes)
            return
        try:
            self._start()
        except _UNSTARTED as problem:
            self._note(str(problem))
            self.guest.ended(CRASHED)

    def _note(self, words: str) -> None:
        """Add a line to what the machine itself said."""
        try:
            with open(self._log(), "a", encoding="utf-8") as file:
                file.write(words.rstrip("\n") + "\n")
        except OSError:
            return  # the zone's folder is gone

    def _log(self) -> str:
        return self.guest.world.host(f"{self.guest.root}/tmp/init.log")

    def _start(self) -> None:
        from labhost.net import real

        world = self.guest.world
        config = configurations.load_snapshot(world, self.guest.name)
        hardware, _ = qemu_probe.answer()
        taps = []
        if real.is_wanted(world):
            for net in config.of("net"):
                # Noted ahead: what was begun is taken away, too.
                self.links.append(net.get("physical"))
                taps.append(real.tap(world, net.get("physical")))
        words = qemu_words.words(world, config, self.guest.root, taps, hardware=hardware)
        self._know_disks(words)
        serial, theirs = _socket.socketpair()
        monitor, theirs_too = _socket.socketpair()
        words += ["-chardev", f"socket,id=com1,fd={theirs.fileno()}", "-serial", "chardev:com1"]
        words += ["-chardev", f"socket,id=monitor,fd={theirs_too.fileno()}", "-mon", "chardev=monitor,mode=control"]
        namespace = real.place(world) if taps else ""
        ours = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, namespace, self._log(), (theirs.fileno(), theirs_too.fileno()), ours)
        theirs.close()
        theirs_too.close()
        self.watch = os.pidfd_open(self.pid)
        self.guest.watch(self.watch, self._ended)
        serial.setblocking(False)
        self.line = serial
        self.guest.watch(serial.fileno(), self._said)
        self.monitor = Monitor(self.guest, monitor, self._told, self._note)
        self._open_screen(config)
        self.guest.later(_SIZES_EVERY, self._look_at_sizes)

    # -- its end

    def going_down(self) -> None:
        """Press the power button."""
        if self.monitor is not None:
            self.monitor.say("system_powerdown")

    def _told(self, event: str, data: dict[str, Any]) -> None:
        if event == "BLOCK_IO_ERROR":
            self._note(f"{data.get('device', '')}: {data.get('operation', '')}: {data.get('reason', 'error')}")

    def _ended(self) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        while data := self._heard():
            self.console.send(data)
        self._cut()
        if code == 0:
            self.guest.ended(POWERED_OFF)
            return
        self._note(f"{qemu_words.PROGRAM} " + (f"was ended by signal {-code}" if code < 0 else f"ended with {code}"))
        self.guest.ended(CRASHED)

    def _cut(self) -> None:
        """Take the power away, and what hangs on the machine."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        if self.watch >= 0:
            self.guest.forget(self.watch)
            os.close(self.watch)
            self.watch = -1
        if self.line is not None:
            self.guest.forget(self.line.fileno())
            self.line.close()
            self.line = None
        if self.monitor is not None:
            self.monitor.close()
            self.monitor = None
        if self.links:
            from labhost.net import real

            for link in self.links:
                real.unplug(self.guest.world, link)
            self.links.clear()

    def close(self) -> None:
        """End for good: nothing of the machine is left but its disks."""
        self._cut()
        if self.screen is not None:
            self.guest.forget(self.screen.fileno())
            self.screen.close()
        self.console.close()

    # -- the serial line

    def _said(self) -> None:
        self.console.send(self._heard())

    def _heard(self) -> bytes:
        """Return what the machine wrote; empty when there is nothing (more)."""
        if self.line is None:
            return b""
        try:
            data = self.line.recv(65536)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.guest.forget(self.line.fileno())
        return data

    def hear(self, data: bytes) -> None:
        """Take what was typed on the line."""
        waiting = bool(self.unsent)
        self.unsent += data
        if not waiting:
            self._type()

    def _type(self) -> None:
        if self.line is None:
            self.unsent = b""
            return
        try:
            self.unsent = self.unsent[self.line.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = b""
        if self.unsent:
            self.guest.later(RETRY, self._type)

    # -- the screen

    def _open_screen(self, config: Config) -> None:
        if not self.guest.vnc or self.monitor is None:
            return
        from labhost.guests.process import listen

        facts = dict(part.partition("=")[::2] for part in config.attr("vnc").split(","))
        if "password" in facts:
            self.monitor.say("set_password", {"protocol": "vnc", "password": facts["password"]})
        self.waits = "wait" in facts
        place = self.guest.world.host(self.guest.root + self.guest.vnc)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self.screen = listen(place)
        self.guest.watch(self.screen.fileno(), self._knocked)

    def _knocked(self) -> None:
        if self.screen is None or self.monitor is None:
            return
        try:
            number, _ = self.screen._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return
        give(self.monitor, number)
        if self.waits:
            self.waits = False
            self.monitor.say("cont")

    # -- disks that grow

    def _know_disks(self, words: list[str]) -> None:
        for word in words:
            facts = dict(part.partition("=")[::2] for part in word.replace(",,", "\0").split(","))
            if facts.get("cache") == "unsafe" and "readonly" not in facts:
                place = facts["file"].replace("\0", ",")
                self.disks[facts["id"]] = (place, os.stat(place).st_size)

    def _look_at_sizes(self) -> None:
        if self.monitor is None:
            return
        for name, (place, known) in self.disks.items():
            try:
                size = os.stat(place).st_size
            except FileNotFoundError:
                continue
            if size != known:
                self.disks[name] = (place, size)
                self.monitor.say("block_resize", {"device": name, "size": size})
        self.guest.later(_SIZES_EVERY, self._look_at_sizes)


def _become(words: list[str], namespace: str, log: str, kept: tuple[int, ...], parent: int) -> NoReturn:
    """Be the machine in a child that was just forked; what it cannot do is said where the machine speaks."""
    try:
        syscalls.die_with_parent(_signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)  # it died before the kernel knew that this one is to follow
        for number in range(1, _signal.NSIG):
            if number not in (_signal.SIGKILL, _signal.SIGSTOP, 32, 33):
                _signal.signal(number, _signal.SIG_DFL)
        _signal.set_wakeup_fd(-1)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number in (1, 2):
            os.dup2(output, number)
        for number in kept:
            os.set_inheritable(number, True)
        if namespace:
            syscalls.join(namespace, syscalls.NEW_NETWORK)
        os.execvpe(words[0], words, machine.environment())
    except OSError as problem:
        os.write(2, f"{words[0]}: {problem.strerror or problem}\n".encode(errors="replace"))
    os._exit(127)

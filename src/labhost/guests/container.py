"""A guest in a container: a real system, from its init on, that shares only the kernel with this machine.

Its disk is the layer of the boot disk's volume (labhost.zfs.layers) over an unpacked root, its serial line is
/dev/console, its cards are veth pairs on the lab's own bridges, its power button is SIGRTMIN+4 to its init. Whatever
ends this process ends the whole guest: the kernel kills what is in its process namespace.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

from labhost import machine
from labhost.guests import groups, inside, syscalls
from labhost.guests.aside import apart, aside, words
from labhost.guests.console import Console
from labhost.guests.process import CRASHED, POWERED_OFF, TRIPLE_FAULT
from labhost.zfs import layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.guests.process import Guest
    from labhost.world import World

POWER_BUTTON = 38  # SIGRTMIN+4 as the C library counts: poweroff.target
RETRY = 0.05  # real seconds until a line that nobody holds, or that is full, is tried again
FIRMWARE = (
    'BdsDxe: failed to load Boot0001 "UEFI Hard Drive": Not Found\r\n'
    "BdsDxe: No bootable option or device was found.\r\n\r\nUEFI Interactive Shell v2.2\r\nShell> "
)


def why_not(folder: str = "") -> str:
    """Return why this machine cannot have containers as guests, their disks in this folder; empty when it can."""
    if not os.path.isdir("/proc/self/ns"):
        return "this is no Linux"
    if os.geteuid() != 0:
        return "this is not root"
    missing = [program for program in ("ip", "cp", "tar") if machine.find(program) is None]
    if missing:
        return f"there is no program {missing[0]}"
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix=".lab-", dir=folder or None) as place:
            aside(lambda: _try(place), inside.NAMESPACES)
    except OSError as problem:
        return words(problem)
    return ""


def _try(place: str) -> str:
    """Do what a container needs, small."""
    from labhost.net.iproute import ip

    syscalls.mount("cgroup2", "/sys/fs/cgroup", "cgroup2")
    for name in ("lower", "upper", "work", "top"):
        os.mkdir(f"{place}/{name}")
    layers = inside.overlay(f"{place}/lower", f"{place}/upper", f"{place}/work")
    syscalls.mount("overlay", f"{place}/top", "overlay", options=layers)
    syscalls.detach(f"{place}/top")
    ip("link", "add", "stub0", "type", "bridge")
    ip("link", "add", "card0", "type", "veth", "peer", "name", "card1")
    syscalls.unshare(syscalls.NEW_PROCESSES)
    return ""


def attach(guest: Guest) -> None:
    """Give a guest its console and a container, and power it on."""
    console = Console(guest)
    guest.real = True
    try:
        apart()
        system = Container(guest, console)
    except OSError as problem:
        console.close()
        _die(guest, words(problem))
        return
    console.system = system
    guest.system = system
    console.when_ready(system.power_on)


def _die(guest: Guest, words: str) -> None:
    """End as a machine that could not be started, and leave the words where those of bhyve are."""
    from labhost.zones import lifecycle

    lifecycle.write(guest.world, f"{guest.root}/tmp/init.log", words + "\n")
    guest.ended(CRASHED)


class Container:
    """One machine; it is off while `pid` is 0."""

    __slots__ = ("console", "group", "guest", "held", "links", "pid", "terminal", "top", "unsent", "watch")

    def __init__(self, guest: Guest, console: Console) -> None:
        self.guest = guest
        self.console = console
        self.top = f"{guest.world.path}/run/{guest.name}.machine"
        self.links: list[str] = []
        self.pid = 0
        self.watch = -1  # of the init
        self.terminal = -1  # our end of the guest's console
        self.held = False  # nothing is bootable: the firmware waits for somebody
        self.unsent = b""
        os.makedirs(self.top, exist_ok=True)
        self.group = groups.enter(guest.world, guest.name)

    # -- power

    def power_on(self) -> None:
        """Boot, from the disk as it is now."""
        self._cut()
        disk = boot_disk(self.guest.world, self.guest.name)
        root = layers.base(layers.beside(disk)) if disk else ""
        if not root or not os.path.isdir(root):
            self.held = True
            self.console.say(FIRMWARE)
            return
        try:
            self._start(layers.beside(disk), root)
        except (OSError, ValueError) as problem:
            _die(self.guest, words(problem))

    def _start(self, layer: str, root: str) -> None:
        from labhost.zones import configurations
        from labhost.zones.bhyve import identity

        config = configurations.load_snapshot(self.guest.world, self.guest.name)
        self.terminal, other = os.openpty()
        os.set_blocking(self.terminal, False)
        hear, say = os.pipe()
        wait, go = os.pipe()
        seed = self.guest.world.host(f"{self.guest.root}/cloud-init")
        machine = inside.Machine(
            top=self.top, layer=layer, root=root, terminal=os.ttyname(other), group=self.group,
            uuid=identity(self.guest.world, config, self.guest.root.rpartition("/")[0]),
            seed=seed if os.path.isdir(seed) else "",
        )  # fmt: skip
        syscalls.unshare(syscalls.NEW_PROCESSES)
        self.pid = os.fork()
        if self.pid == 0:
            inside.become(machine, other, say, wait)
        syscalls.join("/proc/self/ns/pid", syscalls.NEW_PROCESSES)
        self.watch = os.pidfd_open(self.pid)
        for number in (other, say, wait):
            os.close(number)
        try:
            words = os.read(hear, 4096)
            if words == inside.APART:
                self._plug([net.get("physical") for net in config.of("net")])
                os.write(go, b".")
                words = b""
            while piece := os.read(hear, 4096):
                words += piece
        finally:
            os.close(go)
            os.close(hear)
        if words:
            raise ValueError(words.decode(errors="replace"))
        self.guest.watch(self.watch, self._ended)
        self.guest.watch(self.terminal, self._said)

    def _plug(self, names: list[str]) -> None:
        from labhost.net import real

        for number, link in enumerate(names):
            real.plug(self.guest.world, link, self.pid, f"eth{number}")
            self.links.append(link)

    def going_down(self) -> None:
        """Press the power button."""
        if self.pid:
            os.kill(self.pid, POWER_BUTTON)

    def _ended(self) -> None:
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        self._said()
        self._cut()
        # reboot(2) in a process namespace: its init is killed by a signal that says what was asked for.
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == _signal.SIGHUP:
            self.guest.reset()
        elif os.WIFSIGNALED(status) and os.WTERMSIG(status) != _signal.SIGINT:
            self.guest.ended(TRIPLE_FAULT)
        else:
            self.guest.ended(POWERED_OFF)

    def _cut(self) -> None:
        """Take the power away, and what hangs on the machine."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        for number in (self.watch, self.terminal):
            if number >= 0:
                self.guest.forget(number)
                os.close(number)
        self.watch = self.terminal = -1
        self.unsent = b""
        self.held = False
        if self.links:
            from labhost.net import real

            for link in self.links:
                real.unplug(self.guest.world, link)
            self.links.clear()

    def close(self) -> None:
        """End for good: nothing of the machine is left but its disk."""
        self._cut()
        self.console.close()
        groups.leave(self.group)
        try:
            os.rmdir(self.top)
        except OSError:
            return

    # -- the serial line

    def _said(self) -> None:
        if self.terminal < 0:
            return
        try:
            data = os.read(self.terminal, 65536)
        except BlockingIOError:
            return
        except OSError:
            # Nobody has the terminal open: between two programs that do, or for good.
            self.guest.forget(self.terminal)
            if self.pid:
                self.guest.later(RETRY, self._look_again)
            return
        self.console.send(data)

    def _look_again(self) -> None:
        if self.terminal >= 0:
            self.guest.watch(self.terminal, self._said)

    def hear(self, data: bytes) -> None:
        """Take what was typed on the line."""
        if self.held:
            self.console.send(b"\r\nShell> " if b"\r" in data else data)
            return
        waiting = bool(self.unsent)
        self.unsent += data
        if not waiting:
            self._type()

    def _type(self) -> None:
        if self.terminal < 0 or not self.unsent:
            return
        try:
            self.unsent = self.unsent[os.write(self.terminal, self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self.unsent = b""
        if self.unsent:
            self.guest.later(RETRY, self._type)


def boot_disk(world: World, name: str) -> str:
    """Return the file of the volume that a zone boots from; empty when there is none."""
    from labhost.zfs.contents import place
    from labhost.zones import configurations

    config = configurations.load_snapshot(world, name)
    volume = config.attr("bootdisk").partition(",")[0]
    if volume.startswith("/"):
        volume = volume.partition("dsk/")[2]
    facts = world.read("zfs").get("datasets", {}).get(volume)
    return place(world, facts["objset"]) if facts is not None else ""

"""The first process of a container: it makes the machine around itself, then becomes the guest's init."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

from labhost.guests import syscalls
from labhost.guests.aside import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

APART = b"."  # said once the namespaces are there; anything else is why they, or the machine, are not
# What a container has of its own besides its mounts and its processes.
NAMESPACES = syscalls.NEW_CGROUPS | syscalls.NEW_NAMES | syscalls.NEW_IPC | syscalls.NEW_NETWORK
INITS = ("/sbin/init", "/lib/systemd/systemd")
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
LINKS = {
    "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx",
}  # fmt: skip
READ_ONLY = ("proc/sys", "proc/sysrq-trigger", "proc/irq", "proc/bus")
# Modules, raw devices, the clock, the kernel's log: the machine's, not the guest's.
DROPPED = (16, 17, 25, 34)
# There is no udev in a container, and netplan asks for one.
UDEVADM = "#!/bin/sh\nexit 0\n"
# A card here has an address, but none that the kernel calls permanent; netplan's networks are matched by that one.
NETPLAN = """#!/bin/sh
case $0 in
*/systemd/system-generators/*) /run/lab/systemd/system-generators/netplan "$@" ;;
*) /run/lab/generate "$@" ;;
esac
code=$?
sed -i s/^PermanentMACAddress=/MACAddress=/ /run/systemd/network/*.network 2>/dev/null
exit $code
"""
GENERATORS = ("usr/libexec/netplan/generate", "usr/lib/netplan/generate")
# Where cloud-init looks for what a machine would find on its CD.
SEED = "var/lib/cloud/seed/nocloud"


class Machine:
    """What a container is made of; all paths are this machine's."""

    __slots__ = ("group", "layer", "root", "seed", "terminal", "top", "uuid")

    def __init__(self, *, top: str, layer: str, root: str, terminal: str, group: str, uuid: str, seed: str) -> None:
        self.top = top  # folder to put it all together in
        self.layer = layer  # folder with `upper`
        self.root = root  # what lies below the layer
        self.terminal = terminal  # its /dev/console
        self.group = group  # its control group
        self.uuid = uuid
        self.seed = seed  # folder with what cloud-init is told; empty when it is told nothing


def become(machine: Machine, terminal: int, say: int, wait: int) -> NoReturn:
    """Be the container's init, or say why not; `say` tells that the namespaces are there, `wait` when to go on."""
    try:
        syscalls.die_with_parent(_signal.SIGKILL)
        os.setsid()
        for number in range(1, _signal.NSIG):
            if number not in (_signal.SIGKILL, _signal.SIGSTOP, 32, 33):
                _signal.signal(number, _signal.SIG_DFL)
        _signal.set_wakeup_fd(-1)
        for number in (0, 1, 2):
            os.dup2(terminal, number)
        _close_all_but(say, wait)
        with open(f"{machine.group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
        syscalls.unshare(syscalls.NEW_MOUNTS | NAMESPACES)
        os.write(say, APART)
        if not os.read(wait, 1):
            os._exit(1)
        _furnish(machine)
        for capability in DROPPED:
            syscalls.drop(capability)
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "vt220",
            "container": "labhost", "container_uuid": machine.uuid,
        }  # fmt: skip
        init = next((path for path in INITS if os.access(path, os.X_OK)), "")
        if not init:
            raise OSError("no init in the guest's root")
        os.execve(init, [init], environment)
    except BaseException as problem:
        os.write(say, words(problem).encode(errors="replace"))
    os._exit(1)


def _close_all_but(*kept: int) -> None:
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in kept:
            try:
                os.close(number)
            except OSError:
                continue


def _furnish(machine: Machine) -> None:
    """Mount all that a system expects, and make it the root."""
    top = machine.top
    syscalls.mount("none", "/", flags=syscalls.RECURSIVE | syscalls.PRIVATE)
    for name in ("upper", "work"):
        os.makedirs(f"{machine.layer}/{name}", exist_ok=True)
    options = overlay(machine.root, f"{machine.layer}/upper", f"{machine.layer}/work")
    syscalls.mount("overlay", top, "overlay", options=options)
    quiet = syscalls.NO_SETUID | syscalls.NO_DEVICES | syscalls.NO_PROGRAMS
    syscalls.mount("proc", f"{top}/proc", "proc", quiet)
    for path in READ_ONLY:
        if os.path.exists(f"{top}/{path}"):
            syscalls.mount(f"{top}/{path}", f"{top}/{path}", flags=syscalls.BIND)
            syscalls.mount("", f"{top}/{path}", flags=syscalls.BIND | syscalls.REMOUNT | syscalls.READ_ONLY | quiet)
    syscalls.mount("proc", f"{top}/run", "proc", quiet)
    syscalls.mount(f"{top}/run/sys/net", f"{top}/proc/sys/net", flags=syscalls.BIND)
    syscalls.detach(f"{top}/run")
    syscalls.mount("sysfs", f"{top}/sys", "sysfs", quiet | syscalls.READ_ONLY)
    syscalls.mount("cgroup2", f"{top}/sys/fs/cgroup", "cgroup2", quiet)
    _devices(machine)
    syscalls.mount("tmpfs", f"{top}/run", "tmpfs", syscalls.NO_SETUID | syscalls.NO_DEVICES, "mode=755")
    syscalls.mount("tmpfs", f"{top}/tmp", "tmpfs", syscalls.NO_SETUID | syscalls.NO_DEVICES, "mode=1777")
    _replace(top)
    if machine.seed:
        os.makedirs(f"{top}/{SEED}", exist_ok=True)
        syscalls.mount(machine.seed, f"{top}/{SEED}", flags=syscalls.BIND)
        syscalls.mount("", f"{top}/{SEED}", flags=syscalls.BIND | syscalls.REMOUNT | syscalls.READ_ONLY)
    syscalls.change_root(top)


def overlay(lower: str, upper: str, work: str) -> str:
    """Return the options of an overlay; its upper layer can be copied and put over the same root again."""
    words = {"lowerdir": lower, "upperdir": upper, "workdir": work}
    plain = {"redirect_dir": "off", "metacopy": "off", "index": "off", "xino": "off"}
    return ",".join(f"{name}={_escaped(word)}" for name, word in {**words, **plain}.items())


def _escaped(path: str) -> str:
    """Return a path as a word of the options, where colons and commas mean something."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _devices(machine: Machine) -> None:
    folder = f"{machine.top}/dev"
    syscalls.mount("tmpfs", folder, "tmpfs", syscalls.NO_SETUID, "mode=755")
    os.umask(0)
    for name, minor in DEVICES.items():
        os.mknod(f"{folder}/{name}", 0o020666, os.makedev(1, minor))
    os.mknod(f"{folder}/tty", 0o020666, os.makedev(5, 0))
    os.umask(0o022)
    for name, target in LINKS.items():
        os.symlink(target, f"{folder}/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{folder}/{name}")
    syscalls.mount("devpts", f"{folder}/pts", "devpts", options="newinstance,ptmxmode=0666,mode=620,gid=5")
    syscalls.mount("tmpfs", f"{folder}/shm", "tmpfs", syscalls.NO_SETUID | syscalls.NO_DEVICES, "mode=1777")
    with open(f"{folder}/console", "w", encoding="ascii"):
        pass
    syscalls.mount(machine.terminal, f"{folder}/console", flags=syscalls.BIND)


def _replace(top: str) -> None:
    """Put ours in the place of the programs that expect a machine."""
    os.makedirs(f"{top}/run/lab/systemd/system-generators")
    if os.path.exists(f"{top}/usr/bin/udevadm"):
        _cover(top, "usr/bin/udevadm", UDEVADM)
    generator = next((path for path in GENERATORS if os.path.isfile(f"{top}/{path}")), "")
    if generator:
        with open(f"{top}/run/lab/generate", "w", encoding="ascii"):
            pass
        syscalls.mount(f"{top}/{generator}", f"{top}/run/lab/generate", flags=syscalls.BIND)
        os.symlink("../../generate", f"{top}/run/lab/systemd/system-generators/netplan")
        _cover(top, generator, NETPLAN)


def _cover(top: str, program: str, script: str) -> None:
    ours = f"{top}/run/lab/{program.replace('/', '-')}"
    with open(ours, "w", encoding="ascii") as file:
        file.write(script)
    os.chmod(ours, 0o755)
    syscalls.mount(ours, f"{top}/{program}", flags=syscalls.BIND)

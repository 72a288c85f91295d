"""The system calls of Linux that a container needs and Python has no words for."""

from __future__ import annotations

import ctypes
import os

NEW_MOUNTS, NEW_CGROUPS, NEW_NAMES, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_PROCESSES, NEW_NETWORK = 0x20000000, 0x40000000
READ_ONLY, NO_SETUID, NO_DEVICES, NO_PROGRAMS, REMOUNT = 1, 2, 4, 8, 32
BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
_DETACH = 2
_DIE_WITH_PARENT, _DROP_CAPABILITY = 1, 24
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "armv7l": 218, "riscv64": 41, "ppc64le": 203, "s390x": 217}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount something (mount(2)). Raises OSError with the target."""
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options)), f"mount {kind or source} on {target}")


def detach(target: str) -> None:
    """Unmount as soon as nobody uses it (umount2(2), lazily). Raises OSError."""
    _checked(_libc.umount2(os.fsencode(target), _DETACH), f"umount {target}")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones (unshare(2)). Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def join(place: str, kind: int) -> None:
    """Enter the namespace that a file stands for (setns(2)). Raises OSError."""
    number = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(number, kind), f"setns {place}")
    finally:
        os.close(number)


def change_root(folder: str) -> None:
    """Make a mounted folder the root of this mount namespace; what was there before is gone. Raises OSError."""
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"pivot_root: not known how to call on {os.uname().machine}")
    os.chdir(folder)
    _checked(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root {folder}")
    detach(".")
    os.chdir("/")


def die_with_parent(signal: int) -> None:
    """Get this signal when the parent dies, whatever it dies of (prctl(2))."""
    _checked(_libc.prctl(_DIE_WITH_PARENT, ctypes.c_ulong(signal), 0, 0, 0), "prctl")


def drop(capability: int) -> None:
    """Let neither this process nor what it starts have a capability (capabilities(7)); one unknown here is none."""
    _libc.prctl(_DROP_CAPABILITY, ctypes.c_ulong(capability), 0, 0, 0)

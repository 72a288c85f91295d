"""Whether this machine's processor runs machines: found out by letting a kernel start, once for each of its boots.

That there is a /dev/kvm says little: in a cloud it may open, and a guest then crawl or hang.
"""

from __future__ import annotations

import os
import select
import subprocess
import time

from labhost import machine
from labhost.guests.qemu_words import PROGRAM
from labhost.templates import cache

LIMIT = 10.0  # seconds in which a kernel must have said its first word
_WORD = b"Linux version"
_MEMORY = "virtualisation"  # file in the cache: boot, yes or no, and why


def answer() -> tuple[bool, str]:
    """Return whether machines can run on the processor itself, and a sentence that says why or why not."""
    boot = _boot()
    place = f"{cache.folder()}/{_MEMORY}"
    try:
        with open(place, encoding="utf-8") as file:
            known, yes, why = file.read().rstrip("\n").split("\n", 2)
        if known == boot:
            return yes == "yes", why
    except (OSError, ValueError):
        pass
    if machine.find(PROGRAM) is None:
        return False, f"there is no {PROGRAM}"
    if not _may():
        return False, "there is no /dev/kvm for us"
    kernel = _kernel()
    if not kernel:
        return False, "there is no kernel to try it with"
    yes_, why = _try(kernel)
    _remember(place, f"{boot}\n{'yes' if yes_ else 'no'}\n{why}\n")
    return yes_, why


def _may() -> bool:
    return os.uname().machine == "x86_64" and os.access("/dev/kvm", os.R_OK | os.W_OK)


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _remember(place: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        passing = f"{place}.{os.getpid()}"
        with open(passing, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(passing, place)
    except OSError:
        return  # it is found out anew next time


def _kernel() -> str:
    """Return a kernel that may be read: a template's, or the machine's own."""
    for folder in (*(f"{cache.Template(name).root}/boot" for name in cache.names()), "/boot"):
        try:
            found = sorted(name for name in os.listdir(folder) if name.startswith("vmlinuz"))
        except OSError:
            continue
        for name in reversed(found):
            if os.access(f"{folder}/{name}", os.R_OK):
                return f"{folder}/{name}"
    return ""


def _try(kernel: str) -> tuple[bool, str]:
    began = time.monotonic()
    argv = [
        PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "256", "-accel", "kvm",
        "-cpu", "host", "-serial", "stdio", "-kernel", kernel, "-append", "console=ttyS0 panic=-1",
    ]  # fmt: skip
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=machine.environment(),
    )  # fmt: skip
    assert process.stdout is not None  # asked for
    heard = b""
    try:
        while (left := began + LIMIT - time.monotonic()) > 0:
            if not select.select([process.stdout], [], [], left)[0]:
                break
            piece = os.read(process.stdout.fileno(), 65536)
            heard += piece
            if _WORD in heard:
                return True, f"a kernel started on the processor itself in {time.monotonic() - began:.1f} s"
            if not piece:
                words = heard.decode(errors="replace").strip().splitlines()
                return False, f"/dev/kvm is there, but does not run machines: {words[-1] if words else 'no word'}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return False, f"/dev/kvm is there, but no kernel started on it within {LIMIT:.0f} s"

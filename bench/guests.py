"""Real guests: how soon a clone of the template can be logged in to, and what one costs."""

from __future__ import annotations

import os
import pty
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Effort, NotHere, Row, median, told
from labhost import ending, machine
from labhost.guests import container, qemu, qemu_probe
from labhost.net import real, real_plan
from labhost.net.iproute import ip
from labhost.templates import placing, recipe
from labhost.templates.cache import Template
from labhost.world import World

# A network of the range that is set aside for measurements (RFC 2544).
GATEWAY, ADDRESS, NETWORK = "198.18.77.1", "198.18.77.10", "198.18.77.0"
STUB, PORT, MAC = "bench0", "gateway0", "2:8:20:be:4c:1"
TEMPLATE = placing.dataset(recipe.NAME)
LEASES = f"""default-lease-time 3600;
ping-check false;
authoritative;
subnet {NETWORK} netmask 255.255.255.0 {{ option routers {GATEWAY}; }}
host guest {{ hardware ethernet {real_plan.padded(MAC)}; fixed-address {ADDRESS}; }}
"""
LONGEST = 300.0
"""Seconds after which a guest that has not said what it should is given up."""
LARGE = 10
"""GiB of the template whose clones are timed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boot:
    """Seconds of one boot: of the clone, then from the start of the command `boot`; and bytes of memory at the end."""

    clone: float
    first: float
    login: float
    ssh: float
    memory: int


def containers(effort: Effort) -> list[Row]:
    """Boot containers, one after the other."""
    return _rows("container", effort.starts, _missing(container.why_not()), "", knock=0.2)


def machines(effort: Effort) -> list[Row]:
    """Boot QEMU machines, one after the other."""
    missing = _missing(qemu.why_not()) or ("" if Template(recipe.NAME).has_disk else "the template has no disk")
    fast, why = qemu_probe.answer() if not missing else (False, "")
    return _rows("QEMU", min(effort.starts, 5 if fast else 2), missing, why if fast else f"emulated: {why}", knock=1.0)


def templates(effort: Effort) -> list[Row]:
    """Put the template of the cache into new worlds, and clone a large one."""
    if missing := _missing(""):
        raise NotHere(missing)
    worlds = []
    with _folder() as folder:
        for turn in range(effort.starts):
            began = time.perf_counter()
            world = World.create(f"{folder}/lab{turn}", guest="none")
            placing.put(world, Template(recipe.NAME))
            worlds.append(time.perf_counter() - began)
        _run(world, "zfs", "set", f"volsize={LARGE}G", TEMPLATE)
        _run(world, "zfs", "snapshot", f"{TEMPLATE}@large")
        source = f"{TEMPLATE}@large"
        clones = [_run(world, "zfs", "clone", source, f"rpool/clone{turn}") * 1000 for turn in range(effort.starts)]
        stored = Template(recipe.NAME)
        written = os.stat(stored.disk).st_blocks * 512 if stored.has_disk else 0
    said = f"{written / 1e6:.0f} MB of it are written"
    return [
        told(f"zfs clone of a template of {LARGE} GB", median(clones), "ms", f"slowest {max(clones):.0f} ms; {said}"),
        told("a new world with the cached template", median(worlds), "s", f"slowest {max(worlds):.2f} s"),
    ]


def _missing(why: str) -> str:
    return why or missing(recipe.NAME)


def missing(name: str) -> str:
    """Say that a template is not built here; empty when it is."""
    return "" if Template(name).has_root else f"there is no template {name}"


def _rows(kind: str, count: int, missing: str, said: str, *, knock: float) -> list[Row]:
    if not missing and machine.find("dhcpd") is None:
        missing = "there is no program dhcpd"
    if missing:
        raise NotHere(missing)
    with host("qemu" if kind == "QEMU" else "container") as world:
        boots = [_boot(world, f"guest{turn}", knock) for turn in range(count)]
    told_too = "; ".join(filter(None, (f"{count} boots, one after the other", said)))
    memory = median([each.memory / 1e6 for each in boots])
    logins, lines = [each.clone + each.login for each in boots], [each.clone + each.ssh for each in boots]
    return [
        told(f"{kind}: boot → first byte on the console", median([each.first for each in boots]), "s", told_too),
        told(f"{kind}: clone + boot → `login:`", median(logins), "s", f"slowest {max(logins):.2f} s"),
        told(f"{kind}: clone + boot → SSH", median(lines), "s", f"slowest {max(lines):.2f} s"),
        told(f"{kind}: memory of a guest", memory, "MB", "each shared page by its share"),
    ]


@contextmanager
def _folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="zw-bench-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def host(guest: str) -> Iterator[World]:
    """Make a host with the template and a network that the machine reaches, and end it with all in it."""
    with _folder() as folder:
        world = World.create(f"{folder}/lab", guest=guest)
        try:
            placing.put(world, Template(recipe.NAME))
            _run(world, "dladm", "create-etherstub", STUB)
            _run(world, "dladm", "create-vnic", "-l", STUB, PORT)
            _run(world, "ipadm", "create-addr", "-T", "static", "-a", f"{GATEWAY}/24", f"{PORT}/v4")
            Path(world.host("/etc/dhcpd.conf")).write_text(LEASES, encoding="ascii")
            _run(world, "svcadm", "enable", "-s", "dhcp:ipv4")
            # Nobody asks for the guest's MAC: the kernel would wait for seconds before it asks again.
            port = real_plan.device_name(PORT)
            known = ["neigh", "replace", ADDRESS, "lladdr", real_plan.padded(MAC), "dev", port, "nud", "permanent"]
            ip("-n", real.namespace(world), *known)
            yield world
        finally:
            ending.end(world)


def _run(world: World, *argv: str) -> float:
    """Run a command of the host and return its seconds."""
    began = time.perf_counter()
    subprocess.run([f"{world.path}/bin/{argv[0]}", *argv[1:]], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _boot(world: World, zone: str, knock: float) -> Boot:
    """Clone the template, boot a zone of it, take the times, and end it."""
    disk = f"rpool/{zone}"
    clone = _run(world, "zfs", "clone", f"{TEMPLATE}@{placing.SNAPSHOT}", disk)
    attrs = {"bootdisk": disk, "ram": "512M", "vcpus": "2"}
    words = [f"create -t bhyve; set zonepath=/rpool/zones/{zone}"]
    words.append(f"add net; set physical={zone}n0; set global-nic={STUB}; set mac-addr={MAC}; end")
    words.append(f"add device; set match=/dev/zvol/rdsk/{disk}; end")
    words += [f'add attr; set name={name}; set type=string; set value="{value}"; end' for name, value in attrs.items()]
    _run(world, "zonecfg", "-z", zone, "; ".join(words))
    _run(world, "zoneadm", "-z", zone, "install")
    terminal, other = pty.openpty()
    argv = [f"{world.path}/bin/zlogin", "-C", zone]
    watcher = subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, start_new_session=True)
    os.close(other)
    try:
        _, rest = _read(terminal, b"", b"console]\r\n")
        began = time.perf_counter()
        _run(world, "zoneadm", "-z", zone, "boot")
        _, rest = _read(terminal, rest, b"Zone booting up]\r\n")
        first, rest = _read(terminal, rest, b"")
        with ThreadPoolExecutor(1) as aside:
            knocking = aside.submit(_ssh, knock)
            login, _ = _read(terminal, rest, b"login: ")
            ssh = knocking.result()
        memory = _memory(world.read("zones")["zones"][zone]["pid"])
        _run(world, "zoneadm", "-z", zone, "halt")
    finally:
        watcher.kill()
        watcher.wait()
        os.close(terminal)
    return Boot(clone=clone, first=first - began, login=login - began, ssh=ssh - began, memory=memory)


def _read(terminal: int, seen: bytes, text: bytes) -> tuple[float, bytes]:
    """Read up to a text, or to anything at all; return when it was there, and what came after it."""
    deadline = time.perf_counter() + LONGEST
    while text not in seen or not seen:
        if not select.select([terminal], [], [], max(0.0, deadline - time.perf_counter()))[0]:
            raise TimeoutError(f"no {text!r} after {seen[-300:]!r}")
        seen += os.read(terminal, 65536)
    return time.perf_counter(), seen.partition(text)[2] if text else seen


def _ssh(knock: float) -> float:
    """Wait for the first word of the guest's SSH server and return when it came."""
    deadline = time.perf_counter() + LONGEST
    while time.perf_counter() < deadline:
        try:
            # One connection at a time, and patience once there is one: many of them would keep a slow guest busy.
            with socket.create_connection((ADDRESS, 22), knock) as line:
                line.settimeout(30)
                if line.recv(64).startswith(b"SSH-2.0-"):
                    return time.perf_counter()
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"no SSH server at {ADDRESS}")


def _memory(pid: int) -> int:
    """Return the bytes of a process and of all that it started, each shared page by its share."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, more = {pid}, {pid}
    while more:
        more = {each for each, parent in parents.items() if parent in more} - found
        found |= more
    total = 0
    for each in found:
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total

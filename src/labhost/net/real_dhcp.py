"""ISC's dhcpd in the lab's namespace, on the configuration and the leases that are on the host.

A keeper starts it and stays: it ends the server when the lab's folder is gone, and starts it anew when it died.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import sys
import time
from shutil import copy

from labhost import machine, processes
from labhost.net import addresses, real_plan
from labhost.net.links import all_links
from labhost.zones import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from labhost.world import World

KEEPER = "dhcpd-keeper"
LIMIT = 10.0  # real seconds until a server that says nothing has not started
LOOKS_EVERY = 0.5
MOST_STARTS = 3
LOG = "/var/svc/log/network-service-dhcp:ipv4.log"


def is_there() -> bool:
    """Tell whether this machine has the server."""
    return machine.find("dhcpd") is not None


def mark(world: World) -> str:
    """Return the file with the numbers of the keeper and the server."""
    return f"{lifecycle.run_folder(world)}/dhcpd.pids"


def start(world: World, config: str, leases: str, names: list[str]) -> bool:
    """Start the server on two paths of the host, for some links (none: all with an address); tell whether it runs."""
    from labhost.net import real

    stop(world)
    real.realise(world)
    links = all_links(world)
    state = addresses.load(world)
    if not names:
        names = [name for name in state["interfaces"] if name in links and _has_address(state, name)]
    devices = [real_plan.carrier(links, name) for name in names if name in links]
    argv = [
        _program(world), "-4", "-d", "-q", "-cf", world.host(config), "-lf", _made(world.host(leases)), "-pf",
        f"{lifecycle.run_folder(world)}/dhcpd.pid", *devices,
    ]  # fmt: skip
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setsid()
            if os.fork() == 0:
                _keep(world, argv, writing)
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    said = os.read(reading, 8)
    os.close(reading)
    return said == b"runs"


def _has_address(state: dict[str, dict[str, dict[str, str]]], name: str) -> bool:
    return any(
        addresses.interface_of(each) == name and "." in facts["addr"] for each, facts in state["addresses"].items()
    )


def _program(world: World) -> str:
    """Return the program; a copy where a profile of AppArmor would keep it out of the lab's folder."""
    program = machine.find("dhcpd") or "dhcpd"
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            enabled = file.read(1) == "Y"
    except OSError:
        enabled = False
    return str(copy(program, f"{lifecycle.run_folder(world)}/dhcpd")) if enabled else program


def _made(path: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8"):
        return path


def _keep(world: World, argv: list[str], writing: int) -> NoReturn:
    from labhost.guests import syscalls

    try:
        world.held.clear()
        with open("/proc/self/comm", "w", encoding="utf-8") as file:
            file.write(KEEPER)
        os.chdir(lifecycle.run_folder(world))
        home = os.stat(".")
        log = os.open(world.host(LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for number, goal in ((nowhere, 0), (log, 1), (log, 2)):
            os.dup2(number, goal)
        os.closerange(3, writing)
        os.closerange(writing + 1, 4096)
        syscalls.join(real_plan.place(world), syscalls.NEW_NETWORK)
        for round_ in range(MOST_STARTS):
            server = _serve(argv)
            pidfile = argv[argv.index("-pf") + 1]
            if not _is_up(server, pidfile):
                os.kill(server, _signal.SIGKILL)
                os.waitpid(server, 0)
                if round_ == 0:
                    os._exit(1)
                break
            with open(mark(world), "w", encoding="ascii") as file:
                file.write(f"{os.getpid()} {server}\n")
            if round_ == 0:
                os.write(writing, b"runs")
                os.close(writing)
            while not os.waitpid(server, os.WNOHANG)[0]:
                if not _is_home(world, home):
                    os.kill(server, _signal.SIGKILL)
                    os.waitpid(server, 0)
                    _forsake(world)
                    os._exit(0)
                time.sleep(LOOKS_EVERY)
        _give_up(world)
    finally:
        os._exit(1)


def _serve(argv: list[str]) -> int:
    from labhost.guests import syscalls

    server = os.fork()
    if server == 0:
        try:
            syscalls.die_with_parent(_signal.SIGKILL)
            os.execv(argv[0], argv)
        finally:
            os._exit(1)
    return server


def _is_up(server: int, pidfile: str) -> bool:
    """Wait until the server wrote down its number, or died."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            with open(pidfile, encoding="ascii") as file:
                if file.read().strip() == str(server):
                    return True
        except OSError:
            pass
        if not processes.is_alive(server):
            return False
        time.sleep(0.01)
    return False


def _is_home(world: World, home: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(f"{world.path}/run"), home)
    except OSError:
        return False


def _forsake(world: World) -> None:
    """The lab's folder is gone: so are its networks."""
    from labhost.net import real

    if not os.path.isdir(f"{world.path}/state"):
        real.unrealise(world)


def _give_up(world: World) -> None:
    """Say that the server does not stay up."""
    from labhost.smf import methods, services

    with world.lock("smf"):
        state = services.load(world)
        instance = state["services"][services.DHCP4]
        if instance["state"] == "online" and _numbers(world)[:1] == [os.getpid()]:
            services.settle(world, services.DHCP4, instance, "maintenance", methods.FAILED)
            world.write("smf", state)


def _numbers(world: World) -> list[int]:
    try:
        with open(f"{world.path}/run/dhcpd.pids", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []


def is_running(world: World) -> bool:
    """Tell whether the server runs."""
    numbers = _numbers(world)
    return len(numbers) == 2 and _is_ours(world, numbers[1], "dhcpd")


def _is_ours(world: World, number: int, called: str) -> bool:
    """Tell whether a process is the one that was written down: a number may be somebody else's by now."""
    home = os.path.realpath(f"{world.path}/run")
    return processes.is_alive(number, called=called) and processes.folder(number) == home


def stop(world: World) -> None:
    """End the server and its keeper, if they run."""
    numbers = _numbers(world)
    if not numbers:
        return
    deadline = time.monotonic() + LIMIT
    for number, called in zip(numbers, (KEEPER, "dhcpd"), strict=False):
        while _is_ours(world, number, called) and time.monotonic() < deadline:
            os.kill(number, _signal.SIGKILL)
            time.sleep(0.002)
    for name in ("dhcpd.pids", "dhcpd.pid"):
        try:
            os.unlink(f"{world.path}/run/{name}")
        except FileNotFoundError:
            continue

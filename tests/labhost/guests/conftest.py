"""A lab with scripted guests, and a person at a console."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.labhost.hosts import PATIENCE
from tests.labhost.zones.conftest import Host

from labhost.world import World
from labhost.zones import lifecycle


class Person:
    """Someone at a terminal with `zlogin -C`."""

    patience = PATIENCE

    def __init__(self, host: Host, zone: str, *options: str) -> None:
        self.terminal, other = pty.openpty()
        argv = [f"{host.world.path}/bin/zlogin", "-C", *options, zone]
        self.process = subprocess.Popen(argv, stdin=other, stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        self.seen = ""

    def read_to(self, text: str) -> str:
        """Return what appears up to and with a text, and forget it; in time."""
        deadline = time.monotonic() + self.patience
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            assert data, f"the end, and no {text!r} in {self.seen!r}"
            self.seen += data.decode(errors="replace")
        found, _, self.seen = self.seen.partition(text)
        return found + text

    def rest(self) -> str:
        """Return all up to the end of the session."""
        while True:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                return self.seen
            if not data:
                return self.seen
            self.seen += data.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def ask(self, line: str, prompt: str) -> str:
        """Type a line and return what it prints before the next prompt, without its echo."""
        self.type(line + "\r")
        self.read_to(line + "\r\n")
        lines, end, _ = self.read_to(prompt).replace("\r\n", "\n").rpartition("\n")
        return lines + end

    def login(self, user: str, password: str = "STARTcloud24@!", prompt: str = "$ ") -> None:
        self.read_to("login: ")
        self.type(f"{user}\r")
        self.read_to("Password: ")
        self.type(f"{password}\r")
        self.read_to(prompt)

    def leave(self) -> None:
        self.type("\r~.")
        self.read_to("console closed]")
        self.end()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.terminal >= 0:
            os.close(self.terminal)
            self.terminal = -1


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    world = World.create(str(tmp_path / "host"), guest="scripted", time_scale=0.005)
    yield Host(world)
    lifecycle.end_all(world)


@pytest.fixture
def attach(host: Host) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def sit_down(zone: str = "web", *options: str) -> Person:
        people.append(Person(host, zone, *options))
        return people[-1]

    yield sit_down
    for person in people:
        person.end()


@pytest.fixture
def at_console(host: Host, attach: Callable[..., Person]) -> Callable[..., Person]:
    """Return what boots a zone of a personality with somebody at its console from the start."""

    def boot(personality: str = "debian", more: str = "", **settings: object) -> Person:
        host.world.configure(personality={"web": personality}, **settings)
        host.installed("web", f"add net; set physical=web0; set global-nic=igb0; end; {more}")
        person = attach()
        person.read_to("[Connected to zone 'web' console]")
        host.ok("zoneadm", "-z", "web", "boot")
        return person

    return boot

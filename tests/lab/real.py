"""An agent on a host whose guests are real, and what is asked of every kind of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.agents import Lab, wait_for
from tests.lab.zygote import Zygote
from tests.labhost.guests.conftest import Person
from tests.labhost.guests.machines import STUB, TEMPLATE, Machines, does, log_in, netplan


@dataclass
class Real:
    """An agent, the host it is on, and the machines in its zones."""

    lab: Lab
    machines: Machines
    seconds: float = 90.0
    """How long a task of a zone may take."""

    def create(self, name: str, *, over: str = STUB, template: str = TEMPLATE, nic: Any = None, **more: Any) -> None:
        """Create a zone from a template, with one card."""
        card = {"physical": f"{name}0", "global_nic": over, **(nic or {})}
        source = {"type": "template", "template_dataset": template, "clone_strategy": "clone"}
        self.lab.do("POST", "/zones", {"name": name, "brand": "bhyve", "source": source, "nics": [card], **more})

    def start(self, name: str) -> None:
        self.lab.do("POST", f"/zones/{name}/start", seconds=self.seconds)

    def stop(self, name: str) -> None:
        self.lab.do("POST", f"/zones/{name}/stop", seconds=self.seconds)

    def delete(self, name: str) -> None:
        self.lab.do("DELETE", f"/zones/{name}?cleanup_datasets=true", seconds=self.seconds)

    def status(self, name: str) -> str:
        return str(self.lab.get(f"/zones/{name}")["system_status"])

    def await_status(self, name: str, wanted: str) -> None:
        """Let the agent look at its host until it says that a zone is so."""

        def look() -> bool | None:
            self.lab.do("POST", "/zones/discover", seconds=self.seconds)
            return self.status(name) == wanted or None

        wait_for(look, f"{name} {wanted}", self.seconds, self.lab.seen)

    def at_shell(self, name: str, *, plan: str = "") -> Person:
        """Start a zone with somebody at its console, who logs in and configures the card."""
        person = self.machines.sit_down(name)
        self.start(name)
        person.read_to("login: ")
        log_in(person)
        if plan:
            addressed(person, plan)
        return person


@contextmanager
def agent_on(machines: Machines, zygote: Zygote, home: Path, *, seconds: float = Real.seconds) -> Iterator[Real]:
    """Let an agent work on a host; afterwards nothing is left of either."""
    lab = Lab(zygote, machines.world, home).start()
    try:
        lab.new_key()
        lab.settled()
        yield Real(lab, machines, seconds)
    finally:
        lab.kill()
        machines.leave()
        lab.discard()


def addressed(person: Person, plan: str) -> None:
    """Configure a guest's card as a person would, and wait until it has an address."""
    netplan(person, "eth0", plan)
    # netplan does not wait until the card has what it was told.
    does(person, "timeout 60 sh -c 'until ip -br -4 address show eth0 | grep -q /; do sleep 0.1; done'")


def whole_life(real: Real, key: Path, address: Callable[[Person], str]) -> None:
    """Create a zone, start it, log in, find out its address, reach it by SSH, stop it, delete it: all must succeed."""
    host = real.machines
    real.create("web", ram="512M")
    number = str(host.world.read("zfs")["datasets"]["rpool/zones/web/root"]["objset"])

    def contents() -> list[str]:
        return [name for name in os.listdir(f"{host.world.path}/volumes") if name.partition(".")[0] == number]

    person = real.at_shell("web")
    public = key.with_suffix(".pub").read_text().strip()
    does(person, f"mkdir -p -m 700 ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys")
    done = host.ssh(key, address(person), "cat", "/etc/os-release", patience=real.seconds)
    assert "ID=debian\n" in done.stdout, done
    assert real.status("web") == "running"
    real.stop("web")
    assert "Zone halted" in person.read_to("halted]")
    assert real.status("web") == "installed"
    person.end()
    assert contents(), "the disk has no content"
    real.delete("web")
    assert "web" not in host.ok("zoneadm", "list", "-cp")
    assert not contents(), "the disk's content is still there"

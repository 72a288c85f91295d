"""A lab host with zones on it, and the agent beside it: a process of its own, spoken to over HTTPS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.https import Connection, Listener
from labhost import ending, journal
from labhost.world import World
from zoneweaver.domain.keys import Scope
from zoneweaver.store import keys
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE zone PUBLIC "-//Sun Microsystems Inc//DTD Zones//EN" "file:///usr/share/lib/xml/dtd/zonecfg.dtd.1">
<zone name="{name}" zonepath="/rpool/zones/{name}/path" autoboot="true" brand="bhyve" ip-type="exclusive">
  <network physical="{name}n0" global-nic="igb0"/>
  <device match="/dev/zvol/rdsk/rpool/zones/{name}/root"/>
  <attr name="ram" type="string" value="2G"/>
  <attr name="vcpus" type="string" value="2"/>
  <attr name="bootrom" type="string" value="BHYVE_RELEASE_CSM"/>
  <attr name="bootdisk" type="string" value="rpool/zones/{name}/root"/>
</zone>
"""


@dataclass
class Bench:
    """A world, a state folder, the keys that are in it, and the agent that may run on them."""

    folder: Path
    world: World
    keys: list[str] = field(default_factory=list)
    commands: str = ""
    process: subprocess.Popen[str] | None = None
    port: int = 0
    """Where the agent answers."""
    ran_before: int = 0
    """How many commands the host had run when the agent was started last."""

    @property
    def home(self) -> Path:
        """The agent's state folder."""
        return self.folder / "home"

    def start(self, **settings: Any) -> float:
        """Start the agent; return the seconds until it had answered its first request."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        chosen = {
            "host.root": self.world.root,
            "host.command_path": self.commands or f"{self.world.path}/bin",
            "host.pfexec": "false",
            "zones.discovery_interval": "0",
            **settings,
        }
        words = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
        place = ["--home", str(self.home), "--bind-address", "127.0.0.1", "--https-port", str(self.port)]
        self.ran_before = len(self.ran())
        began = time.perf_counter()
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "zoneweaver", "serve", *place, *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
            )
        assert self.process.stdout is not None
        if "listens on" not in self.process.stdout.readline():
            raise RuntimeError(f"the agent did not start: {self.said()}")
        with Connection(self.port) as connection:
            connection.get("/health")
        return time.perf_counter() - began

    def said(self) -> str:
        """What the agent logged."""
        return (self.folder / "agent.log").read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the agent."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def connection(self) -> Connection:
        """A connection with the first key."""
        return Connection(self.port, self.keys[0])

    def listener(self, topics: str = "tasks") -> Listener:
        """An open event stream."""
        return self.connection().open(f"/events?topics={topics}")

    def memory(self) -> float:
        """Resident memory of the agent in MB."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("/proc does not say how large the agent is")

    def processor(self) -> float:
        """Seconds of processor time that the agent itself has taken."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ran(self) -> list[dict[str, Any]]:
        """All commands of the host so far, as its journal has them."""
        return journal.read(self.world)

    def settle(self, zones: int) -> None:
        """Wait until the agent has looked at the host, knows of so many zones, and has nothing to do."""
        deadline = time.monotonic() + 60
        with self.connection() as connection:
            while time.monotonic() < deadline:
                idle = not any(connection.get(f"/tasks?status={word}")["tasks"] for word in ("pending", "running"))
                if idle and len(self.ran()) > self.ran_before and connection.get("/zones?limit=1")["total"] == zones:
                    return
                time.sleep(0.02)
        raise TimeoutError(f"the agent does not know of {zones} zones: {self.said()}")


def create_body(name: str, *, volumes: int = 1) -> dict[str, Any]:
    """A request for a zone: a new boot volume, further volumes, a network."""
    body: dict[str, Any] = {
        "name": name,
        "brand": "bhyve",
        "ram": "2G",
        "vcpus": "2",
        "boot_volume": {"create_new": True, "size": "10G"},
        "nics": [{"global_nic": "igb0", "physical": f"{name}n0"}],
    }
    if volumes > 1:
        body["additional_disks"] = [{"create_new": True, "size": "1G"} for _ in range(volumes - 1)]
    return body


def populate(world: World, count: int) -> None:
    """Put installed zones on the host, as far as the index and the configurations go."""
    lines = ["global:installed:/:"]
    for number in range(count):
        name = f"zone{number:04d}"
        Path(world.root, f"etc/zones/{name}.xml").write_text(DOCUMENT.format(name=name), encoding="utf-8")
        lines.append(f"{name}:installed:/rpool/zones/{name}/path:{uuid.uuid4()}")
    Path(world.root, "etc/zones/index").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_keys(home: Path, count: int) -> list[str]:
    """Make the agent's database with some admin keys in it."""
    home.mkdir(mode=0o700, parents=True)
    database = Database.open(f"sqlite:///{home}/zoneweaver.db", Seal.load(home))
    try:
        return database.run_now(
            lambda c: [keys.create(c, name=f"bench{n}", description="", scope=Scope.ADMIN)[1] for n in range(count)]
        )
    finally:
        database.close()


@contextmanager
def bench(*, zones: int = 0, number_of_keys: int = 1, start: bool = True, **settings: Any) -> Iterator[Bench]:
    """Make a host with zones and the agent's home with keys, start the agent, and clear all away at the end."""
    folder = Path(tempfile.mkdtemp(prefix="zw-bench-"))
    try:
        made = Bench(folder=folder, world=World.create(f"{folder}/lab"))
        populate(made.world, zones)
        made.keys = make_keys(made.home, number_of_keys)
        try:
            if start:
                made.start(**settings)
                made.settle(zones)
            yield made
        finally:
            made.stop(signal.SIGKILL)
            ending.end(made.world)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def changes(line: Mapping[str, Any]) -> bool:
    """Say whether a line of the host's journal is of a command that changes something."""
    argv = [str(word) for word in line["argv"]]
    words = set(argv[1:])
    asking = {
        "zoneadm": {"list"},
        "zfs": {"get", "list"},
        "zpool": {"list", "get", "status"},
        "zonecfg": {"export", "info"},
    }
    if argv[0] == "dladm":
        return not any(word.startswith("show-") for word in words)
    return not words & asking.get(argv[0], set())


def shown(line: Mapping[str, Any]) -> str:
    """Return the command of a line in short."""
    return json.dumps(line["argv"][:4])

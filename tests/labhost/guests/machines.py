"""A lab whose guests are real: a template, zones made of it, people at their consoles, commands in its namespace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.labhost.guests.conftest import Person
from tests.labhost.zones.conftest import Host

from labhost.ending import end
from labhost.net import real
from labhost.world import World
from labhost.zfs import layers

ROOT = os.environ.get("ZONEWEAVER_LAB_ROOT", "/var/cache/zoneweaver-lab/debian-12/root")
TEMPLATE = "rpool/templates/debian-12"
STUB, FAR_STUB = "estub_provision0", "other0"
GATEWAY = "provision_interconnect0"
SSH = (
    "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
    "-o", "BatchMode=yes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machines(Host):
    """A lab host, and its zones as machines."""

    people: list[Person] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return real.namespace(self.world)

    def template(self) -> None:
        """Make the template."""
        self.ok("zfs", "create", "-p", "-s", "-V", "8G", TEMPLATE)
        layers.begin(self.world, self.world.read("zfs")["datasets"][TEMPLATE]["objset"], ROOT)
        self.ok("zfs", "snapshot", f"{TEMPLATE}@ready")

    def found(self) -> None:
        """Make the template and the networks."""
        self.template()
        self.ok("zfs", "create", "-p", "rpool/vms")
        for stub in (STUB, FAR_STUB):
            self.ok("dladm", "create-etherstub", stub)
        self.ok("dladm", "create-vnic", "-l", STUB, GATEWAY)
        self.ok("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.1/24", f"{GATEWAY}/v4")

    def machine(self, name: str, *, over: str = STUB, origin: str = f"{TEMPLATE}@ready", more: str = "") -> None:
        """Install a zone with a clone of the template and one card."""
        self.ok("zfs", "clone", origin, f"rpool/vms/{name}")
        net = f"add net; set physical={name}0; set global-nic={over}; end; "
        disk = f"add device; set match=/dev/zvol/rdsk/rpool/vms/{name}; end; "
        self.installed(name, net + disk + self.attrs(bootdisk=f"rpool/vms/{name}") + more)

    def sit_down(self, zone: str) -> Person:
        """Attach somebody to a zone's console."""
        person = Person(self, zone)
        self.people.append(person)
        person.read_to("console]")
        return person

    def boot(self, zone: str) -> Person:
        """Boot a zone in front of somebody, up to its login."""
        person = self.sit_down(zone)
        self.ok("zoneadm", "-z", zone, "boot")
        person.read_to("login: ")
        return person

    def at_shell(self, zone: str) -> Person:
        """Boot a zone and log in; the shell is a plain one, so that what it prints is what it says."""
        person = self.boot(zone)
        log_in(person)
        return person

    def inside(self, *argv: str, stdin: str | None = None, patience: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program in the lab's network namespace."""
        return subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.namespace}", *argv],
            input=stdin, capture_output=True, text=True, timeout=patience, check=False,
        )  # fmt: skip

    def banner(self, address: str) -> str:
        """Return what an SSH server says first, as soon as it does."""
        script = (
            "import socket,sys,time\n"
            "end=time.monotonic()+30\n"
            "while time.monotonic()<end:\n"
            "    try:\n"
            "        with socket.create_connection((sys.argv[1],22),5) as line:\n"
            "            line.settimeout(10)\n"
            "            print(line.recv(64).decode())\n"
            "            break\n"
            "    except OSError:\n"
            "        time.sleep(0.2)\n"
        )
        return self.inside("python3", "-c", script, address).stdout

    def ssh(self, key: Path, address: str, *command: str, patience: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in a guest whose SSH server is there, or soon will be."""
        assert self.banner(address).startswith("SSH-2.0-OpenSSH"), f"no SSH server at {address}"
        return self.inside(*SSH, "-i", str(key), f"startcloud@{address}", *command, patience=patience)

    def leave(self) -> None:
        """End everything."""
        for person in self.people:
            person.end()
        self.people.clear()
        if os.path.isdir(f"{self.world.path}/state"):
            end(self.world)


def founded(folder: Path, **settings: object) -> Machines:
    """Return a lab with containers for guests that nothing outside reaches."""
    return Machines(World.create(str(folder), guest="container", **{"reach": False, **settings}))


def log_in(person: Person, password: str = "STARTcloud24@!") -> None:
    """Log in at a prompt that was just read, and take a shell without ornaments."""
    person.type("startcloud\r")
    person.read_to("Password: ")
    person.type(f"{password}\r")
    person.read_to("$ ")
    person.type("exec sh\r")
    person.read_to("exec sh")
    person.read_to("$ ")


def does(person: Person, command: str) -> str:
    """Type a command that must succeed and return what it printed."""
    said = person.ask(f"{command}; echo =$?", "$ ")
    match = re.search(r"=(\d+)\n$", said)
    assert match is not None, said
    assert match[1] == "0", f"{command}: {said}"
    return said[: match.start()]


def netplan(person: Person, card: str, body: str) -> None:
    """Configure a card over the console as a person would, and apply it."""
    text = f"network: {{version: 2, ethernets: {{{card}: {body}}}}}"
    does(person, "sudo rm -f /etc/netplan/*")
    does(person, f"echo '{text}' | sudo tee /etc/netplan/60-zone.yaml >/dev/null")
    does(person, "sudo chmod 600 /etc/netplan/60-zone.yaml")
    does(person, "sudo netplan apply")


def key_pair(folder: Path) -> Path:
    """Make an SSH key in a folder and return its private half; the public one is beside it."""
    place = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place], check=True)
    return place


def left_behind(host: Machines) -> list[str]:
    """Return what is still there of a lab that was ended: namespaces, devices, mounts, groups, processes."""
    found = []
    if os.path.exists(f"/run/netns/{host.namespace}"):
        found.append(f"namespace {host.namespace}")
    digest = host.namespace.rpartition("-")[2]
    found += [f"device {name}" for name in os.listdir("/sys/class/net") if digest in name]
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        found += [f"mount {line.split()[4]}" for line in file if host.world.path in line]
    from labhost.guests.groups import lab_group

    for top, folders, _ in os.walk("/sys/fs/cgroup"):
        found += [f"group {top}/{name}" for name in folders if name == lab_group(host.world)]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if _belongs(pid, host.world.path):
            found.append(f"process {pid}: {_words(pid)}")
    return found


def _words(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    except OSError:
        return "ended meanwhile"


def _belongs(pid: str, path: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        home = os.readlink(f"/proc/{pid}/cwd")
        mounts = Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return False
    return path in words or home.startswith(path) or f"upperdir={path}" in mounts


def clean(host: Machines) -> bool:
    """Tell whether nothing is left, waiting for what the kernel takes apart in its own time."""
    deadline = time.monotonic() + 10
    while left_behind(host) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not left_behind(host)


def missing() -> str:
    """Return why these tests cannot be run here; empty when they can."""
    from labhost.guests.container import why_not

    if why_not():
        return why_not()
    if not os.path.isdir(f"{ROOT}/etc"):
        return f"there is no {ROOT}"
    absent = [program for program in ("dhcpd", "nft", "rsync", "ssh", "nsenter") if shutil.which(program) is None]
    return f"there is no program {absent[0]}" if absent else ""

"""`zoneweaver demo`: a zone's life on a lab host of its own, from the template to SSH, and how long each part takes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoneweaver.cli import terminal
from zoneweaver.cli.connection import lab_home
from zoneweaver.cli.entry import TaskFailed, UsageError
from zoneweaver.cli.lab import REAL, TEMPLATE, VARIABLE, guests
from zoneweaver.cli.lab_console import NotSeen, Seat
from zoneweaver.cli.lab_guests import USER, program, ssh_argv
from zoneweaver.cli.watching import tell_failure
from zoneweaver.domain.secret import Secret

if TYPE_CHECKING:
    from zoneweaver.client import Client

ZONE: Final = "demo"
PASSWORD: Final = "STARTcloud24@!"  # noqa: S105  # it is in the manual
ADDRESS: Final = "192.0.2.50"
TASK_SECONDS: Final = 180.0
BOOT_SECONDS: Final = 300.0
"""A machine without hardware virtualisation takes half a minute; a slow one may take its time."""
TYPING_SECONDS: Final = 60.0
_PLAIN: Final = "exec env PS1='$ ' TERM=dumb sh"


class Story:
    """What is told while it happens, and the times of its parts."""

    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []
        self._begun = time.monotonic()

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """Tell that a part begins, and keep how long it took."""
        self.tell(title)
        begun = time.monotonic()
        yield
        self.times.append((title, time.monotonic() - begun))

    def tell(self, text: str) -> None:
        """Say something, with the time since the beginning."""
        terminal.put(f"{time.monotonic() - self._begun:6.1f} s  {terminal.harmless(text)}")

    def quote(self, text: str) -> None:
        """Show what a guest or a program said."""
        for line in text.strip().splitlines():
            terminal.put(f"          | {terminal.harmless(line.rstrip())}")

    def close(self) -> None:
        """Show the times."""
        total = time.monotonic() - self._begun
        terminal.put("")
        rows = [(title, f"{seconds:.1f} s") for title, seconds in (*self.times, ("All of it", total))]
        terminal.table(["PART", "TIME"], rows)


def demo() -> None:
    """Show a zone's life on a lab host of its own: template, boot, console, SSH, end; nothing of it stays.

    ZONEWEAVER_LAB_GUEST chooses what runs in the zone.
    """
    home = (lab_home() / "demo").absolute()
    kind, why = guests(home)
    terminal.put(f"Guests: {kind} ({why}).")
    if kind == "none":
        raise UsageError(f"Nothing runs in a zone where {VARIABLE} is none: there is nothing to show")
    _clear(home)
    home.mkdir(parents=True, mode=0o700)
    story = Story()
    try:
        with _agent(home, kind, story) as client:
            _life(client, home / "lab", kind, story)
            story.tell("The end of the agent and the lab host")
    except NotSeen as problem:
        terminal.error(str(problem))
        raise TaskFailed from None
    finally:
        _clear(home)
    story.close()


def _life(client: Client, world: Path, kind: str, story: Story) -> None:
    """Tell the story of one zone."""
    with story.part(f"A zone whose disk is a clone of {TEMPLATE}"):
        source = {"type": "template", "template_dataset": f"rpool/templates/{TEMPLATE}", "clone_strategy": "clone"}
        nics = [{"physical": f"{ZONE}0", "global_nic": "igb0"}]
        body = {"name": ZONE, "brand": "bhyve", "ram": "1G", "vcpus": "2", "source": source, "nics": nics}
        _do(client, "POST", "/zones", body)
    with Seat(world, ZONE) as seat:
        seat.read_to("console]", TYPING_SECONDS)
        with story.part("Its first word on the console"):
            task = client.send("POST", f"/zones/{ZONE}/start").body["task_id"]
            seat.read_to("Zone booting up]", TYPING_SECONDS)
            seat.read_to("", BOOT_SECONDS)
        with story.part("Its login"):
            story.quote(seat.read_to("login:", BOOT_SECONDS).splitlines()[-1])
        with story.part("Somebody logs in there"):
            _log_in(seat)
            story.quote(seat.ask("uname -sr; id -un", TYPING_SECONDS))
        if kind in REAL:
            key = world.parent / "key"
            with story.part("A key and an address, typed there"):
                _join(seat, key)
            with story.part("SSH over the lab's network"):
                story.quote(_by_ssh(world, key, "hostname; uptime -p; ip -br address show eth0"))
    _wait(client, task)
    with story.part("Shut down by its power button"):
        _do(client, "POST", f"/zones/{ZONE}/stop")
    with story.part("Deleted, with its disk"):
        _do(client, "DELETE", f"/zones/{ZONE}", query={"cleanup_datasets": True})


def _log_in(seat: Seat) -> None:
    seat.type(USER)
    seat.read_to("assword: ", TYPING_SECONDS)
    seat.type(PASSWORD)
    seat.read_to("$ ", TYPING_SECONDS)
    seat.type(_PLAIN)
    seat.read_to(_PLAIN[-8:] + "\r\n", TYPING_SECONDS)
    seat.read_to("$ ", TYPING_SECONDS)


def _join(seat: Seat, key: Path) -> None:
    """Let the guest have an address, and us a key that it knows."""
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", ZONE, "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text(encoding="ascii").strip()
    plan = f"network: {{version: 2, ethernets: {{eth0: {{addresses: [{ADDRESS}/24]}}}}}}"
    for command in (
        f"mkdir -p -m 700 ~/.ssh && echo '{public}' >~/.ssh/authorized_keys",
        f"echo '{plan}' | sudo tee /etc/netplan/99-demo.yaml >/dev/null",
        "sudo chmod 600 /etc/netplan/99-demo.yaml",
        "sudo netplan apply",
    ):
        said = seat.ask(f"{command}; echo status=$?", TYPING_SECONDS)
        if not said.endswith("status=0"):
            raise NotSeen(f"The guest could not do this: {command}\n{said}")


def _by_ssh(world: Path, key: Path, command: str) -> str:
    """Run a command in the guest as soon as it can be reached and return what it prints."""
    argv = [*ssh_argv(world, ZONE, identity=key), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", command]
    deadline = time.monotonic() + TYPING_SECONDS
    while True:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return done.stdout
        if time.monotonic() > deadline:
            raise NotSeen(f"The guest could not be reached by SSH: {done.stderr.strip()}")
        time.sleep(1.0)


def _do(client: Client, method: str, path: str, body: Any = None, *, query: Any = None) -> None:
    """Ask for something and wait until it is done."""
    _wait(client, client.send(method, path, body, query=query).body["task_id"])


def _wait(client: Client, task: str) -> None:
    row = client.wait_for(task, seconds=TASK_SECONDS).body
    if row["status"] != "completed":
        tell_failure(client, row)
        raise TaskFailed


@contextmanager
def _agent(home: Path, kind: str, story: Story) -> Iterator[Client]:
    """Run an agent on a lab host and yield a client of it; both have ended afterwards."""
    from zoneweaver.client import Client  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ZONEWEAVER_")},
        **{name: value for name, value in os.environ.items() if name.startswith("ZONEWEAVER_LAB_")},
        VARIABLE: kind,
        "ZONEWEAVER_HOME": str(home),
        "ZONEWEAVER_SERVER__HTTPS_PORT": str(port),
    }
    argv = [sys.executable, "-m", "zoneweaver", "lab", "run"]
    with (home / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    try:
        with story.part("A lab host, and the agent on it"):
            _await_ready(process, home, story)
            if kind not in REAL:
                _empty_template(home / "lab")
        key = Secret((home / "admin.key").read_text(encoding="utf-8").strip())
        with Client(url=f"https://127.0.0.1:{port}", key=key, certificate=home / "ssl/server.crt") as client:
            yield client
    finally:
        _end(process)


def _await_ready(process: subprocess.Popen[str], home: Path, story: Story) -> None:
    """Read what the lab says until the agent answers; what is made for the first time is told."""
    for line in process.stdout or ():
        if line.startswith("Ready:"):
            return
        if line.startswith(f"{TEMPLATE}: "):
            story.tell(line.rstrip())
    terminal.error("The agent did not start:")
    terminal.note((home / "agent.log").read_text(encoding="utf-8", errors="replace")[-4000:])
    raise TaskFailed


def _empty_template(world: Path) -> None:
    """Make a template for guests that need no disk."""
    for words in (["create", "-p", "-s", "-V", "8G"], ["snapshot"]):
        name = f"rpool/templates/{TEMPLATE}" + ("@ready" if words == ["snapshot"] else "")
        subprocess.run([str(world / "bin" / "zfs"), *words, name], check=True)


def _end(process: subprocess.Popen[str]) -> None:
    """End the agent as Ctrl-C does, which ends the lab host."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=TYPING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _clear(home: Path) -> None:
    """End what is left of the lab host in this folder, and remove it."""
    if (home / "lab/state").is_dir():
        subprocess.run([sys.executable, "-m", "labhost", "down", str(home / "lab")], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)

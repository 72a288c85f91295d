"""OpenSSH's own server on loopback, with a configuration of its own: it knows no passwords, and one key."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from zoneweaver.guest.ssh import Identity, Target

TOOL = Path(__file__).parents[2] / "tools" / "sshd"
SECONDS = 20.0

CONFIGURATION = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
{more}
"""


@dataclass(kw_only=True)
class Sshd:
    """A server that is up between `start` and `stop`; whoever has `key` is the user that runs the tests."""

    program: str
    folder: Path
    port: int
    more: str = ""
    """More lines of its configuration."""
    username: str = field(default_factory=getpass.getuser)
    process: subprocess.Popen[bytes] | None = None

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def identity(self) -> Identity:
        return Identity(username=self.username, keys=(self.key,))

    def target(self, host_key: str | None = None) -> Target:
        return Target(host="127.0.0.1", port=self.port, host_key=host_key)

    def new_host_key(self) -> None:
        """Be another machine from the next start on."""
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(self.folder / "host_key")
        (self.folder / "host_key").chmod(0o600)

    def start(self, *, listening: bool = True) -> None:
        """Start it; without `listening` nobody waits for it to be up."""
        configuration = self.folder / "sshd_config"
        configuration.write_text(CONFIGURATION.format(port=self.port, folder=self.folder, more=self.more))
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen([self.program, "-D", "-e", "-f", str(configuration)], stderr=log)
        deadline = time.monotonic() + SECONDS
        while listening:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "sshd does not listen"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, with all that it lets somebody do."""
        if self.process is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for pid in (*children, str(self.process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 15)
            self.process.wait(SECONDS)
            self.process = None


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Prepare a server with keys of its own, and end it at the end of the block. It is installed when it is not there."""
    found = subprocess.run([TOOL, "install"], check=False, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    if os.geteuid() == 0:  # where it locks up the part of itself that strangers talk to
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    made = Sshd(program=found.stdout.strip(), folder=folder, port=port)
    made.new_host_key()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(made.key)
    key.write_public_key(folder / "authorized_keys")
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)

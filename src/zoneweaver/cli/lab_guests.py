"""`zoneweaver lab ssh` and `lab console`: a person on this machine at a guest of the lab host."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.entry import TaskFailed, UsageError
from zoneweaver.cli.lab import World, existing

USER: Final = "startcloud"
# Guests come and go, and others take their addresses: nobody is to be remembered.
_OPTIONS: Final = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")


def program(name: str) -> str:
    """Return the file of one of this machine's programs. Raises UsageError."""
    found = shutil.which(name)
    if found is None:
        raise UsageError(f"There is no program {name}: `tools/guests install` installs it")
    return found


def ssh_argv(world: Path, zone: str, *, user: str = USER, identity: Path | None = None) -> list[str]:
    """Return what speaks SSH with a zone's guest from within the lab's networks; the command is put behind it.

    Raises TaskFailed, everything being said, when the guest cannot be reached.
    """
    enter, client = program("nsenter"), program("ssh")
    argv = [sys.executable, "-m", "labhost", "reach", str(world), zone]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        terminal.error(done.stderr.strip().removeprefix("labhost: "))
        raise TaskFailed
    namespace, _, address = done.stdout.strip().partition("\t")
    options = [word for option in _OPTIONS for word in ("-o", option)]
    key = ["-i", str(identity), "-o", "IdentitiesOnly=yes"] if identity else []
    return [enter, f"--net={namespace}", client, *options, *key, f"{user}@{address}"]


def ssh(
    zone: str,
    /,
    *words: Annotated[str, Parameter(allow_leading_hyphen=True)],
    user: str = USER,
    identity: Path | None = None,
    dir_: World = None,
) -> int:
    """Log in to a zone's guest by SSH, or run a command there; the exit status is that of ssh.

    Parameters
    ----------
    zone
        A running zone whose guest has an address in a network of the lab host.
    words
        A command to run there, behind `--` where its options could be meant for this one.
    user
        Who logs in there (startcloud, whose password in the lab's own template is STARTcloud24@!).
    identity
        File with the private key to log in with.
    dir_
        The lab host's folder ($ZONEWEAVER_HOME/lab).
    """
    argv = [*ssh_argv(existing(dir_), zone, user=user, identity=identity), *words]
    return _run(argv)


def console(zone: str, /, *, dir_: World = None) -> int:
    """Sit down at a zone's console; ~. at the beginning of a line leaves it.

    Parameters
    ----------
    zone
        The zone; it need not run yet.
    dir_
        The lab host's folder ($ZONEWEAVER_HOME/lab).
    """
    return _run([str(existing(dir_) / "bin" / "zlogin"), "-C", zone])


def _run(argv: list[str]) -> int:
    """Let another program have the terminal; return its exit status."""
    sys.stdout.flush()
    sys.stderr.flush()
    return subprocess.run(argv, check=False, env=os.environ).returncode

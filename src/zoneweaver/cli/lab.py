"""`zoneweaver lab …`: an emulated OmniOS host in a folder, and the agent on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import lab_home
from zoneweaver.cli.entry import TaskFailed, UsageError
from zoneweaver.client import DEFAULT_URL
from zoneweaver.settings import Settings

app: Final = App(
    name="lab", help="An emulated OmniOS host on this machine, to try everything on.", default_parameter=PARAMETERS
)

GUESTS: Final = {
    "none": "zones run without a guest: everything but consoles and provisioning can be tried",
    "scripted": "zones run a scripted guest on their console, the quickest kind",
}
PLANNED: Final = ("container", "qemu")

TOOLS: Final = "/usr/local/bin:/usr/bin:/bin"
"""Where this machine has what the lab host does not bring: rsync, ansible-playbook."""

World = Annotated[Path | None, Parameter(name="--dir")]


def _world(given: Path | None) -> Path:
    return (given or lab_home() / "lab").absolute()


def _labhost(action: str, *words: str, check: bool = True) -> int:
    """Say something to the lab host, which is a program of its own; raises TaskFailed when it fails."""
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "labhost", action, *words], check=False)
    if done.returncode and check:
        terminal.error(f"The lab host could not do this: labhost {action} ended with {done.returncode}")
        raise TaskFailed
    return done.returncode


@app.command
def up(*, dir_: World = None) -> None:
    """Make the lab host, or bring it up to date.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    world = _world(dir_)
    world.parent.mkdir(parents=True, exist_ok=True)
    _labhost("up", str(world), f"guest={guests()[0]}")


@app.command
def down(*, dir_: World = None) -> None:
    """End everything that runs on the lab host; its state stays.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("down", str(_existing(dir_)))


@app.command
def examples(*, dir_: World = None) -> None:
    """Make the images, the template and the volumes that the documentation's examples name.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("examples", str(_existing(dir_)))


@app.command
def status(*, dir_: World = None) -> None:
    """Show the lab host as its own commands show it.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    world = _existing(dir_)
    environment = {**os.environ, "PATH": f"{world}/bin:{os.environ.get('PATH', '')}"}
    for argv in (["zoneadm", "list", "-cv"], ["zfs", "list"], ["dladm", "show-link"]):
        terminal.put(f"$ {' '.join(argv)}")
        subprocess.run([str(world / "bin" / argv[0]), *argv[1:]], check=False, env=environment)


@app.command
def fault(
    act: Literal["fail", "hang", "slow", "garbage", "empty", "kill"],
    command: str,
    /,
    *words: str,
    nth: int = 1,
    when: Literal["before", "after", "during"] = "before",
    message: str = "",
    exit_: Annotated[int, Parameter(name="--exit")] = 1,
    seconds: float = 0,
    always: bool = False,
    dir_: World = None,
) -> None:
    """Order a fault on the lab host, such as `fault fail zfs create --message "out of space"`.

    Parameters
    ----------
    act
        What happens: the command fails, hangs, is slow, answers garbage or nothing, or kills the agent.
    command
        The command that it strikes.
    words
        Words that must all be among the command's arguments.
    nth
        Strike the nth such command (1).
    when
        Before the command works, after it, or (hang, slow, kill) in its midst.
    message
        What the command says on stderr.
    exit_
        The command's exit status (1).
    seconds
        How long it is slow.
    always
        Strike every one from the nth on, not only one.
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    options = ["--nth", str(nth), "--when", when, "--message", message, "--exit", str(exit_), "--seconds", str(seconds)]
    if always:
        options.append("--always")
    _labhost("fault", str(_existing(dir_)), *options, "--", act, command, *words)


@app.command
def faults(*, clear: bool = False, dir_: World = None) -> None:
    """Show the faults on order.

    Parameters
    ----------
    clear
        Take them all back.
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("clear" if clear else "faults", str(_existing(dir_)))


def _existing(given: Path | None) -> Path:
    world = _world(given)
    if not (world / "state").is_dir():
        raise UsageError(f"There is no lab host in {world}: make one with `zoneweaver lab up`")
    return world


def guests() -> tuple[str, str]:
    """Return which guests the zones get and why, from ZONEWEAVER_LAB_GUEST. Raises UsageError for unknown kinds."""
    wanted = os.environ.get("ZONEWEAVER_LAB_GUEST", "").strip()
    if wanted in PLANNED:
        return "scripted", f"{wanted} guests are not there yet, so {GUESTS['scripted']}"
    if wanted and wanted not in GUESTS:
        raise UsageError(f"ZONEWEAVER_LAB_GUEST is one of {', '.join([*GUESTS, *PLANNED])}, not {wanted!r}")
    chosen = wanted or "scripted"
    return chosen, GUESTS[chosen] + ("" if wanted else "; ZONEWEAVER_LAB_GUEST chooses another")


@app.command
def run() -> None:
    """Run the agent on a lab host, in the foreground; Ctrl-C ends both.

    Everything is kept in $ZONEWEAVER_HOME (otherwise `var`): the lab host in `lab`, an admin key in `admin.key`.
    """
    from zoneweaver import agent, settings  # noqa: PLC0415  # late: nothing else here needs the agent

    kind, why = guests()
    terminal.say(f"Guests: {kind} ({why}).")
    state = lab_home().absolute()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    world = state / "lab"
    _labhost("up", str(world), f"guest={kind}")
    used = settings.load(
        flags={
            "home": str(state),
            "server.bind_address": os.environ.get("ZONEWEAVER_SERVER__BIND_ADDRESS", "127.0.0.1"),
            "host.root": str(world / "root"),
            "host.command_path": f"{world / 'bin'}:{TOOLS}",
            "host.pfexec": True,
        }
    )
    key_file = _admin_key(used, state / "admin.key")
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))  # a closed terminal ends it, too
    answers = False

    def ready(_: object) -> None:
        nonlocal answers
        answers = True
        _hint(used, key_file)

    try:
        agent.run(used, ready=ready)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C does not leave guests behind
        if answers:  # otherwise the lab may be another agent's, which works on it
            _labhost("down", str(world), check=False)


def _admin_key(used: Settings, path: Path) -> Path:
    """Make sure that the file holds a key that works."""
    from zoneweaver.cli import local_keys  # noqa: PLC0415
    from zoneweaver.cli.keys import write_key  # noqa: PLC0415

    if path.exists() and local_keys.works(used, path.read_text(encoding="utf-8").strip()):
        return path
    made = local_keys.create(used, name="lab", description="Made by zoneweaver lab run", scope="admin")
    write_key(path, str(made["api_key"]))
    return path


def _program() -> str:
    """How this program is called from the shell it was started in."""
    return "zoneweaver" if shutil.which("zoneweaver") else os.path.relpath(sys.argv[0])


def _hint(used: Settings, key_file: Path) -> None:
    """Say how the agent can be talked to."""
    url = f"https://127.0.0.1:{used.server.https_port}"
    elsewhere = f" --url {url}" if url != DEFAULT_URL else ""
    terminal.put(
        f"\nReady: {url}\n"
        f"Key:   {key_file}\n"
        f'Try:   curl --cacert {used.cert_path} -H "X-API-Key: $(cat {key_file})" {url}/zones\n'
        f"or:    {_program()} zones create web --ram 1G --disk 10G --nic web0@igb0 --start --wait{elsewhere}\n"
    )

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

templates: Final = App(name="template", help="Systems that zones of a lab can begin as.", default_parameter=PARAMETERS)
app.command(templates)
app.command(
    "zoneweaver.cli.lab_guests:ssh", name="ssh", help="Log in to a zone's guest by SSH, or run a command there."
)
app.command("zoneweaver.cli.lab_guests:console", name="console", help="Sit down at a zone's console; ~. leaves it.")

TEMPLATE: Final = "debian-12"
REAL: Final = ("container", "qemu")
VARIABLE: Final = "ZONEWEAVER_LAB_GUEST"

World = Annotated[Path | None, Parameter(name="--dir")]


def world_of(given: Path | None) -> Path:
    """Return the folder of the lab host: the given one, or that in the state folder."""
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
    world = world_of(dir_)
    world.parent.mkdir(parents=True, exist_ok=True)
    kind, why = guests(world)
    terminal.say(f"Guests: {kind} ({why}).")
    _labhost("up", str(world), f"guest={kind}")
    _furnish(world, kind)


@app.command
def down(*, dir_: World = None) -> None:
    """End everything that runs on the lab host; its state stays.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("down", str(existing(dir_)))


@app.command
def examples(*, dir_: World = None) -> None:
    """Make the images, the template and the volumes that the documentation's examples name.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("examples", str(existing(dir_)))


@app.command
def status(*, dir_: World = None) -> None:
    """Show the lab host as its own commands show it.

    Parameters
    ----------
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    world = existing(dir_)
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
    _labhost("fault", str(existing(dir_)), *options, "--", act, command, *words)


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
    _labhost("clear" if clear else "faults", str(existing(dir_)))


def existing(given: Path | None) -> Path:
    """Return the folder of a lab host that is there. Raises UsageError."""
    world = world_of(given)
    if not (world / "state").is_dir():
        raise UsageError(f"There is no lab host in {world}: make one with `zoneweaver lab up`")
    return world


def guests(world: Path) -> tuple[str, str]:
    """Return which guests the zones get and why, from ZONEWEAVER_LAB_GUEST. Raises UsageError for unknown kinds."""
    wanted = os.environ.get(VARIABLE, "").strip()
    there = next(folder for folder in (world, *world.parents) if folder.is_dir())
    argv = [sys.executable, "-m", "labhost", "guest", wanted, "--dir", str(there)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise UsageError(done.stderr.strip().removeprefix("labhost: ") or f"{VARIABLE}: {wanted!r} cannot be had")
    kind, _, why = done.stdout.strip().partition("\t")
    return kind, why


def _furnish(world: Path, kind: str) -> None:
    """Put Debian's template into a lab whose guests are real; a lab without it can do everything else."""
    if kind not in REAL:
        return
    _labhost("template", "build", TEMPLATE, check=False)
    if _labhost("template", "put", str(world), TEMPLATE, check=False):
        terminal.error(f"The lab has no template {TEMPLATE}: `zoneweaver lab template build {TEMPLATE}` tries again.")


@templates.command
def build(name: str = TEMPLATE, /, *, anew: bool = False) -> None:
    """Build a template from its packages, unless it is there; it is kept outside of any lab.

    Parameters
    ----------
    name
        The template (debian-12).
    anew
        Build it again; no guest may be running that began as it.
    """
    _labhost("template", "build", name, *(["--anew"] if anew else []))


@templates.command(name="import")
def import_(name: str, file: Path, /) -> None:
    """Make a template of a disk image, raw or qcow2.

    Parameters
    ----------
    name
        What it is called from now on.
    file
        The image; it stays as it is.
    """
    _labhost("template", "import", name, str(file))


@templates.command
def put(name: str, /, *names: str, dir_: World = None) -> None:
    """Put templates into the lab host, as the snapshots rpool/templates/NAME@ready.

    Parameters
    ----------
    name
        The template.
    names
        More of them.
    dir_
        Its folder ($ZONEWEAVER_HOME/lab).
    """
    _labhost("template", "put", str(existing(dir_)), name, *names)


@templates.command(name="list")
def list_() -> None:
    """Show the templates there are."""
    _labhost("template", "list")


@templates.command
def remove(name: str, /) -> None:
    """Remove a template; lab hosts that have its disk keep it.

    Parameters
    ----------
    name
        The template.
    """
    _labhost("template", "remove", name)


@app.command
def run() -> None:
    """Run the agent on a lab host, in the foreground; Ctrl-C ends both.

    Everything is kept in $ZONEWEAVER_HOME (otherwise `var`): the lab host in `lab`, an admin key in `admin.key`.
    """
    from zoneweaver import agent, settings  # noqa: PLC0415  # late: nothing else here needs the agent

    state = lab_home().absolute()
    world = state / "lab"
    kind, why = guests(world)
    terminal.say(f"Guests: {kind} ({why}).")
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    _labhost("up", str(world), f"guest={kind}")
    _furnish(world, kind)
    used = settings.load(
        flags={
            "home": str(state),
            "server.bind_address": os.environ.get("ZONEWEAVER_SERVER__BIND_ADDRESS", "127.0.0.1"),
            "host.root": str(world / "root"),
            "host.command_path": str(world / "bin"),
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

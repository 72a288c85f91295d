"""A scripted guest with a UNIX in it: it boots, asks who you are, and gives you a shell."""

from __future__ import annotations

import time

from labhost.guests import tools
from labhost.guests.disk import Disk, disk_folder
from labhost.guests.shell import Incomplete, Leave, Session, Shell, Streams
from labhost.guests.terminal import Terminal
from labhost.guests.tools import users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import Any

    from labhost.guests.console import Console
    from labhost.guests.process import Guest

PASSWORD = "STARTcloud24@!"  # of every account, unless the setting `accounts` says otherwise


class Nic:
    """A network card as the guest sees it."""

    __slots__ = ("addresses", "lent_name", "mac", "name", "up")

    def __init__(self, name: str, mac: str, lent_name: str) -> None:
        self.name = name
        self.mac = mac  # with two digits in each part
        self.lent_name = lent_name  # of the VNIC on the host
        self.addresses: list[str] = []
        self.up = False


class Unix:
    """One machine; a personality fills in the tables below."""

    BANNER: tuple[str, ...] = ()  # what the boot prints, in pieces
    ISSUE = "{host} login: "
    MOTD = ""
    ACCOUNTS: tuple[str, ...] = ("root",)
    ROOT_ONLY: tuple[str, ...] = ("/etc", "/usr", "/root", "/boot", "/var/lib")
    SEED: Mapping[str, str] = {}
    LINE_LIMIT = 4095
    HAS_SUDO = True

    def __init__(self, guest: Guest, console: Console) -> None:
        world = guest.world
        self.guest = guest
        self.console = console
        self.host = guest.name
        self.protected = self.ROOT_ONLY
        self.terminal = Terminal(console, self._line, self._interrupt)
        # Relative to where every guest is at home: when that is deleted, nothing of it comes to be again.
        self.disk = Disk(disk_folder(guest.name))
        self.disk.seed({f"{self.home(user)}/.profile": "" for user in self.ACCOUNTS})
        self.disk.seed({"/tmp/.keep": "", "/etc/hostname": f"{self.host}\n", **self.SEED})
        self.accounts = dict.fromkeys(self.ACCOUNTS, PASSWORD) | world.setting("accounts", {})
        self.sudoers = tuple(user for user in self.accounts if user != "root")
        self.sudo_asks = bool(world.setting("sudo_password", False))
        self.sudo_known = False
        self.nics = self._cards()
        self.routes: list[tuple[str, str]] = []
        self.booted_at = 0.0
        self.generation = 0
        self.state = "off"
        self.user = ""
        self.echoing = True
        self.text = ""
        self.failures = 0
        self.shell = Shell(self, self.disk, {**tools.COMMANDS})
        if not self.HAS_SUDO:
            self.shell.commands.pop("sudo", None)
        else:
            self.shell.commands["sudo"] = users.sudo
        self.shell.commands["hostname"] = _hostname
        self.shell.commands["pwd"] = _pwd
        self.steps: Generator[Any, Any, Any] | None = None
        self.reading = False

    # -- facts

    def home(self, user: str) -> str:
        """Return a user's home folder."""
        return "/root" if user == "root" else f"/home/{user}"

    def nic_name(self, number: int, count: int) -> str:
        """Return what this system calls its nth card."""
        return f"eth{number}" if count else ""

    def _cards(self) -> list[Nic]:
        from labhost.zones import configurations
        from labhost.zones.cloudinit import padded

        try:
            config = configurations.load_snapshot(self.guest.world, self.guest.name)
        except (configurations.NoZone, configurations.BadDocument):
            return []
        links = self.guest.world.read("links").get("links", {})
        nets = [net.get("physical") for net in config.of("net")]
        return [
            Nic(self.nic_name(number, len(nets)), padded(links.get(name, {}).get("mac", "2:8:20:0:0:0")), name)
            for number, name in enumerate(nets)
        ]

    def nic(self, name: str) -> Nic | None:
        """Return a card by its name."""
        return next((each for each in self.nics if each.name == name), None)

    def uptime(self) -> float:
        """Return the seconds since power on, in the machine's own time."""
        scale = self.guest.world.scaled(1) or 1.0
        return (time.monotonic() - self.booted_at) / scale

    # -- power

    def power_on(self) -> None:
        """Boot: print the banner piece by piece, then ask for a login."""
        self.generation += 1
        self.booted_at = time.monotonic()
        self.state = "booting"
        self.steps = None
        self.reading = False
        self.text = ""
        self.shell.sessions.clear()
        self.sudo_known = False
        self.terminal.reset()
        world = self.guest.world
        takes = world.scaled(world.setting("boot_takes", 20))
        ends = world.setting("boot_ends", {}).get(self.guest.name, "login")
        if ends == "silent":
            self.state = "silent"
            return
        if ends == "grub":
            self.after(takes / 2, self._grub)
            return
        pieces = self.BANNER
        for number, piece in enumerate(pieces):
            self.after(takes * number / (len(pieces) + 1), self._saying(piece.format(host=self.host)))
        self.after(takes, self._panic if ends == "panic" else self._up)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after so many real seconds, unless the machine was reset by then."""
        generation = self.generation

        def go() -> None:
            if generation == self.generation:
                act()

        self.guest.later(seconds, go)

    def _saying(self, text: str) -> Callable[[], None]:
        return lambda: self.terminal.say(text)

    def _grub(self) -> None:
        self.state = "grub"
        self.terminal.say(
            "\n                             GNU GRUB  version 2.06\n\n"
            "   Minimal BASH-like line editing is supported.\n\ngrub> "
        )

    def _panic(self) -> None:
        self.state = "silent"
        self.terminal.say(
            "[    2.114519] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
            "[    2.115200] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs ]---\n"
        )

    def _up(self) -> None:
        self.on_up()
        self.ask_login()

    def on_up(self) -> None:
        """Do what the system does at the end of its boot."""

    def ask_login(self) -> None:
        """Print the issue and wait for a name."""
        self.state = "login"
        self.terminal.reset()
        self.echoing = True
        self.terminal.say("\n" + self.ISSUE.format(host=self.host))

    def going_down(self) -> None:
        """Say that the machine stops."""
        self.steps = None
        self.state = "stopping"
        self.terminal.say("\n[  OK  ] Reached target Power-Off.\n")

    def close(self) -> None:
        """End with the machine."""
        self.console.close()

    # -- the terminal

    def hear(self, data: bytes) -> None:
        """Take what was typed on the line."""
        if self.state in ("off", "booting", "silent", "stopping"):
            return
        self.terminal.hear(data)

    def _interrupt(self) -> None:
        if self.state == "shell":
            if self.steps is not None:
                self.steps.close()
            self.steps, self.reading, self.text = None, False, ""
            self.shell.status = 130
            self._prompt()
        elif self.state in ("login", "password"):
            self.ask_login()

    def _line(self, line: str | None) -> None:
        if self.state == "grub":
            self.terminal.say("grub> ")
        elif self.state == "login":
            if line:
                self.user = line.strip()
                self.state = "password"
                self.terminal.echo = False
                self.terminal.say("Password: ")
            else:
                self.terminal.say(self.ISSUE.format(host=self.host).lstrip("\n"))
        elif self.state == "password":
            self.terminal.echo = True
            if line is not None and self.accounts.get(self.user) == line:
                self._welcome()
            else:
                self.state = "refusing"
                self.after(self.guest.world.scaled(3), self._refuse)
        elif self.state == "shell":
            self._typed(line)

    def _refuse(self) -> None:
        self.terminal.say("\nLogin incorrect\n")
        self.state = "login"
        self.terminal.reset()
        self.terminal.say(self.ISSUE.format(host=self.host).rpartition("\n")[2])

    def _welcome(self) -> None:
        self.state = "shell"
        self.shell.status = 0
        home = self.home(self.user)
        env = {"HOME": home, "USER": self.user, "LOGNAME": self.user, "TERM": "vt220", "SHELL": "/bin/bash"}
        self.shell.sessions[:] = [Session(self.user, home, env)]
        self.echoing = True
        self.terminal.say(self.MOTD.format(host=self.host))
        self._prompt()

    # -- the shell

    def prompt(self) -> str:
        """Return the shell's prompt."""
        session = self.shell.session
        cwd = session.cwd
        home = session.env.get("HOME", "/")
        if cwd == home or cwd.startswith(home + "/"):
            cwd = "~" + cwd[len(home) :]
        return f"{session.user}@{self.host}:{cwd}{'#' if session.user == 'root' else '$'} "

    def _prompt(self) -> None:
        self.terminal.echo = self.echoing
        self.terminal.limit = 0
        own = self.shell.session.env.get("PS1", "")
        self.terminal.say(own.replace("$?", str(self.shell.status)) or self.prompt())

    def _typed(self, line: str | None) -> None:
        if self.reading and self.steps is not None:
            self.reading = False
            self.terminal.echo = self.echoing
            self._go_on(line)
            return
        if self.steps is not None:
            return  # typed ahead of a command that runs: lost, as on a slow line
        if line is None:
            self._leave()
            return
        self.text += line + "\n"
        streams = Streams(None, self.terminal.say, self.terminal.say)
        self.steps = self.shell.run(self.text, streams)
        self._go_on(None)

    def _go_on(self, value: Any) -> None:
        """Let the running command go on until it waits or ends."""
        steps = self.steps
        if steps is None:
            return
        try:
            kind, what = steps.send(value)
        except StopIteration:
            self._done()
            return
        except Incomplete:
            self.steps = None
            self.terminal.say("> ")
            return
        except Leave:
            self._leave()
            return
        if self.steps is None:
            steps.close()
            return
        if kind == "line":
            self.reading = True
            self.terminal.echo = bool(what) and self.echoing
            self.terminal.limit = self.LINE_LIMIT
        else:
            self.after(what, lambda: self._go_on(None) if self.steps is steps else None)

    def _done(self) -> None:
        self.steps, self.text = None, ""
        if self.state == "shell":
            self._prompt()

    def _leave(self) -> None:
        self.steps, self.text = None, ""
        self.shell.sessions.pop()
        if self.shell.sessions:
            self.terminal.say("exit\n" if len(self.shell.sessions) > 1 else "logout\n")
            self._prompt()
        else:
            self.terminal.say("logout\n")
            self.ask_login()


def _hostname(shell: Shell, argv: list[str], streams: Streams) -> int:
    if len(argv) > 1 and not argv[1].startswith("-"):
        shell.system.host = argv[1]
    else:
        streams.out(f"{shell.system.host}\n")
    return 0


def _pwd(shell: Shell, _argv: list[str], streams: Streams) -> int:
    streams.out(f"{shell.session.cwd}\n")
    return 0

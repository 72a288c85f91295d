"""A guest and the serial line to it in one process and in virtual time.

The systems are the lab host's; the line between is as bad as told: it loses what is typed, is late with what is said,
and lets the kernel have its say in the middle of anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from tests.guest import virtual

from labhost.guests.unix import Nic
from zoneweaver.domain.builtin_recipes import BUILT_IN
from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.recipe_values import Origin, gather
from zoneweaver.domain.recipes import Recipe
from zoneweaver.domain.secret import Secret, Text
from zoneweaver.guest.player import Played, Player

MAC = "02:08:20:0a:0b:0c"
PASSWORD = "STARTcloud24@!"
MODULES = {
    "debian": "debian",
    "linux-ifconfig": "linux_ifconfig",
    "omnios": "omnios",
    "windows-sac": "windows_sac",
    "cloud-init": "cloud_init",
}
KERNEL = (
    "[{:12.6f}] eth0: link becomes ready\r\n",
    "[{:12.6f}] random: crng init done\r\n",
    '[{:12.6f}] audit: type=1400 audit(1730715302.001:7): apparmor="STATUS" login: # $ grub\r\n',
)
SYSLOG = (
    "Nov  4 10:15:0{} web scsi: [ID 583861 kern.info] sd0 at vioblk0: target 0 lun 0\r\n",
    "Nov  4 10:15:0{} web genunix: [ID 936769 kern.info] login: # \r\n",
)


class World:
    """As much of a lab's world as a system asks for; its seconds are the loop's."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path = str(folder)
        self.settings = settings

    def setting(self, name: str, default: Any) -> Any:
        return self.settings.get(name, default)

    def scaled(self, seconds: float) -> float:
        return seconds

    def read(self, area: str) -> dict[str, Any]:
        return {}

    def host(self, path: str) -> str:
        return f"{self.path}/host{path}"


class Guest:
    """A machine that is on, with the serial line as an `expect.Line`."""

    def __init__(
        self,
        folder: Path,
        personality: str,
        *,
        seed: int = 0,
        loss: float = 0.0,
        delay: float = 0.0,
        noise: float = 0.0,
        messages: tuple[str, ...] = KERNEL,
        **settings: Any,
    ) -> None:
        self.name = "web"
        self.root = ""
        self.folder = folder
        self.world = World(folder, **settings)
        self.random = random.Random(seed)
        self.loss, self.delay, self.noise, self.messages = loss, delay, noise, messages
        self.loop = asyncio.get_running_loop()
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.arrival = 0.0
        self.typed = bytearray()
        self.place = "console"
        self.closed = False
        module = importlib.import_module(f"labhost.guests.personalities.{MODULES[personality]}")
        card = self

        class System(module.System):  # type: ignore[misc, name-defined]
            """The lab's system, with one card."""

            def _cards(self) -> list[Nic]:
                return [Nic(self.nic_name(0, 1), MAC, "web0")]

        with contextlib.chdir(folder):
            self.system: Any = System(card, card)
        self.system.disk.top = str(folder / self.system.disk.top)
        if hasattr(self.system, "show_cards"):
            self.system.show_cards()

    def boot(self) -> Guest:
        """Switch it on."""
        self.system.power_on()
        return self

    def booted(self, *, user: str | None = None, channel: bool = False) -> Guest:
        """Be up, and silent, as if that had been long ago; with `user`, somebody is logged in."""
        self.system.power_on()
        self.system.generation += 1  # what the boot still had to say is not said
        if hasattr(self.system, "channels"):
            self.system.channels, self.system.state = ["SAC"], "sac"
        else:
            self.system.on_up()
            self.system.ask_login()
            if user is not None:
                self.system.user = user
                self.system._welcome()
        while not self.inbox.empty():
            self.inbox.get_nowait()
        return self

    # --- what the system asks of its machine

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.loop.call_later(seconds, act)

    def power_off(self) -> None:
        self.closed = True
        self.inbox.put_nowait(b"")

    def reset(self) -> None:
        self.system.power_on()

    def say(self, text: str) -> None:
        """Let the system say something; the kernel may come in between."""
        out = ""
        for char in text:
            if self.noise and self.random.random() < self.noise:
                when = self.random.randint(0, 9) if self.messages is SYSLOG else self.loop.time()
                out += self.random.choice(self.messages).format(when)
            out += char
        self.deliver(out.encode("utf-8", "surrogateescape"))

    def forgotten(self) -> Guest:
        """Have nothing to say any more by itself."""
        self.system.generation += 1
        return self

    def flood(self) -> Guest:
        """Talk without an end, 80,000 characters a second."""

        def more() -> None:
            self.deliver(b"all work and no play makes a dull guest\r\n" * 20)
            self.loop.call_later(0.01, more)

        more()
        return self

    def deliver(self, data: bytes) -> None:
        """Send bytes up the line, late, in pieces, and in their order."""
        if not data:
            return
        if not self.delay:
            self.inbox.put_nowait(data)
            return
        while data:
            size = self.random.choice((1, 2, 5, 17, 80, 400))
            piece, data = data[:size], data[size:]
            self.arrival = max(self.arrival + 1e-6, self.loop.time() + self.random.uniform(0, self.delay))
            self.loop.call_at(self.arrival, self.inbox.put_nowait, piece)

    # --- the line

    async def receive(self) -> bytes:
        data = await self.inbox.get()
        while not self.inbox.empty() and data:
            data += self.inbox.get_nowait()
        return data

    async def send(self, data: bytes) -> None:
        self.typed += data
        await anyio.lowlevel.checkpoint()
        for number in range(len(data)):
            if self.random.random() >= self.loss:
                self.system.hear(data[number : number + 1])


RECIPES = {kept.recipe.name: kept.recipe for kept in BUILT_IN.values()}
SYSTEMS = {
    "debian-netplan": "debian",
    "linux-ifconfig": "linux-ifconfig",
    "omnios-dladm": "omnios",
    "windows-sac": "windows-sac",
    "cloud-init-wait": "cloud-init",
}
NETWORK = {"ip": "10.190.190.10", "prefix": "24", "gateway": "10.190.190.1", "dns": "8.8.8.8"}


@dataclass
class Run:
    """What came of a recipe in the simulation."""

    guest: Guest
    said: str
    seconds: float
    played: Played | None = None
    error: AgentError | None = None

    @property
    def addresses(self) -> list[str]:
        return [address for nic in self.guest.system.nics for address in nic.addresses]

    def __str__(self) -> str:
        return f"{self.error or self.played} after {self.seconds:.0f} s\n{self.said[-3000:]}"


def played(
    name: str,
    prepare: Callable[[Guest], Guest] = Guest.boot,
    *,
    user: str | None = None,
    password: str | None = PASSWORD,
    recipe: Recipe | None = None,
    boot_seconds: float = 300.0,
    given: dict[str, str] | None = None,
    **line: Any,
) -> Run:
    """Play a recipe on the system that it is for, and say what came of it."""
    used = recipe or RECIPES[name]
    name_of_user = user or ("Administrator" if name == "windows-sac" else "startcloud")
    account: dict[str, Text] = {"nic_0_mac": MAC, "username": name_of_user}
    if password is not None:
        account["password"] = Secret(password)
    values = gather(
        [(Origin.RECIPE, used.variables), (Origin.AGENT, account), (Origin.REQUEST, {**NETWORK, **(given or {})})]
    )
    said: list[str] = []

    async def main() -> Run:
        guest = prepare(Guest(folder, SYSTEMS[name], messages=SYSLOG if name == "omnios-dladm" else KERNEL, **line))
        player = Player(used, values, line=guest, tell=said.append, boot_seconds=boot_seconds)
        run = Run(guest=guest, said="", seconds=0)
        try:
            run.played = await player.play()
        except AgentError as error:
            run.error = error
        run.said, run.seconds = "".join(said), guest.loop.time()
        return run

    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=place) as top:
        folder = Path(top)
        return virtual.run(main)

"""A guest and the serial line to it in one process and in virtual time.

The systems are the lab host's; the line between is as bad as told: it loses what is typed, is late with what is said,
and lets the kernel have its say in the middle of anything.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from labhost.guests.unix import Nic

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
        self.name = str(folder / "web") if False else "web"
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

        with _in(folder):
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
                out += self.random.choice(self.messages).format(self.random.randint(0, 9) if "Nov" in self.messages[0] else self.loop.time())
            out += char
        self.deliver(out.encode("utf-8", "surrogateescape"))

    def deliver(self, data: bytes) -> None:
        """Send bytes up the line, late, in pieces, and in their order."""
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


class _in:
    """A working folder for the length of a block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        import os

        self.before = os.getcwd()
        os.chdir(self.folder)

    def __exit__(self, *_: object) -> None:
        import os

        os.chdir(self.before)

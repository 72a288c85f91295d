"""A guest that speaks on its serial console: a banner, a login, a shell, as its personality has them.

Settings: `personality` {zone: name} (default `debian`; `*` stands for all others), `accounts` {user: password},
`sudo_password` (sudo asks for one), `boot_takes` seconds, `boot_ends` {zone: "grub" | "panic" | "silent"},
`cloud_init_fails` [zone], `serial_drop` n: of what is typed in bursts of more than 16 bytes every nth byte is lost, as
on a real serial port.
"""

from __future__ import annotations

from labhost.guests.console import Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.guests.process import Guest

# personality -> module
PERSONALITIES = {
    "debian": "debian",
    "linux-ifconfig": "linux_ifconfig",
    "omnios": "omnios",
    "windows-sac": "windows_sac",
    "cloud-init": "cloud_init",
}


def attach(guest: Guest) -> None:
    """Give a guest its console and the system of its personality, and power it on."""
    chosen = guest.world.setting("personality", {})
    name = chosen.get(guest.name, chosen.get("*", "debian"))
    module = PERSONALITIES.get(name, "debian")
    full = f"labhost.guests.personalities.{module}"
    __import__(full)
    import sys

    console = Console(guest)
    system: Any = sys.modules[full].System(guest, console)
    console.system = system
    guest.system = system
    console.when_ready(system.power_on)

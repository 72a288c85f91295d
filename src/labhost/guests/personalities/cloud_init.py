"""A cloud image: Debian that cloud-init sets up while it boots, and says so on the console."""

from __future__ import annotations

from labhost.guests.personalities import debian

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Streams

TAKES = 15  # seconds after the login prompt until cloud-init is done
VERSION = "Cloud-init v. 22.4.2"


class System(debian.System):
    """The machine; the setting `cloud_init_fails` names zones where it ends in an error."""

    BANNER: tuple[str, ...] = (
        *debian.System.BANNER,
        f"[    6.101244] cloud-init[341]: {VERSION} running 'init-local' at Tue, 04 Nov 2025 10:15:00 +0000.\n",
        f"[    7.450120] cloud-init[388]: {VERSION} running 'init' at Tue, 04 Nov 2025 10:15:02 +0000.\n",
    )

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.cloud = "running"
        self.shell.commands["cloud-init"] = cloud_init

    def on_up(self) -> None:
        """Take account and network from the seed, and go on with the modules behind the login prompt."""
        super().on_up()
        self.cloud = "running"
        self._seed()
        self.after(self.guest.world.scaled(TAKES), self._finish)

    def _seed(self) -> None:
        world = self.guest.world
        folder = world.host(f"{self.guest.root}/cloud-init")
        try:
            with open(f"{folder}/user-data", encoding="utf-8") as file:
                for line in file:
                    key, _, value = line.strip().partition(": ")
                    if key == "password":
                        self.accounts["debian"] = self.accounts["root"] = value.strip("\"'")
                    elif key == "hostname":
                        self.host = value.strip("\"'")
            self.sudoers = (*self.sudoers, "debian")
            self.disk.seed({"/home/debian/.profile": ""})
            with open(f"{folder}/network-config", encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return
        self.disk.write(debian.FIRST, "network:\n" + "".join(f"  {line}\n" for line in text.splitlines()))
        debian.apply(self, debian.ethernets(self))

    def _finish(self) -> None:
        failed = self.guest.name in self.guest.world.setting("cloud_init_fails", [])
        self.cloud = "error" if failed else "done"
        if failed:
            self.terminal.say(f"[   21.9] cloud-init[612]: {VERSION} failed: module scripts-user\n")
        self.terminal.say(
            f"[   22.118802] cloud-init[612]: {VERSION} finished at Tue, 04 Nov 2025 10:15:17 +0000. "
            "Datasource DataSourceNoCloud [seed=/dev/sr0][dsmode=net].  Up 22.09 seconds\n"
        )


def cloud_init(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    """cloud-init status [--wait] [--long]."""
    system = shell.system
    if argv[1:2] != ["status"]:
        streams.err("usage: cloud-init [-h] {init,modules,single,query,status,clean} ...\n")
        return 2
    if "--wait" in argv:
        while system.cloud == "running":
            streams.out(".")
            yield ("sleep", system.guest.world.scaled(1))
        streams.out("\n")
    streams.out(f"status: {system.cloud}\n")
    return 1 if system.cloud == "error" else 0

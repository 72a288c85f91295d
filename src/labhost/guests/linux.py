"""What the scripted Linux guests share: their banner, `ip`, `ifconfig`, `uname`, `systemctl`."""

from __future__ import annotations

from labhost.guests.unix import Unix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from labhost.guests.shell import Shell, Streams
    from labhost.guests.unix import Nic

BANNER = (
    '\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001 "UEFI Hard Drive"\n',
    "\x1b[01;01HGNU GRUB  version 2.06\n\n*Debian GNU/Linux\n Advanced options for Debian GNU/Linux\n",
    "Loading Linux 6.1.0-25-amd64 ...\nLoading initial ramdisk ...\n",
    "[    0.000000] Linux version 6.1.0-25-amd64 (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC\n",
    "[    0.000000] Command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-25-amd64 root=/dev/vda1 ro console=ttyS0\n",
    "[    1.482311] Run /init as init process\n/dev/vda1: clean, 34021/655360 files\n",
    "[  OK  ] Started systemd-journald.service - Journal Service.\n",
    "[  OK  ] Reached target network.target - Network.\n",
    "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.\n",
    "[  OK  ] Started serial-getty@ttyS0.service - Serial Getty on ttyS0.\n",
)  # fmt: skip


class Linux(Unix):
    """A Linux with its cards under /sys/class/net."""

    BANNER: tuple[str, ...] = BANNER
    ISSUE = "\nDebian GNU/Linux 12 {host} ttyS0\n\n{host} login: "
    MOTD = (
        "Linux {host} 6.1.0-25-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.106-3 (2024-08-26) x86_64\n\n"
        "Last login: Tue Nov  4 10:15:02 UTC 2025 on ttyS0\n"
    )
    ACCOUNTS = ("root", "startcloud")
    SEED: Mapping[str, str] = {
        "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
        "/etc/resolv.conf": "nameserver 127.0.0.53\n",
        "/etc/hosts": "127.0.0.1\tlocalhost\n",
        "/run/.keep": "",
        "/var/log/syslog": "",
    }

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.show_cards()

    def show_cards(self) -> None:
        """Put the cards where scripts look for them."""
        import shutil

        shutil.rmtree(self.disk.place("/sys/class/net"), ignore_errors=True)
        self.disk.seed({"/sys/class/net/lo/address": "00:00:00:00:00:00\n"})
        for nic in self.nics:
            self.disk.seed({f"/sys/class/net/{nic.name}/address": f"{nic.mac}\n"})


def uname(shell: Shell, argv: list[str], streams: Streams) -> int:
    system = shell.system
    flags = "".join(word[1:] for word in argv[1:]) or "s"
    facts = {"s": "Linux", "n": system.host, "r": "6.1.0-25-amd64", "v": "#1 SMP", "m": "x86_64", "o": "GNU/Linux"}
    streams.out(" ".join(facts[f] for f in (facts if "a" in flags else flags) if f in facts) + "\n")
    return 0


def _lines(number: int, nic: Nic, *, oneline: bool) -> str:
    state = "UP" if nic.up else "DOWN"
    flags = "BROADCAST,MULTICAST,UP,LOWER_UP" if nic.up else "BROADCAST,MULTICAST"
    text = f"{number}: {nic.name}: <{flags}> mtu 1500 qdisc fq_codel state {state} group default qlen 1000"
    sign = "\\    " if oneline else "\n    "
    return f"{text}{sign}link/ether {nic.mac} brd ff:ff:ff:ff:ff:ff"


def ip(shell: Shell, argv: list[str], streams: Streams) -> int:
    """ip(8): link and addr show, addr add, link set, route."""
    system = shell.system
    flags = [word for word in argv[1:] if word.startswith("-")]
    words = [word for word in argv[1:] if not word.startswith("-")]
    oneline = any("o" in flag for flag in flags)
    kind = (words or ["addr"])[0]
    rest = words[1:]
    verb = rest[0] if rest else "show"
    name = rest[rest.index("dev") + 1] if "dev" in rest[:-1] else ""
    if kind[:1] == "r":
        if verb in ("add", "replace"):
            if not shell.is_root:
                streams.err("RTNETLINK answers: Operation not permitted\n")
                return 2
            system.routes.append((rest[1], rest[rest.index("via") + 1] if "via" in rest else ""))
        else:
            streams.out("".join(f"{where} via {via}\n" for where, via in system.routes))
        return 0
    if verb in ("add", "del", "flush", "set", "replace"):
        if not shell.is_root:
            streams.err("RTNETLINK answers: Operation not permitted\n")
            return 2
        nic = system.nic(name or (rest[1] if len(rest) > 1 else ""))
        if nic is None:
            streams.err(f'Cannot find device "{name or rest[-1]}"\n')
            return 1
        if verb == "set":
            nic.up = "down" not in rest
        elif verb == "flush":
            nic.addresses.clear()
        elif verb == "del":
            nic.addresses = [each for each in nic.addresses if each != rest[1]]
        else:
            nic.addresses.append(rest[1])
        return 0
    if verb not in ("show", "list", "ls", "sh") and not name:
        name = verb
    elif not name and len(rest) > 1 and rest[1] not in ("up", "scope", "to"):
        name = rest[1]
    found = [(number, nic) for number, nic in enumerate(system.nics, 2) if not name or nic.name == name]
    if name and not found and name != "lo":
        streams.err(f'Device "{name}" does not exist.\n')
        return 1
    if (not name or name == "lo") and oneline and kind[:1] == "a":
        streams.out("1: lo    inet 127.0.0.1/8 scope host lo\n")
    elif not name or name == "lo":
        streams.out("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n")
    for number, nic in found:
        if kind[:1] == "l" or not oneline:
            streams.out(_lines(number, nic, oneline=oneline) + "\n")
        if kind[:1] == "a":
            for address in nic.addresses:
                head = f"{number}: {nic.name}    inet" if oneline else "    inet"
                streams.out(f"{head} {address} brd 0.0.0.0 scope global {nic.name}\n")
    return 0


def ifconfig(shell: Shell, argv: list[str], streams: Streams) -> int:
    """ifconfig(8) of net-tools: show, or set an address."""
    system = shell.system
    words = [word for word in argv[1:] if word != "-a"]
    found = [nic for nic in system.nics if not words or nic.name == words[0]]
    if words and not found:
        streams.err(f"{words[0]}: error fetching interface information: Device not found\n")
        return 1
    if len(words) > 1:
        if not shell.is_root:
            streams.err("SIOCSIFADDR: Operation not permitted\n")
            return 255
        mask = words[words.index("netmask") + 1] if "netmask" in words else "255.255.255.0"
        found[0].addresses = [f"{words[1]}/{prefix(mask)}"]
        found[0].up = True
        return 0
    for nic in found:
        streams.out(f"{nic.name}: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n")
        for address in nic.addresses:
            plain, _, bits = address.partition("/")
            streams.out(f"        inet {plain}  netmask {netmask(int(bits or 32))}\n")
        streams.out(f"        ether {nic.mac}  txqueuelen 1000  (Ethernet)\n")
    return 0


def prefix(mask: str) -> int:
    """Return how many bits a netmask has."""
    return sum(int(part).bit_count() for part in mask.split(".") if part.isdigit())


def netmask(bits: int) -> str:
    """Return the netmask of so many bits."""
    number = (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def systemctl(_shell: Shell, argv: list[str], streams: Streams) -> int:
    if "is-active" in argv:
        streams.out("active\n")
    elif "is-system-running" in argv:
        streams.out("running\n")
    return 0


COMMANDS: dict[str, Any] = {
    "uname": uname, "ip": ip, "ifconfig": ifconfig, "systemctl": systemctl, "udevadm": lambda *_: 0,
    "resolvectl": lambda *_: 0,
}  # fmt: skip

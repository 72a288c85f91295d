"""Windows Server's special administration console: SAC>, channels, and a command prompt behind a login."""

from __future__ import annotations

from labhost.guests.unix import PASSWORD, Unix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BANNER = (
    "\r\nComputer is booting, SAC started and initialized.\r\n\r\n"
    'Use the "ch -?" command for information about using channels.\r\n'
    'Use the "?" command for general help.\r\n\r\n\r\nSAC>\r\n'
)
AVAILABLE = "EVENT: The CMD command is now available.\r\nSAC>"
HELP = (
    "ch              Channel management commands.  Use ch -? for more help.\r\n"
    "cmd             Create a Command Prompt channel.\r\n"
    "i               List all IP network numbers and their IP addresses.\r\n"
    "restart         Restart the system immediately.\r\n"
    "shutdown        Shutdown the system immediately.\r\n"
)
DENIED = "The requested operation requires elevation (Run as administrator).\r\n"


class System(Unix):
    """The machine. Cards are called Ethernet, Ethernet 2, …"""

    ACCOUNTS = ("Administrator",)

    def __init__(self, guest: Any, console: Any) -> None:
        super().__init__(guest, console)
        self.accounts = {"Administrator": PASSWORD} | guest.world.setting("accounts", {})
        self.channels: list[str] = []
        self.login_name = ""
        self.level = 0
        self.dns: dict[str, list[str]] = {}
        self.keys = ""

    def home(self, user: str) -> str:
        """Return a user's profile folder."""
        return f"/Users/{user}"

    def nic_name(self, number: int, count: int) -> str:
        """Return the connection's name."""
        return "Ethernet" if number == 0 and count else f"Ethernet {number + 1}"

    def power_on(self) -> None:
        """Boot: SAC first, its cmd command later."""
        self.generation += 1
        self.channels = []
        self.keys = ""
        self.terminal.reset()
        self.state = "booting"
        world = self.guest.world
        takes = world.scaled(world.setting("boot_takes", 20))
        if world.setting("boot_ends", {}).get(self.guest.name) == "silent":
            self.state = "silent"
            return
        self.after(takes / 2, self._sac_started)
        self.after(takes, self._available)

    def _sac_started(self) -> None:
        self.state = "sac"
        self.console.say(BANNER)

    def _available(self) -> None:
        self.console.say(AVAILABLE)
        self.channels = ["SAC"]

    def going_down(self) -> None:
        """Say that the machine stops."""
        self.state = "stopping"
        self.console.say("\r\nSAC has stopped.\r\n")

    def hear(self, data: bytes) -> None:
        """Take keys: ESC TAB changes the channel, any key opens the one shown."""
        if self.state in ("off", "booting", "silent", "stopping"):
            return
        for char in data.decode(errors="replace"):
            if self.keys:
                self.keys = ""
                if char == "\t":
                    self._next_channel()
                continue
            if char == "\x1b":
                self.keys = char
            elif self.state == "shown":
                self._open()
            elif char == "\n" and self.state != "sac":
                continue  # CR alone ends a line
            else:
                self._one(char)

    def _one(self, char: str) -> None:
        if self.state == "password" and char not in "\r\n\b\x7f":
            self.console.say("*")
        self.terminal.echo = self.state != "password"
        self.terminal.hear(char.encode())

    def _next_channel(self) -> None:
        if len(self.channels) < 2:
            self.state = "sac"
            self.console.say("\r\nSAC>")
            return
        if self.state != "sac":
            self.state = "sac"
            self.console.say("\r\nSAC>")
            return
        self.state = "shown"
        self.console.say(
            f"\x1b[2J\x1b[0;0HName:                  {self.channels[-1]}\r\nDescription:           Command\r\n"
            "Type:                  VT-UTF8\r\nChannel GUID:          9c1c7a4e-c1b4-11f0-9d4e-000000000000\r\n"
            "Application Type GUID: 63d02271-8aa4-11d5-bccf-00b0d014a2d0\r\n\r\n"
            "Press <esc><tab> for next channel.\r\nPress <esc><tab>0 to return to the SAC channel.\r\n"
            "Use any other key to view this channel.\r\n\r\n"
        )

    def _open(self) -> None:
        if self.user:
            self.state = "cmd"
            self._cmd_prompt()
            return
        self.state = "name"
        self.console.say("\x1b[2J\x1b[0;0HPlease enter login credentials.\r\nUsername: ")

    def _interrupt(self) -> None:
        if self.state == "cmd":
            self._cmd_prompt()

    def _line(self, line: str | None) -> None:
        text = (line or "").strip()
        if self.state == "sac":
            self._sac(text)
        elif self.state == "name":
            if text:
                self.login_name = text
                self.state = "domain"
                self.console.say("Domain  : ")
            else:
                self.console.say("Username: ")
        elif self.state == "domain":
            self.state = "password"
            self.console.say("Password: ")
        elif self.state == "password":
            self.console.say("\r\nAttempting to authenticate...\r\n")
            if self.accounts.get(self.login_name) == line:
                self.user = self.login_name
                self.state = "cmd"
                self.console.say(
                    "\r\nMicrosoft Windows [Version 10.0.20348.2700]\r\n"
                    "(c) Microsoft Corporation. All rights reserved.\r\n"
                )
                self._cmd_prompt()
            else:
                self.state = "name"
                self.console.say(
                    "Unable to logon with the specified username and password.\r\n"
                    "The user name or password is incorrect.\r\n\r\nUsername: "
                )
        elif self.state == "cmd":
            self._command_line(text)

    def _sac(self, text: str) -> None:
        words = text.split()
        if text == "cmd" and not self.channels:
            self.console.say("Error: The CMD command is currently unavailable.\r\nSAC>")
            return
        if text == "cmd":
            name = f"Cmd{len(self.channels):04d}"
            self.channels.append(name)
            self.user = ""
            self.console.say(
                "The Command Prompt session was successfully launched.\r\nSAC>\r\n"
                'EVENT:   A new channel has been created.  Use "ch -?" for channel help.\r\n'
                f"Channel: {name}\r\nSAC>"
            )
            return
        if words[:1] == ["ch"]:
            if words[1:2] in (["-si"], ["-sn"]) and len(self.channels) > 1:
                self.state = "sac"
                self._next_channel()
                return
            self.console.say('Channel List\r\n\r\n(Use "ch -?" for information on using channels)\r\n\r\n')
            self.console.say("# Status  Channel Name\r\n")
            for number, name in enumerate(self.channels or ["SAC"]):
                self.console.say(f"{number} (AV)    {name}\r\n")
        elif text in ("restart", "shutdown"):
            self.going_down()
            act = self.guest.reset if text == "restart" else self.guest.power_off
            self.after(self.guest.world.scaled(3), act)
            return
        elif text == "?":
            self.console.say(HELP)
        elif text == "i":
            for number, nic in enumerate(self.nics):
                self.console.say(f"Net: {number}, Ip={' '.join(nic.addresses) or '0.0.0.0'}\r\n")
        elif text:
            self.console.say(f"Unrecognized command: {text}\r\n")
        self.console.say("SAC>")

    # -- cmd.exe

    def _cmd_prompt(self) -> None:
        self.console.say("\r\nC:\\Windows\\system32>")

    def _command_line(self, text: str) -> None:
        if text.lower() in ("exit", "logoff"):
            self.channels.pop()
            self.user = ""
            self.state = "sac"
            self.console.say("\r\nSAC>\r\nEVENT: A channel has been closed.\r\nSAC>")
            return
        joint = "&"
        rest = text
        while rest:
            part, following, rest = _next_command(rest)
            if joint == "&" or (joint == "&&") == (self.level == 0):
                self._command(part.strip())
            joint = following or "&"
        if self.state == "cmd":
            self._cmd_prompt()

    def _command(self, text: str) -> None:
        quiet = False
        for tail in ("2>&1", ">nul", "> nul"):
            if text.lower().endswith(tail):
                quiet |= "nul" in tail
                text = text[: -len(tail)].rstrip()
        text = text.replace("%ERRORLEVEL%", str(self.level)).replace("%errorlevel%", str(self.level))
        text = text.replace("%COMPUTERNAME%", self.host.upper())
        words = _words(text)
        if not words:
            return
        name = words[0].lower().removesuffix(".exe")
        act = {
            "echo": self._echo, "netsh": self._netsh, "getmac": self._getmac, "ipconfig": self._ipconfig,
            "hostname": self._hostname, "ver": self._ver, "whoami": self._whoami, "shutdown": self._shutdown,
        }.get(name)  # fmt: skip
        if act is None:
            said = f"'{words[0]}' is not recognized as an internal or external command,\r\n"
            said, self.level = f"{said}operable program or batch file.\r\n", 9009
        else:
            said, self.level = act(words, text)
        if not quiet:
            self.console.say(said)

    def _echo(self, _words: list[str], text: str) -> tuple[str, int]:
        # echo leaves %ERRORLEVEL% as it is
        return text[5:] + "\r\n", self.level

    def _hostname(self, _words: list[str], _text: str) -> tuple[str, int]:
        return f"{self.host}\r\n", 0

    def _ver(self, _words: list[str], _text: str) -> tuple[str, int]:
        return "\r\nMicrosoft Windows [Version 10.0.20348.2700]\r\n", 0

    def _whoami(self, _words: list[str], _text: str) -> tuple[str, int]:
        return f"{self.host.lower()}\\{self.user.lower()}\r\n", 0

    def _shutdown(self, words: list[str], _text: str) -> tuple[str, int]:
        self.going_down()
        act = self.guest.reset if "/r" in words else self.guest.power_off
        self.after(self.guest.world.scaled(3), act)
        return "", 0

    def _getmac(self, words: list[str], _text: str) -> tuple[str, int]:
        lower = [word.lower() for word in words]
        macs = [(nic.name, nic.mac.upper().replace(":", "-")) for nic in self.nics]
        if "csv" in lower:
            head = (
                "" if "/nh" in lower else '"Connection Name","Network Adapter","Physical Address","Transport Name"\r\n'
            )
            return head + "".join(
                f'"{name}","Red Hat VirtIO Ethernet Adapter","{mac}","\\Device\\Tcpip_{{0}}"\r\n' for name, mac in macs
            ), 0
        text = "\r\nConnection Name Network Adapter Physical Address    Transport Name\r\n"
        text += "=============== =============== =================== ====================\r\n"
        return text + "".join(
            f"{name:<15} Red Hat VirtIO  {mac:<19} \\Device\\Tcpip_{{0}}\r\n" for name, mac in macs
        ), 0

    def _ipconfig(self, words: list[str], _text: str) -> tuple[str, int]:
        from labhost.guests.linux import netmask

        text = "\r\nWindows IP Configuration\r\n\r\n"
        for nic in self.nics:
            text += f"\r\nEthernet adapter {nic.name}:\r\n\r\n   Connection-specific DNS Suffix  . :\r\n"
            if "/all" in [word.lower() for word in words]:
                text += f"   Physical Address. . . . . . . . . : {nic.mac.upper().replace(':', '-')}\r\n"
            for address in nic.addresses:
                plain, _, bits = address.partition("/")
                text += f"   IPv4 Address. . . . . . . . . . . : {plain}\r\n"
                text += f"   Subnet Mask . . . . . . . . . . . : {netmask(int(bits or 32))}\r\n"
            for where, via in self.routes:
                if where == nic.name:
                    text += f"   Default Gateway . . . . . . . . . : {via}\r\n"
            for server in self.dns.get(nic.name, []):
                text += f"   DNS Servers . . . . . . . . . . . : {server}\r\n"
        return text, 0

    def _netsh(self, words: list[str], _text: str) -> tuple[str, int]:
        from labhost.guests.linux import prefix

        given, plain = {}, []
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals:
                given[key.lower()] = value
            else:
                plain.append(word)
        lower = [word.lower() for word in plain]
        kind = next((word for word in lower if word in ("address", "dns", "dnsservers", "dnsserver")), "")
        tail = plain[lower.index(kind) + 1 :] if kind else []
        name = given.get("name") or given.get("interface") or ""
        if not name and tail:
            name, tail = tail[0], tail[1:]
        if "show" in lower:
            return self._ipconfig(words, "")
        if "rename" in lower or given.get("newname"):
            nic = self.nic(name)
            if nic is not None:
                nic.name = given.get("newname", nic.name)
                return "\r\n", 0
        nic = self.nic(name)
        if nic is None:
            return "The filename, directory name, or volume label syntax is incorrect.\r\n\r\n", 1
        values = [word for word in tail if word.lower() not in ("static", "primary", "both", "validate=no")]
        if kind == "address":
            address = given.get("addr") or given.get("address") or (values[0] if values else "")
            mask = given.get("mask") or (values[1] if len(values) > 1 else "")
            gateway = given.get("gateway") or given.get("gwaddr") or (values[2] if len(values) > 2 else "")
            if address.count(".") != 3 or (mask and mask.count(".") != 3):
                return "Invalid address parameter (or wrong netmask).\r\n\r\n", 1
            nic.addresses = [f"{address}/{prefix(mask or '255.255.255.0')}"]
            if gateway and gateway != "none":
                self.routes[:] = [each for each in self.routes if each[0] != nic.name] + [(nic.name, gateway)]
            return "\r\n", 0
        server = given.get("addr") or given.get("address") or (values[0] if values else "")
        if "add" in lower:
            self.dns.setdefault(nic.name, []).append(server)
        else:
            self.dns[nic.name] = [server]
        return "\r\n", 0


def _next_command(text: str) -> tuple[str, str, str]:
    """Return the text up to the next `&`, `&&` or `||` outside quotes, that joint, and the rest."""
    quoted = False
    for place, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif not quoted and text[place : place + 2] in ("&&", "||"):
            return text[:place], text[place : place + 2], text[place + 2 :]
        elif not quoted and char == "&" and text[place - 1 : place] != ">":
            return text[:place], "&", text[place + 1 :]
    return text, "", ""


def _words(text: str) -> list[str]:
    words, current, quoted, begun = [], "", False, False
    for char in text:
        if char == '"':
            quoted, begun = not quoted, True
        elif char in " \t" and not quoted:
            if begun:
                words.append(current)
            current, begun = "", False
        else:
            current += char
            begun = True
    return [*words, current] if begun else words

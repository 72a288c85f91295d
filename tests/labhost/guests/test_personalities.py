"""The systems that scripted guests are."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from tests.labhost.guests.conftest import Person
from tests.labhost.zones.conftest import Host

AtConsole = Callable[..., Person]

NETPLAN = """network:
  version: 2
  ethernets:
    lan0:
      match:
        macaddress: "{mac}"
      set-name: lan0
      addresses: [10.190.190.10/24]
      routes:
        - to: default
          via: 10.190.190.1
      nameservers:
        addresses: [8.8.8.8]
"""


def mac_of(host: Host) -> str:
    """Return the MAC of the zone's card as a guest writes it."""
    return ":".join(part.zfill(2) for part in host.world.read("links")["links"]["web0"]["mac"].split(":"))


def put(person: Person, path: str, text: str, prompt: str, sudo: str = "sudo ") -> None:
    """Write a file through the shell, encoded, and check its sum."""
    code = base64.b64encode(text.encode()).decode()
    person.ask(f"echo {code} | base64 -d | {sudo}tee {path} > /dev/null", prompt)
    told = person.ask(f"{sudo}sha256sum {path}", prompt).split()[0]
    assert told == hashlib.sha256(text.encode()).hexdigest()


def test_debian_takes_a_netplan(host: Host, at_console: AtConsole) -> None:
    """Log in, become root, write a netplan with the card's MAC, apply it: the card has its name and address."""
    person = at_console("debian")
    person.login("startcloud")
    assert person.ask("id -u", "$ ") == "1000\n"
    assert person.ask("sudo -n id -u; echo $?", "$ ") == "0\n0\n"
    assert mac_of(host) in person.ask("ip -o link", "$ ")
    put(person, "/etc/netplan/60-lab.yaml", NETPLAN.format(mac=mac_of(host)), "$ ")
    assert person.ask("sudo netplan generate && sudo netplan apply; echo $?", "$ ") == "0\n"
    assert "inet 10.190.190.10/24" in person.ask("ip -o addr show lan0", "$ ")
    assert person.ask("ip route", "$ ") == "default via 10.190.190.1\n"
    put(person, "/etc/netplan/60-lab.yaml", "network:\n\tversion: 2\n", "$ ")
    assert person.ask("sudo netplan apply 2>/dev/null; echo $?", "$ ") == "78\n"


def test_what_a_guest_wrote_outlives_its_boot(host: Host, at_console: AtConsole) -> None:
    """Files are on the guest's disk: there after a reboot, and applied then."""
    person = at_console("debian")
    person.login("root", prompt="# ")
    put(person, "/etc/netplan/60-lab.yaml", NETPLAN.format(mac=mac_of(host)), "# ", sudo="")
    person.ask("echo kept > /root/note", "# ")
    person.type("reboot\r")
    person.login("root", prompt="# ")
    assert person.ask("cat note", "# ") == "kept\n"
    assert "10.190.190.10/24" in person.ask("ip addr show lan0", "# ")
    assert host.row("web")[0] == "1"
    person.type("poweroff\r")
    person.read_to("[NOTICE: Zone halted]")
    assert host.state() == "installed"


def test_a_wrong_password_is_incorrect(at_console: AtConsole) -> None:
    """After a while the getty says so and asks again; the password is not echoed."""
    person = at_console("debian")
    person.read_to("web login: ")
    person.type("startcloud\r")
    person.read_to("Password: ")
    person.type("wrong\r")
    text = person.read_to("web login: ")
    assert "Login incorrect" in text
    assert "wrong" not in text
    person.type("startcloud\r")
    person.read_to("Password: ")
    person.type("STARTcloud24@!\r")
    person.read_to("startcloud@web:~$ ")


def test_carriage_return_and_line_feed_end_two_lines(at_console: AtConsole) -> None:
    """`\\r\\n` after the name is also an empty password."""
    person = at_console("debian")
    person.read_to("web login: ")
    person.type("startcloud\r\n")
    person.read_to("Login incorrect")


def test_sudo_may_ask(at_console: AtConsole) -> None:
    """With the setting sudo_password sudo -n fails, and sudo asks once without echo."""
    person = at_console("debian", sudo_password=True)
    person.login("startcloud")
    assert person.ask("sudo -n true; echo $?", "$ ") == "sudo: a password is required\n1\n"
    person.type("sudo id -u\r")
    person.read_to("[sudo] password for startcloud: ")
    person.type("STARTcloud24@!\r")
    assert "STARTcloud" not in person.read_to("0\r\n")
    person.read_to("$ ")
    assert person.ask("sudo -n id -u", "$ ") == "0\n"


def test_linux_ifconfig_has_interfaces_files(at_console: AtConsole) -> None:
    """There is no netplan; ifup reads interfaces.d."""
    person = at_console("linux-ifconfig")
    person.login("root", prompt="# ")
    text = "auto eth0\niface eth0 inet static\n  address 10.0.0.9\n  netmask 255.255.255.0\n  gateway 10.0.0.1\n"
    put(person, "/etc/network/interfaces.d/eth0", text, "# ", sudo="")
    assert person.ask("ifup eth0; echo $?", "# ") == "0\n"
    assert "inet 10.0.0.9  netmask 255.255.255.0" in person.ask("ifconfig eth0", "# ")
    assert "command not found" in person.ask("netplan apply", "# ")


def test_omnios_is_root_without_sudo(host: Host, at_console: AtConsole) -> None:
    """dladm names the card by its MAC without zeros; addresses are objects; a persistent route outlives the boot."""
    person = at_console("omnios")
    person.login("root", prompt="# ")
    assert "command not found" in person.ask("sudo id", "# ")
    mac = host.world.read("links")["links"]["web0"]["mac"].replace(":", "\\:")
    assert person.ask("dladm show-phys -m -p -o LINK,ADDRESS", "# ") == f"vioif0:{mac}\n"
    assert person.ask("ipadm create-addr -T static -a 10.0.0.2/24 vioif0/v4static; echo $?", "# ") == "0\n"
    again = person.ask("ipadm create-addr -T static -a 10.0.0.2/24 vioif0/v4static; echo $?", "# ")
    assert again == "ipadm: Could not create address: Address object already exists\n1\n"
    assert person.ask("ipadm show-addr -p -o ADDROBJ,ADDR vioif0/v4static", "# ") == "vioif0/v4static:10.0.0.2/24\n"
    person.ask("route -p add default 10.0.0.1", "# ")
    assert "10.0.0.1" in person.ask("netstat -rn | grep default", "# ")
    assert person.ask("cp /etc/nsswitch.dns /etc/nsswitch.conf && grep hosts /etc/nsswitch.conf", "# ") == (
        "hosts: files dns\n"
    )
    assert person.ask("uname -s", "# ") == "SunOS\n"


def test_windows_has_a_command_prompt_behind_sac(at_console: AtConsole) -> None:
    """cmd makes a channel, ESC TAB shows it, a key opens it; netsh sets the address, %ERRORLEVEL% is the exit code."""
    person = at_console("windows-sac")
    person.read_to("EVENT: The CMD command is now available.\r\nSAC>")
    person.type("cmd\r")
    person.read_to("Channel: Cmd0001\r\nSAC>")
    person.type("\x1b\t")
    person.read_to("Use any other key to view this channel.")
    person.type(" ")
    person.read_to("Username: ")
    person.type("Administrator\r")
    person.read_to("Domain  : ")
    person.type("\r")
    person.read_to("Password: ")
    person.type("STARTcloud24@!\r")
    assert "STARTcloud" not in person.read_to("C:\\Windows\\system32>")
    prompt = "C:\\Windows\\system32>"
    person.ask('netsh interface ip set address name="Ethernet" static 10.0.0.3 255.255.255.0 10.0.0.1', prompt)
    assert person.ask("echo code=%ERRORLEVEL%", prompt).strip() == "code=0"
    person.ask('netsh interface ip set dns name="Ethernet" static 8.8.8.8', prompt)
    shown = person.ask("ipconfig /all", prompt)
    assert ": 10.0.0.3\n" in shown
    assert ": 8.8.8.8\n" in shown
    person.ask('netsh interface ip set address name="LAN" static 10.0.0.3 255.255.255.0', prompt)
    assert person.ask("echo code=%ERRORLEVEL%", prompt).strip() == "code=1"


def test_cloud_init_finishes_behind_the_login_prompt(at_console: AtConsole, host: Host) -> None:
    """The password of the zone's attributes is the account's, and `status --wait` answers when it is done."""
    person = at_console("cloud-init", host.attrs(cloud_init="on", password="hunter22"))
    person.login("debian", "hunter22")
    assert person.ask("cloud-init status --wait; echo $?", "$ ").endswith("\nstatus: done\n0\n")


def test_cloud_init_may_fail(at_console: AtConsole, host: Host) -> None:
    """The setting cloud_init_fails makes a zone's cloud-init end in an error."""
    person = at_console("cloud-init", host.attrs(cloud_init="on"), cloud_init_fails=["web"])
    assert "failed" in person.read_to("finished at")


@pytest.mark.parametrize(("ends", "text"), [("grub", "grub> "), ("panic", "Kernel panic - not syncing")])
def test_a_boot_may_end_elsewhere(at_console: AtConsole, ends: str, text: str) -> None:
    """The setting boot_ends stops a boot at the boot loader or in a panic."""
    person = at_console("debian", boot_ends={"web": ends})
    person.read_to(text)


def test_a_fast_typist_loses_characters(at_console: AtConsole) -> None:
    """With serial_drop a long burst arrives damaged, and slow typing whole."""
    person = at_console("debian", serial_drop=5)
    person.login("root", prompt="# ")
    burst = "echo " + "0123456789" * 8
    person.type(burst)
    person.read_to(burst[:16])
    person.type("\r")
    assert burst[16:] not in person.read_to("# ")
    for char in burst[:40]:
        person.type(char)
        person.read_to(char)
    person.type("\r")
    assert burst[5:40] in person.read_to("# ")

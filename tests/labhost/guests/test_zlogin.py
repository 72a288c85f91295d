"""zlogin(8): the console of a zone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.labhost.guests.conftest import Person
from tests.labhost.zones.conftest import Host, wait_for

Attach = Callable[..., Person]


def test_a_console_needs_a_terminal(host: Host) -> None:
    """Without one zlogin cannot set it to raw mode, and says so in two lines."""
    host.installed()
    said = host.run("zlogin", "-C", "web")
    assert said.code == 1
    first, second = said.err.splitlines()
    assert first.startswith("zlogin: failed to get user terminal settings: ")
    assert second == "zlogin: failed to set stdin pty to raw mode"


def test_what_zlogin_refuses(host: Host) -> None:
    """Unknown and configured zones have no console; a command never reaches the guest; an unprivileged caller nothing."""
    host.configure("web")
    assert host.refused("zlogin", "-C", "no") == "zlogin: zone 'no' unknown\n"
    assert host.refused("zlogin", "-C", "web") == "zlogin: cannot login to a zone which is 'configured'\n"
    host.ok("zoneadm", "-z", "web", "install")
    assert host.refused("zlogin", "web", "ls") == (
        "zlogin: login allowed only to running zones (web is 'installed').\n"
    )
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.run("zlogin", "web", "ls").code == 1
    host.world.configure(euid=1000)
    assert host.refused("zlogin", "-C", "web") == (
        "zlogin: You lack sufficient privilege to run this command (all privs required)\n"
    )
    host.world.configure(euid=None)
    assert host.run("zlogin").code == 2


def test_one_client_at_a_time(host: Host, attach: Attach) -> None:
    """The second one is told who has the console; when the first has left it is free."""
    host.installed()
    first = attach()
    first.read_to("console]")
    second = attach()
    assert f"zlogin: Zone is already in use by process ID {first.process.pid}." in second.rest()
    assert second.process.wait(10) == 1
    first.leave()
    third = attach()
    third.read_to("[Connected to zone 'web' console]")


def test_a_client_of_a_halted_zone_sees_the_whole_next_boot(host: Host, at_console: Attach) -> None:
    """State notices come in the stream, before the guest's first words and after its last."""
    person = at_console()
    text = person.read_to("web login: ")
    assert text.index("\r\n[NOTICE: Zone booting up]\r\n") < text.index("GRUB") < text.index("Debian GNU/Linux 12")
    host.ok("zoneadm", "-z", "web", "reboot")
    text = person.read_to("web login: ")
    assert text.index("Power-Off") < text.index("[NOTICE: Zone halted]") < text.index("[NOTICE: Zone booting up]")
    host.ok("zoneadm", "-z", "web", "halt")
    person.read_to("[NOTICE: Zone halted]")
    person.leave()


def test_what_nobody_listens_to_is_lost(host: Host, attach: Attach) -> None:
    """Whoever attaches after the boot sees nothing until a key makes the getty ask again."""
    host.booted()
    first = attach()
    first.type("\r")
    first.login("root", prompt="# ")
    first.leave()
    second = attach()
    second.read_to("console]\r\n")
    second.type("\r")
    assert second.read_to("root@web:~# ") == "\r\nroot@web:~# "


def test_the_escape_counts_only_at_the_beginning_of_a_line(at_console: Attach) -> None:
    """A tilde within a line is the guest's; `~~` at its beginning sends one; `~.` there ends the session."""
    person = at_console()
    person.login("startcloud")
    assert person.ask("echo a~.b", "$ ") == "a~.b\n"
    person.type("\r~~echo x\r")
    assert "~echo: " in person.read_to("command not found")
    person.type("\r~.")
    assert "[Connection to zone 'web' console closed]" in person.rest()
    assert person.process.wait(10) == 0


def test_without_an_escape_a_tilde_is_ordinary(host: Host, attach: Attach, at_console: Attach) -> None:
    """-E sends `~.` to the guest; -Q leaves the banners out; -e takes another character."""
    person = at_console()
    person.login("startcloud")
    person.leave()
    quiet = attach("web", "-E", "-Q")
    quiet.type("\r~.\r")
    assert "~.: " in quiet.read_to("command not found")
    assert "Connected" not in quiet.seen
    quiet.end()
    other = attach("web", "-e", "%")
    other.read_to("console]")
    other.type("\r%.")
    assert "console closed]" in other.rest()


def test_disconnecting_with_the_halt(host: Host, attach: Attach) -> None:
    """-d ends the session when the zone halts, uninstalling it ends any session."""
    host.booted()
    person = attach("web", "-d")
    person.read_to("console]")
    host.ok("zoneadm", "-z", "web", "halt")
    assert "[NOTICE: Zone halted]" in person.rest()
    assert person.process.wait(10) == 0
    person = attach("web")
    person.read_to("console]")
    host.ok("zoneadm", "-z", "web", "uninstall", "-F")
    assert "Zone is being uninstalled.  Disconnecting..." in person.rest()


def test_a_session_ends_with_its_host(host: Host, attach: Attach) -> None:
    """Whoever deletes the host's folder has ended the sessions at its consoles, too."""
    host.installed()
    person = attach()
    person.read_to("console]")
    shutil.rmtree(host.world.path)
    assert "console closed]" in person.rest()
    assert person.process.wait(10) == 0


def test_a_guest_without_words_has_a_silent_console(host: Host, attach: Attach) -> None:
    """With the guest `none` only the notices appear."""
    host.world.configure(guest="none")
    host.installed()
    person = attach()
    person.read_to("console]\r\n")
    host.ok("zoneadm", "-z", "web", "boot")
    host.ok("zoneadm", "-z", "web", "halt")
    assert person.read_to("Zone halted]") == "\r\n[NOTICE: Zone booting up]\r\n\r\n[NOTICE: Zone halted]"


def test_a_killed_client_frees_the_console(host: Host, attach: Attach) -> None:
    """The console of a client that died is free at once."""
    host.booted()
    first = attach()
    first.read_to("console]")
    first.process.kill()
    first.process.wait()
    second = attach()
    second.read_to("[Connected to zone 'web' console]")


def test_the_guest_outlives_its_command_and_its_client(host: Host, attach: Attach) -> None:
    """Killing who is attached changes nothing for the guest."""
    host.booted()
    person = attach()
    person.read_to("console]")
    subprocess.run(["kill", "-9", str(person.process.pid)], check=True)
    person.process.wait()
    assert host.state() == "running"


def test_a_client_that_does_not_read_does_not_stop_the_guest(host: Host, at_console: Attach) -> None:
    """Output that nobody takes is lost; the guest still hears its buttons."""
    person = at_console()
    person.login("root", prompt="# ")
    Path(f"{host.world.path}/run/web.disk/tmp/big").write_text("x" * (4 << 20))
    person.type("cat /tmp/big\r")
    host.ok("bhyvectl", "--vm=web", "--force-poweroff")
    host.wait_state("installed")


def test_an_end_of_file_behind_the_escape_ends_the_session_too(attach: Attach, host: Host) -> None:
    """`~` and the end-of-file character at the beginning of a line close the connection."""
    host.installed()
    person = attach()
    person.read_to("console]")
    person.type("\r~\x04")
    assert "console closed]" in person.rest()


def test_a_zone_that_is_made_ready_says_so(attach: Attach, host: Host) -> None:
    """The notices of ready and of a failed boot are in the stream as well."""
    host.installed()
    person = attach()
    person.read_to("console]")
    host.ok("zoneadm", "-z", "web", "ready")
    person.read_to("[NOTICE: Zone readied]")
    host.ok("zoneadm", "-z", "web", "halt")
    host.ok("zonecfg", "-z", "web", host.attrs(rng="maybe"))
    host.refused("zoneadm", "-z", "web", "boot")
    person.read_to("[NOTICE: Zone boot failed]")


def test_a_console_on_a_socket_is_not_zlogins(host: Host, attach: Attach) -> None:
    """With `console=socket,PATH` the guest speaks on that socket in the zone, and zlogin shows nothing of it."""
    host.booted("web", host.attrs(console="socket,/tmp/serial"))
    person = attach()
    person.read_to("console]\r\n")
    place = host.file("/rpool/zones/web/root/tmp/serial")
    wait_for(place.is_socket)
    folder = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(f"/proc/self/fd/{folder}/serial")
        os.close(folder)
        line.sendall(b"\r")
        heard = b""
        while b"login:" not in heard:
            heard += line.recv(4096)
    host.ok("zoneadm", "-z", "web", "halt")
    assert not place.exists()
    assert person.read_to("Zone halted]") == "\r\n[NOTICE: Zone halted]"

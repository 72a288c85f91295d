"""Where a guest is, by what its console shows."""

from __future__ import annotations

import pytest

from zoneweaver.domain.patterns import Pattern
from zoneweaver.guest.noise import without
from zoneweaver.guest.places import Place, place_of


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Debian GNU/Linux 12 web ttyS0\n\nweb login: ", Place.LOGIN),
        ("web console login: ", Place.LOGIN),
        ("Password: ", Place.PASSWORD),
        ("Password for user root: ", Place.PASSWORD),
        ("Enter new UNIX password: ", Place.NEW_PASSWORD),
        ("You are required to change your password\nCurrent password: ", Place.NEW_PASSWORD),
        ("startcloud@web:~$ ", Place.SHELL),
        ("[root@web ~]# ", Place.SHELL),
        ("web% ", Place.SHELL),
        ("# ", Place.SHELL),
        ("> ", Place.CONTINUED),
        ("grub> ", Place.GRUB),
        ("error: no such device\ngrub rescue> ", Place.GRUB),
        ("[    2.1] Kernel panic - not syncing: VFS: no root\n[ 2.2] ---[ end Kernel panic\n", Place.PANIC),
        ("panic[cpu0]/thread=fffffe: BAD TRAP\n", Place.PANIC),
        ("You are in emergency mode. After logging in, type\nGive root password for maintenance\n: ", Place.EMERGENCY),
        ("\n[NOTICE: Zone halted]\n", Place.HALTED),
        ("SAC>", Place.SAC),
        ("\nC:\\Windows\\system32>", Place.CMD),
        ("Please enter login credentials.\nUsername: ", Place.LOGIN),
        ("Domain  : ", Place.DOMAIN),
        ("Use any other key to view this channel.\n\n", Place.CHANNEL),
        ("Loading, 100%", Place.UNKNOWN),
        ("Last login: Tue Nov  4 10:15:02 UTC 2025 on ttyS0\n", Place.UNKNOWN),
        ("", Place.UNKNOWN),
        ("web login: [   12.345678] eth0: link is up\n", Place.LOGIN),
        ("web log[   12.345678] eth0: # login:\nin: ", Place.LOGIN),
        ("startcloud@web:~[  OK  ] Started a thing.\n$ ", Place.SHELL),
    ],
)
def test_a_place_is_known_by_the_line_that_waits(text: str, place: Place) -> None:
    """Prompts count at the end only, and messages of the system not at all."""
    assert place_of(text) is place


def test_a_recipe_may_know_better() -> None:
    """Its own prompts are looked for at the end of the line."""
    shell, login = Pattern.parse("➜", field="x"), Pattern.parse("/who are you\\? ?$/i", field="x")
    assert place_of("web ➜ ", shell=shell) is Place.SHELL
    assert place_of("web ➜ x", shell=shell) is Place.UNKNOWN
    assert place_of("Who are you? ", login=login) is Place.LOGIN


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("ec[   12.345678] a\nho hi", "echo hi"),
        ("ec[   12.34", "ec[   12.34"),
        ("a[   12.[    1.000002] inner\n345678] outer\nb", "ab"),
        ("x[  OK  ] Started y.\n", "x"),
        ("[FAILED] Failed to start z.\n", ""),
        ("Nov  4 10:15:02 web genunix: [ID 936769 kern.info] sd0\nweb# ", "web# "),
        ("[ -f x ] && [ 3 -gt 2 ]\n", "[ -f x ] && [ 3 -gt 2 ]\n"),
        ("total 8\ndrwx 2 root root 4096 Nov  4 10:15 x\n", "total 8\ndrwx 2 root root 4096 Nov  4 10:15 x\n"),
    ],
)
def test_messages_of_the_system_are_taken_out(text: str, rest: str) -> None:
    """When they are whole; what they cut in two is joined."""
    assert without(text) == rest

"""The built-in recipes on the lab host's systems, in one process and in virtual time."""

from __future__ import annotations

import pytest
from tests.guest.simulation import MAC, PASSWORD, RECIPES, Guest, played

NETWORKED = ["debian-netplan", "linux-ifconfig", "omnios-dladm", "windows-sac"]
UNIX = NETWORKED[:3]


def up(guest: Guest) -> Guest:
    return guest.booted()


def done(guest: Guest) -> Guest:
    """A cloud image that was set up long ago."""
    guest.booted().forgotten().system.cloud = "done"
    return guest


@pytest.mark.parametrize("prepare", [Guest.boot, up], ids=["booting", "up"])
@pytest.mark.parametrize("user", ["root", "startcloud"])
@pytest.mark.parametrize("name", UNIX)
def test_a_unix_guest_is_set_up(name: str, user: str, prepare) -> None:
    """Root and an ordinary user, while it boots and long after: the address is there, and nobody stays logged in."""
    run = played(name, prepare, user=user)
    assert run.played is not None, run
    assert run.played.steps == len(RECIPES[name].steps)
    assert run.addresses == ["10.190.190.10/24"], run
    assert run.guest.system.state == "login", run
    assert PASSWORD not in run.said
    assert PASSWORD.encode() in run.guest.typed


@pytest.mark.parametrize("user", ["root", "startcloud"])
@pytest.mark.parametrize("name", UNIX)
def test_a_guest_somebody_is_logged_in_to_is_set_up(name: str, user: str) -> None:
    """No login is needed, and the shell that was found is left as it was."""
    run = played(name, lambda guest: guest.booted(user=user), user=user)
    assert run.addresses == ["10.190.190.10/24"], run
    assert PASSWORD.encode() not in run.guest.typed
    assert [session.user for session in run.guest.system.shell.sessions] == [user]
    assert run.guest.system.shell.sessions[0].env.get("PS1") is None


@pytest.mark.parametrize("name", NETWORKED)
def test_a_recipe_may_be_played_again(name: str) -> None:
    """The second time it finds its own work and ends the same."""

    def again(guest: Guest) -> Guest:
        for nic in guest.system.nics:
            nic.addresses = ["10.190.190.10/24"]
        if name == "omnios-dladm":
            guest.system.objects["vioif0/v4"] = ("static", "10.190.190.10/24")
            guest.system.routes.append(("persistent default", "10.9.9.9"))
        return guest.booted()

    run = played(name, again)
    assert run.addresses == ["10.190.190.10/24"], run
    if name == "omnios-dladm":
        assert run.guest.system.routes == [("persistent default", "10.190.190.1")]


@pytest.mark.parametrize("prepare", [Guest.boot, up], ids=["booting", "up"])
def test_windows_is_set_up(prepare) -> None:
    """A channel is opened, logged in to, and closed."""
    run = played("windows-sac", prepare)
    assert run.addresses == ["10.190.190.10/24"], run
    assert run.guest.system.dns == {"Ethernet": ["8.8.8.8"]}
    assert (run.guest.system.state, run.guest.system.channels) == ("sac", ["SAC"])
    assert PASSWORD not in run.said


def test_a_sudo_that_asks_gets_the_password() -> None:
    """It is typed once, and never shown."""
    run = played("debian-netplan", user="startcloud", sudo_password=True)
    assert run.addresses == ["10.190.190.10/24"], run
    assert run.guest.typed.count(PASSWORD.encode()) == 2
    assert PASSWORD not in run.said


def test_other_files_about_the_card_are_set_aside() -> None:
    """netplan's file about this card goes out of the way; one about another card stays."""

    def more(guest: Guest) -> Guest:
        guest.system.disk.seed(
            {"/etc/netplan/70-other.yaml": "network:\n  version: 2\n  ethernets:\n    ens9:\n      dhcp4: true\n"}
        )
        guest.system.disk.write(
            "/etc/netplan/50-cloud-init.yaml",
            f'network:\n  version: 2\n  ethernets:\n    enp0s6:\n      match:\n        macaddress: "{MAC}"\n      addresses: [10.0.0.9/8]\n',
        )
        return guest.booted()

    seen: list[list[str]] = []

    def keep(guest: Guest) -> Guest:
        guest.system.close = lambda: None
        more(guest)
        hear = guest.system.hear

        def spy(data: bytes) -> None:
            hear(data)
            seen[:] = [guest.system.disk.names("/etc/netplan")]

        guest.system.hear = spy
        return guest

    run = played("debian-netplan", keep)
    assert run.addresses == ["10.190.190.10/24"], run
    assert seen == [["50-cloud-init.yaml.zw-saved", "60-zoneweaver.yaml", "70-other.yaml"]]


def test_cloud_init_is_waited_for() -> None:
    """Nothing is typed while it speaks for itself."""
    run = played("cloud-init-wait")
    assert run.played is not None, run
    assert bytes(run.guest.typed) == b""


def test_cloud_init_that_finished_earlier_is_asked() -> None:
    """With a password the guest is asked whether it is done."""
    run = played("cloud-init-wait", done, user="root")
    assert run.played is not None, run
    assert "cloud-init status --wait" in run.said
    assert run.guest.system.state == "login"


def test_cloud_init_that_finished_earlier_is_awaited_without_a_password() -> None:
    """Nobody can log in, so the wait ends with its deadline and says what it saw."""
    run = played("cloud-init-wait", done, password=None)
    assert run.error is not None
    assert run.error.code == "console_timeout", run
    assert "web login:" in run.error.message


@pytest.mark.parametrize("prepare", [Guest.boot, up], ids=["booting", "up"])
def test_cloud_init_that_fails_fails_the_recipe(prepare) -> None:
    """By what it says, or by its status."""
    run = played("cloud-init-wait", prepare, user="root", cloud_init_fails=["web"])
    assert run.error is not None, run
    assert run.error.code in {"guest_says_failed", "guest_command_failed"}, run


@pytest.mark.parametrize("name", UNIX)
def test_a_wrong_password_is_told_as_such(name: str) -> None:
    """On a good line it is tried twice, and not once more."""
    run = played(name, up, password="nonsense")
    assert run.error is not None
    assert run.error.code == "login_incorrect", run
    assert "Login incorrect" in run.error.message
    assert run.guest.typed.count(b"nonsense") == 2
    assert "nonsense" not in run.said


def test_a_wrong_password_of_windows_is_told_as_such() -> None:
    """The channel that was opened for it is closed again."""
    run = played("windows-sac", up, password="nonsense")
    assert run.error is not None
    assert run.error.code == "login_incorrect", run
    assert "nonsense" not in run.said


@pytest.mark.parametrize("name", UNIX)
def test_a_guest_without_a_password_for_it_is_told(name: str) -> None:
    """The guest asks, and nobody gave one."""
    run = played(name, up, password=None)
    assert run.error is not None
    assert run.error.code == "no_credentials", run


@pytest.mark.parametrize("name", UNIX)
@pytest.mark.parametrize(
    ("ends", "code", "words"), [("grub", "guest_grub", "GRUB prompt"), ("panic", "guest_panic", "not syncing: VFS")]
)
def test_a_boot_that_ends_badly_is_recognised(name: str, ends: str, code: str, words: str) -> None:
    """At once, and not by a deadline."""
    run = played(name, boot_ends={"web": ends})
    assert run.error is not None
    assert run.error.code == code, run
    assert words in run.error.message
    assert run.seconds < 120


@pytest.mark.parametrize("name", NETWORKED)
def test_a_silent_console_ends_with_the_deadline(name: str) -> None:
    """The boot has its own; what is awaited is said."""
    run = played(name, boot_ends={"web": "silent"}, boot_seconds=60)
    assert run.error is not None
    assert run.error.code == "console_timeout", run
    assert "nothing was seen" in run.error.message
    assert 60 <= run.seconds < 70


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_console_that_floods_ends_with_the_deadline(name: str) -> None:
    """Nothing can be read out of it, and its last lines are told."""
    recipe = RECIPES[name]
    run = played(
        name,
        lambda guest: guest.booted().flood(),
        boot_seconds=20,
        recipe=type(recipe).from_json(
            {
                **recipe.as_json(),
                "steps": [{"type": "wait", "pattern": "never", "timeout": 20}]
                if not recipe.logs_in
                else recipe.as_json()["steps"],
            }
        ),
    )
    assert run.error is not None
    assert run.error.code == "console_timeout", run
    assert "dull guest" in run.error.message
    assert run.seconds < 90


def test_a_slow_guest_is_not_typed_over() -> None:
    """Echoes that are late by two seconds are waited for; no command arrives twice."""
    run = played("debian-netplan", up, delay=2.0)
    assert run.addresses == ["10.190.190.10/24"], run

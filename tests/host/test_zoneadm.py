"""zoneadm(8), dladm(8) and bhyvectl(8): what is said, and what refusals mean."""

import pytest

from zoneweaver.domain.network import LinkClass
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import bhyvectl, dladm, zoneadm
from zoneweaver.host.command import Command


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (zoneadm.install("web"), "zoneadm -z web install"),
        (zoneadm.uninstall("web"), "zoneadm -z web uninstall -F"),
        (zoneadm.boot("web"), "zoneadm -z web boot"),
        (zoneadm.halt("web"), "zoneadm -z web halt"),
        (zoneadm.shutdown("web"), "zoneadm -z web shutdown"),
        (zoneadm.shutdown("web", restart=True), "zoneadm -z web shutdown -r"),
        (zoneadm.reboot("web"), "zoneadm -z web reboot"),
        (bhyvectl.force_poweroff("web"), "bhyvectl --vm=web --force-poweroff"),
        (bhyvectl.force_reset("web"), "bhyvectl --vm=web --force-reset"),
        (dladm.create_etherstub("stub0"), "dladm create-etherstub stub0"),
        (dladm.delete_etherstub("stub0"), "dladm delete-etherstub stub0"),
        (dladm.create_vnic("web0", over="stub0"), "dladm create-vnic -l stub0 web0"),
        (
            dladm.create_vnic("web0", over="igb0", mac="02:08:20:0a:0b:0c", vid=7),
            "dladm create-vnic -l igb0 -m 02:08:20:0a:0b:0c -v 7 web0",
        ),
        (dladm.create_vnic("web0", over="igb0", vid=0), "dladm create-vnic -l igb0 web0"),
        (dladm.delete_vnic("web0"), "dladm delete-vnic web0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_changes_are_said_as_the_manual_has_them(command: Command, said: str) -> None:
    """Every change is one process, and is marked as a change."""
    assert " ".join(command.argv) == said
    assert command.changes


def test_a_stop_waits_as_long_as_it_is_told() -> None:
    """Whoever stops a zone says how long a deaf guest may hold things up."""
    assert zoneadm.halt("web", timeout=30).timeout == 30
    assert zoneadm.shutdown("web", timeout=45).timeout == 45
    assert zoneadm.shutdown("web").timeout > 400


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (zoneadm.unknown_zone, "zoneadm: web: No such zone configured"),
        (zoneadm.already_booted, "zone 'web': zone is already booted"),
        (zoneadm.already_halted, "zone 'web': zone is already halted"),
        (zoneadm.already_installed, "zoneadm: zone 'web': is already installed."),
        (zoneadm.already_configured, "zoneadm: zone 'web': is already in state 'configured'."),
        (zoneadm.not_running, "zoneadm: zone 'web': not running"),
        (zoneadm.shutdown_in_progress, "zone 'web': shutdown already in progress"),
        (zoneadm.failed_to_verify, "zoneadm: zone web failed to verify"),
        (bhyvectl.no_such_machine, "VM:web is not created."),
        (dladm.said_exists, "dladm: vnic creation over igb0 failed: object already exists"),
        (dladm.said_missing, "dladm: invalid link name 'web0'"),
        (dladm.said_busy, "dladm: vnic deletion failed: link busy"),
    ],
)
def test_refusals_are_recognised(says: object, text: str) -> None:
    """What the host says is told from everything else that it may say."""
    assert callable(says)
    assert says(text)
    assert not says("zoneadm: zone 'web': permission denied")


def test_only_an_active_zone_has_been_booted() -> None:
    """The kernel knows a zone from ready on; files lie below the zonepath as soon as something was installed."""
    assert {state for state in ZoneState if not state.active} == {
        ZoneState.CONFIGURED,
        ZoneState.INCOMPLETE,
        ZoneState.INSTALLED,
    }
    assert {state for state in ZoneState if not state.has_files} == {ZoneState.CONFIGURED}


def test_which_links_can_carry_a_vnic() -> None:
    """A VNIC lies over something that carries frames, never over another VNIC."""
    assert LinkClass.ETHERSTUB.carries_vnics
    assert LinkClass.PHYS.carries_vnics
    assert not LinkClass.VNIC.carries_vnics

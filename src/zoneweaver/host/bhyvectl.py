"""bhyvectl(8): ending or resetting a guest without asking it."""

from __future__ import annotations

from zoneweaver.host.command import Command


def force_poweroff(zone: str) -> Command:
    """Pull the plug: the guest is off at once, and the zone goes to installed."""
    return _change(zone, "--force-poweroff")


def force_reset(zone: str) -> Command:
    """Press the reset button: the guest starts anew, with the configuration that the zone was booted with."""
    return _change(zone, "--force-reset")


def no_such_machine(stderr: str) -> bool:
    """Say whether there is no running guest of this name."""
    return "is not created" in stderr or "No such file or directory" in stderr


def _change(zone: str, action: str) -> Command:
    return Command(argv=("bhyvectl", f"--vm={zone}", action), changes=True)

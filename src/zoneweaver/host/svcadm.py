"""svcadm(8): start and stop services.

Offers `enable`, `disable`, `restart`, `refresh`, `clear`, and what a refusal meant: `said_missing`, `said_maintenance`.
"""

from __future__ import annotations

from zoneweaver.host.command import CHANGE_SECONDS, Command


def enable(fmri: str) -> Command:
    """Start a service, also after reboots, and wait until it is online; it fails when that cannot be."""
    return _change("enable", "-s", fmri)


def disable(fmri: str) -> Command:
    """Stop a service, also after reboots, and wait until it is."""
    return _change("disable", "-s", fmri)


def restart(fmri: str) -> Command:
    """Stop and start a service that is online; of another one it does nothing."""
    return _change("restart", fmri)


def refresh(fmri: str) -> Command:
    """Let a service see its properties and files anew; the DHCP server needs a restart for its file."""
    return _change("refresh", fmri)


def clear(fmri: str) -> Command:
    """Take a service out of maintenance, so that it is started again."""
    return _change("clear", fmri)


def said_missing(stderr: str) -> bool:
    """Say whether there is no such service."""
    return "doesn't match any instances" in stderr


def said_maintenance(stderr: str) -> bool:
    """Say whether the service could not come up and waits for somebody to look after it."""
    return "maintenance state" in stderr


def _change(word: str, *words: str) -> Command:
    return Command(argv=("svcadm", word, *words), changes=True, timeout=CHANGE_SECONDS)

"""zoneadm(8): which zones there are, and moving one from state to state.

Exit 0 of `boot` means that the zone has started, not that the guest is still there a second later. `boot` of a running
and `halt` of a halted zone exit 0. `halt` waits up to half an hour for a guest that does not listen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Unparseable
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query

SHUTDOWN_SECONDS: Final = 480.0
"""The brand waits 300 s for the guest, zoneadmd then 100 s for the zone."""

_SEPARATOR: Final = re.compile(r"(?<!\\):")
_UNKNOWN: Final = "???"


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneLine:
    """One zone of `zoneadm list`. `id` changes at every boot; `uuid` is there once installed, until uninstalled."""

    name: str
    state: ZoneState
    zonepath: str
    brand: str
    ip_type: str
    uuid: str | None = None
    id: int | None = None


def list_zones() -> Query[tuple[ZoneLine, ...]]:
    """Ask for every zone but the global one, active ones first. Raises Unparseable."""
    return Query(command=Command(argv=("zoneadm", "list", "-cp")), parse=_read_all)


def find(zone: str) -> Query[ZoneLine | None]:
    """Ask for one zone; None when it is not configured. Raises CommandFailed and Unparseable."""
    command = Command(argv=("zoneadm", "-z", zone, "list", "-p"), ok=frozenset({0, 1}))
    return Query(command=command, parse=_read_one)


def install(zone: str) -> Command:
    """Take a zone from configured to installed; cut off, it leaves it incomplete."""
    return _change(zone, "install")


def uninstall(zone: str) -> Command:
    """Take a zone back to configured; destroys the zonepath's dataset and everything below it."""
    return _change(zone, "uninstall", "-F")


def boot(zone: str) -> Command:
    """Start a zone. Look at its state after a while: the guest may have ended at once."""
    return _change(zone, "boot")


def halt(zone: str, *, timeout: float = CHANGE_SECONDS) -> Command:
    """Stop a zone; a guest that does not listen delays it up to half an hour (see `bhyvectl.force_poweroff`)."""
    return _change(zone, "halt", timeout=timeout)


def shutdown(zone: str, *, restart: bool = False, timeout: float = SHUTDOWN_SECONDS) -> Command:
    """Press the guest's power button and wait; with `restart`, boot again after that."""
    return _change(zone, "shutdown", *(("-r",) if restart else ()), timeout=timeout)


def reboot(zone: str, *, timeout: float = CHANGE_SECONDS) -> Command:
    """Halt and boot, which applies what was configured in between."""
    return _change(zone, "reboot", timeout=timeout)


def unknown_zone(stderr: str) -> bool:
    """Say whether zoneadm said that there is no such zone."""
    return "No such zone configured" in stderr


def already_booted(stderr: str) -> bool:
    """Say whether a `boot` found the zone running."""
    return "zone is already booted" in stderr


def already_halted(stderr: str) -> bool:
    """Say whether a `halt` found the zone halted."""
    return "zone is already halted" in stderr


def already_installed(stderr: str) -> bool:
    """Say whether an `install` found the zone installed."""
    return "is already installed" in stderr


def already_configured(stderr: str) -> bool:
    """Say whether an `uninstall` found nothing installed."""
    return "is already in state 'configured'" in stderr


def not_running(stderr: str) -> bool:
    """Say whether a `shutdown` or `reboot` was refused since the zone does not run."""
    return "not running" in stderr


def shutdown_in_progress(stderr: str) -> bool:
    """Say whether somebody else is shutting the zone down already."""
    return "shutdown already in progress" in stderr


def failed_to_verify(stderr: str) -> bool:
    """Say whether the configuration names something that is not there, so that nothing was started."""
    return "failed to verify" in stderr


def _change(zone: str, *words: str, timeout: float = CHANGE_SECONDS) -> Command:
    return Command(argv=("zoneadm", "-z", zone, *words), changes=True, timeout=timeout)


def _read_all(completed: Completed) -> tuple[ZoneLine, ...]:
    lines = [_read_line(completed, line) for line in completed.stdout.splitlines()]
    if not lines:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why="not one zone, not even the global one")
    return tuple(line for line in lines if line.name != "global")


def _read_one(completed: Completed) -> ZoneLine | None:
    if completed.exit_status != 0:
        if unknown_zone(completed.stderr):
            return None
        raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)
    lines = completed.stdout.splitlines()
    if len(lines) != 1:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"{len(lines)} lines for one zone")
    return _read_line(completed, lines[0])


def _read_line(completed: Completed, line: str) -> ZoneLine:
    # 7 fields on illumos, 8 (debugid) on OmniOS; later releases may add more behind these.
    fields = [field.replace("\\:", ":") for field in _SEPARATOR.split(line)] if "\\" in line else line.split(":")
    try:
        number, name, state, zonepath, uuid, brand, ip_type = fields[:7]
        if not name or (zonepath not in {"", _UNKNOWN} and not zonepath.startswith("/")):
            raise ValueError(name)
        return ZoneLine(
            name=name,
            state=ZoneState(state),
            zonepath="" if zonepath == _UNKNOWN else zonepath,
            brand="" if brand == _UNKNOWN else brand,
            ip_type="" if ip_type == _UNKNOWN else ip_type,
            uuid=None if uuid in {"", _UNKNOWN} else uuid,
            id=None if number == "-" else int(number),
        )
    except ValueError:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"line {line!r}") from None

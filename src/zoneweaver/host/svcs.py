"""svcs(1): the state of a service.

Offers `find`, and the names of the services that networks need: `IPFILTER` and `DHCP`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from zoneweaver.domain.errors import CommandFailed, Unparseable
from zoneweaver.host.command import Command, Completed, Query

IPFILTER: Final = "svc:/network/ipfilter:default"
DHCP: Final = "svc:/network/service/dhcp:ipv4"


class ServiceState(enum.StrEnum):
    """Where a service stands (smf(7))."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    UNINITIALIZED = "uninitialized"
    LEGACY_RUN = "legacy_run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service instance; `changing` while it is on the way to another state."""

    fmri: str
    state: ServiceState
    changing: bool = False


def find(fmri: str) -> Query[Service | None]:
    """Ask for one service instance; None when the host has none of this name. Raises CommandFailed and Unparseable."""
    command = Command(argv=("svcs", "-H", "-o", "STATE,FMRI", fmri), ok=frozenset({0, 1}))
    return Query(command=command, parse=_read)


_ABSENT: Final = "doesn't match any instances"


def _read(completed: Completed) -> Service | None:
    if completed.exit_status != 0:
        if _ABSENT in completed.stderr:
            return None
        raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)
    try:
        (line,) = completed.stdout.splitlines()
        state, fmri = line.split()
        return Service(fmri=fmri, state=ServiceState(state.removesuffix("*")), changing=state.endswith("*"))
    except ValueError:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why="not one service instance") from None

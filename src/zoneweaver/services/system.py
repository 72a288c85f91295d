"""The agent and its host: health, version, and the numbers people look at first. No process is started for them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from zoneweaver import __version__
from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.tasks import stamp
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import release
from zoneweaver.host.zonexml import Rooted
from zoneweaver.services.keys import Keys
from zoneweaver.store import keys as stored
from zoneweaver.store import zones
from zoneweaver.store.database import Database

NAME: Final = "zoneweaver-agent"

FEATURES: Final = (
    "zones",
    "zfs",
    "vnics",
    "network",
    "provisioning",
    "artifacts",
    "tasks",
    "events",
    "dry-run",
    "metrics",
)
"""What really works here; clients show what they find in this list."""


@dataclass(kw_only=True, slots=True)
class System:
    """What the agent knows of itself and of its host."""

    database: Database
    keys: Keys
    host: Rooted
    clock: Callable[[], float] = time.monotonic
    _started: float = field(default_factory=time.monotonic)

    async def health(self) -> tuple[bool, dict[str, Any]]:
        """Say whether the agent can do its work, and what it is that it cannot do."""
        checks: dict[str, str] = {}
        try:
            await self.database.read(stored.count)
            checks["database"] = "ok"
        except AgentError as error:
            checks["database"] = error.message
        well = all(word == "ok" for word in checks.values())
        return well, {
            "status": "ok" if well else "unavailable",
            "version": __version__,
            "uptime": self.uptime,
            "checks": checks,
        }

    @property
    def uptime(self) -> int:
        """Seconds since the agent started."""
        return int(self.clock() - self._started)

    def version(self) -> dict[str, Any]:
        """Return the version and what it runs on."""
        return {
            "success": True,
            "message": "Version information retrieved",
            "timestamp": stamp(datetime.now(UTC)),
            "name": NAME,
            "version": __version__,
            "python_version": platform.python_version(),
            "platform": self.platform,
            "arch": os.uname().machine,
            "uptime_seconds": self.uptime,
        }

    @property
    def platform(self) -> str:
        """`omnios`, or what the system calls itself."""
        return release.read(self.host).name.lower().split()[0]

    async def status(self) -> dict[str, Any]:
        """Say who we are, to clients without a key."""
        arch = os.uname().machine
        return {
            "role": "agent",
            "agent": NAME,
            "version": __version__,
            "hostname": release.read(self.host).hostname,
            "platform": self.platform,
            "arch": "x86_64" if arch in {"i86pc", "amd64"} else arch,
            "hypervisors": ["bhyve"],
            "auth": ["apikey"],
            "bootstrapAvailable": await self.keys.bootstrap_available(),
            "console": [],
            "features": list(FEATURES),
            "uptime": self.uptime,
        }

    async def stats(self) -> dict[str, Any]:
        """Return the host's numbers and the names of its zones as we last saw them."""
        everyone = [record for record in await self.database.read(_zones) if not record.is_orphaned]
        found = release.read(self.host)
        try:
            load = list(os.getloadavg())
        except OSError:
            load = []
        return {
            "hostname": found.hostname,
            "release": f"{found.name} {found.release}",
            "kernel": found.kernel,
            "arch": found.machine,
            "uptime": int(time.clock_gettime(_SINCE_BOOT)),
            "agent_uptime": self.uptime,
            "cpus": os.cpu_count() or 1,
            "loadavg": [round(number, 2) for number in load],
            "totalmem": _memory("SC_PHYS_PAGES"),
            "freemem": _memory("SC_AVPHYS_PAGES"),
            "allzones": [record.name for record in everyone],
            "runningzones": [record.name for record in everyone if record.status == ZoneState.RUNNING.value],
        }


_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_HIGHRES", time.CLOCK_MONOTONIC))
"""illumos counts CLOCK_HIGHRES (and CLOCK_MONOTONIC, which is the same) from the boot."""


def _memory(name: str) -> int | None:
    """Return a number of pages in bytes, or None where the system does not tell it."""
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGESIZE")
    except (ValueError, OSError):
        return None


def _zones(c: Connection) -> tuple[zones.ZoneRecord, ...]:
    return zones.every(c)

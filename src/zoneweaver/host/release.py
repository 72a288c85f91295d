"""What host this is, as its files and its kernel say; no process is started."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from zoneweaver.host.zonexml import Rooted

_OMNIOS: Final = re.compile(r"OmniOS\s+v11\s+(r\d+\w*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """The host's system. `name` and `release` are from /etc/release where there is one (OmniOS, r151054)."""

    hostname: str
    name: str
    release: str
    kernel: str
    machine: str


def read(host: Rooted) -> Release:
    """Return the facts; on a system without /etc/release the kernel's name and release stand in."""
    kernel = os.uname()
    hostname = _first_line(host, "/etc/nodename") or kernel.nodename
    text = _first_line(host, "/etc/release")
    omnios = _OMNIOS.search(text)
    return Release(
        hostname=hostname,
        name="OmniOS" if omnios else (text or kernel.sysname),
        release=omnios.group(1) if omnios else kernel.release,
        kernel=kernel.version,
        machine=kernel.machine,
    )


def _first_line(host: Rooted, path: str) -> str:
    try:
        with host.path(path).open(encoding="utf-8", errors="replace") as file:
            return file.readline(1000).strip()
    except OSError:
        return ""

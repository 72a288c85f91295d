"""The programs of the machine that the lab is on: a command of the lab may be called with none of them in its PATH."""

from __future__ import annotations

import os

FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
VARIABLE = "ZONEWEAVER_LAB_PROGRAMS"


def path() -> str:
    """Return where programs are looked for: in PATH, then in the variable's folders, otherwise the usual ones."""
    folders = [*os.environ.get("PATH", "").split(":"), *(os.environ.get(VARIABLE) or FOLDERS).split(":")]
    return ":".join(folder for folder in folders if folder and not _is_of_a_lab(folder))


def _is_of_a_lab(folder: str) -> bool:
    """Tell the commands of a lab host: its dhcpd is not the machine's."""
    return os.path.isfile(f"{folder}/zoneadm") and os.path.isdir(f"{os.path.dirname(folder.rstrip('/'))}/state")


def environment() -> dict[str, str]:
    """Return an environment in which programs find each other."""
    return {**os.environ, "PATH": path()}


def find(program: str) -> str | None:
    """Return the file of a program; None when it is not there."""
    from shutil import which

    return which(program, path=path())

"""pfexec(1): run a command with the privileges that the caller's rights profiles give it."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

# Which profile lets which command run as root (exec_attr(5)); Primary Administrator covers everything.
PROFILES = {
    "zoneadm": "Zone Management",
    "zlogin": "Zone Management",
    "zonecfg": "Zone Security",
    "zfs": "ZFS File System Management",
    "zpool": "ZFS Storage Management",
    "dladm": "Network Management",
    "ipadm": "Network Management",
    "routeadm": "Network Management",
}
EVERYTHING = "Primary Administrator"


def assume(world: World, argv: list[str]) -> tuple[str, list[str]]:
    """Take on the privileges for a command of the host and return its name and arguments.

    The setting `profiles` names the caller's profiles; a command outside them just runs unprivileged.
    """
    command = os.path.basename(argv[0])
    profiles = world.setting("profiles", [EVERYTHING])
    if EVERYTHING in profiles or PROFILES.get(command) in profiles:
        world.overrides["euid"] = 0
    return command, argv[1:]


def main(world: World, argv: list[str]) -> int:  # noqa: ARG001 - every command is called alike
    """Run something that is no command of the host, or say that it cannot be run."""
    if not argv:
        sys.stderr.write("pfexec [-P privset] cmd [arg ..]\n")
        return 1
    sys.stdout.flush()
    try:
        if not argv[0]:
            raise FileNotFoundError(errno.ENOENT, "no name")
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"pfexec: unable to execute {argv[0]}: {os.strerror(error.errno or 0)}\n")
    return 1

"""dhcpd: the ISC DHCP server, as far as checking its configuration goes (`dhcpd -t -cf FILE`)."""

from __future__ import annotations

import sys

from labhost.net.dhcp import ConfigError, parse_config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

BANNER = """Internet Systems Consortium DHCP Server 4.4.3-P1
Copyright 2004-2022 Internet Systems Consortium.
All rights reserved.
For info, please visit https://www.isc.org/software/dhcp/"""
FAREWELL = """
If you think you have received this message due to a bug rather
than a configuration issue please read the section on submitting
bugs on either our web page at www.isc.org or in the README file
before submitting a bug.  These pages explain the proper
process and the information we find helpful for debugging.

exiting."""
TAKES_VALUE = ("-cf", "-lf", "-pf", "-tf", "-p", "-s", "-user", "-group", "-chroot", "-play")


def main(world: World, argv: list[str]) -> int:
    """Check the configuration; the server itself is run by the service manager alone."""
    path = "/etc/dhcpd.conf"
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--version":
            print("isc-dhcpd-4.4.3-P1", file=sys.stderr)
            return 0
        if word in TAKES_VALUE and not words:
            print(f"{word}: missing argument", file=sys.stderr)
            return 1
        if word in TAKES_VALUE:
            value = words.pop(0)
            path = value if word == "-cf" else path
    if "-q" not in argv:
        print(BANNER, file=sys.stderr)
    try:
        with open(world.host(path), encoding="utf-8") as file:
            parse_config(path, file.read())
    except OSError as error:
        print(f"Can't open {path}: {error.strerror}{FAREWELL}", file=sys.stderr)
        return 1
    except ConfigError as error:
        print(f"{error.text}\nConfiguration file errors encountered -- exiting{FAREWELL}", file=sys.stderr)
        return 1
    files = "Database file: /var/db/dhcpd.leases\nPID file: /var/run/dhcpd.pid"
    print(f"Config file: {path}\n{files}", file=sys.stderr)
    if "-t" in argv or "-T" in argv:
        return 0
    print("dhcpd runs under its service only", file=sys.stderr)
    return 1

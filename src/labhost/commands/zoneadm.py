"""zoneadm(8): list, install, boot and stop zones."""

from __future__ import annotations

import os
import sys

from labhost.zones import configurations, index, lifecycle, states
from labhost.zones.names import is_zone_name
from labhost.zones.schema import STRINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

USAGE = """usage:\tzoneadm help
\tzoneadm [-z <zone>] [-u <uuid-match>] list [list-options]
\tzoneadm {-z <zone>|-u <uuid-match>} <command>
"""
SHORT = {
    "attach": "attach [-F] [-n <path>] [brand-specific options]",
    "boot": "boot [-- boot_arguments]",
    "clone": "clone [-m method] [-s <ZFS snapshot>] [brand-specific args] zonename",
    "detach": "detach [-n]",
    "halt": "halt",
    "help": "help",
    "install": "install [-x nodataset] [brand-specific args]",
    "list": "list [-cinpv]",
    "mark": "mark [-F] state",
    "move": "move zonepath",
    "ready": "ready",
    "reboot": "reboot [-- boot_arguments]",
    "shutdown": "shutdown [-r [-- boot_arguments]]",
    "uninstall": "uninstall [-F] [brand-specific args]",
    "verify": "verify",
}
# commands that need all privileges, with the word of the complaint
_UNSAFE_WHEN_ACTIVE = ("attach", "clone", "detach", "install", "mark", "move", "uninstall")
_NEEDS_RUNNING = ("reboot", "shutdown")


class Refused(Exception):
    """zoneadm says no: the lines of standard error and the exit code."""

    def __init__(self, *lines: str, code: int = 1) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


def main(world: World, argv: list[str]) -> int:
    """Run zoneadm: 0 done, 1 not done, 2 usage."""
    zone, at = "", 0
    while at < len(argv) and argv[at][:1] == "-" and len(argv[at]) > 1:
        flag, value = argv[at][1], argv[at][2:]
        at += 1
        if flag not in "zuR":
            return _usage()
        if not value:
            if at >= len(argv):
                return _usage()
            value = argv[at]
            at += 1
        if flag == "z":
            zone = value
        elif flag == "u":
            zone = next((e.name for e in index.entries(world).values() if e.uuid and e.uuid.startswith(value)), "")
            if not zone:
                return _say("zoneadm: no such zone: uuid does not match", 1)
    words = argv[at:]
    if not words or words[0] not in SHORT:
        if words:
            sys.stderr.write(f"zoneadm: {words[0]}: not a command\n")
        return _usage()
    command, rest = words[0], words[1:]
    if command == "help":
        sys.stdout.write(USAGE + "".join(f"\t{text}\n" for text in SHORT.values()))
        return 0
    if command != "list" and not zone:
        return _usage()
    if zone and not is_zone_name(zone):
        return _say(f"zoneadm: {zone}: {STRINGS['bogus name']}", 2)
    try:
        if command == "list":
            return _list(world, zone, rest)
        return _act(world, zone, command, rest)
    except Refused as refusal:
        return _say("\n".join(refusal.lines), refusal.code)


def _say(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def _usage() -> int:
    sys.stderr.write(USAGE)
    return 2


def _short(command: str) -> Refused:
    return Refused(f"usage:\t{SHORT[command]}", code=2)


def _about(zone: str, text: str) -> str:
    return f"zoneadm: zone '{zone}': {text}"


def _list(world: World, zone: str, rest: list[str]) -> int:
    flags: set[str] = set()
    for word in rest:
        if word[:1] != "-" or len(word) < 2 or not set("cinpv").issuperset(word[1:]):
            raise _short("list")
        flags.update(word[1:])
    if "p" in flags and "v" in flags:
        raise Refused("zoneadm: list -p and -v are mutually exclusive.")
    if zone and flags & set("cin"):
        raise _short("list")
    from labhost.zones import listing

    if zone:
        found = listing.row(world, zone)
        if found is None:
            raise Refused(f"zoneadm: {zone}: {STRINGS['no zone']}")
        rows = [found]
    else:
        rows = listing.rows(world, configured="c" in flags, installed="i" in flags, everything_global="n" not in flags)
    if "p" in flags:
        lines = [row.parsable() for row in rows]
    elif "v" in flags:
        lines = [f"{'ID':>4} {'NAME':<16} {'STATUS':<14} {'PATH':<30} {'BRAND':<8} {'IP':<6}"]
        lines += [
            f"{row.zoneid:>4} {row.name:<16} {row.state:<14} {row.path:<30} {row.brand:<8} {row.iptype:<6}"
            for row in rows
        ]
    else:
        lines = [row.name for row in rows]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _act(world: World, zone: str, command: str, rest: list[str]) -> int:
    found = states.state(world, zone)
    if found is None:
        raise Refused(f"zoneadm: {zone}: {STRINGS['no zone']}")
    if world.setting("euid", 0) != 0:
        raise Refused(_about(zone, f"only a privileged user may {command} a zone."))
    if zone in world.setting("not_authorized", ()):
        raise Refused(_about(zone, f"User {world.setting('user', 'root')} is not authorized to {command} this zone."))
    if zone == "global":
        raise Refused(_about(zone, f"{command} operation is invalid for the global zone."))
    if command == "verify":
        if rest:
            raise _short(command)
        _check_state(zone, command, found)
        _verify(world, zone, "verify")
        return 0
    options = _options(command, rest)
    if command in ("attach", "detach") and "n" in options:
        return _rehearse(world, zone, command, options)
    _check_state(zone, command, found)
    if command == "shutdown" and states.alive((lifecycle.record(world, zone) or {}).get("shutting", -1)):
        raise _failed(zone, [f"zone '{zone}': shutdown already in progress"])
    from labhost.zones.locking import ZoneLock

    with ZoneLock(world, zone):
        # Somebody else may have had the zone while this one waited.
        now = states.state(world, zone)
        if now is None:
            raise Refused(f"zoneadm: {zone}: {STRINGS['no zone']}")
        _check_state(zone, command, now)
        code: int = globals()[f"_{command}"](world, zone, now, options)
        return code


def _options(command: str, rest: list[str]) -> dict[str, str]:
    """Return the options of a subcommand; its operands joined under the empty key."""
    flags = {
        "attach": "Fn", "clone": "ms", "detach": "n", "install": "x", "mark": "F", "shutdown": "r", "uninstall": "F",
    }.get(command, "")  # fmt: skip
    valued = {"attach": "n", "clone": "ms", "install": "x"}.get(command, "")
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        word = rest[at]
        at += 1
        if word == "--":
            found["--"] = " ".join(rest[at:])
            break
        if word[:1] == "-" and len(word) > 1:
            if not set(flags).issuperset(word[1:]):
                raise _short(command)
            for flag in word[1:]:
                if flag in valued:
                    if at >= len(rest):
                        raise _short(command)
                    found[flag] = rest[at]
                    at += 1
                else:
                    found[flag] = "yes"
        elif command in ("clone", "mark", "move") and "" not in found:
            found[""] = word
        else:
            raise _short(command)
    if (command in ("clone", "mark", "move")) != ("" in found):
        raise _short(command)
    if "x" in found and found["x"] != "nodataset":
        raise _short(command)
    if command == "mark" and found[""] not in (
        ("configured", "incomplete", "installed") if "F" in found else ("incomplete",)
    ):
        raise _short(command)
    return found


def _check_state(zone: str, command: str, found: str) -> None:
    """Refuse what the zone's state does not allow, as zoneadm itself does before asking zoneadmd."""
    active = states.at_least(found, "ready")
    if command in _NEEDS_RUNNING and not active:
        raise Refused(_about(zone, "not running"))
    if command in _UNSAFE_WHEN_ACTIVE and active:
        raise Refused(_about(zone, f"{command} operation is invalid for {found} zones."))
    if command == "uninstall" and found == "configured":
        raise Refused(_about(zone, "is already in state 'configured'."))
    if command in ("install", "clone", "attach"):
        if found == "installed":
            raise Refused(_about(zone, "is already installed."))
        if found == "incomplete":
            raise Refused(_about(zone, "zone is incomplete; uninstall required."))
    if command == "verify" and found == "incomplete":
        raise Refused(_about(zone, "zone is incomplete; uninstall required."))
    if command in ("detach", "move", "ready", "boot") and not states.at_least(found, "installed"):
        raise Refused(_about(zone, f"must be installed before {command}."))


def _verify(world: World, zone: str, command: str) -> None:
    """Check a zone. Raises Refused."""
    from labhost.zones.verifying import complaints, overlapping

    try:
        config = configurations.load(world, zone)
    except configurations.NoZone:
        raise Refused(f"zoneadm: {zone}: could not get zone path: {STRINGS['no zone']}") from None
    except configurations.BadDocument:
        raise Refused(f"zoneadm: {zone}: {STRINGS['document']}") from None
    if command == "install":
        complaint = overlapping(world, zone, config.get("zonepath"))
        if complaint:
            raise Refused(_about(zone, complaint))
    said = complaints(world, config)
    if said:
        raise Refused(*said, f"zoneadm: zone {zone} failed to verify")
    if command in ("verify", "boot") and not config.get("debugid") and zone != "global":
        configurations.give_debug_id(world, config)
        configurations.save(world, config)


def _brand(zone: str, act: object) -> int:
    """Do a brand's work; what it says when it fails goes to standard error."""
    from labhost.zones.install import BrandFailed

    try:
        act()  # type: ignore[operator]
    except BrandFailed as problem:
        raise Refused(*problem.lines[:-1], _about(zone, problem.lines[-1])) from None
    return 0


def _install(world: World, zone: str, _now: str, options: dict[str, str]) -> int:
    from labhost.zones.install import install

    _verify(world, zone, "install")
    return _brand(zone, lambda: install(world, zone, dataset="x" not in options))


def _uninstall(world: World, zone: str, _now: str, options: dict[str, str]) -> int:
    if "F" not in options:
        if not (sys.stdin is not None and sys.stdin.isatty()):
            raise Refused(_about(zone, "Input not from terminal and -F not specified: uninstall not done."))
        sys.stdout.write(f"Are you sure you want to uninstall zone {zone} (y/[n])? ")
        sys.stdout.flush()
        if not sys.stdin.readline().strip().lower().startswith("y"):
            return 0
    from labhost.zones.install import mounted_below, uninstall

    entry = index.entry(world, zone)
    path = entry.path if entry is not None else ""
    mounted = mounted_below(world, path)
    if mounted:
        complaint = _about(zone, f"These file systems are mounted on subdirectories of {path}/root.")
        raise Refused(complaint, *(f"  {place}" for place in mounted))
    lifecycle.notice(world, zone, lifecycle.UNINSTALLED)
    return _brand(zone, lambda: uninstall(world, zone, path))


def _failed(zone: str, lines: list[str]) -> Refused:
    return Refused(*lines, _about(zone, "call to zoneadmd failed"))


def _invalid(zone: str, command: str, now: str) -> Refused:
    """Say what zoneadmd says of a command that makes no sense in the zone's state."""
    return _failed(zone, [f"zone '{zone}': {command} operation is invalid for zones in state '{now}'"])


def _ready(world: World, zone: str, now: str, _options: dict[str, str]) -> int:
    from labhost.zones.boot import BootFailed, halt, ready

    _verify(world, zone, "boot")
    if now == "ready":
        return _say(f"zone '{zone}': zone is already ready", 0)
    if now == "mounted":
        raise _invalid(zone, "ready", now)
    # What runs is stopped first.
    halt(world, zone)
    try:
        ready(world, zone)
    except BootFailed as problem:
        raise _failed(zone, problem.lines) from None
    lifecycle.change(world, zone, _id(world, zone), pid=None)
    lifecycle.notice(world, zone, lifecycle.READIED)
    return 0


def _id(world: World, zone: str) -> int:
    record = lifecycle.record(world, zone)
    return int(record["zoneid"]) if record is not None else -1


def _boot(world: World, zone: str, now: str, _options: dict[str, str]) -> int:
    from labhost.zones.boot import BootFailed, boot

    _verify(world, zone, "boot")
    if now == "mounted":
        raise _invalid(zone, "boot", now)
    if now not in ("installed", "ready"):
        return _say(f"zone '{zone}': zone is already booted", 0)
    try:
        boot(world, zone)
    except BootFailed as problem:
        raise _failed(zone, problem.lines) from None
    return 0


def _halt(world: World, zone: str, now: str, _options: dict[str, str]) -> int:
    if now == "installed":
        return _say(f"zone '{zone}': zone is already halted", 0)
    if not states.at_least(now, "ready") or now == "mounted":
        raise _invalid(zone, "halt", now)
    from labhost.zones.boot import halt

    halt(world, zone)
    return 0


def _shutdown(world: World, zone: str, now: str, options: dict[str, str]) -> int:
    from labhost.zones.boot import SHUTDOWN_LIMIT, ask

    if now in ("ready", "mounted"):
        raise _invalid(zone, "shutdown", now)
    zoneid = _id(world, zone)
    lifecycle.change(world, zone, zoneid, shutting=os.getpid())
    if not ask(world, zone, zoneid, SHUTDOWN_LIMIT):
        lifecycle.change(world, zone, zoneid, shutting=-1)
        raise _failed(zone, [f"zone '{zone}': unable to shutdown zone"])
    if "r" in options:
        return _boot(world, zone, "installed", {})
    return 0


def _reboot(world: World, zone: str, now: str, _options: dict[str, str]) -> int:
    from labhost.zones.boot import halt

    _verify(world, zone, "boot")
    if now in ("ready", "mounted"):
        raise _invalid(zone, "reboot", now)
    halt(world, zone, notice=lifecycle.REBOOTING)
    return _boot(world, zone, "installed", {})


def _mark(world: World, zone: str, _now: str, options: dict[str, str]) -> int:
    state = options[""]
    entry = index.entry(world, zone)
    uuid = "" if state == "configured" else None if entry is not None and entry.uuid else index.new_uuid()
    index.set_state(world, zone, state, uuid)
    return 0


def _rehearse(world: World, zone: str, command: str, options: dict[str, str]) -> int:
    """Do `attach -n` or `detach -n`: say what would be, whatever the zone's state."""
    if "F" in options:
        raise Refused(_about(zone, "-F and -n flags are mutually exclusive"))
    if command == "detach":
        sys.stdout.write(configurations.text_at(configurations.place(world, zone)))
    return 0


def _attach(world: World, zone: str, _now: str, _options: dict[str, str]) -> int:
    entry = index.entry(world, zone)
    path = entry.path if entry is not None else ""
    if not os.path.isdir(world.host(path)):
        from labhost.zones.install import make_dataset

        make_dataset(world, path)
        if not os.path.isdir(world.host(path)):
            raise Refused(f"zoneadm: {zone}: could not access {path}: No such file or directory")
    index.set_state(world, zone, "installed", index.new_uuid())
    configurations.remove(world.host(f"{path}/SUNWdetached.xml"))
    return 0


def _detach(world: World, zone: str, _now: str, _options: dict[str, str]) -> int:
    entry = index.entry(world, zone)
    path = entry.path if entry is not None else ""
    text = configurations.text_at(configurations.place(world, zone))
    configurations.replace(world.host(f"{path}/SUNWdetached.xml"), text)
    index.set_state(world, zone, "configured", "")
    return 0


def _clone(world: World, zone: str, _now: str, options: dict[str, str]) -> int:
    source = options[""]
    found = states.state(world, source)
    if found is None:
        raise Refused(f"zoneadm: {source}: {STRINGS['no zone']}")
    if states.at_least(found, "ready"):
        raise Refused(_about(source, f"clone operation is invalid for {found} zones."))
    if found != "installed":
        raise Refused(_about(source, "must be installed before clone."))
    from labhost.zones.install import clone

    _verify(world, zone, "install")
    snapshot, copy = options.get("s", ""), options.get("m") == "copy"
    return _brand(zone, lambda: clone(world, zone, source, snapshot=snapshot, copy=copy))


def _move(world: World, zone: str, _now: str, options: dict[str, str]) -> int:
    target = options[""]
    if not target.startswith("/"):
        raise Refused(_about(zone, f"{target} is not an absolute path."))
    if os.path.normpath(target) != target:
        raise Refused(f"zoneadm: {target}: {STRINGS['resolved']}")
    there = world.host(target)
    if os.path.lexists(there):
        if not os.path.isdir(there) or os.path.islink(there):
            raise Refused(_about(zone, "zonepath must be a directory"))
        if os.listdir(there):
            raise Refused(f"could not move zone to {target}: directory not empty")
        os.rmdir(there)
    from labhost.zones.install import move

    move(world, zone, target)
    return 0

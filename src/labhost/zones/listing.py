"""`zoneadm list`: all zones at a glance, without opening a configuration that did not change since the last look."""

from __future__ import annotations

import os

from labhost.zones import configurations, index, states
from labhost.zones.document import parse, root_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Facts = tuple[str, str, str]  # brand, ip-type, debugid

_UNKNOWN = ("???", "???", "")


class Row:
    """One zone of the list."""

    __slots__ = ("brand", "debugid", "iptype", "name", "path", "state", "uuid", "zoneid")

    def __init__(self, zoneid: str, entry: index.Entry, state: str, facts: Facts) -> None:
        self.zoneid = zoneid
        self.name = entry.name
        self.state = state
        self.path = entry.path
        self.uuid = entry.uuid
        self.brand, self.iptype, self.debugid = facts

    def parsable(self) -> str:
        """Return the row as `-p` prints it: eight fields, colons in the path escaped."""
        path = self.path.replace(":", "\\:") if ":" in self.path else self.path
        return f"{self.zoneid}:{self.name}:{self.state}:{path}:{self.uuid}:{self.brand}:{self.iptype}:{self.debugid}"


def rows(world: World, *, configured: bool, installed: bool, everything_global: bool = True) -> list[Row]:
    """Return the zones: active ones by id (global first), then with `installed` or `configured` the others."""
    known = index.entries(world)
    running: dict[str, dict[str, Any]] = states.active(world)
    named = [name for name in sorted(running, key=lambda name: running[name]["zoneid"]) if name in known]
    found = []
    facts = _Facts(world)
    if everything_global:
        found.append(Row("0", index.Entry("global", "running", "/"), "running", ("ipkg", "shared", "0")))
    found.extend(Row(str(running[n]["zoneid"]), known[n], running[n]["state"], facts.of(n)) for n in named)
    if configured or installed:
        for name, entry in known.items():
            if name != "global" and name not in running and (configured or entry.state == "installed"):
                found.append(Row("-", entry, entry.state, facts.of(name)))
    facts.keep()
    return found


def row(world: World, name: str) -> Row | None:
    """Return one zone, whatever its state."""
    if name == "global":
        return Row("0", index.Entry("global", "running", "/"), "running", ("ipkg", "shared", "0"))
    entry = index.entry(world, name)
    if entry is None:
        return None
    zone = states.active(world).get(name)
    facts = _Facts(world)
    made = Row(str(zone["zoneid"]) if zone else "-", entry, zone["state"] if zone else entry.state, facts.of(name))
    facts.keep()
    return made


class _Facts:
    """What the list takes from configurations, remembered beside the state by each file's time, size and number."""

    __slots__ = ("changed", "folder", "kept", "place")

    def __init__(self, world: World) -> None:
        self.folder = world.host(configurations.FOLDER)
        self.place = f"{world.path}/state/listing.cache"
        self.kept: dict[str, list[str]] = {}
        self.changed = False
        try:
            with open(self.place, encoding="utf-8") as file:
                self.kept = {line[: line.index("\t")]: line.split("\t") for line in file.read().split("\n") if line}
        except (OSError, ValueError):
            self.kept = {}

    def of(self, name: str) -> Facts:
        """Return brand, ip-type and debugid of a zone; question marks for what cannot be found."""
        path = f"{self.folder}/{name}.xml"
        try:
            stat = os.stat(path)
        except OSError:
            return _UNKNOWN
        mark = f"{stat.st_mtime_ns}.{stat.st_size}.{stat.st_ino}"
        kept = self.kept.get(name)
        if kept is not None and len(kept) == 5 and kept[1] == mark:
            return kept[2], kept[3], kept[4]
        try:
            text = configurations.text_at(path)
            try:
                root = root_of(text)
            except ValueError:
                root = parse(text).root
        except (OSError, ValueError):
            return _UNKNOWN
        facts = (
            root.get("brand") or "???",
            "shared" if root.get("ip-type", "shared") == "shared" else "excl",
            root.get("debugid", ""),
        )
        self.kept[name] = [name, mark, *facts]
        self.changed = True
        return facts

    def keep(self) -> None:
        """Write down what was new."""
        if not self.changed:
            return
        passing = f"{self.place}.{os.getpid()}"
        try:
            with open(passing, "w", encoding="utf-8") as file:
                file.write("\n".join("\t".join(kept) for kept in self.kept.values()) + "\n")
            os.rename(passing, self.place)
        except OSError:
            return

"""The zone index, `/etc/zones/index`: lines `name:state:zonepath:uuid`, rewritten as a whole under its own lock."""

from __future__ import annotations

import fcntl
import os

from labhost.world import Whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

PLACE = "/etc/zones/index"
LOCK = "/var/run/zones/index.lock"


class Entry:
    """One zone of the index; `state` is configured, incomplete or installed."""

    __slots__ = ("name", "path", "state", "uuid")

    def __init__(self, name: str, state: str, path: str, uuid: str = "") -> None:
        self.name = name
        self.state = state
        self.path = path
        self.uuid = uuid

    def line(self) -> str:
        """Return the entry as it stands in the file."""
        path = f'"{self.path}"' if ":" in self.path else self.path
        return f"{self.name}:{self.state}:{path}:{self.uuid}"


def _entry(line: str) -> Entry | None:
    if not line or line[0] == "#":
        return None
    name, _, rest = line.partition(":")
    state, _, rest = rest.partition(":")
    if rest[:1] == '"':
        path, _, uuid = rest[1:].partition('"')
        uuid = uuid.lstrip(":")
    else:
        path, _, uuid = rest.partition(":")
    return Entry(name, state, path, uuid.strip()) if name and state else None


def _lines(world: World) -> list[str]:
    try:
        with open(world.host(PLACE), encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            return file.read().rstrip("\n").split("\n")
    except FileNotFoundError:
        return []


def entries(world: World) -> dict[str, Entry]:
    """Return all zones in the order of the index, `global` among them."""
    found = {}
    for line in _lines(world):
        entry = _entry(line)
        if entry is not None:
            found[entry.name] = entry
    return found


def entry(world: World, name: str) -> Entry | None:
    """Return one zone of the index."""
    start = name + ":"
    for line in _lines(world):
        if line.startswith(start):
            return _entry(line)
    return None


class Editing:
    """Holds the index for a change (waits for others); what was changed is written at the end of the `with` block."""

    __slots__ = ("file", "lines", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.file = -1
        self.lines: list[str] = []

    def __enter__(self) -> Editing:  # noqa: PYI034
        self.file = os.open(self.world.host(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.lockf(self.file, fcntl.LOCK_EX)
        self.lines = _lines(self.world)
        return self

    def get(self, name: str) -> Entry | None:
        """Return one zone as it is in the index being edited."""
        for line in self.lines:
            if line.startswith(name + ":"):
                return _entry(line)
        return None

    def put(self, entry: Entry, old_name: str = "") -> None:
        """Replace the zone's line (or that of its old name), or add one at the end."""
        start = (old_name or entry.name) + ":"
        for place, line in enumerate(self.lines):
            if line.startswith(start):
                self.lines[place] = entry.line()
                return
        self.lines.append(entry.line())

    def drop(self, name: str) -> None:
        """Take the zone's line away."""
        self.lines = [line for line in self.lines if not line.startswith(name + ":")]

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                place = self.world.host(PLACE)
                passing = f"{place}.{os.getpid()}"
                with Whole():
                    with open(passing, "w", encoding="utf-8", errors="surrogateescape") as file:
                        file.write("\n".join(self.lines) + "\n")
                    os.rename(passing, place)
        finally:
            os.close(self.file)


def set_state(world: World, name: str, state: str, uuid: str | None = None) -> None:
    """Move a zone of the index to another state; `uuid` replaces its identity unless None."""
    with Editing(world) as index:
        found = index.get(name)
        if found is not None:
            found.state = state
            if uuid is not None:
                found.uuid = uuid
            index.put(found)


def new_uuid() -> str:
    """Return a random UUID in its usual form."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

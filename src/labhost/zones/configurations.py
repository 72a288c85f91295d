"""The configuration files of zones, `/etc/zones/NAME.xml`: read, replaced as a whole, renamed and removed."""

from __future__ import annotations

import os

from labhost.world import Whole
from labhost.zones.document import Config, parse, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

FOLDER = "/etc/zones"
RUN = "/var/run/zones"


class NoZone(Exception):
    """No zone of this name is configured."""


class BadDocument(Exception):
    """The file is no configuration of a zone."""


def place(world: World, name: str) -> str:
    """Return the file of a zone's configuration on this machine."""
    return f"{world.host(FOLDER)}/{name}.xml"


def snapshot_place(world: World, name: str) -> str:
    """Return the file that keeps the configuration a ready or running zone was booted with."""
    return f"{world.host(RUN)}/{name}.snapshot.xml"


def text_at(path: str) -> str:
    """Return a configuration file's text."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = b""
        while True:
            piece = os.read(number, 1 << 20)
            if not piece:
                return found.decode("utf-8", "surrogateescape")
            found += piece
    finally:
        os.close(number)


def load(world: World, name: str) -> Config:
    """Return a zone's configuration; the global zone has one without a file."""
    return _load(name, place(world, name))


def load_snapshot(world: World, name: str) -> Config:
    """Return the configuration that a ready or running zone was booted with."""
    return _load(name, snapshot_place(world, name))


def _load(name: str, path: str) -> Config:
    try:
        text = text_at(path)
    except (FileNotFoundError, NotADirectoryError):
        if name == "global":
            return Config({"name": "global", "zonepath": "/", "autoboot": "true", "brand": "ipkg", "ip-type": "shared"})
        raise NoZone(name) from None
    try:
        return parse(text)
    except ValueError as problem:
        raise BadDocument(str(problem)) from None


def replace(path: str, text: str) -> None:
    """Put a file in place of what was there, in one move."""
    passing = f"{path}.{os.getpid()}"
    with Whole():
        number = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.write(number, text.encode("utf-8", "surrogateescape"))
        finally:
            os.close(number)
        os.rename(passing, path)


def save(world: World, config: Config) -> None:
    """Replace a zone's configuration file by this one, whatever others wrote meanwhile."""
    replace(place(world, config.get("name")), render(config))


def remove(path: str) -> None:
    """Remove a file, if it is there; a folder in its place stays."""
    try:
        os.unlink(path)
    except (FileNotFoundError, IsADirectoryError):
        return


def give_debug_id(world: World, config: Config) -> bool:
    """Give the configuration the number that the zone's name has for debugging; tell whether it had none."""
    if config.get("debugid"):
        return False
    name = config.get("name")
    with world.lock("debugids"):
        state = world.read("debugids")
        if name not in state:
            state[name] = max(state.values(), default=0) + 1
            world.write("debugids", state)
        config.root["debugid"] = str(state[name])
    return True

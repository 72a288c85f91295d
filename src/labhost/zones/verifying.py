"""What zoneadm checks before it installs or boots a zone."""

from __future__ import annotations

import os

from labhost.zones import index
from labhost.zones.schema import STRINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config


def complaints(world: World, config: Config) -> list[str]:
    """Return why a zone fails to verify; empty when it does not."""
    said = []
    name, path = config.get("name"), config.get("zonepath")
    entry = index.entry(world, name)
    if entry is not None and entry.path != path:
        said.append(
            f"The XML repository has zonepath '{path}',\nbut the index file has zonepath '{entry.path}'.\n"
            "These must match, so fix the incorrect entry."
        )
        return said
    if os.path.normpath(path) != path:
        return [
            f"zoneadm: {path}: {STRINGS['resolved']}",
            f"could not verify zonepath {path} because of the above errors.",
        ]
    place = world.host(path)
    parent = os.path.dirname(place.rstrip("/"))
    try:
        mode = os.stat(parent).st_mode
        if mode & 0o022:
            writer = "group" if mode & 0o020 else "other"
            said.append(f"{os.path.dirname(path)} must not be {writer} writable.")
    except FileNotFoundError:
        said.append(f"{os.path.dirname(path)}: No such file or directory")
    if os.path.islink(place):
        said.append(f"{path} must not be a symbolic link.")
    for fs in config.of("fs"):
        special = fs.get("special")
        if fs.get("type") == "lofs" and not os.path.exists(world.host(special)):
            said.append(f"could not verify fs {fs.get('dir')}: could not access {special}: No such file or directory")
    wanted = [dataset.get("name") for dataset in config.of("dataset")]
    if wanted:
        there = world.read("zfs").get("datasets", {})
        said.extend(
            f"could not verify zfs dataset {each}: dataset does not exist" for each in wanted if each not in there
        )
    return said


def overlapping(world: World, name: str, path: str) -> str:
    """Return the complaint about another installed zone whose zonepath overlaps this one, or nothing."""
    mine = path.rstrip("/") + "/"
    for entry in index.entries(world).values():
        if entry.name in (name, "global") or entry.state == "configured":
            continue
        theirs = entry.path.rstrip("/") + "/"
        if mine.startswith(theirs) or theirs.startswith(mine):
            return f"{name} zonepath ({path}) and {entry.name} zonepath ({entry.path}) overlap."
    return ""


def repair_mode(world: World, path: str) -> list[str]:
    """Make an existing zonepath 0700 and return what zoneadm says meanwhile."""
    place = world.host(path)
    try:
        mode = os.stat(place).st_mode
    except FileNotFoundError:
        return []
    said = []
    for bit, text in (
        (0o040, "group readable"), (0o020, "group writable"), (0o010, "group executable"),
        (0o004, "world readable"), (0o002, "world writable"), (0o001, "world executable"),
    ):  # fmt: skip
        if mode & bit:
            said.append(f"{path} must not be {text}.")
    if said:
        os.chmod(place, 0o700)
        said.append(f"{path}: changing permissions to 0700.")
    return said

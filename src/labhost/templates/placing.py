"""Putting a template of the cache into a world: the volume `rpool/templates/NAME` with its snapshot `@ready`."""

from __future__ import annotations

import os

from labhost.templates.cache import TemplateError
from labhost.zfs import contents, layers, snapshots
from labhost.zfs.change import Change
from labhost.zfs.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.templates.cache import Template
    from labhost.world import World

FOLDER, SNAPSHOT = "rpool/templates", "ready"
_EMPTY = 8 << 30  # bytes of the volume of a template without a disk
_GRAIN = 1 << 20  # a volume's size is a multiple of it


def dataset(name: str) -> str:
    """Return the name of a template's volume."""
    return f"{FOLDER}/{name}"


def put(world: World, template: Template) -> bool:
    """Put a template into a world; False when it is there already. Raises TemplateError when there is none to put."""
    name = dataset(template.name)
    if not template.has_root and not template.has_disk:
        raise TemplateError(f"there is no template {template.name}: build or import it")
    known = world.read("zfs").get("datasets", {}).get(name)
    if known is not None and SNAPSHOT in known.get("snapshots", {}):
        return False
    size = -(-os.stat(template.disk).st_size // _GRAIN) * _GRAIN if template.has_disk else _EMPTY
    passing = f"{world.path}/volumes/template.{os.getpid()}"
    try:
        if template.has_disk:
            # Ahead of the lock: it takes longer than anybody should wait.
            contents.copy_volume(template.disk, passing, size)
        with Change(world) as datasets:
            if name not in datasets.all:
                datasets.create_volume(name, size, sparse=True, parents=True)
            objset = datasets.all[name]["objset"]
            if template.has_root:
                layers.begin(world, objset, os.path.realpath(template.root))
            # Of a volume that is still empty, so that nothing is copied twice; then both get their content.
            snapshots.take(datasets, [f"{name}@{SNAPSHOT}"], {})
            if template.has_disk:
                facts = datasets.all[name]["snapshots"][SNAPSHOT]
                _share(template.disk, contents.place(world, facts["objset"]), size)
                os.rename(passing, contents.place(world, objset))
                facts["refer"] = Space(datasets).referenced(datasets.all[name])
                facts["mark"] = snapshots.mark(datasets, name)
    finally:
        if os.path.exists(passing):
            os.unlink(passing)
    return True


def _share(disk: str, kept: str, size: int) -> None:
    """Let a snapshot's file be the cache's own, where both are on one file system: neither is ever written."""
    if os.stat(disk).st_size == size:
        try:
            os.link(disk, kept)
        except OSError:
            pass
        else:
            return
    contents.copy_volume(disk, kept, size)

"""What the stages of a pipeline do the same way: having nothing to do, and finding the tree, the guest and its disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.names import DatasetName
from zoneweaver.domain.pipeline import SKIP
from zoneweaver.domain.provisioning import DATASET
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.host import zfs
from zoneweaver.tasks.context import Context

NOTHING: Final[Mapping[str, Any]] = {}
"""The survey of a stage that has nothing to do: no steps follow from it."""


async def left_out(ctx: Context) -> bool:
    """Say whether the stage has nothing to do; the reason is then what its row says."""
    why = ctx.params.get(SKIP)
    if why is None:
        return False
    await skip(ctx, why)
    return True


async def skip(ctx: Context, why: str) -> None:
    """Tell why there is nothing to do."""
    await ctx.say(f"nothing to do: {why}\n")
    await ctx.progress(None, "skipped", skipped=why)


def tree_of(root: str) -> str:
    """Return the dataset that a zone's artifact is unpacked into."""
    return f"{root}/provisioning"


async def place_of(ctx: Context, root: str) -> str:
    """Return where the tree lies on the host. Raises NotFound when there is none, or it is not mounted."""
    name = tree_of(root)
    found = (await ctx.ask(zfs.survey([name]))).get(name)
    if found is None:
        raise NotFound(f"Dataset {name} does not exist: no artifact has been unpacked", code="no_tree")
    if found.mountpoint is None or not found.mounted:
        raise NotFound(f"Dataset {name} is not mounted", code="no_tree")
    return found.mountpoint


async def tree(ctx: Context, root: str) -> Path | None:
    """Return the zone's tree on this machine, or None when there is none."""
    try:
        return ctx.host.path(await place_of(ctx, root))
    except NotFound:
        return None


def source_of(tree: Path, source: str) -> Path:
    """Return the folder of a tree that a configuration means. Raises NotFound, also when a link leads out of it."""
    wanted = tree if source == DATASET else tree / source
    found = wanted.resolve()
    if not found.is_relative_to(tree.resolve()) or not found.exists():
        raise NotFound(f"{source} is not in the artifact that was unpacked", code="no_source")
    return found


def boot_volume(config: ZoneConfig | None) -> str | None:
    """Return the dataset that a zone boots from, or None when it has none."""
    named = None if config is None else config.disks.get("bootdisk")
    if named is None:
        return None
    for prefix in ("/dev/zvol/rdsk/", "/dev/zvol/dsk/"):
        named = named.removeprefix(prefix)
    return None if named.startswith("/") else str(DatasetName.parse(named))

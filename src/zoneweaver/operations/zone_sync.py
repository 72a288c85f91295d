"""zone_sync: folders of the zone's tree brought into the guest, one after the other; the first that fails ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.tasks import Kind
from zoneweaver.guest import ssh
from zoneweaver.operations import guests, stages, syncing
from zoneweaver.operations.guests import Access
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step


class ZoneSync:
    """Bring folders into the guest. Parameters: `folders`, `access`, `root`; or `skip`.

    What has arrived in the guest is not taken away again: the next sync puts it right.
    """

    kind = Kind.ZONE_SYNC

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """See that there is a tree, and each folder in it. Raises NotFound."""
        if await stages.left_out(ctx):
            return stages.NOTHING
        if not ctx.dry:  # in a plan the artifact is not unpacked yet
            tree = ctx.host.path(await stages.place_of(ctx, ctx.params["root"]))
            for folder in ctx.params["folders"]:
                stages.source_of(tree, folder["source"])
        return {"folders": len(ctx.params["folders"])}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return a step for each folder."""
        if not survey:
            return []
        access = Access.from_json(ctx.params["access"])
        folders = ctx.params["folders"]
        return [_bring(folder, access, number, len(folders)) for number, folder in enumerate(folders)]


def _bring(folder: Mapping[str, Any], access: Access, number: int, count: int) -> Step[Context]:
    first = 5 + 90 * number // count
    status = f"syncing_folder_{number + 1}_of_{count}"

    async def do(ctx: Context, outputs: Outputs) -> dict[str, Any]:
        tree = ctx.host.path(await stages.place_of(ctx, ctx.params["root"]))
        source = stages.source_of(tree, folder["source"])

        async def progress(percent: int) -> None:
            await ctx.progress(first + 90 * percent // (100 * count), status)

        await ctx.say(f"{folder['source']} to {folder['dest']}\n")
        where = await guests.target(ctx, access)
        async with ctx.waiting(), ssh.connect(where, access.identity(tree)) as made:
            facts = await syncing.sync(ctx, made, folder, source, access=access, progress=progress)
        done = [outputs[name] for name in (f"folder {before + 1}" for before in range(number)) if name in outputs]
        await ctx.progress(None, status, folders=[*done, facts])
        return facts

    facts = {name: folder[name] for name in ("source", "dest", "exclude", "owner", "group", "delete") if name in folder}
    return Step(name=f"folder {number + 1}", do=do, progress=first, status=status, facts=facts)

"""zone_provision: the provisioners, in order, between two snapshots; the first that fails ends it.

What provisioners did to the guest is not undone when one fails: the snapshot from before is the way back, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoneweaver.domain.errors import AgentError, Failed
from zoneweaver.domain.secret import masked
from zoneweaver.domain.tasks import Kind
from zoneweaver.guest import ssh
from zoneweaver.host import zfs
from zoneweaver.operations import attachment, guests, provisioners, snapshots, stages
from zoneweaver.operations.guests import Access
from zoneweaver.store import provisionings
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

FACTS: Final = "provisioners"
"""The name under which `progress_info` tells what came of each provisioner."""


class ZoneProvision:
    """Run provisioners.

    Parameters: `provisioners`, `variables`, `access`, `root`; or `skip`; and `detach`, whether the card on the
    provisioning network is taken away at the end. It also marks the zone as provisioned, so that it has a step even
    when it is left out.
    """

    kind = Kind.ZONE_PROVISION

    async def survey(self, ctx: Context) -> Mapping[str, Any]:
        """Find the disk and the tree that snapshots are taken of. Raises Conflict when one is in the way."""
        if await stages.left_out(ctx):
            return {"datasets": [], "count": 0, "there": [], "attached": _attached(ctx)}
        wanted = [stages.tree_of(ctx.params["root"]), stages.boot_volume(ctx.files.read(ctx.zone))]
        names = [name for name in wanted if name is not None]
        posts, pres = snapshots.of(names, snapshots.POST), snapshots.of(names, snapshots.PRE)
        there = await ctx.ask(zfs.survey([*names, *posts, *pres]))
        taken = {name: there[name] for name in (*posts, *pres) if name in there}
        snapshots.refuse_strange(ctx.zone, taken)
        datasets = [name for name in names if name in there]
        count = len(ctx.params["provisioners"])
        return {"datasets": datasets, "there": sorted(taken), "count": count, "attached": _attached(ctx)}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return a step for each provisioner, between the snapshots, and one that remembers the end."""
        detaching = [attachment.detach(ctx.zone, survey["attached"])] if survey.get("attached") else []
        if not survey["count"]:
            return [*detaching, _remember()]
        access = Access.from_json(ctx.params["access"])
        entries = ctx.params["provisioners"]
        volumes = [name for name in survey["datasets"] if name != stages.tree_of(ctx.params["root"])]
        before = _snapshot(ctx, volumes, snapshots.PRE, survey["there"], progress=2)
        after = _snapshot(ctx, survey["datasets"], snapshots.POST, survey["there"], progress=95)
        runs = [_run(entry, access, number, len(entries)) for number, entry in enumerate(entries)]
        return [before, *runs, after, *detaching, _remember()]


def _attached(ctx: Context) -> dict[str, Any] | None:
    """Return the zone's configuration when it has a card on the provisioning network that is to go; otherwise None."""
    if not ctx.params.get("detach"):
        return None
    config = ctx.files.read(ctx.zone)
    return config.as_plain() if config is not None and attachment.has_card(config, ctx.zone) else None


def _snapshot(
    ctx: Context, datasets: Sequence[str], name: str, there: Sequence[str], *, progress: int
) -> Step[Context]:
    names = snapshots.of(datasets, name)

    async def do(ctx: Context, _: Outputs) -> None:
        await snapshots.replace(ctx, names)

    return Step(
        name=name,
        do=do,
        progress=progress,
        status="taking_snapshots",
        planned=snapshots.planned(ctx.zone, ctx.task_id, names, there),
    )


def _run(entry: Mapping[str, Any], access: Access, number: int, count: int) -> Step[Context]:
    name = f"provisioner {number + 1} ({entry['type']})"

    async def do(ctx: Context, outputs: Outputs) -> dict[str, Any]:
        tree = await stages.tree(ctx, ctx.params["root"])
        where = await guests.target(ctx, access)
        await ctx.say(f"{name}\n")
        try:
            async with ctx.waiting(), ssh.connect(where, access.identity(tree)) as made:
                facts = await provisioners.provision(ctx, made, entry, access=access, tree=tree)
        except Failed as error:
            told = {"type": entry["type"], "error": error.message}
            if "recap" in error.details:
                told["recap"] = error.details["recap"]
            await _tell(ctx, [*_done(outputs), told])
            raise _named(name, error) from error
        facts = {"type": entry["type"], **facts}
        await _tell(ctx, [*_done(outputs), facts])
        return facts

    return Step(
        name=name,
        do=do,
        progress=5 + 90 * number // count,
        status=f"running_provisioner_{number + 1}_of_{count}",
        facts={"provisioner": masked(dict(entry))},
    )


def _named(name: str, error: AgentError) -> Failed:
    return Failed(f"{name[:1].upper()}{name[1:]}: {error.message}", code=error.code, details=error.details)


def _done(outputs: Outputs) -> list[Any]:
    return [facts for step, facts in outputs.items() if step.startswith("provisioner ")]


async def _tell(ctx: Context, facts: Sequence[Any]) -> None:
    await ctx.progress(None, "provisioning", **{FACTS: list(facts)})


def _remember() -> Step[Context]:
    async def do(ctx: Context, outputs: Outputs) -> None:
        await ctx.database.run(lambda c: provisionings.done(c, ctx.zone))
        why = ctx.params.get("skip")
        if why is not None:
            await ctx.progress(None, "skipped", skipped=why)
        elif outputs:
            await _tell(ctx, _done(outputs))

    return Step(name="record", do=do, progress=98, status="remembering")

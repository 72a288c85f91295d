"""The stages of a pipeline that change the host, and the rollback: twice, failing, cancelled and dying everywhere."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.lab import worlds
from tests.lab.test_configuration import archive
from tests.operations.test_sagas import PLACES, SMALL, Bench

from labhost.world import World
from labhost.zfs.datasets import Datasets
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.tasks.saga import run
from zoneweaver.testing import MemoryLog, check_cancelling, check_death, check_twice, check_unwinding

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ROOT = "rpool/zones/web"
TREE = f"{ROOT}/provisioning"


def artifact(folder: Path, name: str, **files: bytes) -> dict[str, Any]:
    """An artifact, as a task's parameters have it."""
    path = folder / f"{name}.tar"
    path.write_bytes(archive(**files))
    return {
        "root": ROOT,
        "artifact": {
            "path": str(path),
            "packing": "tar",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "filename": path.name,
        },
        "limits": {"entries": 100, "unpacked": 1 << 20},
    }


class Site(Bench):
    """A bench whose prepared host may have seen earlier runs; snapshots are compared by what they hold."""

    async def earlier(self, kind: Kind, params: Mapping[str, Any], task_id: str) -> None:
        """Run a task on the prepared host."""
        assert self.prepared is not None
        ctx = self.context(self.prepared, params, kind, task_id)
        operation = OPERATIONS[kind]
        outcome = await run(operation.steps(ctx, await operation.survey(ctx)), ctx, MemoryLog())
        assert outcome.ok, outcome

    def by_hand(self, *argv: str) -> str:
        """Say something to the prepared host."""
        assert self.prepared is not None
        return worlds.say(self.prepared, *argv)

    def state(self, world: World) -> Any:
        found = super().state(world)
        datasets = Datasets(world.read("zfs"), world)
        for name, dataset in datasets.all.items():
            for snap, kept in dataset.get("snapshots", {}).items():
                place = Path(world.path) / "volumes" / str(kept["objset"])
                if dataset["type"] == "filesystem":
                    held = {
                        str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()
                    }
                    found[f"snapshot {name}@{snap}"] = f"{sorted(kept.get('local', {}).items())} {sorted(held.items())}"
        for key in list(found):
            whose = datasets.all.get(key.removeprefix("dataset ")) if key.startswith("dataset ") else None
            if whose is not None and whose["type"] == "filesystem":
                found[key] = found[key].rpartition(" ")[0]
        return found


async def _new_tree(site: Site) -> None:
    await site.prepare(SMALL)


async def _tree_again(site: Site) -> None:
    await site.prepare(SMALL)
    await site.earlier(Kind.ZFS_CREATE_DATASET, artifact(site.folder, "old", a=b"old", gone=b"x"), "before")


def _write(world: World, path: str, content: bytes) -> None:
    Path(world.host(path)).write_bytes(content)


async def _provisioned(site: Site) -> None:
    await _tree_again(site)
    assert site.prepared is not None
    tags = ("-o", "zoneweaver:task=before", "-o", "zoneweaver:zone=web")
    worlds.write(site.prepared, f"{ROOT}/root", "a bare system")
    site.by_hand("zfs", "snapshot", *tags, f"{ROOT}/root@pre-provision")
    worlds.write(site.prepared, f"{ROOT}/root", "a configured one")
    _write(site.prepared, f"/{TREE}/a", b"changed")
    site.by_hand("zfs", "snapshot", *tags, f"{ROOT}/root@post-provision")
    site.by_hand("zfs", "snapshot", *tags, f"{TREE}@post-provision")


CASES: Mapping[str, tuple[Kind, Callable[[Path], Mapping[str, Any]], Callable[[Site], Any]]] = {
    "extract": (Kind.ZFS_CREATE_DATASET, lambda folder: artifact(folder, "new", a=b"new", b=b"y"), _new_tree),
    "extract-again": (Kind.ZFS_CREATE_DATASET, lambda folder: artifact(folder, "new", a=b"new", b=b"y"), _tree_again),
    "rollback": (
        Kind.ZONE_PROVISION_ROLLBACK,
        lambda _: {"root": ROOT, "include_disks": True, "grace": 0},
        _provisioned,
    ),
}
CHECKS: tuple[Callable[..., Any], ...] = (check_twice, check_unwinding, check_cancelling, check_death)


@pytest.fixture(params=CASES)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """The worlds of one case."""
    kind, params, prepare = CASES[request.param]
    folder = worlds.place()
    made = Site(folder, kind, params(folder))
    await prepare(made)
    yield made
    made.database.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_saga_ends_clean_or_complete_whatever_happens(site: Site, check: Callable[..., Any]) -> None:
    """Each step twice, a failure, a cancellation and a death anywhere: the old tree and disk, or the new ones."""
    await check(site.make)
    assert site.count >= (1 if check is check_twice else 3)


async def test_a_deletion_takes_the_snapshots_along(tmp_path: Path) -> None:
    """Those of the pipeline, also on a disk that was attached and stays; with clean-up, and only then."""
    attached = "rpool/shared/second"
    first = {**SMALL, "boot_volume": {"existing_dataset": attached}}
    for clean, left in ((True, []), (False, [f"{TREE}@pre-provision", f"{attached}@pre-provision"])):
        site = Site(worlds.place(), Kind.ZONE_DELETE, {"cleanup_datasets": clean, "defaults": PLACES})
        try:
            await site.prepare(first)
            await site.earlier(Kind.ZFS_CREATE_DATASET, artifact(tmp_path, "new", a=b"new"), "first")
            tags = ("-o", "zoneweaver:task=first", "-o", "zoneweaver:zone=web")
            site.by_hand("zfs", "snapshot", *tags, f"{attached}@pre-provision")
            site.by_hand("zfs", "snapshot", f"{attached}@theirs")
            await site.earlier(site.kind, site.params, "gone")
            listed = site.by_hand("zfs", "list", "-H", "-o", "name", "-t", "snapshot", "-r", "rpool/zones", attached)
            names = [name for name in listed.split() if name.startswith((ROOT, attached))]
            assert sorted(names) == sorted([*left, f"{attached}@theirs"])
        finally:
            site.database.close()
            shutil.rmtree(site.folder)


async def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """A dataset or snapshot that somebody else made is neither used nor replaced nor lost by a rollback."""
    site = Site(worlds.place(), Kind.ZFS_CREATE_DATASET, artifact(tmp_path, "new", a=b"new"))
    try:
        await site.prepare(SMALL)
        site.by_hand("zfs", "create", TREE)
        assert site.prepared is not None
        operation = OPERATIONS[Kind.ZFS_CREATE_DATASET]
        with pytest.raises(Exception, match="was not made by this agent for this zone"):
            await operation.survey(site.context(site.prepared, site.params, site.kind, "this"))
        site.by_hand("zfs", "destroy", TREE)
        await site.earlier(site.kind, site.params, "first")
        site.by_hand("zfs", "snapshot", f"{TREE}@theirs")
        back = OPERATIONS[Kind.ZONE_PROVISION_ROLLBACK]
        params = {"root": ROOT, "include_disks": True, "grace": 0}
        with pytest.raises(Exception, match="theirs was taken later by somebody else"):
            await back.survey(site.context(site.prepared, params, back.kind, "back"))
        site.by_hand("zfs", "destroy", f"{TREE}@pre-provision")
        site.by_hand("zfs", "snapshot", f"{TREE}@pre-provision")
        with pytest.raises(Exception, match="pre-provision was not made by this agent"):
            await operation.survey(site.context(site.prepared, site.params, site.kind, "this"))
    finally:
        site.database.close()
        shutil.rmtree(site.folder)

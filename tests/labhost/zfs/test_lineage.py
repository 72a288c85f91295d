"""Snapshots, rollback, clones, promotion and renaming: names, origins and content."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host

AT = 3 << 20


def put(host: Host, name: str, data: bytes) -> None:
    with host.device(name).open("r+b") as file:
        file.seek(AT)
        file.write(data)


def content(host: Host, name: str) -> bytes:
    with host.device(name).open("rb") as file:
        file.seek(AT)
        return file.read(4)


@pytest.fixture
def volume(host: Host) -> Host:
    """A host with a sparse volume rpool/v that says "one!", its snapshot @one, and then says "two!"."""
    host.ok("zfs", "create", "-s", "-V", "64M", "rpool/v")
    put(host, "rpool/v", b"one!")
    host.ok("zfs", "snapshot", "rpool/v@one")
    put(host, "rpool/v", b"two!")
    return host


def test_rollback_brings_the_content_back(volume: Host) -> None:
    """Rolling back restores content and size, and may be done again."""
    volume.ok("zfs", "set", "volsize=128M", "rpool/v")
    for _ in range(2):
        volume.ok("zfs", "rollback", "rpool/v@one")
        assert content(volume, "rpool/v") == b"one!"
        assert volume.number("volsize", "rpool/v") == volume.device("rpool/v").stat().st_size == 64 << 20
        put(volume, "rpool/v", b"new!")


def test_rollback_past_clones_needs_a_capital_letter(volume: Host) -> None:
    """-r destroys later snapshots but not their clones; -R does."""
    volume.ok("zfs", "snapshot", "rpool/v@two")
    volume.ok("zfs", "clone", "rpool/v@two", "rpool/w")
    assert volume.refused("zfs", "rollback", "-r", "rpool/v@one") == (
        "cannot rollback to 'rpool/v@one': clones of previous snapshots exist\n"
        "use '-R' to force deletion of the following clones and dependents:\nrpool/w\n"
    )
    volume.ok("zfs", "rollback", "-R", "rpool/v@one")
    assert volume.names("-t", "all") == ["rpool", "rpool/v", "rpool/v@one", "rpool/zones"]
    assert content(volume, "rpool/v") == b"one!"


def test_rollback_restores_files(host: Host) -> None:
    """A filesystem gets its files, folders and links back, and loses what came later; what is below stays."""
    host.ok("zfs", "create", "-p", "rpool/a/below")
    top = Path(host.world.host("/rpool/a"))
    (top / "folder").mkdir()
    (top / "folder" / "f").write_text("one")
    (top / "link").symlink_to("folder/f")
    (top / "below" / "f").write_text("below")
    host.ok("zfs", "snapshot", "rpool/a@s")
    (top / "folder" / "f").write_text("two")
    (top / "later").write_text("later")
    (top / "link").unlink()
    (top / "below" / "f").write_text("changed")
    host.ok("zfs", "rollback", "rpool/a@s")
    assert (top / "link").read_text() == "one"
    assert not (top / "later").exists()
    assert (top / "below" / "f").read_text() == "changed"


def test_a_clone_begins_as_the_snapshot_and_goes_its_way(volume: Host) -> None:
    """A clone has the snapshot's content, its own device node, no reservation, and may be larger."""
    volume.ok(
        "zfs", "clone", "-p", "-o", "volsize=128M", "-o", "zoneweaver:task=t", "rpool/v@one", "rpool/zones/web/root"
    )
    clone = "rpool/zones/web/root"
    assert content(volume, clone) == b"one!"
    assert volume.device(clone).stat().st_size == 128 << 20
    assert (volume.value("origin", clone), volume.value("refreservation", clone)) == ("rpool/v@one", "0")
    assert volume.value("zoneweaver:task", clone) == "t"
    put(volume, clone, b"mine")
    assert (content(volume, "rpool/v"), content(volume, clone)) == (b"two!", b"mine")
    assert volume.value("clones", "rpool/v@one") == clone


def test_a_volume_snapshot_keeps_content_only_if_there_is_any(host: Host) -> None:
    """Snapshots of empty volumes store nothing; their clones are empty."""
    host.ok("zfs", "create", "-s", "-V", "10G", "rpool/v")
    host.ok("zfs", "snapshot", "rpool/v@s")
    host.ok("zfs", "clone", "rpool/v@s", "rpool/w")
    stored = sum(path.stat().st_blocks for path in Path(f"{host.world.path}/volumes").iterdir())
    assert stored == 0
    assert host.device("rpool/w").stat().st_size == 10 << 30


def test_promotion_turns_origin_and_clone_around(volume: Host) -> None:
    """After a promotion the snapshots up to the origin belong to the clone, and other clones point there."""
    volume.ok("zfs", "clone", "rpool/v@one", "rpool/w")
    volume.ok("zfs", "clone", "rpool/v@one", "rpool/x")
    volume.ok("zfs", "snapshot", "rpool/v@two")
    volume.ok("zfs", "promote", "rpool/w")
    origins = volume.ok("zfs", "list", "-Hp", "-t", "all", "-o", "name,origin", "-r", "rpool").splitlines()
    assert origins == [
        "rpool\t-", "rpool/v\trpool/w@one", "rpool/v@two\t-", "rpool/w\t-", "rpool/w@one\t-",
        "rpool/x\trpool/w@one", "rpool/zones\t-",
    ]  # fmt: skip
    assert (content(volume, "rpool/v"), content(volume, "rpool/w")) == (b"two!", b"one!")
    assert volume.refused("zfs", "promote", "rpool/w") == "cannot promote 'rpool/w': not a cloned filesystem\n"
    volume.ok("zfs", "destroy", "-r", "rpool/v")


def test_renaming_takes_everything_along(volume: Host) -> None:
    """A renamed tree keeps content, snapshots, clones and device nodes under its new name."""
    volume.ok("zfs", "clone", "-p", "rpool/v@one", "rpool/a/w")
    volume.ok("zfs", "rename", "-p", "rpool/v", "rpool/b/c/v")
    assert volume.value("origin", "rpool/a/w") == "rpool/b/c/v@one"
    assert content(volume, "rpool/b/c/v") == b"two!"
    assert not volume.device("rpool/v").exists()
    volume.ok("zfs", "rename", "rpool/b", "rpool/d")
    assert content(volume, "rpool/d/c/v") == b"two!"
    volume.ok("zfs", "rename", "rpool/d/c/v@one", "rpool/d/c/v@first")
    assert volume.value("origin", "rpool/a/w") == "rpool/d/c/v@first"


RENAMES = {
    ("rpool/a", "rpool/zones"): "cannot rename 'rpool/a': dataset already exists",
    ("rpool/a", "other/a"): "cannot rename 'rpool/a': datasets must be within same pool",
    ("rpool/a", "rpool/x/y"): "cannot rename 'rpool/a': parent does not exist",
    ("rpool/a", "rpool/a/b"): (
        "cannot rename 'rpool/a': New dataset name cannot be a descendant of current dataset name"
    ),
    ("rpool/a@s", "rpool/zones@s"): "cannot rename 'rpool/a@s': snapshots must be part of same dataset",
}


@pytest.mark.parametrize("pair", RENAMES, ids=" ".join)
def test_what_cannot_be_renamed_is_said(host: Host, pair: tuple[str, str]) -> None:
    """Each impossible name has its reason."""
    host.ok("zfs", "create", "rpool/a")
    host.ok("zfs", "snapshot", "rpool/a@s")
    assert host.refused("zfs", "rename", *pair) == RENAMES[pair] + "\n"


def test_snapshots_of_one_command_are_taken_together_or_not_at_all(host: Host) -> None:
    """When one of several snapshots cannot be, none is."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    host.ok("zfs", "snapshot", "rpool/a/b@s")
    assert host.refused("zfs", "snapshot", "-r", "rpool/a@s") == (
        "cannot create snapshot 'rpool/a/b@s': dataset already exists\nno snapshots were created\n"
    )
    assert host.names("-t", "snapshot") == ["rpool/a/b@s"]
    host.ok("zfs", "snapshot", "-o", "zoneweaver:task=t", "rpool/a@t", "rpool/a/b@t")
    txgs = host.ok("zfs", "get", "-Hp", "-o", "value", "createtxg", "rpool/a@t", "rpool/a/b@t").split()
    assert txgs[0] == txgs[1]
    assert host.value("zoneweaver:task", "rpool/a/b@t") == "t"


def test_a_recursive_snapshot_covers_all_below(host: Host) -> None:
    """-r takes a snapshot of the same name of everything below."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/zones/web/root")
    host.ok("zfs", "snapshot", "-r", "rpool/zones@s")
    assert host.names("-t", "snapshot") == ["rpool/zones@s", "rpool/zones/web@s", "rpool/zones/web/root@s"]

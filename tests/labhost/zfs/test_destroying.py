"""What may be destroyed, what holds it back, and what goes with it."""

from __future__ import annotations

from pathlib import Path

from tests.labhost.zfs.conftest import Host


def volumes(host: Host) -> list[str]:
    """Return what is stored of datasets' content."""
    return sorted(path.name for path in Path(f"{host.world.path}/volumes").iterdir())


def test_a_zones_tree_goes_with_all_that_is_stored(host: Host) -> None:
    """Destroying recursively removes datasets, snapshots, device nodes, folders and content."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/zones/web/root")
    host.device("rpool/zones/web/root").write_bytes(b"data")
    Path(host.world.host("/rpool/zones/web/etc")).mkdir()
    host.ok("zfs", "snapshot", "-r", "rpool/zones/web@a")
    assert len(volumes(host)) == 3
    host.ok("zfs", "destroy", "-r", "rpool/zones/web")
    assert host.names("-t", "all", "-r", "rpool") == ["rpool", "rpool/zones"]
    assert volumes(host) == []
    assert not Path(host.world.host("/rpool/zones/web")).exists()
    assert list(Path(host.world.host("/dev/zvol")).rglob("*/*")) == []


def test_dependent_clones_elsewhere_hold_a_tree_back(host: Host) -> None:
    """-r does not reach a clone outside; -R takes it along."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/a/v")
    host.ok("zfs", "snapshot", "rpool/a/v@s")
    host.ok("zfs", "clone", "rpool/a/v@s", "rpool/zones/copy")
    said = host.refused("zfs", "destroy", "-r", "rpool/a")
    assert said == (
        "cannot destroy 'rpool/a': filesystem has dependent clones\n"
        "use '-R' to destroy the following datasets:\nrpool/zones/copy\n"
    )
    assert "rpool/a/v" in host.names()
    host.ok("zfs", "destroy", "-R", "rpool/a")
    assert host.names() == ["rpool", "rpool/zones"]


def test_a_volume_of_a_running_zone_is_busy(host: Host) -> None:
    """A volume that an active zone holds is not destroyed; it can grow; afterwards it can go."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    host.hold_open("rpool/v")
    assert host.refused("zfs", "destroy", "rpool/v") == "cannot destroy 'rpool/v': dataset is busy\n"
    host.ok("zfs", "set", "volsize=128M", "rpool/v")
    assert host.device("rpool/v").stat().st_size == 128 << 20
    assert host.refused("zfs", "rename", "rpool/v", "rpool/w") == "cannot rename 'rpool/v': dataset is busy\n"
    host.hold_open()
    host.ok("zfs", "destroy", "rpool/v")


def test_a_recursive_destroy_goes_on_past_what_is_busy(host: Host) -> None:
    """What is busy stays with what is above it, everything else goes."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/a/busy")
    host.ok("zfs", "create", "-V", "64M", "rpool/a/idle")
    host.hold_open("rpool/a/busy")
    assert host.refused("zfs", "destroy", "-r", "rpool/a") == (
        "cannot destroy 'rpool/a/busy': dataset is busy\ncannot destroy 'rpool/a': dataset already exists\n"
    )
    assert host.names("-r", "rpool/a") == ["rpool/a", "rpool/a/busy"]


def test_a_range_and_a_list_of_snapshots(host: Host) -> None:
    """DS@a,b%d destroys the snapshots named and those of the range; open ends reach the first and the last."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    for snap in "abcdef":
        host.ok("zfs", "snapshot", f"rpool/v@{snap}")
    host.ok("zfs", "destroy", "rpool/v@a,c%d")
    assert host.names("-r", "-t", "snapshot", "rpool/v") == ["rpool/v@b", "rpool/v@e", "rpool/v@f"]
    host.ok("zfs", "destroy", "rpool/v@%e")
    assert host.names("-r", "-t", "snapshot", "rpool/v") == ["rpool/v@f"]
    said = host.refused("zfs", "destroy", "rpool/v@nosuch")
    assert said == "could not find any snapshots to destroy; check snapshot names.\n"


def test_a_snapshot_of_the_same_name_below(host: Host) -> None:
    """-r on a snapshot destroys those of its name in all that is below."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    host.ok("zfs", "snapshot", "-r", "rpool/a@s")
    host.ok("zfs", "destroy", "-r", "rpool/a@s")
    assert host.names("-t", "snapshot") == []


def test_a_held_snapshot_stays_until_released(host: Host) -> None:
    """A hold makes a snapshot busy; a tag is unique; releasing twice is refused."""
    host.ok("zfs", "create", "rpool/a")
    host.ok("zfs", "snapshot", "rpool/a@s")
    host.ok("zfs", "hold", "keep", "rpool/a@s")
    said = host.refused("zfs", "hold", "keep", "rpool/a@s")
    assert said == "cannot hold snapshot 'rpool/a@s': tag already exists on this dataset\n"
    assert host.refused("zfs", "destroy", "rpool/a@s") == "cannot destroy snapshot rpool/a@s: dataset is busy\n"
    name, tag, when = host.ok("zfs", "holds", "-H", "rpool/a@s").rstrip("\n").split("\t")
    assert (name, tag) == ("rpool/a@s", "keep")
    assert len(when.split()) == 5
    assert host.value("userrefs", "rpool/a@s") == "1"
    host.ok("zfs", "release", "keep", "rpool/a@s")
    said = host.refused("zfs", "release", "keep", "rpool/a@s")
    assert said == "cannot release hold from snapshot 'rpool/a@s': no such tag on this dataset\n"
    host.ok("zfs", "destroy", "rpool/a@s")


def test_a_deferred_destroy_happens_with_the_last_reason_to_wait(host: Host) -> None:
    """-d puts the end of a held or cloned snapshot off until it is neither."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    host.ok("zfs", "snapshot", "rpool/v@s")
    host.ok("zfs", "hold", "keep", "rpool/v@s")
    host.ok("zfs", "clone", "rpool/v@s", "rpool/w")
    host.ok("zfs", "destroy", "-d", "rpool/v@s")
    assert host.value("defer_destroy", "rpool/v@s") == "on"
    host.ok("zfs", "release", "keep", "rpool/v@s")
    assert "rpool/v@s" in host.names("-t", "snapshot")
    host.ok("zfs", "destroy", "rpool/w")
    assert host.names("-t", "snapshot") == []


def test_a_dry_run_names_what_would_go(host: Host) -> None:
    """-n changes nothing; with -p it names the datasets for programs."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    assert host.ok("zfs", "destroy", "-nvr", "rpool/a") == "would destroy rpool/a/b\nwould destroy rpool/a\n"
    assert host.ok("zfs", "destroy", "-np", "-r", "rpool/a") == "destroy\trpool/a/b\ndestroy\trpool/a\n"
    assert "rpool/a/b" in host.names()


def test_exactly_one_dataset_is_taken(host: Host) -> None:
    """More than one operand is a mistake of usage."""
    said = host.run("zfs", "destroy", "rpool/a", "rpool/b")
    assert (said.code, said.err.splitlines()[0]) == (2, "too many arguments")


def test_a_folder_chosen_by_somebody_else_stays(host: Host) -> None:
    """A filesystem with its own mountpoint leaves the folder behind, empty."""
    host.ok("zfs", "create", "-o", "mountpoint=/prov", "rpool/prov")
    Path(host.world.host("/prov/f")).write_text("hi")
    host.ok("zfs", "destroy", "rpool/prov")
    assert list(Path(host.world.host("/prov")).iterdir()) == []

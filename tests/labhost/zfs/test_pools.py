"""zpool: what is shown of pools, how they come and go."""

from __future__ import annotations

from pathlib import Path

from tests.labhost.zfs.conftest import Host

from labhost.world import World


def test_the_table_of_pools(tmp_path: Path) -> None:
    """The default columns are illumos', exact without percent signs."""
    host = Host(World.create(str(tmp_path / "host"), pool_size=10 << 30))
    cells = host.ok("zpool", "list", "-Hp").rstrip("\n").split("\t")
    assert (cells[0], cells[1], cells[4:]) == ("rpool", str(10 << 30), ["-", "-", "0", "0", "1.00", "ONLINE", "-"])
    header, row = host.ok("zpool", "list").splitlines()
    assert header.split() == (
        ["NAME", "SIZE", "ALLOC", "FREE", "CKPOINT", "EXPANDSZ", "FRAG", "CAP", "DEDUP", "HEALTH", "ALTROOT"]
    )
    assert row.split()[:2] == ["rpool", "10G"]


def test_a_missing_pool_is_said(host: Host) -> None:
    """A pool that is not there is an error of every verb."""
    assert host.refused("zpool", "list", "nosuch") == "cannot open 'nosuch': no such pool\n"
    assert host.refused("zpool", "status", "nosuch") == "cannot open 'nosuch': no such pool\n"
    assert host.refused("zpool", "get", "size", "nosuch") == "cannot open 'nosuch': no such pool\n"


def test_health(host: Host) -> None:
    """`status -x` is one line while all is well, and shows the pool that is not."""
    assert host.ok("zpool", "status", "-x") == "all pools are healthy\n"
    assert host.ok("zpool", "status", "-x", "rpool") == "pool 'rpool' is healthy\n"
    with host.world.lock("zfs"):
        state = host.world.read("zfs")
        state["pools"]["rpool"]["health"] = "DEGRADED"
        host.world.write("zfs", state)
    assert "state: DEGRADED" in host.ok("zpool", "status", "-x")
    assert host.ok("zpool", "get", "-Hp", "-o", "value", "health", "rpool") == "DEGRADED\n"


def test_free_space_is_what_is_not_stored(host: Host) -> None:
    """Data takes from the pool's free space; a reservation only from what datasets may still take."""
    free = int(host.ok("zpool", "list", "-Hp", "-o", "free"))
    host.ok("zfs", "create", "-V", "1G", "rpool/v")
    assert free - int(host.ok("zpool", "list", "-Hp", "-o", "free")) < 1 << 20
    with host.device("rpool/v").open("r+b") as file:
        file.write(b"x" * (4 << 20))
    assert free - int(host.ok("zpool", "list", "-Hp", "-o", "free")) >= 4 << 20


def test_a_second_pool_of_a_file(host: Host) -> None:
    """A pool is made of files of the host, and its datasets do not mix with another's."""
    disk = Path(host.world.host("/var/tmp/disk"))
    disk.parent.mkdir(parents=True)
    with disk.open("wb") as file:
        file.truncate(1 << 30)
    host.ok("zpool", "create", "tank", "/var/tmp/disk")
    assert host.refused("zpool", "create", "tank", "/var/tmp/disk") == "cannot create 'tank': pool already exists\n"
    host.ok("zfs", "create", "-V", "64M", "tank/v")
    host.ok("zfs", "snapshot", "tank/v@s")
    said = host.refused("zfs", "clone", "tank/v@s", "rpool/v")
    assert said == "cannot create 'rpool/v': source and target pools differ\n"
    host.ok("zpool", "destroy", "tank")
    assert host.ok("zpool", "list", "-H", "-o", "name") == "rpool\n"
    assert host.names() == ["rpool", "rpool/zones"]


def test_no_pools_is_said(host: Host) -> None:
    """Without any pool the list is a sentence."""
    host.ok("zpool", "destroy", "rpool")
    assert host.ok("zpool", "list") == "no pools available\n"


def test_a_mistake_of_usage_exits_with_2(host: Host) -> None:
    """What zpool does not understand is exit code 2."""
    for argv in (("bogus",), ("list", "-Q"), ("list", "-o", "nosuch"), ("destroy",)):
        said = host.run("zpool", *argv)
        assert said.code == 2, said
        assert "usage:" in said.err

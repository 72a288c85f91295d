"""Filesystems and volumes: sizes, room, names, folders and device nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host

from labhost.world import World


@pytest.fixture
def small(tmp_path: Path) -> Host:
    """A host whose pool has one GiB."""
    return Host(World.create(str(tmp_path / "small"), pool_size=1 << 30))


def test_a_volume_has_its_size_in_whole_blocks(host: Host) -> None:
    """A size is rounded up to blocks of 8 KiB, or of the size asked for."""
    host.ok("zfs", "create", "-V", "1000", "rpool/v")
    assert host.number("volsize", "rpool/v") == 8192
    host.ok("zfs", "create", "-s", "-b", "128K", "-V", "1000001", "rpool/w")
    assert (host.number("volsize", "rpool/w"), host.number("volblocksize", "rpool/w")) == (1 << 20, 131072)
    host.ok("zfs", "create", "-s", "-V", "1.5T", "rpool/x")
    assert host.number("volsize", "rpool/x") == 3 << 39


def test_a_device_node_leads_to_the_content(host: Host) -> None:
    """Block and raw node of a volume are one file of the volume's size, that keeps what is written."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/zones/web/root")
    raw, block = (Path(host.world.host(f"/dev/zvol/{kind}/rpool/zones/web/root")) for kind in ("rdsk", "dsk"))
    with raw.open("r+b") as file:
        file.write(b"boot")
    with block.open("rb") as file:
        assert file.read(4) == b"boot"
    assert block.stat().st_size == 64 << 20
    assert host.number("referenced", "rpool/zones/web/root") < 1 << 20


def test_a_volume_reserves_its_room_unless_sparse(small: Host) -> None:
    """A volume takes its size from the pool at once; one that does not fit is refused; a sparse one always fits."""
    before = small.number("available", "rpool")
    small.ok("zfs", "create", "-V", "256M", "rpool/v")
    reserved = small.number("refreservation", "rpool/v")
    assert reserved > 256 << 20
    assert before - small.number("available", "rpool") == reserved
    said = small.refused("zfs", "create", "-V", "900M", "rpool/w")
    assert said == "cannot create 'rpool/w': out of space\n"
    small.ok("zfs", "create", "-s", "-V", "900M", "rpool/w")
    assert small.value("refreservation", "rpool/w") == "0"


def test_a_reservation_grows_and_shrinks_with_the_volume(small: Host) -> None:
    """The reservation follows a new size, and what the pool cannot promise is refused."""
    small.ok("zfs", "create", "-V", "128M", "rpool/v")
    small.ok("zfs", "set", "volsize=256M", "rpool/v")
    assert small.number("refreservation", "rpool/v") > 256 << 20
    said = small.refused("zfs", "set", "volsize=2G", "rpool/v")
    assert said == "cannot set property for 'rpool/v': size is greater than available space\n"
    assert small.number("volsize", "rpool/v") == 256 << 20
    small.ok("zfs", "set", "refreservation=none", "rpool/v")
    small.ok("zfs", "set", "volsize=2G", "rpool/v")


def test_a_snapshot_of_a_full_volume_needs_room_again(small: Host) -> None:
    """With a reservation, a snapshot needs as much room as is written, because all may be written anew."""
    small.ok("zfs", "create", "-V", "500M", "rpool/v")
    with small.device("rpool/v").open("r+b") as file:
        for _ in range(500):
            file.write(b"x" * (1 << 20))
    said = small.refused("zfs", "snapshot", "rpool/v@a")
    assert said == "cannot create snapshot 'rpool/v@a': out of space\n"
    small.ok("zfs", "set", "refreservation=none", "rpool/v")
    small.ok("zfs", "snapshot", "rpool/v@a")


def test_a_quota_limits_what_is_below(host: Host) -> None:
    """A quota caps what is available below it, for reservations too."""
    host.ok("zfs", "create", "-o", "quota=1G", "rpool/a")
    assert host.number("available", "rpool/a") <= 1 << 30
    said = host.refused("zfs", "create", "-V", "2G", "rpool/a/v")
    assert said == "cannot create 'rpool/a/v': out of space\n"


def test_parents_are_made_and_what_is_there_is_borne(host: Host) -> None:
    """-p makes what is missing above, and succeeds without a word if the dataset is there."""
    host.ok("zfs", "create", "-p", "-V", "64M", "-o", "zoneweaver:task=1", "rpool/a/b/v")
    host.ok("zfs", "create", "-p", "-V", "128M", "-o", "zoneweaver:task=2", "rpool/a/b/v")
    assert host.number("volsize", "rpool/a/b/v") == 64 << 20
    assert host.value("zoneweaver:task", "rpool/a/b/v") == "1"
    assert host.value("zoneweaver:task", "rpool/a/b") == "-"


REFUSED = {
    ("rpool/a@b",): "cannot create 'rpool/a@b': snapshot delimiter '@' is not expected here",
    ("rpool//a",): "cannot create 'rpool//a': empty component in name",
    ("rpool/a/",): "cannot create 'rpool/a/': trailing slash in name",
    ("/rpool/a",): "cannot create '/rpool/a': leading slash in name",
    ("rpool/a$b",): "cannot create 'rpool/a$b': invalid character '$' in name",
    ("other/a",): "cannot create 'other/a': no such pool 'other'",
    ("rpool/a/b",): "cannot create 'rpool/a/b': parent does not exist",
    ("rpool/" + "x" * 300,): f"cannot create 'rpool/{'x' * 300}': name is too long",
    ("-V", "0", "rpool/v"): "cannot create 'rpool/v': volume size cannot be zero",
    ("-V", "1Q", "rpool/v"): "bad volume size '1Q': invalid numeric suffix 'Q'",
    ("-o", "nosuch=1", "rpool/a"): "cannot create 'rpool/a': invalid property 'nosuch'",
    ("-o", "volsize=1G", "rpool/a"): "cannot create 'rpool/a': 'volsize' does not apply to datasets of this type",
    ("-o", "used=1", "rpool/a"): "cannot create 'rpool/a': 'used' is readonly",
    ("-o", "compression=zstd", "rpool/a"): (
        "cannot create 'rpool/a': 'compression' must be one of 'on | off | lzjb | gzip | gzip-[1-9] | zle | lz4'"
    ),
    ("-o", "mountpoint=here", "rpool/a"): (
        "cannot create 'rpool/a': 'mountpoint' must be an absolute path, 'none', or 'legacy'"
    ),
}


@pytest.mark.parametrize("argv", REFUSED, ids=" ".join)
def test_what_may_not_be_is_refused_in_its_words(host: Host, argv: tuple[str, ...]) -> None:
    """Each mistake has its reason, exit code 1, and makes nothing."""
    assert host.refused("zfs", "create", *argv) == REFUSED[argv] + "\n"
    assert host.names() == ["rpool", "rpool/zones"]


def test_a_folder_with_something_in_it_is_not_mounted_over(host: Host) -> None:
    """A filesystem whose folder is not empty is made, but not mounted, and that is a failure."""
    Path(host.world.host("/rpool/a")).mkdir()
    Path(host.world.host("/rpool/a/f")).write_text("mine")
    assert host.refused("zfs", "create", "rpool/a") == (
        "cannot mount '/rpool/a': directory is not empty\nfilesystem successfully created, but not mounted\n"
    )
    assert host.value("mounted", "rpool/a") == "no"
    host.ok("zfs", "destroy", "rpool/a")
    assert Path(host.world.host("/rpool/a/f")).read_text() == "mine"


def test_folders_follow_the_mountpoint(host: Host) -> None:
    """Files move with a filesystem whose mountpoint or name changes, and with what is below it."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    Path(host.world.host("/rpool/a/b/f")).write_text("hi")
    host.ok("zfs", "set", "mountpoint=/srv/a", "rpool/a")
    assert Path(host.world.host("/srv/a/b/f")).read_text() == "hi"
    assert host.value("mountpoint", "rpool/a/b") == "/srv/a/b"
    host.ok("zfs", "inherit", "mountpoint", "rpool/a")
    host.ok("zfs", "rename", "rpool/a", "rpool/c")
    assert Path(host.world.host("/rpool/c/b/f")).read_text() == "hi"
    assert not Path(host.world.host("/rpool/a")).exists()


def test_unmounted_files_are_out_of_reach_and_come_back(host: Host) -> None:
    """Unmounting empties the folder, mounting brings the files back."""
    host.ok("zfs", "create", "rpool/a")
    place = Path(host.world.host("/rpool/a/f"))
    place.write_text("hi")
    host.ok("zfs", "unmount", "rpool/a")
    assert not place.exists()
    assert host.refused("zfs", "unmount", "rpool/a") == "cannot unmount 'rpool/a': not currently mounted\n"
    host.ok("zfs", "mount", "rpool/a")
    assert place.read_text() == "hi"
    assert host.refused("zfs", "mount", "rpool/a") == "cannot mount 'rpool/a': filesystem already mounted\n"
    assert ["rpool/a", "/rpool/a"] in [line.split() for line in host.ok("zfs", "mount").splitlines()]


UNPRIVILEGED = {
    ("create", "rpool/x"): "cannot create 'rpool/x': permission denied",
    ("destroy", "rpool/a"): "cannot destroy 'rpool/a': permission denied",
    ("snapshot", "rpool/a@t"): "cannot create snapshot 'rpool/a@t': permission denied",
    ("rollback", "rpool/a@s"): "cannot rollback 'rpool/a': permission denied",
    ("clone", "rpool/a@s", "rpool/x"): "cannot create 'rpool/x': permission denied",
    ("rename", "rpool/a", "rpool/x"): "cannot rename 'rpool/a': permission denied",
    ("set", "zoneweaver:a=b", "rpool/a"): "cannot set property for 'rpool/a': permission denied",
    ("hold", "keep", "rpool/a@s"): "cannot hold snapshot 'rpool/a@s': permission denied",
}


@pytest.mark.parametrize("argv", UNPRIVILEGED, ids=" ".join)
def test_an_unprivileged_caller_may_only_look(host: Host, argv: tuple[str, ...]) -> None:
    """Without privilege every change says permission denied and changes nothing; looking works."""
    host.ok("zfs", "create", "rpool/a")
    if argv[0] != "destroy":
        host.ok("zfs", "snapshot", "rpool/a@s")
    before = host.world.read("zfs")
    host.world.configure(euid=1000)
    said = host.run("zfs", *argv)
    assert (said.code, said.err.splitlines()[0]) == (1, UNPRIVILEGED[argv])
    assert host.world.read("zfs") == before
    assert "rpool/a" in host.names()
    assert host.ok("zpool", "list", "-H", "-o", "name") == "rpool\n"


def test_files_are_kept_while_a_filesystem_has_no_place(host: Host) -> None:
    """With mountpoint none the files are out of reach, and they are back where the next mountpoint is."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    Path(host.world.host("/rpool/a/b/f")).write_text("hi")
    host.ok("zfs", "set", "mountpoint=none", "rpool/a")
    assert not Path(host.world.host("/rpool/a/b/f")).exists()
    assert (host.value("mounted", "rpool/a/b"), host.value("mountpoint", "rpool/a/b")) == ("no", "none")
    host.ok("zfs", "set", "mountpoint=/srv", "rpool/a")
    assert Path(host.world.host("/srv/b/f")).read_text() == "hi"


def test_a_dry_run_says_what_would_be_made(host: Host) -> None:
    """-n makes nothing; -v says it to people, -P to programs; the same checks apply."""
    said = host.ok("zfs", "create", "-nv", "-V", "64M", "-o", "zoneweaver:task=t", "rpool/v")
    assert said == "would create rpool/v\n\tzoneweaver:task=t\n"
    assert host.ok("zfs", "create", "-nP", "-o", "atime=off", "rpool/a") == "create\trpool/a\nproperty\tatime\toff\n"
    assert host.refused("zfs", "create", "-n", "rpool/zones") == "cannot create 'rpool/zones': dataset already exists\n"
    assert host.names() == ["rpool", "rpool/zones"]

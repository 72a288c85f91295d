"""Every reason zfs gives for not doing something, word by word."""

from __future__ import annotations

import pytest
from tests.labhost.zfs.conftest import Host

REFUSED = {
    "list rpool/no": "cannot open 'rpool/no': dataset does not exist\n",
    "get used nopool/x": "cannot open 'nopool/x': dataset does not exist\n",
    "create rpool/v": "cannot create 'rpool/v': dataset already exists\n",
    "create rpool/no/x": "cannot create 'rpool/no/x': parent does not exist\n",
    "create rpool/v/x": "cannot create 'rpool/v/x': parent is not a filesystem\n",
    "create nopool/x": "cannot create 'nopool/x': no such pool 'nopool'\n",
    "create -V 2T rpool/big": "cannot create 'rpool/big': out of space\n",
    "create -V 0 rpool/none": "cannot create 'rpool/none': volume size cannot be zero\n",
    "create rpool/a;b": "cannot create 'rpool/a;b': invalid character ';' in name\n",
    "destroy rpool/a": (
        "cannot destroy 'rpool/a': filesystem has children\nuse '-r' to destroy the following datasets:\nrpool/a/b\n"
    ),
    "destroy rpool/w": (
        "cannot destroy 'rpool/w': volume has children\nuse '-r' to destroy the following datasets:\n"
        "rpool/w@one\nrpool/w@two\n"
    ),
    "destroy -r rpool/v": (
        "cannot destroy 'rpool/v': volume has dependent clones\nuse '-R' to destroy the following datasets:\n"
        "rpool/clone\n"
    ),
    "destroy rpool": (
        "cannot destroy 'rpool': operation does not apply to pools\n"
        "use 'zfs destroy -r rpool' to destroy all datasets in the pool\n"
        "use 'zpool destroy rpool' to destroy the pool itself\n"
    ),
    "destroy rpool/v@no": "could not find any snapshots to destroy; check snapshot names.\n",
    "destroy rpool/v@s": (
        "cannot destroy 'rpool/v@s': snapshot has dependent clones\n"
        "use '-R' to destroy the following datasets:\nrpool/clone\n"
    ),
    "destroy rpool/w@one": "cannot destroy snapshot rpool/w@one: dataset is busy\n",
    "rollback rpool/w@one": (
        "cannot rollback to 'rpool/w@one': more recent snapshots or bookmarks exist\n"
        "use '-r' to force deletion of the following snapshots and bookmarks:\nrpool/w@two\n"
    ),
    "clone rpool/v@s rpool/clone": "cannot create 'rpool/clone': dataset already exists\n",
    "promote rpool/v": "cannot promote 'rpool/v': not a cloned filesystem\n",
    "rename rpool/v rpool/w": "cannot rename 'rpool/v': dataset already exists\n",
    "rename rpool/v other/v": "cannot rename 'rpool/v': datasets must be within same pool\n",
    "snapshot rpool/v@s": "cannot create snapshot 'rpool/v@s': dataset already exists\n",
    "set volsize=2T rpool/v": "cannot set property for 'rpool/v': size is greater than available space\n",
    "set used=1 rpool/v": "cannot set property for 'rpool/v': 'used' is readonly\n",
    "set nosuch=1 rpool/v": "cannot set property for 'rpool/v': invalid property 'nosuch'\n",
    "hold keep rpool/w@one": "cannot hold snapshot 'rpool/w@one': tag already exists on this dataset\n",
    "release no rpool/w@one": "cannot release hold from snapshot 'rpool/w@one': no such tag on this dataset\n",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_says_why(host: Host, line: str) -> None:
    """Each impossible command exits with 1, says its reason on stderr and nothing on stdout, and changes nothing."""
    host.ok("zfs", "create", "-p", "rpool/a/b")
    for name, snaps in (("rpool/v", ["s"]), ("rpool/w", ["one", "two"])):
        host.ok("zfs", "create", "-V", "64M", name)
        for snap in snaps:
            host.ok("zfs", "snapshot", f"{name}@{snap}")
    host.ok("zfs", "clone", "rpool/v@s", "rpool/clone")
    host.ok("zfs", "hold", "keep", "rpool/w@one")
    before = host.world.read("zfs")
    said = host.run("zfs", *line.split(" "))
    assert (said.code, said.out, said.err) == (1, "", REFUSED[line])
    assert host.world.read("zfs") == before


def test_a_volume_may_be_larger_or_smaller_later(host: Host) -> None:
    """A clone grows past its origin, and a volume shrinks without a question."""
    host.ok("zfs", "create", "-s", "-V", "64M", "rpool/v")
    host.ok("zfs", "snapshot", "rpool/v@s")
    host.ok("zfs", "clone", "rpool/v@s", "rpool/w")
    host.ok("zfs", "set", "volsize=1G", "rpool/w")
    host.ok("zfs", "set", "volsize=32M", "rpool/v")
    assert (host.number("volsize", "rpool/w"), host.number("volsize", "rpool/v")) == (1 << 30, 32 << 20)
    assert host.device("rpool/v").stat().st_size == 32 << 20

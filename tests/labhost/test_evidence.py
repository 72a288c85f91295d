"""The picture of the world that two moments are compared by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host, host

from labhost.evidence import difference, digest_of, evidence

__all__ = ["host"]


def test_what_came_and_went_leaves_no_trace(host: Host) -> None:
    """Making a zone's datasets and destroying them gives the same picture, though ids and times moved on."""
    before = evidence(host.world)
    host.ok("zfs", "create", "-p", "-V", "1G", "-o", "zoneweaver:task=abc", "rpool/zones/web/root")
    host.ok("zfs", "snapshot", "-r", "rpool/zones/web@a")
    assert difference(before, evidence(host.world))
    host.ok("zfs", "destroy", "-r", "rpool/zones/web")
    assert difference(before, evidence(host.world)) == []


def test_a_dataset_made_again_is_the_same(host: Host) -> None:
    """A dataset destroyed and made again alike is no difference."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    before = evidence(host.world)
    host.ok("zfs", "destroy", "rpool/v")
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    assert difference(before, evidence(host.world)) == []


CHANGES: dict[str, Callable[[Host], object]] = {
    "a byte in a volume": lambda host: write_at(host.device("rpool/v"), 5 << 20, b"x"),
    "a user property": lambda host: host.ok("zfs", "set", "zoneweaver:task=abc", "rpool/v"),
    "a snapshot": lambda host: host.ok("zfs", "snapshot", "rpool/v@a"),
    "a size": lambda host: host.ok("zfs", "set", "volsize=128M", "rpool/v"),
    "a file": lambda host: Path(host.world.host("/iso/a.iso")).write_text("a"),
    "a folder": lambda host: Path(host.world.host("/iso/a")).mkdir(),
    "a mode": lambda host: Path(host.world.host("/etc/zones/index")).chmod(0o600),
    "a link": lambda host: write_area(host, "links", {"links": {}}),
    "a zone's state": lambda host: host.hold_open("rpool/v"),
}


def write_at(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def write_area(host: Host, area: str, state: dict[str, object]) -> None:
    with host.world.lock(area):
        host.world.write(area, state)


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_is_seen(host: Host, change: str) -> None:
    """Whatever changes on the host changes the picture."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    before = evidence(host.world)
    CHANGES[change](host)
    assert difference(before, evidence(host.world))


def test_scratch_locks_and_logs_do_not_count(host: Host) -> None:
    """What comes and goes by itself is not in the picture."""
    before = evidence(host.world)
    for path in ("/tmp/a", "/var/run/zones/web.zoneadm.lock", "/rpool/zones/zone.log"):
        Path(host.world.host(path)).write_text("a")
    assert difference(before, evidence(host.world)) == []


def test_stored_zeros_and_holes_are_the_same(tmp_path: Path) -> None:
    """A file's digest does not depend on whether its zeros are stored."""
    stored, hollow, other = (tmp_path / name for name in ("stored", "hollow", "other"))
    stored.write_bytes(b"\0" * (1 << 20) + b"end")
    with hollow.open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    other.write_bytes(b"\0" * (1 << 20) + b"End")
    assert digest_of(str(stored)) == digest_of(str(hollow)) != digest_of(str(other))
    assert digest_of(str(tmp_path / "nosuch")) == "-"

"""A folder as an artifact: packed alike every time, and nothing that could not be unpacked."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from zoneweaver.cli import packing
from zoneweaver.cli.entry import UsageError
from zoneweaver.domain.artifacts import Packing
from zoneweaver.host.archive import unpack


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to be sent."""
    folder = tmp_path / "site"
    (folder / "ansible").mkdir(parents=True)
    (folder / "ansible" / "playbook.yml").write_text("- hosts: all\n", encoding="utf-8")
    (folder / "setup.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "setup.sh").chmod(0o4755)
    (folder / "key").write_text("secret\n", encoding="utf-8")
    (folder / "key").chmod(0o600)
    (folder / "latest").symlink_to("setup.sh")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref\n", encoding="utf-8")
    (folder / "noise.log").write_text("x\n", encoding="utf-8")
    return folder


def test_a_folder_is_packed_alike_every_time(site: Path) -> None:
    """Same bytes for the same content; nobody's files, no rights beyond 0777, no repository, nothing excluded."""
    with packing.packed(site, exclude=["*.log"]) as file:
        first = file.read_bytes()
        assert file.name == "site.tar.gz"
    with packing.packed(site, exclude=["*.log"]) as file:
        assert file.read_bytes() == first
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(first))) as archive:
        entries = {entry.name: entry for entry in archive}
    assert sorted(entries) == ["ansible", "ansible/playbook.yml", "key", "latest", "setup.sh"]
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries.values()} == {(0, 0, "")}
    assert (entries["setup.sh"].mode, entries["key"].mode, entries["latest"].linkname) == (0o755, 0o600, "setup.sh")


def test_what_cannot_be_packed(site: Path, tmp_path: Path) -> None:
    """A pipe, a file of no known kind and nothing at all are refused by name."""
    os.mkfifo(site / "pipe")
    for path, said in (
        (site, "pipe is neither"),
        (site / "key", "key is neither"),
        (tmp_path / "no", "no is not there"),
    ):
        with pytest.raises(UsageError, match=said), packing.packed(path):
            pass


def test_what_comes_and_goes_in_a_folder_changes_nothing(site: Path) -> None:
    """A folder's own time is not packed: what was there for a moment is not a change."""
    with packing.packed(site) as file:
        first = file.read_bytes()
    os.utime(site / "ansible", (1, 1))
    with packing.packed(site) as file:
        assert file.read_bytes() == first
    os.utime(site / "setup.sh", (1, 1))
    with packing.packed(site) as file:
        assert file.read_bytes() != first


@pytest.mark.parametrize(
    ("link", "target", "said"),
    [
        ("abs", "/etc/shadow", "abs is a link to an absolute path (/etc/shadow)"),
        ("up", "..", "up is a link that leads out of"),
        ("ansible/up", "../../outside", "ansible/up is a link that leads out of"),
        ("again", "../site/setup.sh", "again is a link that leads out of"),
        ("over", "here/../../outside", "over is a link that leads out of"),
    ],
)
def test_a_link_that_leads_out_is_refused(site: Path, link: str, target: str, said: str) -> None:
    """By its name, whether by its own words or over another link; one inside is packed."""
    (site / "here").symlink_to(".")
    (site / link).symlink_to(target)
    with pytest.raises(UsageError) as raised, packing.packed(site):
        pass
    assert said in str(raised.value)
    with packing.packed(site, exclude=[Path(link).name]) as file:
        assert file.exists()


def test_what_is_in_no_folder_is_refused(site: Path, tmp_path: Path) -> None:
    """A socket, a folder without anything, and one of which nothing is left."""
    (tmp_path / "empty").mkdir()
    for folder, exclude in ((tmp_path / "empty", []), (site, ["*"])):
        with pytest.raises(UsageError, match="holds nothing"), packing.packed(folder, exclude=exclude):
            pass
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(site / "control"))
        with pytest.raises(UsageError, match="control is neither a file, a folder nor a link"), packing.packed(site):
            pass


def test_the_agent_takes_what_is_packed(site: Path, tmp_path: Path) -> None:
    """Nothing that passes here is refused there."""
    (site / "again").hardlink_to(site / "key")
    with packing.packed(site) as file:
        tree = tmp_path / "tree"
        tree.mkdir()
        unpack(file, Packing.TAR_GZ, tree)
        assert (tree / "again").read_text() == "secret\n"
        assert (tree / "latest").readlink() == Path("setup.sh")

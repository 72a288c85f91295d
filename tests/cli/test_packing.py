"""A folder as an artifact: packed alike every time, and nothing that could not be unpacked."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from zoneweaver.cli import packing
from zoneweaver.cli.entry import UsageError


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

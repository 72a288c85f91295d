"""The agent's own key for guests."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from zoneweaver.domain.errors import Unavailable
from zoneweaver.store.ssh_key import SshKey


def test_ssh_keygen_says_the_same(tmp_path: Path) -> None:
    """The file is one that OpenSSH reads, and the fingerprint is the one that it shows."""
    key = SshKey(tmp_path / "a" / "key")
    public = key.public()
    said = subprocess.run(["ssh-keygen", "-y", "-f", str(key.path)], capture_output=True, text=True, check=True)
    assert said.stdout.split()[:2] == public.line.split()[:2]
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(key.path)], capture_output=True, text=True, check=True)
    assert said.stdout.split()[1] == public.fingerprint


def test_all_who_ask_at_once_get_the_same_key(tmp_path: Path) -> None:
    """Also through several objects: the first key that lies there counts."""
    found: list[str] = []
    ready = threading.Barrier(8)

    def ask() -> None:
        ready.wait()
        found.append(SshKey(tmp_path / "key").public().line)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With the path and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file/key cannot be used: "):
        SshKey(tmp_path / "file" / "key").public()

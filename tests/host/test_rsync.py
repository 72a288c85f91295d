"""rsync(1): its words and what it says."""

from __future__ import annotations

import pytest

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.host import rsync


def test_words() -> None:
    """Options come before the folders, whatever these are called; contents are meant, not the folder itself."""
    command = rsync.push(
        "/rpool/zones/web/provisioning", "/vagrant", remote="r", exclude=["*.log", "--delete"], delete=True
    )
    assert command.argv[-3:] == ("--", "/rpool/zones/web/provisioning/", "guest:/vagrant/")
    assert command.argv[-5:-3] == ("--exclude=*.log", "--exclude=--delete")
    assert command.argv.count("--delete") == 1
    assert "--owner" not in command.argv
    assert "--rsh=r" in command.argv


@pytest.mark.parametrize(
    ("owner", "group", "wanted"),
    [
        ("web", None, ["--owner", "--chown=web"]),
        (None, "www", ["--group", "--chown=:www"]),
        ("web", "www", ["--owner", "--group", "--chown=web:www"]),
    ],
)
def test_ownership(owner: str | None, group: str | None, wanted: list[str]) -> None:
    """Only what is given is changed."""
    argv = rsync.push("/a", "/b", remote="r", owner=owner, group=group, privileged=("sudo", "-n")).argv
    assert [word for word in argv if "own" in word or "group" in word] == wanted
    assert "--rsync-path=sudo -n rsync" in argv


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("      1,234,567  12%    1.23MB/s    0:00:01 (xfr#5, to-chk=10/20)", 12),
        ("              0 100%    0.00kB/s    0:00:00 (xfr#0, to-chk=0/1)", 100),
        ("sending incremental file list", None),
        ("50% of something", None),
        ("", None),
    ],
)
def test_progress(line: str, wanted: int | None) -> None:
    """A line of progress tells its percentage, another line nothing."""
    assert rsync.progress(line) == wanted


def test_counts() -> None:
    """The statistics are read; there may be none."""
    text = (
        "Number of files: 5 (reg: 3, dir: 2)\nNumber of created files: 3\nNumber of deleted files: 1 (reg: 1)\n"
        "Number of regular files transferred: 1,003\nTotal file size: 11 bytes\nTotal transferred file size: 12,345 bytes\n"
    )
    assert rsync.counts(text) == rsync.Counts(files=1003, deleted=1, size=12345)
    assert rsync.counts("") == rsync.Counts(files=0, deleted=0, size=0)


def test_complaint() -> None:
    """What it could not do is told without the noise of its protocol; when all is noise, the error tells."""
    said = (
        'rsync: [receiver] mkstemp "/vagrant/.a.x" failed: No space left on device (28)\n'
        "rsync error: error in file IO (code 11) at receiver.c(880)\n"
    )
    error = CommandFailed(argv=("rsync",), exit_status=11, stderr=said)
    assert rsync.complaint(error) == 'rsync: [receiver] mkstemp "/vagrant/.a.x" failed: No space left on device (28)'
    bare = CommandFailed(argv=("rsync",), exit_status=12, stderr="rsync error: x\n")
    assert rsync.complaint(bare) == bare.message

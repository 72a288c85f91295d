"""The guard: a lock that says whether any command of a task still lives."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from zoneweaver.tasks.guard import Guard

READY = "print('ready', flush=True); import sys; sys.stdin.read()"


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second taker waits until the first one releases; taking twice is taking once."""
    one, two = Guard(tmp_path, "t"), Guard(tmp_path, "t")
    assert one.take()
    assert one.take()
    assert not two.take()
    one.release()
    assert two.take()
    two.release()


def test_an_heir_of_the_descriptor_holds_the_lock(tmp_path: Path) -> None:
    """A process that inherited the descriptor keeps the lock when its parent lets go, until it ends."""
    one, two = Guard(tmp_path, "t"), Guard(tmp_path, "t")
    handle = one.handle()
    assert handle is not None
    with subprocess.Popen(
        [sys.executable, "-c", READY], pass_fds=[handle], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        one.release()
        assert not two.take()
        child.communicate()
    assert two.take()
    two.release()


def test_killing_holders(tmp_path: Path) -> None:
    """Processes that hold the lock can be found and killed, and no others are."""
    one, two = Guard(tmp_path, "t"), Guard(tmp_path, "t")
    handle = one.handle()
    assert handle is not None
    with (
        subprocess.Popen(
            [sys.executable, "-c", READY], pass_fds=[handle], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder,
        subprocess.Popen([sys.executable, "-c", READY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
    ):
        for child in (holder, other):
            assert child.stdout is not None
            child.stdout.readline()
        one.release()
        assert two.kill_holders() == [holder.pid]
        assert holder.wait(10) == -9
        assert other.poll() is None
        other.communicate()
    assert two.take()
    two.release()


def test_forgetting(tmp_path: Path) -> None:
    """The file of an ended task is removed, also when this attempt never needed it."""
    one = Guard(tmp_path, "t")
    one.take()
    one.release()
    Guard(tmp_path, "t").forget()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """What is not a matter of somebody else's lock is an error."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Guard(tmp_path / "file", "t").take()


def test_the_lock_is_flocks(tmp_path: Path) -> None:
    """Another program can see that the guard is held, with flock(2)."""
    one = Guard(tmp_path, "t")
    one.take()
    with (tmp_path / "guard-t").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    one.release()

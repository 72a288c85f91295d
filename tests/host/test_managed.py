"""Files of the host that are changed as a whole or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoneweaver.domain.errors import Conflict
from zoneweaver.host.managed import ManagedFile, NotWritable
from zoneweaver.host.zonexml import BrokenFile

PATH = "/etc/x.conf"


class Folder:
    """A host whose file system begins at a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")


@pytest.fixture
def host(tmp_path: Path) -> Folder:
    (tmp_path / "etc").mkdir()
    return Folder(tmp_path)


def left(host: Folder) -> list[str]:
    return sorted(path.name for path in host.path("/etc").iterdir())


def write(file: ManagedFile, *lines: str) -> None:
    edit = file.stage("network", lines)
    assert edit is not None
    file.commit(edit)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.none() | st.binary(max_size=60))
def test_bytes_of_others_are_kept(host: Folder, content: bytes | None) -> None:
    """Any bytes of others are there before, while and after there is a block; nothing else is left behind."""
    path = host.path(PATH)
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    file = ManagedFile(host, PATH)
    write(file, "one", "two")
    assert file.read("network") == ("one", "two")
    assert path.read_bytes().startswith(content or b"")
    write(file)
    assert (path.read_bytes() if path.exists() else None) == content
    assert left(host) == ([] if content is None else ["x.conf"])


def test_mode_and_owner_stay(host: Folder) -> None:
    """A file that only its group may read is that afterwards too, and so is the version to be checked."""
    path = host.path(PATH)
    path.write_text("theirs\n")
    if os.geteuid() == 0:
        os.chown(path, 65534, 65533)
    path.chmod(0o640)
    facts = path.stat()
    file = ManagedFile(host, PATH)
    edit = file.stage("network", ["a"])
    assert edit is not None
    assert edit.staged is not None
    staged = host.path(edit.staged).stat()
    file.commit(edit)
    for now in (staged, path.stat()):
        assert (now.st_mode, now.st_uid, now.st_gid) == (facts.st_mode, facts.st_uid, facts.st_gid)
    file.revert(edit)
    assert (path.stat().st_mode, path.read_text()) == (facts.st_mode, "theirs\n")


def test_until_it_is_committed_nothing_is_changed(host: Folder) -> None:
    """A staged version can be looked at and dropped; only the next one removes what a dead agent left."""
    host.path(PATH).write_text("theirs\n")
    file = ManagedFile(host, PATH)
    edit = file.stage("network", ["a"])
    assert edit is not None
    assert edit.staged is not None
    assert host.path(edit.staged).read_text() == "theirs\n# zoneweaver begin network\na\n# zoneweaver end network\n"
    assert host.path(PATH).read_text() == "theirs\n"
    second = file.stage("network", ["b"])
    assert second is not None
    assert len(left(host)) == 2
    file.discard(second)
    file.discard(second)
    assert left(host) == ["x.conf"]


def test_what_it_says_already_is_no_change(host: Folder) -> None:
    """The same lines again, and no block where there is none, are nothing to be done."""
    file = ManagedFile(host, PATH)
    assert file.stage("network", None) is None
    write(file, "a")
    assert file.stage("network", ["a"]) is None


def test_a_change_by_somebody_else_is_kept(host: Folder) -> None:
    """A file that is not any more what was read is left as it is, and so is one that has come meanwhile."""
    file = ManagedFile(host, PATH)
    edit = file.stage("network", ["a"])
    assert edit is not None
    host.path(PATH).write_text("new\n")
    with pytest.raises(Conflict, match=PATH):
        file.commit(edit)
    assert host.path(PATH).read_text() == "new\n"
    assert left(host) == ["x.conf"]


def test_the_version_before_comes_back(host: Folder) -> None:
    """Reverted, a file is what it was, or gone where there was none."""
    file = ManagedFile(host, PATH)
    edit = file.stage("network", ["a"])
    assert edit is not None
    file.commit(edit)
    file.revert(edit)
    assert left(host) == []


def test_a_link_is_followed_and_stays(host: Folder) -> None:
    """The file behind a symbolic link is changed; one that leads out of the host is not."""
    host.path("/opt").mkdir()
    host.path("/opt/real.conf").write_text("theirs\n")
    host.path(PATH).symlink_to("../opt/real.conf")
    file = ManagedFile(host, PATH)
    write(file, "a")
    assert host.path(PATH).is_symlink()
    assert "\na\n" in host.path("/opt/real.conf").read_text()
    host.path("/etc/out.conf").symlink_to("/proc/self/status")
    with pytest.raises(NotWritable, match=r"/etc/out\.conf.*leads out"):
        ManagedFile(host, "/etc/out.conf").stage("network", ["a"])


def test_a_folder_that_is_missing_is_made(host: Folder) -> None:
    """A file may be the first of its folder."""
    write(ManagedFile(host, "/etc/ipf/ipnat.conf"), "a")
    assert host.path("/etc/ipf/ipnat.conf").exists()


def test_what_cannot_be_read_or_written_is_named(host: Folder) -> None:
    """A folder in a file's place, and a file in a folder's, are told with the path."""
    host.path("/etc/folder").mkdir()
    with pytest.raises(BrokenFile, match="/etc/folder"):
        ManagedFile(host, "/etc/folder").text()
    host.path("/etc/file").write_text("")
    with pytest.raises(BrokenFile, match="/etc/file/x"):
        ManagedFile(host, "/etc/file/x").stage("network", ["a"])


def test_what_cannot_be_staged_is_refused(host: Folder) -> None:
    """A new version for which there is no place is named with the path, and nothing is left behind."""
    path = f"/etc/{'x' * 250}"
    with pytest.raises(NotWritable, match=path):
        ManagedFile(host, path).stage("network", ["a"])
    assert left(host) == []

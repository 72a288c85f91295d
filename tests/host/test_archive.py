"""Unpacking what people upload."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.host.archives import (
    DIR,
    EVIL,
    LNK,
    OK,
    SYM,
    Evil,
    entry,
    needs_a_program_for,
    packed,
    pax,
    snapshot,
    tar,
    zstd,
)

from zoneweaver.domain.artifacts import Packing
from zoneweaver.domain.errors import Cancelled, Refused
from zoneweaver.host import archive
from zoneweaver.host.archive import inspect, unpack
from zoneweaver.host.judge import Limits
from zoneweaver.host.tarstream import BadArchive

SMALL = Limits(entries=100, unpacked=2 * 1024 * 1024)
KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with something from before, and something beside it that nobody may touch."""
    tree = tmp_path / "world" / "zone" / "tree"
    tree.mkdir(parents=True)
    (tree / "before").write_text("from before")
    (tree.parent / "beside").write_text("beside")
    (tmp_path / "world" / "outside").write_text("outside")
    return tree


def written(tmp_path: Path, content: bytes, packing: str = "tar") -> tuple[Path, Packing]:
    path = tmp_path / f"given.{packing}"
    path.write_bytes(content)
    return path, Packing(packing)


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: evil[0].replace(" ", "-"))
def test_an_evil_archive_is_refused_by_name(evil: Evil, tmp_path: Path, place: Path) -> None:
    """What is wrong is named, and neither the folder nor anything around it has changed."""
    _, packing, content, said = evil
    needs_a_program_for(packing)
    path, form = written(tmp_path, content(), packing)
    world = tmp_path / "world"
    before = snapshot(world)
    with pytest.raises(BadArchive) as raised:
        unpack(path, form, place, limits=SMALL)
    assert said in raised.value.message
    assert snapshot(world) == before


def test_there_are_enough_evil_archives() -> None:
    """Each of them is another."""
    assert len({evil[0] for evil in EVIL}) == len(EVIL) >= 30


@pytest.mark.parametrize("packing", ["tar", "tar.gz", "tar.zst"])
def test_a_good_archive_is_unpacked_into_a_clean_tree(packing: str, tmp_path: Path, place: Path) -> None:
    """Names, content and whether a file is a program are kept; what was there before is gone."""
    needs_a_program_for(packing)
    made = tar(
        entry("./", kind=DIR),
        entry("site/", kind=DIR, mode=0o777),
        entry("site/run.sh", b"#!/bin/sh\n", mode=0o777),
        entry("site/d\u00e9j\u00e0 vu.txt", b"x" * 700, mode=0o666),
        entry("site/again", kind=LNK, link="site/run.sh"),
        entry("site/current", kind=SYM, link="../site/run.sh"),
        entry("site/", kind=DIR),
        entry("keys/deploy", KEY, mode=0o644),
        entry("keys/id_ed25519", b"anything"),
        entry("keys/id_ed25519.pub", b"ssh-ed25519 AAAA"),
        pax(path="l" * 120 + "/file", mtime="1700000000.5"),
        entry("short", b"long"),
    )
    content = {"tar": lambda: made, "tar.gz": lambda: gzip.compress(made), "tar.zst": lambda: zstd(made)}
    path, form = written(tmp_path, content[packing](), packing)
    heard: list[tuple[int, int]] = []
    old = os.umask(0o077)
    try:
        contents = unpack(path, form, place, limits=SMALL, heard=lambda done, of: heard.append((done, of)))
    finally:
        os.umask(old)
    found = snapshot(place)
    assert found == {
        "site": "0755 /",
        "site/run.sh": "0755 b'#!/bin/sh\\n'",
        "site/again": "0755 b'#!/bin/sh\\n'",
        "site/current": "0777 -> ../site/run.sh",
        "site/d\u00e9j\u00e0 vu.txt": f"0644 {b'x' * 700!r}",
        "keys": "0755 /",
        "keys/deploy": f"0600 {KEY!r}",
        "keys/id_ed25519": "0600 b'anything'",
        "keys/id_ed25519.pub": "0644 b'ssh-ed25519 AAAA'",
        "l" * 120: "0755 /",
        "l" * 120 + "/file": "0644 b'long'",
    }
    assert (place / ("l" * 120) / "file").stat().st_mtime == 1700000000.5
    assert contents.entries == 11
    assert heard[-1] == (contents.unpacked, contents.unpacked)
    assert (place.parent / "beside").read_text() == "beside"


def test_a_second_archive_leaves_nothing_of_the_first(tmp_path: Path, place: Path) -> None:
    """Also when the first held links and folders."""
    path, form = written(tmp_path, tar(entry("a/b/c", b"1"), entry("a/l", kind=SYM, link="b")))
    unpack(path, form, place)
    path, form = written(tmp_path, tar(entry("a", b"2")))
    unpack(path, form, place)
    assert snapshot(place) == {"a": "0644 b'2'"}


def test_an_archive_that_was_changed_is_refused(tmp_path: Path, place: Path) -> None:
    """The checksum from the upload is compared before anything is touched."""
    path, form = written(tmp_path, tar(OK))
    good = archive.digest_of(path)
    unpack(path, form, place, sha256=good)
    path.write_bytes(tar(entry("good.txt", b"evil")))
    with pytest.raises(Refused, match="changed after it was uploaded"):
        unpack(path, form, place, sha256=good)
    assert snapshot(place) == {"good.txt": "0644 b'good'"}


def test_an_archive_that_changes_under_way_does_no_harm(tmp_path: Path, place: Path) -> None:
    """What was judged good, and is another when it is written, is refused again, and the folder left empty."""
    path, form = written(tmp_path, tar(OK))

    def swap() -> bool:
        if not (place / "before").exists():  # it was judged, and is being written
            path.write_bytes(tar(OK, entry("l", kind=SYM, link="../beside"), entry("l", b"overwritten")))
        return False

    with pytest.raises(BadArchive, match="l is a link that leads out"):
        unpack(path, form, place, stop=swap)
    assert snapshot(place) == {}
    assert (place.parent / "beside").read_text() == "beside"


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """The folder must be one itself."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("real")
    path, form = written(tmp_path, tar(OK))
    with pytest.raises(Exception, match="link"):
        unpack(path, form, tmp_path / "link")
    assert (tmp_path / "real" / "mine").read_text() == "mine"


def test_somebody_may_ask_to_stop(tmp_path: Path, place: Path) -> None:
    """Then the folder is as it was, as long as nothing was written."""
    path, form = written(tmp_path, tar(entry("a", bytes(600000))))
    with pytest.raises(Cancelled):
        unpack(path, form, place, stop=lambda: True)
    assert (place / "before").exists()


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_is_read(format_: int, tmp_path: Path, place: Path) -> None:
    """A folder packed in each of the formats comes out as it was."""
    source = tmp_path / "source"
    (source / "roles" / "web").mkdir(parents=True)
    (source / "roles" / "web" / ("n" * 90 + ".yml")).write_text("- hosts: all\n")
    (source / "empty").mkdir()
    (source / "link").symlink_to("roles/web")
    path = tmp_path / "made.tar.gz"
    with tarfile.open(path, "w:gz", format=format_) as made:
        made.add(source, arcname=".")
    unpack(path, Packing.TAR_GZ, place)
    assert snapshot(place).keys() == snapshot(source).keys()


def test_what_tar_writes_is_read(tmp_path: Path, place: Path) -> None:
    """The system's own tar, with a name that needs GNU's long header."""
    import subprocess

    long = "d" * 100 + "/" + "f" * 100
    (tmp_path / "source" / ("d" * 100)).mkdir(parents=True)
    (tmp_path / "source" / long).write_text("x")
    subprocess.run(["tar", "czf", tmp_path / "made.tar.gz", "-C", tmp_path / "source", "."], check=True)
    unpack(tmp_path / "made.tar.gz", Packing.TAR_GZ, place)
    assert (place / long).read_text() == "x"


names = st.text(alphabet="ab/.\u00e9", min_size=1, max_size=12)
things = st.lists(
    st.tuples(st.sampled_from([b"0", b"5", b"2", b"1", b"3"]), names, st.text(alphabet="ab/.", max_size=8)), max_size=8
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(things=things)
def test_nothing_is_ever_written_outside(things: list[tuple[bytes, str, str]], tmp_path: Path) -> None:
    """Whatever the entries are: unpacked as a whole inside, or refused with nothing changed; no link leads out."""
    world = tmp_path / "world"
    shutil.rmtree(world, ignore_errors=True)
    tree = world / "a" / "tree"
    tree.mkdir(parents=True)
    (world / "b").write_text("b")
    (world / "a" / "b").write_text("b")
    path, form = written(tmp_path, tar(*(entry(name, kind=kind, link=link) for kind, name, link in things)))
    try:
        unpack(path, form, tree)
    except BadArchive:
        assert snapshot(tree) == {}
    for link in tree.rglob("*"):
        real = Path(os.path.realpath(link))
        assert real == tree or tree in real.parents
    assert (world / "b").read_text() == (world / "a" / "b").read_text() == "b"
    assert sorted(os.listdir(world / "a")) == ["b", "tree"]


def test_inspecting_costs_no_memory(tmp_path: Path) -> None:
    """An archive of 64 MiB is judged with a few hundred KiB in hand."""
    import tracemalloc

    path, form = written(tmp_path, packed({"zeros": bytes(64 * 1024 * 1024)}), "tar.gz")
    tracemalloc.start()
    try:
        assert inspect(path, form).unpacked == 64 * 1024 * 1024
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()

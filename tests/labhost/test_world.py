"""The world: its state, its locks, its files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhost import founding, jsontext
from labhost.world import Whole, World, WorldError


def add_many(path: str, times: int) -> None:
    world = World(path)
    for _ in range(times):
        with world.lock("links", "smf"):
            state = world.read("smf")
            state["count"] = state.get("count", 0) + 1
            world.write("smf", state)


def test_a_new_world_has_what_every_host_has(tmp_path: Path) -> None:
    """A new host has its pool, its link, its zone templates, its firmware and an executable for every command."""
    world = World.create(str(tmp_path / "host"))
    assert sorted(world.read("zfs")["datasets"]) == ["rpool", "rpool/zones"]
    assert world.read("links")["links"]["igb0"]["class"] == "phys"
    assert Path(world.host("/etc/zones/index")).read_text() == "global:installed:/:\n"
    assert Path(world.host("/etc/zones/OMNIbhyve.xml")).exists()
    assert Path(world.host("/usr/share/bhyve/firmware/BHYVE_RELEASE_CSM.fd")).exists()
    assert Path(world.host("/rpool/zones")).is_dir()
    for name in founding.commands():
        assert os.access(f"{world.path}/bin/{name}", os.X_OK)
    assert {"zfs", "zpool", "pfexec"} <= set(founding.commands())


def test_making_a_world_twice_changes_nothing(tmp_path: Path) -> None:
    """Bringing an existing host up to date keeps its state, its files and its settings."""
    world = World.create(str(tmp_path), pool_size=1 << 33, euid=1000)
    Path(world.host("/etc/zones/index")).write_text("mine\n")
    before = {area: world.read(area) for area in ("zfs", "links", "settings")}
    again = World.create(str(tmp_path))
    assert {area: again.read(area) for area in before} == before
    assert Path(world.host("/etc/zones/index")).read_text() == "mine\n"
    assert again.setting("euid", 0) == 1000


def test_a_folder_that_is_no_host_is_refused(tmp_path: Path) -> None:
    """Opening some folder says that it is no host and how to make one."""
    with pytest.raises(WorldError, match="labhost up"):
        World(str(tmp_path))


def test_state_is_written_only_under_its_lock(tmp_path: Path) -> None:
    """Writing an area without holding it is refused."""
    world = World.create(str(tmp_path))
    with pytest.raises(WorldError, match="smf"), world.lock("links"):
        world.write("smf", {})


def test_parallel_changes_are_all_kept(tmp_path: Path) -> None:
    """Changes by several processes under the lock are none lost."""
    world = World.create(str(tmp_path))
    method = multiprocessing.get_context("spawn")
    workers = [method.Process(target=add_many, args=(world.path, 20)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert world.read("smf")["count"] == 80


def test_a_lock_within_a_lock_of_the_same_area_is_free(tmp_path: Path) -> None:
    """Taking an area again inside its own lock does not wait for itself, and the outer hold lasts."""
    world = World.create(str(tmp_path))
    with world.lock("smf"):
        with world.lock("smf", "links"):
            world.write("links", {"links": {}})
        world.write("smf", {"still": "held"})
    assert world.read("smf") == {"still": "held"}
    assert world.held == set()


def test_a_polite_signal_waits_for_the_end_of_a_change(tmp_path: Path) -> None:
    """SIGTERM during a change is delivered after it."""
    world = World.create(str(tmp_path))
    heard: list[int] = []
    old = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with world.lock("smf"):
            # To this thread alone: another one of the test run would take it, and the lock puts it off for its own.
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            during = list(heard)
        assert (during, heard) == ([], [signal.SIGTERM])
    finally:
        signal.signal(signal.SIGTERM, old)


def test_what_is_whole_inside_a_lock_ends_with_the_lock(tmp_path: Path) -> None:
    """A signal that waits for an inner change goes on waiting for the outer one."""
    world = World.create(str(tmp_path))
    heard: list[int] = []
    old = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with world.lock("smf"):
            with Whole():
                signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            during = list(heard)
        assert (during, heard) == ([], [signal.SIGTERM])
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_child_forked_inside_a_lock_does_not_keep_it(tmp_path: Path) -> None:
    """A process that outlives the command that forked it holds neither its locks nor its signal mask."""
    world = World.create(str(tmp_path))
    reading, writing = os.pipe()
    with world.lock("smf"):
        child = os.fork()
        if child == 0:
            blocked = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
            os.write(writing, b"blocked" if blocked else b"free")
            signal.pause()
    try:
        assert os.read(reading, 16) == b"free"
        with world.lock("smf"):
            world.write("smf", {"taken": True})
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def test_host_paths_stay_inside_the_host(tmp_path: Path) -> None:
    """A path of the host lies under its root, and none leaves it."""
    world = World.create(str(tmp_path))
    assert world.host("/etc/zones") == f"{world.root}/etc/zones"
    assert world.host("/") == world.root
    with pytest.raises(WorldError, match="leave"):
        world.host("/../../etc/passwd")


def test_settings_change_at_once_and_go_back(tmp_path: Path) -> None:
    """A setting is read as it is now; None takes it back to its default; time follows the scale."""
    world = World.create(str(tmp_path))
    assert world.scaled(100) == pytest.approx(2.0)
    World(str(tmp_path)).configure(time_scale=0.5)
    assert world.scaled(100) == pytest.approx(50.0)
    world.configure(time_scale=None)
    assert world.setting("time_scale", "default") == "default"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_every_json_value_survives(value: object) -> None:
    """What is written as JSON text is read back the same."""
    assert jsontext.loads(jsontext.dumps(value)) == value


@given(st.sampled_from(["", "  ", "{", "[1,", "nul", "1 2", '{"a":}']))
def test_what_is_no_json_is_refused(text: str) -> None:
    """Text that is not one JSON value raises ValueError."""
    with pytest.raises(ValueError, match=r"."):
        jsontext.loads(text)

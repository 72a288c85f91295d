"""Send and receive: content travels whole or not at all, through a pipe that can be killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest
from tests.labhost.zfs.conftest import Host, Said, wait_for

SIZE = 8 << 20


@pytest.fixture
def source(host: Host) -> Host:
    """A host with a volume rpool/v that holds two pieces, and its snapshot @one."""
    host.ok("zfs", "create", "-s", "-V", "64M", "-o", "zoneweaver:task=t", "rpool/v")
    put(host, "rpool/v", 0, b"boot")
    put(host, "rpool/v", SIZE, b"far!")
    host.ok("zfs", "snapshot", "rpool/v@one")
    return host


def put(host: Host, name: str, at: int, data: bytes) -> None:
    with host.device(name).open("r+b") as file:
        file.seek(at)
        file.write(data)


def content(host: Host, name: str, at: int) -> bytes:
    with host.device(name).open("rb") as file:
        file.seek(at)
        return file.read(4)


def stream(host: Host, *argv: str) -> bytes:
    done = subprocess.run([f"{host.world.path}/bin/zfs", "send", *argv], capture_output=True, check=True, timeout=60)
    return done.stdout


def receive(host: Host, data: bytes, *argv: str) -> Said:
    return host.run("zfs", "receive", *argv, stdin=data)


def test_a_volume_travels_with_its_content(source: Host) -> None:
    """What is received has the size, the content, the snapshot with its identity, and no property that was not sent."""
    assert receive(source, stream(source, "rpool/v@one"), "rpool/zones/w") == Said(0, "", "")
    assert (content(source, "rpool/zones/w", 0), content(source, "rpool/zones/w", SIZE)) == (b"boot", b"far!")
    assert source.number("volsize", "rpool/zones/w") == 64 << 20
    assert source.value("guid", "rpool/zones/w@one") == source.value("guid", "rpool/v@one")
    assert source.value("zoneweaver:task", "rpool/zones/w") == "-"
    assert source.value("origin", "rpool/zones/w") == "-"


def test_properties_that_travel_are_received(source: Host) -> None:
    """With -p properties come along as received; an own value hides one, inherit -S brings it back."""
    receive(source, stream(source, "-p", "rpool/v@one"), "rpool/w")
    row = ("zfs", "get", "-H", "-o", "value,received,source", "zoneweaver:task", "rpool/w")
    assert source.ok(*row) == "t\tt\treceived\n"
    source.ok("zfs", "set", "zoneweaver:task=mine", "rpool/w")
    assert source.ok(*row) == "mine\tt\tlocal\n"
    source.ok("zfs", "inherit", "-S", "zoneweaver:task", "rpool/w")
    assert source.ok(*row) == "t\tt\treceived\n"
    source.ok("zfs", "inherit", "zoneweaver:task", "rpool/w")
    assert source.ok(*row) == "-\tt\t-\n"


def test_an_increment_needs_its_base(source: Host) -> None:
    """An increment applies on its base only, and not over changes unless forced."""
    receive(source, stream(source, "rpool/v@one"), "rpool/w")
    put(source, "rpool/v", 0, b"two!")
    source.ok("zfs", "snapshot", "rpool/v@two")
    more = stream(source, "-i", "@one", "rpool/v@two")
    put(source, "rpool/w", 0, b"mine")
    assert receive(source, more, "rpool/w").err == (
        "cannot receive incremental stream: destination rpool/w has been modified\nsince most recent snapshot\n"
    )
    assert receive(source, more, "-F", "rpool/w").code == 0
    assert content(source, "rpool/w", 0) == b"two!"
    assert receive(source, more, "rpool/w").err == (
        "cannot receive incremental stream: most recent snapshot of rpool/w does not\nmatch incremental source\n"
    )


def test_all_snapshots_between_travel_together(source: Host) -> None:
    """-I sends every snapshot from the base on."""
    receive(source, stream(source, "rpool/v@one"), "rpool/w")
    for snap in ("two", "three"):
        put(source, "rpool/v", 0, snap[:4].encode().ljust(4))
        source.ok("zfs", "snapshot", f"rpool/v@{snap}")
    assert receive(source, stream(source, "-I", "@one", "rpool/v@three"), "rpool/w").code == 0
    assert source.names("-r", "-t", "snapshot", "rpool/w") == ["rpool/w@one", "rpool/w@two", "rpool/w@three"]
    source.ok("zfs", "rollback", "-r", "rpool/w@two")
    assert content(source, "rpool/w", 0) == b"two "


def test_a_whole_tree_travels_as_one(host: Host) -> None:
    """-R sends a filesystem with what is below it, files, properties and origins included."""
    host.ok("zfs", "create", "-p", "-s", "-V", "64M", "-o", "zoneweaver:task=t", "rpool/a/v")
    put(host, "rpool/a/v", 0, b"boot")
    folder = Path(host.world.host("/rpool/a/etc"))
    folder.mkdir(mode=0o750)
    (folder / "f").write_text("hi")
    (folder / "l").symlink_to("f")
    host.ok("zfs", "snapshot", "-r", "rpool/a@s")
    assert receive(host, stream(host, "-R", "rpool/a@s"), "rpool/b").code == 0
    assert content(host, "rpool/b/v", 0) == b"boot"
    assert Path(host.world.host("/rpool/b/etc/l")).read_text() == "hi"
    assert host.value("zoneweaver:task", "rpool/b/v") == "t"
    assert receive(host, stream(host, "-R", "rpool/a@s"), "-d", "rpool/zones").code == 0
    assert host.names("-r", "rpool/zones") == ["rpool/zones", "rpool/zones/a", "rpool/zones/a/v"]


def test_a_stream_that_breaks_off_leaves_nothing(source: Host) -> None:
    """Half a stream, or something that is none, is refused and leaves no dataset and no content."""
    whole = stream(source, "rpool/v@one")
    before = source.world.read("zfs"), sorted(Path(f"{source.world.path}/volumes").iterdir())
    for data in (whole[: len(whole) // 2], whole[:-5], b"", b"garbage\n"):
        said = receive(source, data, "rpool/w")
        assert (said.code, said.err[:15]) == (1, "cannot receive:")
    assert (source.world.read("zfs"), sorted(Path(f"{source.world.path}/volumes").iterdir())) == before


def test_a_target_that_is_there_needs_force(source: Host) -> None:
    """An existing target is refused; -F replaces it unless it has snapshots."""
    whole = stream(source, "rpool/v@one")
    source.ok("zfs", "create", "-V", "8M", "rpool/w")
    assert receive(source, whole, "rpool/w").err == (
        "cannot receive new filesystem stream: destination 'rpool/w' exists\nmust specify -F to overwrite it\n"
    )
    assert receive(source, whole, "-F", "rpool/w").code == 0
    assert receive(source, whole, "-F", "rpool/w").err == (
        "cannot receive new filesystem stream: destination has snapshots (eg. rpool/w@one)\n"
        "must destroy them to overwrite it\n"
    )


def test_an_estimate_for_programs(source: Host) -> None:
    """-nvP writes no stream but what would be sent and how much it is about, tab-separated on stdout."""
    lines = source.ok("zfs", "send", "-nvP", "rpool/v@one").splitlines()
    kind, name, size = lines[0].split("\t")
    assert (kind, name) == ("full", "rpool/v@one")
    assert int(size) > 8192
    assert lines[1] == f"size\t{size}"


def test_a_slow_pipe_can_be_killed_and_leaves_nothing(source: Host) -> None:
    """Killing both ends of a long transfer ends it at once, and the target does not come to be."""
    with source.device("rpool/v").open("r+b") as file:
        file.write(b"x" * (4 << 20))
    source.ok("zfs", "snapshot", "rpool/v@big")
    source.world.configure(send_rate=1 << 18)
    binary = f"{source.world.path}/bin/zfs"
    volumes = Path(f"{source.world.path}/volumes")
    with (
        subprocess.Popen([binary, "send", "rpool/v@big"], stdout=subprocess.PIPE) as sender,
        subprocess.Popen([binary, "recv", "rpool/w"], stdin=sender.stdout) as receiver,
    ):
        wait_for(lambda: any(volumes.glob("receive.*/0")), lambda: "nothing is received")
        for process in (receiver, sender):
            process.send_signal(signal.SIGTERM)
        assert (receiver.wait(20), sender.wait(20)) == (143, 143)
    assert "rpool/w" not in source.names()
    assert list(volumes.glob("receive.*")) == []


def test_a_sender_whose_reader_is_gone_ends(source: Host) -> None:
    """When the receiver refuses at once the sender ends too."""
    with source.device("rpool/v").open("r+b") as file:
        file.write(b"x" * (4 << 20))
    source.ok("zfs", "snapshot", "rpool/v@big")
    with subprocess.Popen([f"{source.world.path}/bin/zfs", "send", "rpool/v@big"], stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        sender.stdout.read(10)
        sender.stdout.close()
        assert sender.wait(20) == 141


def test_what_a_killed_receiver_left_is_swept(source: Host) -> None:
    """A receiver killed outright leaves no dataset, and the next one removes its scraps."""
    left = Path(f"{source.world.path}/volumes/receive.999999999")
    left.mkdir()
    (left / "0").write_bytes(b"half")
    assert receive(source, stream(source, "rpool/v@one"), "rpool/w").code == 0
    assert not left.exists()


def test_a_sender_whose_reader_does_not_read_ends_by_a_signal(source: Host) -> None:
    """A full pipe does not hold up the end: what was not written yet is lost."""
    with source.device("rpool/v").open("r+b") as file:
        file.write(b"x" * (4 << 20))
    source.ok("zfs", "snapshot", "rpool/v@big")
    reading, writing = os.pipe()
    with subprocess.Popen([source.command("zfs"), "send", "rpool/v@big"], stdout=writing) as sender:
        wait_for(lambda: not select.select([], [writing], [], 0)[1], lambda: "the pipe does not fill")
        sender.send_signal(signal.SIGTERM)
        assert sender.wait(20) == 143
    os.close(reading)
    os.close(writing)

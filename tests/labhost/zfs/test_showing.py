"""What list and get show: columns, order, types, sources, exact numbers."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.labhost.zfs.conftest import Host

from labhost.world import World
from labhost.zfs import contents, sizes
from labhost.zfs.change import Change
from labhost.zfs.errors import ZfsError


def test_order_is_by_name_with_snapshots_by_age(host: Host) -> None:
    """Parents come before children, names sort by their bytes, snapshots follow their dataset, the oldest first."""
    for name in ("rpool/a", "rpool/a/b", "rpool/a-b", "rpool/B"):
        host.ok("zfs", "create", name)
    for snap in ("z", "a", "m"):
        host.ok("zfs", "snapshot", f"rpool/a@{snap}")
    assert host.names("-t", "all", "-r", "rpool") == [
        "rpool", "rpool/B", "rpool/a", "rpool/a@z", "rpool/a@a", "rpool/a@m", "rpool/a-b", "rpool/a/b", "rpool/zones",
    ]  # fmt: skip


def test_sorting_by_columns(host: Host) -> None:
    """-s sorts upwards, -S downwards, the first column first."""
    for name, size in (("b", "8M"), ("a", "16M"), ("c", "8M")):
        host.ok("zfs", "create", "-s", "-V", size, f"rpool/{name}")
    chosen = ("-t", "volume", "-r", "rpool")
    assert host.names("-S", "volsize", *chosen) == ["rpool/a", "rpool/b", "rpool/c"]
    assert host.names("-s", "volsize", "-S", "name", *chosen) == ["rpool/c", "rpool/b", "rpool/a"]


def test_names_types_and_depth_choose(host: Host) -> None:
    """Without -r only what is named is shown; -d limits the depth; -t the types; snapshots need a type."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/a/b/v")
    host.ok("zfs", "snapshot", "-r", "rpool/a@s")
    assert host.names("rpool/a") == ["rpool/a"]
    assert host.names("rpool/a@s") == ["rpool/a@s"]
    assert host.names("-r", "rpool/a") == ["rpool/a", "rpool/a/b", "rpool/a/b/v"]
    assert host.names("-d", "1", "rpool/a") == ["rpool/a", "rpool/a/b"]
    assert host.names("-d", "1", "-t", "snapshot", "rpool/a") == ["rpool/a@s"]
    assert host.names("-t", "volume,snap", "-r", "rpool/a/b") == ["rpool/a/b@s", "rpool/a/b/v", "rpool/a/b/v@s"]
    assert host.names("/rpool/a/b") == ["rpool/a/b"]


def test_one_missing_name_does_not_hide_the_others(host: Host) -> None:
    """A name that is not there is said on stderr with exit code 1, the others are shown."""
    said = host.run("zfs", "list", "-H", "-o", "name", "rpool", "rpool/missing", "rpool/zones")
    assert (said.code, said.out) == (1, "rpool\nrpool/zones\n")
    assert said.err == "cannot open 'rpool/missing': dataset does not exist\n"


def test_nothing_to_show_is_said_to_people_only(host: Host) -> None:
    """An empty list is a word on stdout without -H, nothing with it, exit code 0 both times."""
    assert host.ok("zfs", "list", "-t", "volume") == "no datasets available\n"
    assert host.ok("zfs", "list", "-H", "-t", "volume") == ""


def test_the_table_for_people(host: Host) -> None:
    """Without -H there is a header, sizes are short and to the right."""
    host.ok("zfs", "create", "-s", "-V", "1536M", "rpool/v")
    assert host.ok("zfs", "list", "-o", "name,volsize,zoneweaver:task,type", "rpool/v").splitlines() == [
        "NAME     VOLSIZE  ZONEWEAVER:TASK  TYPE",
        "rpool/v    1.50G  -                volume",
    ]


def test_used_adds_up(host: Host) -> None:
    """What a dataset uses is what its parts use, and its parent's includes it."""
    host.ok("zfs", "create", "-p", "-V", "64M", "rpool/a/v")
    host.ok("zfs", "snapshot", "rpool/a/v@s")
    parts = ["usedbydataset", "usedbysnapshots", "usedbychildren", "usedbyrefreservation"]
    for name in ("rpool/a/v", "rpool/a", "rpool"):
        assert host.number("used", name) == sum(host.number(part, name) for part in parts)
    assert host.number("usedbychildren", "rpool/a") == host.number("used", "rpool/a/v")


def sources(host: Host, prop: str, *names: str) -> list[str]:
    return host.ok("zfs", "get", "-H", "-o", "source", prop, *names).splitlines()


def test_a_user_property_is_inherited_visibly(host: Host) -> None:
    """Children, their snapshots and clones below show a tag as inherited; unset it is a dash of no source."""
    host.ok("zfs", "create", "-o", "zoneweaver:task=t", "rpool/a")
    host.ok("zfs", "create", "-V", "64M", "rpool/a/v")
    host.ok("zfs", "snapshot", "rpool/a/v@s")
    host.ok("zfs", "clone", "rpool/a/v@s", "rpool/zones/c")
    assert sources(host, "zoneweaver:task", "rpool/a", "rpool/a/v", "rpool/a/v@s", "rpool/zones/c") == [
        "local", "inherited from rpool/a", "inherited from rpool/a", "-",
    ]  # fmt: skip
    assert host.ok("zfs", "get", "-Hp", "-r", "-s", "local", "-o", "name", "zoneweaver:task", "rpool") == "rpool/a\n"
    host.ok("zfs", "set", "zoneweaver:task=mine", "zoneweaver:zone=web", "rpool/a/v")
    assert host.value("zoneweaver:task", "rpool/a/v@s") == "mine"
    host.ok("zfs", "inherit", "zoneweaver:task", "rpool/a/v")
    assert host.value("zoneweaver:task", "rpool/a/v") == "t"
    host.ok("zfs", "inherit", "-r", "zoneweaver:task", "rpool/a")
    assert host.ok("zfs", "get", "-H", "zoneweaver:task", "rpool/a/v") == "rpool/a/v\tzoneweaver:task\t-\t-\n"


def test_native_sources(host: Host) -> None:
    """Defaults, own and inherited values are told apart."""
    host.ok("zfs", "create", "-o", "compression=lz4", "rpool/a")
    host.ok("zfs", "create", "rpool/a/b")
    assert sources(host, "compression", "rpool", "rpool/a", "rpool/a/b") == [
        "default", "local", "inherited from rpool/a",
    ]  # fmt: skip
    assert sources(host, "volsize", "rpool/a") == ["-"]


def test_exact_values(host: Host) -> None:
    """-p gives bytes, seconds and zero for none; the compression ratio keeps its x."""
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/v")
    assert host.value("volsize", "rpool/v") == "1073741824"
    assert abs(host.number("creation", "rpool/v") - time.time()) < 60
    assert host.value("quota", "rpool") == "0"
    assert host.value("compressratio", "rpool/v") == "1.00x"
    shown = host.ok("zfs", "get", "-H", "-o", "value", "volsize,refreservation", "rpool/v").split()
    assert shown == ["1G", "none"]


MISTAKES = {
    ("get", "nosuch", "rpool"): "bad property list: invalid property 'nosuch'",
    ("get", "-o", "colour", "all", "rpool"): "invalid column name 'colour'",
    ("get", "-s", "moon", "all", "rpool"): "invalid source 'moon'",
    ("get",): "missing property argument",
    ("list", "-o", "nosuch"): "bad property list: invalid property 'nosuch'",
    ("list", "-s", "nosuch"): "invalid property 'nosuch'",
    ("list", "-t", "planet"): "invalid type 'planet'",
    ("list", "-d", "x"): "x is not an integer",
    ("list", "-o"): "missing argument for 'o' option",
    ("set", "rpool"): "missing property=value argument(s)",
    ("set", "a:b=c"): "missing dataset name(s)",
    ("set", "a:b=c", "rpool", "d:e=f"): "invalid argument order",
    ("inherit", "nosuch", "rpool"): "invalid property 'nosuch'",
    ("rename", "rpool/a"): "missing target dataset argument",
    ("clone", "rpool/a@s"): "missing target dataset argument",
    ("create", "-s", "rpool/a"): "'-s' can only be used when creating a volume",
}


@pytest.mark.parametrize("argv", MISTAKES, ids=" ".join)
def test_a_mistake_of_usage_exits_with_2(host: Host, argv: tuple[str, ...]) -> None:
    """A command line that is not understood says why, then how it is used, on stderr, with exit code 2."""
    said = host.run("zfs", *argv)
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[:2] == [MISTAKES[argv], "usage:"]
    assert f"\t{argv[0]} " in said.err


SET_REFUSED = {
    ("used=1", "rpool/v"): "'used' is readonly",
    ("volblocksize=4K", "rpool/v"): "'volblocksize' is readonly",
    ("quota=1G", "rpool/v"): "'quota' does not apply to datasets of this type",
    ("volsize=1000", "rpool/v"): "'volsize' must be a multiple of volume block size (8K)",
    ("volsize=0", "rpool/v"): "'volsize' cannot be zero",
    ("volsize=big", "rpool/v"): "bad numeric value 'big'",
    ("sync=maybe", "rpool/v"): "'sync' must be one of 'standard | always | disabled'",
    ("Bad:Name=1", "rpool/v"): "invalid property 'Bad:Name'",
    ("a:b=" + "x" * 8192, "rpool/v"): f"property value '{'x' * 8192}' is too long",
    ("compression=on", "rpool/v@s"): "this property can not be modified for snapshots",
}


@pytest.mark.parametrize("pair", SET_REFUSED, ids=lambda pair: pair[0][:20])
def test_a_value_that_may_not_be_is_refused(host: Host, pair: tuple[str, str]) -> None:
    """Each bad assignment has its reason and changes nothing, also not what stands beside it."""
    host.ok("zfs", "create", "-V", "64M", "rpool/v")
    host.ok("zfs", "snapshot", "rpool/v@s")
    before = host.world.read("zfs")
    said = host.refused("zfs", "set", "zoneweaver:ok=1", *pair)
    assert said == f"cannot set property for '{pair[1]}': {SET_REFUSED[pair]}\n"
    assert host.world.read("zfs") == before


@given(st.integers(min_value=0, max_value=(1 << 64) - 1))
def test_a_number_of_bytes_is_its_own_size(number: int) -> None:
    """A plain number is so many bytes, and its short form is at most five characters (six from 1024 on)."""
    assert sizes.parse(str(number)) == number
    assert len(sizes.show(number)) <= 6


@given(st.integers(min_value=1, max_value=1023), st.sampled_from("KMGTP"))
def test_a_round_size_is_shown_as_it_was_said(number: int, unit: str) -> None:
    """A whole number of a unit is shown as it was written."""
    assert sizes.show(sizes.parse(f"{number}{unit}")) == f"{number}{unit}"
    assert sizes.parse(f"{number}{unit.lower()}b") == sizes.parse(f"{number}{unit}iB")


@given(st.text(max_size=8))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    """Whatever is given as a size is a number of bytes or a refusal, never something else."""
    try:
        assert sizes.parse(text) >= 0
    except ZfsError as refusal:
        assert refusal.text


def test_a_large_host_answers_quickly(host: Host) -> None:
    """With 3,000 datasets a single one is listed without reading more than the state: the best of some is quick."""
    with Change(host.world) as datasets:
        for number in range(1000):
            datasets.add(f"rpool/zones/z{number}", "filesystem", {"zoneweaver:task": "0123456789abcdef" * 2})
            for leaf in ("root", "data"):
                made = datasets.add(f"rpool/zones/z{number}/{leaf}", "volume", {"volsize": str(1 << 30)})
                contents.make_volume(host.world, made["objset"], 1 << 30)
    times = []
    for _ in range(10):
        begun = time.monotonic()
        host.ok("zfs", "list", "-Hp", "rpool/zones/z5/root")
        times.append(time.monotonic() - begun)
    # About 25 ms on an idle machine; the limit leaves room for a busy one.
    assert min(times) < 0.15, times


def test_parallel_creates_are_all_there(host: Host) -> None:
    """Commands that run at once lose nothing of each other."""
    wanted = [f"rpool/zones/z{number}" for number in range(12)]
    running = [subprocess.Popen([f"{host.world.path}/bin/zfs", "create", name]) for name in wanted]
    assert [process.wait(60) for process in running] == [0] * len(wanted)
    assert sorted(wanted) == sorted(host.names("-r", "rpool/zones"))[1:]
    objsets = [facts["objset"] for facts in World(host.world.path).read("zfs")["datasets"].values()]
    assert len(set(objsets)) == len(objsets)

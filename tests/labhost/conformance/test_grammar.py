"""The language of zonecfg(8), with scripts that nobody thought of.

The commands run in this process, a thousand of them in the time of some dozens of processes; that the real ones say the
same is what the statements are for.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.labhost.hosts import Said
from tests.labhost.zones.conftest import Host

from labhost.commands import zonecfg
from labhost.world import World
from labhost.zones import configurations, index, schema
from labhost.zones.document import Config

numbers = itertools.count(1)
START = "create -t bhyve\nset zonepath=/rpool/zones/{zone}\n"

# -- what may stand in a script

# Neither line ends nor quotes, and nothing that a document of XML cannot hold.
text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"￾￿'), min_size=1, max_size=40)
bare = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters='";=[]()￾￿'), min_size=1, max_size=12
)
path = st.builds("/{}".format, st.text("abcXYZ019-_.+", min_size=1, max_size=12))
attribute = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,14}", fullmatch=True)
link = st.from_regex(r"[a-z][a-z_]{0,6}(0|[1-9][0-9]?)", fullmatch=True)
octets = st.integers(0, 255)
address = st.builds("10.{}.{}.{}/{}".format, octets, octets, octets, st.integers(8, 32)) | st.just("fd00::5/64")
size = st.builds("{}{}".format, st.integers(1, 9999), st.sampled_from(["", "K", "M", "G", "T"]))


def quoted(value: str) -> str:
    return f'"{value}"'


def setting(name: str, values: st.SearchStrategy[str], *, needed: bool = True) -> st.SearchStrategy[list[str]]:
    line = st.builds(lambda value: [f"set {name}={quoted(value)}"], values)
    return line if needed else line | st.just([])


def resource(kind: str, *parts: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    """Return scripts that add one resource of a kind, its lines in any order."""
    lines = st.tuples(*parts).map(lambda found: [line for part in found for line in part]).flatmap(st.permutations)
    return st.builds(lambda inner: [f"add {kind}", *inner, "end"], lines)


typed = st.one_of(
    st.tuples(st.just("string"), text),
    st.tuples(st.just("boolean"), st.sampled_from(["true", "false"])),
    st.tuples(st.just("int"), st.integers(-(1 << 63), (1 << 63) - 1).map(str)),
    st.tuples(st.just("uint"), st.integers(0, (1 << 64) - 1).map(str)),
)
options = st.lists(st.sampled_from(["ro", "nodevices", "nosetuid", "size=10m"]), unique=True).map(
    lambda words: [f"add options [{','.join(quoted(word) for word in words)}]"] if words else []
)
properties = st.lists(st.tuples(attribute, text), max_size=3).map(
    lambda pairs: [f"add property (name={name},value={quoted(value)})" for name, value in pairs]
)
limits = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=2).map(
    lambda found: [f"add value (priv=privileged,limit={limit},action=deny)" for limit in found]
)
resources = st.one_of(
    resource("attr", setting("name", attribute), typed.map(lambda t: [f"set type={t[0]}", f"set value={quoted(t[1])}"])),
    resource(
        "net", setting("physical", link), setting("allowed-address", address), setting("defrouter", st.just("10.0.0.1"),
        needed=False), setting("mac-addr", st.just("2:8:20:0:a:1"), needed=False), setting("global-nic", link, needed=False),
        setting("vlan-id", st.integers(0, 4094).map(str), needed=False), properties,
    ),
    resource("device", setting("match", path), properties),
    resource("fs", setting("dir", path), setting("special", text), setting("type", st.sampled_from(["lofs", "ufs", "pcfs"])),
             setting("raw", text, needed=False), options),
    resource("dataset", setting("name", bare)),
    resource("rctl", setting("name", st.builds("zone.{}".format, attribute)), limits),
    resource("admin", setting("user", bare), setting("auths", st.sampled_from(["login", "login,manage"]))),
    resource("capped-memory", setting("physical", size), setting("swap", size, needed=False),
             setting("locked", size, needed=False)),
    resource("capped-cpu", setting("ncpus", st.sampled_from(["1", "0.5", "12.25"]))),
    resource("dedicated-cpu", setting("ncpus", st.sampled_from(["1", "2-4"])),
             setting("importance", st.just("7"), needed=False)),
    resource("security-flags", setting("default", bare), setting("lower", bare, needed=False)),
)  # fmt: skip
# Values of globals come out of `export` without quotes, so that only bare ones come back.
globals_ = st.one_of(
    st.builds("set autoboot={}".format, st.sampled_from(["true", "false"])),
    st.builds("set {}={}".format, st.sampled_from(["bootargs", "pool", "limitpriv", "scheduling-class", "fs-allowed"]), bare),
    st.builds("set hostid={:x}".format, st.integers(1, (1 << 32) - 1)),
    st.builds("set {}={}".format, st.sampled_from(["cpu-shares", "max-lwps", "max-processes"]), st.integers(1, 1 << 32)),
    st.builds("clear {}".format, st.sampled_from(["pool", "bootargs", "autoboot", "max-lwps"])),
    st.builds("# {}".format, text),
    st.just(""),
).map(lambda line: [line])  # fmt: skip
scripts = st.lists(resources | globals_, max_size=8)

wrong = st.one_of(
    st.sampled_from([
        "bogus", "set", "set pool", "set pool=", "set pool=[", "set pool=(a", "set none=1", "set autoboot=perhaps", "add",
        "add none", "end", "cancel", "remove attr name=none", "select net", "select attr name=none",
        "set zonepath=relative", "set hostid=zz", "set brand=xen", 'set pool="unclosed', "set physical=net0", "verify it",
        "clear zonepath", "set max-lwps=many", "export -x", "create -x", "info none", 'add property (name="a"', "set ip-type=a",
        "set zonename=-bad-", "remove -F none", "commit now", "delete me",
    ]),
    st.builds("{} {}".format, st.sampled_from(["frobnicate", "sett", "Add"]), text),
)  # fmt: skip
words = st.one_of(
    st.sampled_from([
        "add", "set", "end", "cancel", "clear", "remove", "select", "attr", "net", "fs", "device", "rctl", "capped-memory",
        "capped-cpu", "dedicated-cpu", "security-flags", "name", "type", "value", "physical", "match", "dir", "options",
        "property", "ncpus", "vlan-id", "=", "[", "]", "(", ")", ",", ";", "\n", '"', "#", "-F", "string", "int", "a", "1",
        "zonepath=/x", "autoboot=true", "pool=p", "info", "export", "commit", "verify", "revert -F", "exit", "help",
        "create -b", "delete -F", "²", "٣", "zonename", "brand", "bhyve", "hostid", "max-lwps", "swap", "locked", "importance",
        "priv=privileged,limit=1,action=deny", "name=a,value=b",
    ]),
    text,
)  # fmt: skip
odd = (
    st.sampled_from(
        [
            "²",
            "٣",
            "-1",
            "+1",
            "",
            "0",
            "9" * 21,
            "1e5",
            "0x1",
            "1_0",
            "1.",
            ".5",
            "/",
            "//",
            "/../x",
            "/a:b",
            "/a\x0bb",
            "/a\u2028",
            "a-1",
            "1-",
            "-",
            "fd00::1/999",
            "::/1",
            "10.0.0.1/²",
            "/24",
            "a0",
            "a²",
            "x" * 300,
            "yes",
            "\r",
            "&amp;",
            "<",
            "é",
        ]
    )
    | st.text("0123456789²٣-+.,/:%KMG ax_=()[]é", max_size=8)
    | text
)
places = [(kind, name) for kind, names in schema.RESOURCES.items() for name in names]
attempts = st.one_of(
    st.builds(
        lambda place, value: f'add {place[0]}; set {place[1]}="{value}"; end; cancel', st.sampled_from(places), odd
    ),
    st.builds(lambda name, value: f'set {name}="{value}"', st.sampled_from([*schema.GLOBALS, *schema.ALIASES]), odd),
)
soup = st.one_of(st.lists(words, max_size=25).map(" ".join), st.lists(attempts, max_size=6).map("; ".join))


# -- a host to try them on


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    yield Host(World.create(str(tmp_path_factory.mktemp("grammar") / "host"), guest="none"))


def run(lab: Host, *argv: str) -> Said:
    """Run zonecfg in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = zonecfg.main(lab.world, list(argv))
    return Said(code, out.getvalue(), err.getvalue())


def do(lab: Host, zone: str, lines: list[str]) -> tuple[Path, Said]:
    """Run a file of commands."""
    file = lab.file(f"/tmp/{zone}")
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return file, run(lab, "-z", zone, "-f", str(file))


def plain(config: Config) -> tuple[object, ...]:
    """Return what a configuration says, kind by kind as it is exported, without its own name, place and number."""
    root = {key: value for key, value in config.root.items() if value and key not in ("name", "debugid", "zonepath")}
    return (root, sorted(config.resources, key=lambda each: each.kind))


def unique(blocks: list[list[str]]) -> list[list[str]]:
    """Leave out resources that are there already, as zonecfg would refuse them."""
    seen: set[object] = set()
    kept = []
    for block in blocks:
        if block[0].startswith("add "):
            kind = block[0]
            key = {"add attr": "name", "add device": "match", "add fs": "dir", "add dataset": "name", "add rctl": "name",
                   "add admin": "user"}.get(kind)  # fmt: skip
            which = next((line for line in block if key and line.startswith(f"set {key}=")), kind)
            if kind == "add net":
                which = "".join(
                    sorted(line for line in block if line.startswith(("set physical=", "set allowed-address=")))
                )
            if (kind, which) in seen:
                continue
            seen.add((kind, which))
        kept.append(block)
    return kept


@given(blocks=scripts)
def test_what_is_exported_comes_back_the_same(lab: Host, blocks: list[list[str]]) -> None:
    """Any legal script is accepted; its export makes an equal zone, and exporting that one changes nothing."""
    number = next(numbers)
    zone, copy = f"z{number}", f"c{number}"
    lines = [*START.format(zone=zone).splitlines(), *(line for block in unique(blocks) for line in block)]
    _, said = do(lab, zone, lines)
    assert (said.code, said.err) == (0, ""), (lines, said)
    exported = run(lab, "-z", zone, "export")
    assert (exported.code, exported.err) == (0, "")
    _, said = do(lab, copy, exported.out.splitlines() if "\r" not in exported.out else exported.out.split("\n"))
    assert (said.code, said.err) == (0, ""), (exported.out, said)
    assert run(lab, "-z", copy, "export").out == exported.out
    assert plain(configurations.load(lab.world, copy)) == plain(configurations.load(lab.world, zone))
    # All but the first line, which is the name.
    shown, again = (run(lab, "-z", name, "info").out.partition("\n")[2] for name in (zone, copy))
    assert shown == again


@given(blocks=scripts, bad=wrong, data=st.data())
def test_an_illegal_line_is_named_and_ends_its_file(
    lab: Host, blocks: list[list[str]], bad: str, data: st.DataObject
) -> None:
    """The line is named, what was before it is kept unless a resource is open, and what comes after it never happens."""
    number = next(numbers)
    zone, twin = f"z{number}", f"t{number}"
    for name in (zone, twin):
        assert do(lab, name, START.format(zone="same").splitlines())[1].code == 0
    before = configurations.load(lab.world, zone)
    kept = unique(blocks)
    at = data.draw(st.integers(0, len(kept)))
    legal = [line for block in kept[:at] for line in block]
    file, said = do(lab, zone, [*legal, bad, "set pool=never"])
    assert said.code == 1, (bad, said)
    assert said.err.startswith(f"On line {len(legal) + 1} of {file}:\n"), (bad, said)
    assert do(lab, twin, legal)[1].code == 0
    after = plain(configurations.load(lab.world, zone))
    # A brand that is not there ends the session at once.
    assert after == plain(before if bad == "set brand=xen" else configurations.load(lab.world, twin))
    assert "never" not in str(after)


@given(script=soup, as_file=st.booleans())
@settings(max_examples=300)
def test_no_text_breaks_a_configuration(lab: Host, script: str, as_file: bool) -> None:
    """Whatever is typed ends in an exit code; document and index stay whole, and the zone can be shown if it is there."""
    zone = f"z{next(numbers)}"
    assert do(lab, zone, START.format(zone=zone).splitlines())[1].code == 0
    before = index.entries(lab.world).keys() - {zone}
    said = do(lab, zone, script.split("\n"))[1] if as_file else run(lab, "-z", zone, ";", *script.split(" "))
    assert said.code in (0, 1), said
    entries = index.entries(lab.world)
    documents = {place.stem for place in lab.file("/etc/zones").glob("*.xml")}
    assert documents == (entries.keys() - {"global"}) | {"SUNWblank", "SUNWdefault", "OMNIbhyve"}
    # The zone, or what it is called by now.
    for name in entries.keys() - before:
        assert configurations.load(lab.world, name).get("zonepath") == entries[name].path
        assert run(lab, "-z", name, "info").code == 0
        assert run(lab, "-z", name, "export").code == 0

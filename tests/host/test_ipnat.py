"""Rules of ipnat.conf(5) as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.rules import rules

from labhost.net.nat import parse_rules
from zoneweaver.domain.nat import NatRule, rule
from zoneweaver.host import blocks, ipnat
from zoneweaver.host.zonexml import BrokenFile

INSIDE = {"external_port": 8080, "internal_ip": "10.190.190.9", "internal_port": 80}

theirs = st.text(st.sampled_from("ab #->/\n\t"), max_size=40)


@given(rules)
def test_a_rule_reads_back(which: NatRule) -> None:
    """Any rule, written as a line, is the same rule when the line is read."""
    assert ipnat.parse(ipnat.render(which)) == which


@given(theirs, st.lists(rules, min_size=1, max_size=6, unique_by=lambda item: item.id), st.data())
def test_rules_in_a_file_of_others(foreign: str, wanted: list[NatRule], data: st.DataObject) -> None:
    """Rules in a file read back equal; when one goes, the others and what others wrote are as they were."""
    text = blocks.put(foreign, "network", [ipnat.render(item) for item in wanted])
    assert ipnat.rules(blocks.read(text, "network") or ()) == tuple(wanted)
    gone = data.draw(st.sampled_from(wanted))
    rest = [item for item in wanted if item != gone]
    after = blocks.put(text, "network", [ipnat.render(item) for item in rest])
    assert ipnat.rules(blocks.read(after, "network") or ()) == tuple(rest)
    if rest:
        assert text is not None
        assert after == text.replace(f"{ipnat.render(gone)}\n", "", 1)
    else:
        assert after == foreign


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"subnet": "10.190.190.0/24"}, "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto"),
        (
            {"type": "portmap", "subnet": "10.0.0.0/8", "target": "192.0.2.5", "protocol": "udp", "ports": "2000:3000"},
            "map igb0 10.0.0.0/8 -> 192.0.2.5/32 portmap udp 2000:3000",
        ),
        ({"type": "map", "subnet": "10.190.190.0/24", "target": "0/32"}, "map igb0 10.190.190.0/24 -> 0/32"),
        ({"type": "map", "subnet": "any", "target": "192.0.2.0/28"}, "map igb0 0/0 -> 192.0.2.0/28"),
        (
            {"type": "bimap", "subnet": "10.190.190.9", "target": "192.0.2.77"},
            "bimap igb0 10.190.190.9/32 -> 192.0.2.77/32",
        ),
        (
            {"type": "bimap", "subnet": "10.190.190.0/28", "target": "192.0.2.16/28"},
            "bimap igb0 10.190.190.0/28 -> 192.0.2.16/28",
        ),
        ({"type": "rdr", "external_ip": "0/0", **INSIDE}, "rdr igb0 0/0 port 8080 -> 10.190.190.9 port 80 tcp"),
        ({"type": "rdr", "external_ip": "0/32", **INSIDE}, "rdr igb0 0/32 port 8080 -> 10.190.190.9 port 80 tcp"),
        (
            {"type": "rdr", "external_ip": "192.0.2.10", **INSIDE, "protocol": "tcp/udp"},
            "rdr igb0 192.0.2.10/32 port 8080 -> 10.190.190.9 port 80 tcp/udp",
        ),
    ],
)
def test_each_kind_is_written_as_its_grammar_has_it(body: dict[str, object], line: str) -> None:
    """Portmap, map, bimap and rdr, word by word as ipnat(5) wants them."""
    assert ipnat.render(rule({"bridge": "igb0", **body})) == line


@given(rules)
def test_the_grammar_of_ipnat_takes_every_rule(which: NatRule) -> None:
    """Whatever is written is one rule to a reader of the grammar, and what that lists is the same rule again."""
    (there,) = parse_rules(f"{ipnat.render(which)}\n")
    assert there.interface == which.interface
    assert ipnat.parse(there.text) == which


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("map igb0 10.7.0.0/24 -> 0/32 portmap tcp/udp auto", {"subnet": "10.7.0.0/24"}),
        ("map igb0 10.7.0.0/24 -> 0.0.0.0/32", {"type": "map", "subnet": "10.7.0.0/24"}),
        ("map igb0 10/8->0/32 # everything", {"type": "map", "subnet": "10.0.0.0/8"}),
        (
            "rdr igb0 0.0.0.0/0 port 80 -> 10.7.0.9 port 8080 tcp",
            {
                "type": "rdr",
                "external_ip": "0/0",
                "external_port": 80,
                "internal_ip": "10.7.0.9",
                "internal_port": 8080,
            },
        ),
    ],
)
def test_usual_spellings_are_read(line: str, body: dict[str, object]) -> None:
    """What people write, and what the kernel lists, is understood."""
    assert ipnat.parse(line) == rule({"bridge": "igb0", **body})


@pytest.mark.parametrize(
    "line",
    ["", "# map", "map igb0 x -> 0/32", "map igb0 10.7.0.0/24 -> 0/32 proxy port ftp ftp/tcp", "bimap igb0 1 2",
     "rdr igb0 0/0 port 80 -> 10.7.0.9 port x tcp", "map igb0 10.7.0.1/24 -> 0/32", "block in all"],
)  # fmt: skip
def test_what_we_would_not_write_is_somebody_elses(line: str) -> None:
    """A line that is no rule of ours is not taken for one; in a block of ours it is an error that names it."""
    assert ipnat.parse(line) is None
    if line.partition("#")[0].strip():
        with pytest.raises(BrokenFile) as caught:
            ipnat.rules([line])
        assert line in caught.value.why
    else:
        assert ipnat.rules([line]) == ()


def test_commands_that_check_and_load() -> None:
    """A file is checked without loading it; loading takes the place of the kernel's rules and leaves its sessions."""
    assert (ipnat.check("/etc/ipf/new").argv, ipnat.check("/etc/ipf/new").changes) == (
        ("ipnat", "-n", "-f", "/etc/ipf/new"),
        False,
    )
    assert (ipnat.load().argv, ipnat.load().changes) == (("ipnat", "-C", "-f", "/etc/ipf/ipnat.conf"), True)
    assert (ipnat.clear().argv, ipnat.clear().changes) == (("ipnat", "-C"), True)

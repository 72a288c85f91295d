"""Translation rules: grammar and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhost.net.nat import RuleError, parse_rules

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host

RULES = """# the provisioning network
map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto
map igb0 10.190.190.0/24 -> 0/32

bimap igb0 10.0.0.5/32 -> 192.0.2.5/32
rdr igb0 192.0.2.10/32 port 8080 -> 10.190.190.5 port 80 tcp
"""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("map igb0 10.0.0.0/24 -> 0/32", "map igb0 10.0.0.0/24 -> 0.0.0.0/32"),
        ("map igb0 10/8 -> 0/32 portmap tcpudp 1025:65000", "map igb0 10.0.0.0/8 -> 0.0.0.0/32 portmap tcp/udp 1025:65000"),
        ("map igb0 10.0.0.0 netmask 255.255.0.0 -> 0/32", "map igb0 10.0.0.0/16 -> 0.0.0.0/32"),
        ("map igb0 from 10.0.0.0/24 to 0/0 -> 0/32", "map igb0 from 10.0.0.0/24 to 0.0.0.0/0 -> 0.0.0.0/32"),
        ("rdr igb0 0/0 port http -> 10.0.0.1 port 80", "rdr igb0 0.0.0.0/0 port 80 -> 10.0.0.1 port 80 tcp"),
        ("rdr igb0 0/0 port 80->10.0.0.1,10.0.0.2 port 80 tcp round-robin",
         "rdr igb0 0.0.0.0/0 port 80 -> 10.0.0.1,10.0.0.2 port 80 tcp round-robin"),
    ],
)  # fmt: skip
def test_a_rule_is_read_and_written_in_full(line: str, text: str) -> None:
    """The listed form is the long one, and reading it again changes nothing."""
    (rule,) = parse_rules(line + "\n")
    assert rule.text == text
    assert parse_rules(rule.text + "\n")[0].text == text


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        ("mop igb0 10.0.0.0/24 -> 0/32\n", "mop", 1),
        ("\nmap igb0 10.0.0.0/24 0/32\n", "0/32", 2),
        ("map igb0 10.0.0.0/24 ->\n", "\\n", 1),
        ("map igb0 10.0.0.0/33 -> 0/32\n", "10.0.0.0/33", 1),
        ("map igb0 10.0.0.0/24 -> 0/32 portmap tcp 9:1\n", "9:1", 1),
        ("rdr igb0 0/0 port 70000 -> 10.0.0.1 port 80 tcp\n", "70000", 1),
        ("map igb0 10.0.0.0/24 -> 0/32 rubbish\n", "rubbish", 1),
        ("map igb0 10.0.0.0/24 -> 0/32", "0/32", 1),
    ],
)
def test_a_wrong_line_is_named_with_the_word(text: str, word: str, line: int) -> None:
    """The error names where reading stopped; a last line without newline is an error too."""
    with pytest.raises(RuleError) as caught:
        parse_rules(text)
    assert str(caught.value) == f'syntax error error at "{word}", line {line}'


@given(
    st.lists(
        st.sampled_from(
            [
                "map",
                "rdr",
                "bimap",
                "igb0",
                "10.0.0.0/24",
                "0/32",
                "->",
                "portmap",
                "tcp/udp",
                "auto",
                "port",
                "80",
                ",",
                "#",
                "\n",
            ]
        )
    )
)
def test_any_text_is_rules_or_an_error(words: list[str]) -> None:
    """Reading ends in rules that read back the same, or in a RuleError, never otherwise."""
    text = " ".join(words) + "\n"
    try:
        rules = parse_rules(text)
    except RuleError:
        return
    again = parse_rules("".join(rule.text + "\n" for rule in rules))
    assert [rule.text for rule in again] == [rule.text for rule in rules]


def test_the_service_loads_the_file_and_ipnat_replaces_it(host: Host) -> None:
    """Before ipfilter is enabled the driver answers nothing; -CF -f puts a file in place of all rules."""
    host.put("/etc/ipf/ipnat.conf", RULES)
    assert host.run("ipnat", "-l") == (1, "", "ioctl(SIOCGNATS): I/O error\n")
    host.ok("svcadm", "enable", "-s", "ipfilter")
    listed = host.ok("ipnat", "-l").splitlines()
    assert listed[0] == "List of active MAP/Redirect filters:"
    assert listed[1:5] == [rule.text for rule in parse_rules(RULES)]
    assert listed[5:] == ["", "List of active sessions:"]
    host.put("/etc/ipf/ipnat.conf", "map igb0 10.0.0.0/24 -> 0/32\n")
    out = host.ok("ipnat", "-CF", "-f", "/etc/ipf/ipnat.conf")
    assert out == "0 entries flushed from NAT table\n4 entries flushed from NAT list\n"
    assert host.ok("ipnat", "-l").splitlines()[1] == "map igb0 10.0.0.0/24 -> 0.0.0.0/32"


def test_checking_changes_nothing(host: Host) -> None:
    """ipnat -n -f only reads; a wrong file exits 1 with the error on stderr."""
    host.put("/etc/ipf/new.conf", "map igb0 nonsense\n")
    said = host.run("ipnat", "-n", "-f", "/etc/ipf/new.conf")
    assert said == (1, "", 'syntax error error at "nonsense", line 1\n')
    assert host.world.read("filter").get("nat", []) == []


def test_clearing_comes_before_a_broken_file_is_read(host: Host) -> None:
    """-CF -f with a wrong file leaves no rules at all: check first."""
    host.put("/etc/ipf/ipnat.conf", RULES)
    host.ok("svcadm", "enable", "-s", "ipfilter")
    host.put("/etc/ipf/ipnat.conf", "rubbish\n")
    assert host.run("ipnat", "-CF", "-f", "/etc/ipf/ipnat.conf").code == 1
    assert host.world.read("filter")["nat"] == []


def test_a_broken_file_puts_the_service_into_maintenance(host: Host) -> None:
    """The start method of ipfilter fails on a file it cannot read."""
    host.put("/etc/ipf/ipnat.conf", "rubbish\n")
    assert host.run("svcadm", "enable", "-s", "ipfilter").code == 3
    assert host.ok("svcs", "-H", "-o", "state", "ipfilter") == "maintenance\n"

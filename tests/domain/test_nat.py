"""Rules of address translation, as requests say them."""

from typing import Any

import pytest
from hypothesis import given
from tests.domain.rules import rules

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.nat import NatRule, clash, rule

PORTMAP: dict[str, Any] = {"type": "portmap", "bridge": "igb0", "subnet": "10.7.0.0/24"}
RDR: dict[str, Any] = {
    "type": "rdr",
    "bridge": "igb0",
    "external_ip": "192.0.2.10",
    "external_port": 8080,
    "internal_ip": "10.7.0.9",
    "internal_port": 80,
}
BIMAP: dict[str, Any] = {"type": "bimap", "bridge": "igb0", "subnet": "10.7.0.5/32", "target": "192.0.2.7/32"}


@given(rules)
def test_a_rule_reads_back_from_what_it_says(which: NatRule) -> None:
    """A rule written as JSON is the same rule again, with the same id, and clashes not with itself."""
    again = rule(which.as_json())
    assert (again, again.id) == (which, which.id)
    assert clash([which], again) is None


def test_what_is_left_out_has_its_usual_value() -> None:
    """Without more, a subnet leaves as the interface's address, tcp and udp with ports of the host's choice."""
    assert rule({"bridge": "igb0", "subnet": "10.7.0.0/24"}).as_json() == {
        **PORTMAP,
        "target": "0/32",
        "protocol": "tcp/udp",
    }
    assert rule(RDR).as_json() == {**RDR, "protocol": "tcp"} | {"external_ip": "192.0.2.10"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PORTMAP, "type": "nat"}, "type"),
        ({**PORTMAP, "bridge": "igb"}, "bridge"),
        ({**PORTMAP, "bridge": None}, "bridge"),
        ({**PORTMAP, "subnet": None}, "subnet"),
        ({**PORTMAP, "subnet": "10.7.0.1/24"}, "subnet"),
        ({**PORTMAP, "subnet": "0/32"}, "subnet"),
        ({**PORTMAP, "target": "x"}, "target"),
        ({**PORTMAP, "protocol": "gre"}, "protocol"),
        ({**PORTMAP, "ports": "5:4"}, "ports"),
        ({**PORTMAP, "ports": "1:70000"}, "ports"),
        ({**PORTMAP, "ports": "²:4"}, "ports"),
        ({**PORTMAP, "external_port": 80}, "external_port"),
        ({**PORTMAP, "type": "map", "protocol": "tcp"}, "protocol"),
        ({**BIMAP, "target": "192.0.2.0/24"}, "target"),
        ({**BIMAP, "target": None}, "target"),
        ({**RDR, "external_ip": None}, "external_ip"),
        ({**RDR, "external_port": 0}, "external_port"),
        ({**RDR, "external_port": "80"}, "external_port"),
        ({**RDR, "internal_port": 65536}, "internal_port"),
        ({**RDR, "internal_ip": "10.7.0.0/24"}, "internal_ip"),
        ({**RDR, "subnet": "10.7.0.0/24"}, "subnet"),
    ],
)
def test_a_refusal_names_the_field(body: dict[str, Any], field: str) -> None:
    """What is wrong with a rule is said of the field that it is wrong in."""
    with pytest.raises(Invalid) as caught:
        rule(body)
    assert caught.value.field == field
    assert field in caught.value.message


def test_what_would_never_be_reached_clashes() -> None:
    """One port goes to one place; one subnet is mapped one way, with and without ports; other interfaces do not mind."""
    there = [rule(PORTMAP), rule(RDR), rule(BIMAP)]
    assert clash(there, rule({**RDR, "internal_port": 81})) == there[1]
    assert clash(there, rule({**RDR, "internal_port": 81, "external_ip": "0/0", "protocol": "tcp/udp"})) == there[1]
    assert clash(there, rule({**RDR, "internal_port": 81, "protocol": "udp"})) is None
    assert clash(there, rule({**RDR, "internal_port": 81, "bridge": "igb1"})) is None
    assert clash(there, rule({**PORTMAP, "target": "192.0.2.9/32"})) == there[0]
    assert clash(there, rule({**PORTMAP, "type": "map"})) is None
    assert clash(there, rule({**BIMAP, "target": "192.0.2.8/32"})) == there[2]
    assert clash(there, rule({**BIMAP, "subnet": "10.7.0.6/32"})) == there[2]

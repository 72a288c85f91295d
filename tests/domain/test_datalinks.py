"""What a link shall be: read from requests, compared, and known again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.datalinks import Datalink, check_name, own_mac, wanted
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.network import LinkClass

NAMES = st.from_regex(r"[a-z][a-z_]{0,8}[1-9]", fullmatch=True)
LINKS = st.one_of(
    st.builds(lambda name: wanted(LinkClass.ETHERSTUB, {"name": name}), NAMES),
    st.builds(
        lambda name, over, vid: wanted(LinkClass.VNIC, {"name": name, "link": over, "vlan_id": vid}),
        NAMES,
        NAMES,
        st.none() | st.integers(1, 4094),
    ),
    st.builds(
        lambda over, vid, force: wanted(LinkClass.VLAN, {"link": over, "vid": vid, "force": force}),
        NAMES,
        st.integers(1, 4094),
        st.booleans(),
    ),
    st.builds(
        lambda over, priority: wanted(LinkClass.BRIDGE, {"name": "lan", "links": over, "priority": priority * 4096}),
        st.lists(NAMES, unique=True, max_size=4),
        st.integers(0, 15),
    ),
    st.builds(
        lambda over, policy: wanted(LinkClass.AGGR, {"name": "aggr0", "links": over, "policy": policy}),
        st.lists(NAMES, unique=True, min_size=1, max_size=4),
        st.sampled_from(["L2", "L3,L4", "L3L4", "L2L3L4"]),
    ),
)


@given(LINKS)
def test_a_link_is_kept_as_it_is(link: Datalink) -> None:
    """A task's parameters give back the same link, which is like itself."""
    kept = Datalink.from_json(link.as_json())
    assert kept == link
    assert kept.same_as(link)


@given(LINKS, LINKS)
def test_a_difference_is_told_from_either_side(one: Datalink, other: Datalink) -> None:
    """Two links are alike for both or for neither."""
    assert (one.difference(other) is None) == (other.difference(one) is None)


@given(st.uuids(), NAMES, st.sets(st.integers(0, 3)))
def test_an_address_of_its_own_is_always_the_same_and_never_taken(task: Any, name: str, taken: set[int]) -> None:
    """By it a VNIC is known again; it is a unicast address that nobody has."""
    there: set[str] = set()
    for number in range(4):
        mac = own_mac(str(task), name, there)
        assert own_mac(str(task), name, there) == mac == MacAddress.parse(mac)
        assert mac not in there
        if number in taken:
            there.add(mac)


def test_a_vlan_is_called_as_dladm_would() -> None:
    """Without a name it is the card's, with a thousand times its number."""
    assert wanted(LinkClass.VLAN, {"link": "igb0", "vid": 7}).name == "igb7000"
    assert wanted(LinkClass.VLAN, {"link": "e1000g1", "vid": 12}).name == "e1000g12001"


def test_the_link_of_a_bridge_ends_in_0() -> None:
    """A bridge has another name among the links than among the bridges."""
    assert wanted(LinkClass.BRIDGE, {"name": "lan"}).link == "lan0"


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (LinkClass.ETHERSTUB, {}, "name"),
        (LinkClass.ETHERSTUB, {"name": "estub_provision"}, "name"),
        (LinkClass.ETHERSTUB, {"name": "a" * 31 + "0"}, "name"),
        (LinkClass.VNIC, {"name": "web0"}, "link"),
        (LinkClass.VNIC, {"name": "web0", "link": "igb0", "mac_address": "ff:ff:ff:ff:ff:ff"}, "mac_address"),
        (LinkClass.VNIC, {"name": "web0", "link": "igb0", "vlan_id": 0}, "vlan_id"),
        (LinkClass.VLAN, {"link": "igb0"}, "vid"),
        (LinkClass.VLAN, {"link": "igb0", "vid": True}, "vid"),
        (LinkClass.VLAN, {"link": "a" * 26 + "1", "vid": 4094}, "name"),
        (LinkClass.BRIDGE, {"name": "lan", "priority": 1}, "priority"),
        (LinkClass.BRIDGE, {"name": "lan", "protection": "none"}, "protection"),
        (LinkClass.AGGR, {"name": "aggr0", "links": []}, "links"),
        (LinkClass.AGGR, {"name": "aggr0", "links": ["igb1", "igb1"]}, "links[1]"),
        (LinkClass.AGGR, {"name": "aggr0", "links": ["igb1"], "lacp_mode": "on"}, "lacp_mode"),
    ],
)
def test_what_is_wrong_is_named(kind: LinkClass, body: dict[str, Any], field: str) -> None:
    """The field, and the sentence begins with it."""
    with pytest.raises(Invalid) as caught:
        wanted(kind, body)
    assert caught.value.field == field
    assert caught.value.message.startswith(field)


def test_names_are_those_of_the_kind() -> None:
    """A bridge's name ends without a digit, every other link's with one."""
    assert check_name(LinkClass.BRIDGE, "lan") == "lan"
    assert check_name(LinkClass.VNIC, "lan0") == "lan0"
    for kind, name in ((LinkClass.BRIDGE, "lan0"), (LinkClass.VNIC, "lan")):
        with pytest.raises(Invalid):
            check_name(kind, name)

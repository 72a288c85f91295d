"""Links, addresses, and the checks that name the field they refuse."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zoneweaver.domain import network
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.network import AddressObject, BridgeName, Interface, Link, LinkClass


def link(name: str, kind: LinkClass = LinkClass.VNIC, over: tuple[str, ...] = (), **more: str | None) -> Link:
    return Link(name=name, kind=kind, over=over, mtu=1500, state="up", **more)  # type: ignore[arg-type]


def field_of(check: object, *args: object, **more: object) -> str | None:
    with pytest.raises(Invalid) as caught:
        check(*args, **more)  # type: ignore[operator]
    assert caught.value.field is not None
    assert caught.value.field in caught.value.message
    return caught.value.field


@pytest.mark.parametrize("text", ["lan", "a", "net_1x", "_", "x" * 30])
def test_bridge_names(text: str) -> None:
    """What dladm takes as the name of a bridge is taken."""
    assert BridgeName.parse(text) == text


@pytest.mark.parametrize("text", ["", "lan0", "0lan", "default", "SUNWx", "a-b", "x" * 31, "lan\n", "a.b", None, 7])
def test_no_bridge_names(text: str) -> None:
    """A bridge's link is its name with a number behind it, so it ends in none; some names are the host's own."""
    assert field_of(BridgeName.parse, text) == "name"


def test_address_objects() -> None:
    """An address object is on an interface."""
    assert AddressObject.parse("web0/v4").interface == "web0"
    for text in ("web0", "web0/", "/v4", "web/v4", "web0/4v", "web0/v4/x", "web0/" + "v" * 60, None):
        assert field_of(AddressObject.parse, text) == "addrobj"


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1/24", "10.0.0.0", "10.0.0.0/31", "10.0.0.0/7", "224.0.0.0/24", "127.0.0.0/8", "0.0.0.0/8", "x/24", "", 7,
     "fe80::/64", "240.0.0.0/8"],
)  # fmt: skip
def test_no_subnets(text: str) -> None:
    """Host bits, one that is too small or too large, and addresses that no host has are refused."""
    assert field_of(network.subnet, text) == "subnet"


@given(st.ip_addresses(v=4), st.integers(8, 30))
def test_a_subnet_is_read_as_it_is_written(address: IPv4Address, prefix: int) -> None:
    """Every subnet without host bits reads back; with host bits the refusal names the right one."""
    net = IPv4Network((int(address) >> (32 - prefix) << (32 - prefix), prefix))
    first = net.network_address
    assume(not (first.is_multicast or first.is_loopback or first.is_unspecified or first.is_reserved))
    assert network.subnet(str(net)) == net
    if address != first:
        with pytest.raises(Invalid, match=str(net)):
            network.subnet(f"{address}/{prefix}")


def test_addresses_of_hosts() -> None:
    """An address is inside its subnet, and neither the network's own nor the broadcast address."""
    net = IPv4Network("10.0.0.0/24")
    assert network.host_address("10.0.0.7", field="ip", within=net) == IPv4Address("10.0.0.7")
    for text in ("10.0.1.7", "10.0.0.0", "10.0.0.255", "10.0.0.07", "", None, "224.0.0.1", "0.0.0.0", "::1"):
        assert field_of(network.host_address, text, field="router", within=net) == "router"
    assert network.static_address("10.0.0.5/24") == "10.0.0.5/24"
    assert network.static_address("FD00::5/64") == "fd00::5/64"
    for text in ("10.0.0.0/24", "10.0.0.255/24", "10.0.0.5", "10.0.0.5/0", "ff02::1/64", "::/64", "fe80::1%a/64", None):
        assert field_of(network.static_address, text) == "address"


@given(st.one_of(st.integers(), st.booleans(), st.text(), st.none(), st.floats()))
def test_numbers_are_in_their_bounds(value: object) -> None:
    """A port, a VLAN and an MTU is a whole number within bounds, and nothing else is."""
    for check, least, most in ((network.port, 1, 65535), (network.vlan_id, 1, 4094), (network.mtu, 576, 65535)):
        if type(value) is int and least <= value <= most:
            assert check(value, field="x") == value
        else:
            assert field_of(check, value, field="x") == "x"


def test_who_sits_on_a_link_is_told() -> None:
    """VNICs, bridges, zones and IP keep a link; the names say which."""
    stub = link("stub0", LinkClass.ETHERSTUB)
    card = link("web0", over=("stub0",), zone="web", mac="02:00:00:00:00:01")
    bridge = link("lan0", LinkClass.BRIDGE, over=("stub0", "igb0"))
    vlan = link("v7", LinkClass.VLAN, over=("igb0",), mac="02:00:00:00:00:01")
    links = [stub, card, bridge, vlan]
    ip = [Interface(name="web0", kind="IP", state="ok", persistent=True)]
    assert network.over(links, "stub0") == (card, bridge)
    assert network.holders(links, ip, "stub0") == ("vnic web0", "bridge lan0")
    assert network.holders(links, ip, "web0") == ("zone web", "interface web0")
    assert network.holders(links, ip, "v7") == ()
    assert network.mac_users(links, "02:00:00:00:00:01") == ("web0",)

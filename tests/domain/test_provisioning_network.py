"""The provisioning network: what it may be, and the record of what setups have made."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.rules import links, macs, rules, subnets

from zoneweaver.domain.dhcp import DhcpSubnet
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.provisioning_network import Component, Made, wanted
from zoneweaver.host import blocks, ipnat
from zoneweaver.settings import ProvisioningNetwork

BODY: dict[str, Any] = ProvisioningNetwork().model_dump(mode="json")
NETWORK = wanted(BODY)
SERVICES = ("svc:/network/ipfilter:default", "svc:/network/service/dhcp:ipv4")

names = st.none() | links.map(str)
records = st.builds(
    Made,
    etherstub=names,
    address=st.none() | subnets().map(lambda item: f"in0/v4 {item.router}/{item.network.prefixlen}"),
    interface=names,
    rules=st.lists(rules.map(ipnat.render), max_size=4, unique=True).map(tuple),
    forwarding=st.lists(links.map(str), max_size=3, unique=True).map(tuple),
    subnet=st.none() | subnets().map(lambda item: str(item.network)),
    listen=names,
    services=st.lists(st.sampled_from(SERVICES), unique=True).map(tuple),
)


@st.composite
def made(draw: st.DrawFn) -> Made:
    """Draw a record; a VNIC on it always has its address with it."""
    record = draw(records)
    mac = draw(st.none() | macs)
    facts = {name: getattr(record, name) for name in Made.__slots__}
    return Made(**{**facts, "vnic": None if mac is None else draw(links), "mac": "" if mac is None else str(mac)})


@given(made(), st.text(st.sampled_from("ab #\n"), max_size=20))
def test_a_record_reads_back(record: Made, foreign: str) -> None:
    """Whatever setups have made is the same when it is read from the file, whatever else stands in that."""
    assert Made.parse(record.lines) == record
    text = blocks.put(foreign, "network", record.lines)
    assert Made.parse(blocks.read(text, "network") or ()) == record


@given(made(), made())
def test_two_setups_are_remembered_together(first: Made, second: Made) -> None:
    """Nothing that is on record is forgotten when a second setup makes what had gone missing, and no line is double."""
    both = first.joined(second)
    assert set(second.lines) <= set(both.lines)
    assert len(set(both.lines)) == len(both.lines)
    for lists in ("rules", "forwarding", "services"):
        assert set(getattr(first, lists)) <= set(getattr(both, lists))
    assert first.joined(Made()) == first == Made().joined(first) == first.joined(first)


@given(made())
def test_another_network_than_the_one_on_record_is_told(record: Made) -> None:
    """What a setup has made is told where something else is wanted, and nothing where the record has nothing."""
    told = record.apart(NETWORK)
    assert set(told) == {
        name
        for name, there in (
            ("etherstub", record.etherstub),
            ("host_vnic", record.vnic),
            ("address", record.address),
            ("dhcp", record.subnet),
        )
        if there is not None
    }
    same = Made(
        etherstub=NETWORK.etherstub,
        vnic=NETWORK.vnic,
        mac="02:08:20:00:00:07",
        address=f"{NETWORK.addrobj} {NETWORK.address}",
        subnet=str(NETWORK.network),
    )
    assert same.apart(NETWORK) == {}


@pytest.mark.parametrize("line", ["", "etherstub", "etherstub ", "bridge lan", " vnic in0", "Etherstub stub0"])
def test_a_line_that_no_setup_wrote_is_told(line: str) -> None:
    """A record that somebody has edited is not guessed at."""
    with pytest.raises(ValueError, match=line.strip() or "^$"):
        Made.parse(["etherstub stub0", line])


@given(subnets(), st.none() | links.map(str), st.booleans())
def test_any_network_reads_back(served: DhcpSubnet, uplink: str | None, asks: bool) -> None:
    """A task's parameters give what was meant, and the DHCP server is told what was asked for."""
    body = {
        "etherstub_name": "stub_a1",
        "host_vnic_name": "host_a1",
        "subnet": str(served.network),
        "host_ip": str(served.router),
        "dhcp_range_start": str(served.first),
        "dhcp_range_end": str(served.last),
        "uplink": uplink,
        "dns": [str(server) for server in served.dns] if asks else None,
    }
    network = wanted(body)
    assert network.as_json() == body
    assert wanted(network.as_json()) == network
    told = network.served(served.dns)
    assert (told.network, told.router, told.first, told.last) == (
        served.network,
        served.router,
        served.first,
        served.last,
    )
    assert DhcpSubnet.from_json(told.as_json()) == told
    assert network.address == f"{served.router}/{served.network.prefixlen}"


def test_what_guests_get_out_by() -> None:
    """A rule with ports, and behind it one for what has none; both out of the uplink, behind its own address."""
    assert [ipnat.render(rule) for rule in NETWORK.rules("igb0")] == [
        "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto",
        "map igb0 10.190.190.0/24 -> 0/32",
    ]
    with pytest.raises(Invalid) as caught:
        NETWORK.rules("igb")
    assert caught.value.field == "uplink"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(({name: None}, name) for name in BODY),
        *(({"etherstub_name": name}, "etherstub_name") for name in ("estub_provision", "0stub", "a b0", "stub01", "s" * 31 + "0")),
        *(({"host_vnic_name": name}, "host_vnic_name") for name in ("interconnect", "in-0", "in/0", BODY["etherstub_name"])),
        ({"subnet": "10.190.190.0"}, "subnet"),
        ({"subnet": "10.190.190.1/24"}, "subnet"),
        ({"subnet": "10.190.190.0/30"}, "subnet"),
        ({"subnet": "224.0.0.0/24"}, "subnet"),
        ({"subnet": "127.0.0.0/8"}, "subnet"),
        ({"subnet": "fd00::/64"}, "subnet"),
        ({"subnet": "10.190.191.0/24"}, "host_ip"),
        ({"host_ip": "10.190.191.1"}, "host_ip"),
        ({"host_ip": "10.190.190.0"}, "host_ip"),
        ({"host_ip": "10.190.190.255"}, "host_ip"),
        ({"host_ip": "10.190.190"}, "host_ip"),
        ({"host_ip": "10.190.190.10"}, "dhcp_range_start"),
        ({"host_ip": "10.190.190.254"}, "dhcp_range_start"),
        ({"host_ip": "10.190.190.99"}, "dhcp_range_start"),
        ({"dhcp_range_start": "10.190.190.0"}, "dhcp_range_start"),
        ({"dhcp_range_start": "10.190.189.10"}, "dhcp_range_start"),
        ({"dhcp_range_end": "10.190.190.255"}, "dhcp_range_end"),
        ({"dhcp_range_end": "10.190.191.10"}, "dhcp_range_end"),
        ({"dhcp_range_end": "10.190.190.9"}, "dhcp_range_end"),
        ({"uplink": "igb"}, "uplink"),
        ({"uplink": BODY["etherstub_name"]}, "uplink"),
        ({"uplink": BODY["host_vnic_name"]}, "uplink"),
        ({"dns": ["nine"]}, "dns"),
        ({"dns": ["127.0.0.1"]}, "dns"),
        ({"dns": ["::1"]}, "dns"),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_names_the_field(change: dict[str, Any], field: str) -> None:
    """Names, subnet, router, range, uplink and servers are checked before anything is looked at."""
    with pytest.raises(Invalid) as caught:
        wanted({**BODY, **change})
    assert caught.value.field == field
    assert field in caught.value.message


def test_the_router_may_stand_on_either_side_of_the_range() -> None:
    """Only inside of it it may not."""
    after = wanted({**BODY, "dhcp_range_end": "10.190.190.253", "host_ip": "10.190.190.254"})
    assert after.host == IPv4Address("10.190.190.254")
    one = wanted({**BODY, "dhcp_range_end": BODY["dhcp_range_start"]})
    assert one.first == one.last


def test_a_part_is_right_when_it_is_there_and_as_it_should_be() -> None:
    """What is different is not right, what is missing neither; the API shows a part with its facts."""
    facts = {"link": "stub0"}
    assert Component(name="etherstub", exists=True, facts=facts).as_json() == {
        "name": "etherstub",
        "exists": True,
        "ready": True,
        "managed": False,
        "difference": None,
        "link": "stub0",
    }
    assert not Component(name="etherstub", exists=False).right
    assert not Component(name="etherstub", exists=True, difference="it is a VNIC").right

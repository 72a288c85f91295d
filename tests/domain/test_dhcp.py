"""Subnets, reservations and free addresses."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.rules import reservations, subnets

from zoneweaver.domain.dhcp import DhcpConfig, DhcpSubnet, Foreign, Held, Lease, LeaseState, Reservation, next_free
from zoneweaver.domain.errors import AgentError, Conflict, Invalid, NotFound

BODY: dict[str, Any] = {
    "subnet": "10.7.0.0",
    "netmask": "255.255.255.0",
    "router": "10.7.0.1",
    "range_start": "10.7.0.10",
    "range_end": "10.7.0.254",
    "dns": ["9.9.9.9"],
    "authoritative": True,
}
SUBNET = DhcpSubnet.from_json(BODY)
WEB = Reservation.from_json({"hostname": "web", "mac": "02:08:20:00:00:01", "ip": "10.7.0.5"})
DB = Reservation.from_json({"hostname": "db.lan", "mac": "2:8:20:0:0:2", "ip": "10.7.0.200"})
CONFIG = DhcpConfig().with_subnet(SUBNET).with_reservation(WEB).with_reservation(DB)


def test_a_subnet_reads_back() -> None:
    """What a subnet says as JSON is what it was read from; a prefix does for the mask."""
    assert SUBNET.as_json() == BODY
    short = {**BODY, "subnet": "10.7.0.0/24", "netmask": None}
    assert DhcpSubnet.from_json(short) == SUBNET
    assert DhcpSubnet.from_json({**short, "dns": "9.9.9.9"}) == SUBNET


@given(subnets(), reservations)
def test_any_subnet_and_reservation_reads_back(subnet: DhcpSubnet, reservation: Reservation) -> None:
    """A task's parameters give what was meant."""
    assert DhcpSubnet.from_json(subnet.as_json()) == subnet
    assert Reservation.from_json(reservation.as_json()) == reservation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subnet": None}, "subnet"),
        ({"subnet": "10.7.0.1"}, "subnet"),
        ({"subnet": "10.7.0.0/16"}, "netmask"),
        ({"netmask": "255.0.255.0"}, "netmask"),
        ({"netmask": "0.0.0.255"}, "netmask"),
        ({"netmask": "24"}, "netmask"),
        ({"router": "10.8.0.1"}, "router"),
        ({"router": "10.7.0.255"}, "router"),
        ({"router": None}, "router"),
        ({"router": "10.7.0.20"}, "range_start"),
        ({"range_start": "10.7.0.0"}, "range_start"),
        ({"range_start": "10.6.0.9"}, "range_start"),
        ({"range_end": "10.7.0.255"}, "range_end"),
        ({"range_end": "10.7.0.9"}, "range_end"),
        ({"dns": ["x"]}, "dns"),
        ({"dns": ["9.9.9.9"] * 9}, "dns"),
        ({"dns": 7}, "dns"),
        ({"authoritative": "yes"}, "authoritative"),
    ],
)
def test_a_subnet_that_cannot_be_names_the_field(change: dict[str, Any], field: str) -> None:
    """Router, range and servers are checked against the subnet before anything is done."""
    with pytest.raises(Invalid) as caught:
        DhcpSubnet.from_json({**BODY, **change})
    assert caught.value.field == field
    assert field in caught.value.message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hostname": "a..b"}, "hostname"),
        ({"hostname": "-a"}, "hostname"),
        ({"hostname": 'a"b'}, "hostname"),
        ({"hostname": "a{"}, "hostname"),
        ({"hostname": None}, "hostname"),
        ({"hostname": "a" * 64}, "hostname"),
        ({"mac": "01:00:00:00:00:01"}, "mac"),
        ({"mac": "x"}, "mac"),
        ({"ip": "10.7.0"}, "ip"),
        ({"ip": None}, "ip"),
    ],
)
def test_a_reservation_that_cannot_be_names_the_field(change: dict[str, Any], field: str) -> None:
    """Names and addresses are checked in themselves, since they are written into a file with a grammar."""
    with pytest.raises(Invalid) as caught:
        Reservation.from_json({**WEB.as_json(), **change})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field", "holder"),
    [
        ({"hostname": "WEB"}, "hostname", "web"),
        ({"mac": str(DB.mac)}, "mac", "db.lan"),
        ({"ip": "10.7.0.200"}, "ip", "db.lan"),
        ({"ip": "10.7.0.1"}, "ip", "new"),
        ({"ip": "10.7.0.255"}, "ip", None),
        ({"ip": "10.8.0.7"}, "ip", None),
        ({"hostname": "Printer"}, "hostname", "printer"),
        ({"ip": "10.9.0.9"}, "ip", "printer"),
    ],
)
def test_no_two_have_the_same(change: dict[str, Any], field: str, holder: str | None) -> None:
    """A name, a card and an address are reserved once, what others told the server counted; the field is named."""
    foreign = Foreign(
        networks=(IPv4Network("10.9.0.0/24"),), hosts=(Held(hostname="printer", ip=IPv4Address("10.9.0.9")),)
    )
    new = {"hostname": "new", "mac": "02:08:20:00:00:09", "ip": "10.7.0.9"}
    CONFIG.with_reservation(Reservation.from_json(new), foreign=foreign)
    with pytest.raises(AgentError) as caught:
        CONFIG.with_reservation(Reservation.from_json({**new, **change}), foreign=foreign)
    assert caught.value.details["field"] == field
    assert caught.value.details.get("hostname") == holder


def test_a_changed_subnet_keeps_its_reservations() -> None:
    """Those inside stay, in their order; those outside of the new one refuse the change by name."""
    wider = DhcpSubnet.from_json({**BODY, "netmask": "255.255.0.0"})
    changed = CONFIG.with_subnet(wider, replacing=SUBNET.network)
    assert (changed.subnets, changed.reservations) == ((wider,), (WEB, DB))
    narrow = DhcpSubnet.from_json({**BODY, "netmask": "255.255.255.128", "range_end": "10.7.0.99"})
    with pytest.raises(Conflict, match=r"db\.lan") as caught:
        CONFIG.with_subnet(narrow, replacing=SUBNET.network)
    assert caught.value.details == {"field": "subnet", "hosts": ["db.lan"]}
    with pytest.raises(Conflict, match="web"):
        CONFIG.with_subnet(DhcpSubnet.from_json({**BODY, "router": "10.7.0.5"}))
    again = DhcpSubnet.from_json({**BODY, "dns": []})
    assert CONFIG.with_subnet(again).subnets == (again,)


def test_subnets_do_not_overlap() -> None:
    """A subnet that shares addresses with another one is refused, whoever told the server about that one."""
    wider = DhcpSubnet.from_json({**BODY, "netmask": "255.255.0.0"})
    with pytest.raises(Conflict, match=r"10\.7\.0\.0/24"):
        CONFIG.with_subnet(wider)
    with pytest.raises(Conflict, match=r"10\.7\.7\.0/24"):
        DhcpConfig().with_subnet(wider, foreign=Foreign(networks=(IPv4Network("10.7.7.0/24"),)))


def test_what_is_used_is_not_taken_away() -> None:
    """A subnet with reservations stays; what is not there cannot go."""
    with pytest.raises(Conflict, match=r"web, db\.lan"):
        CONFIG.without_subnet(SUBNET.network)
    bare = CONFIG.without_reservation("WEB").without_reservation("db.lan")
    assert bare.without_subnet(SUBNET.network) == DhcpConfig()
    with pytest.raises(NotFound, match="web"):
        bare.without_reservation("web")
    with pytest.raises(NotFound, match="10"):
        DhcpConfig().without_subnet(SUBNET.network)


@given(subnets(), st.data())
def test_the_next_free_address_is_free(subnet: DhcpSubnet, data: st.DataObject) -> None:
    """It is inside, is nobody's, and comes from the range only when nothing outside of it is left."""
    base, size = subnet.network.network_address, min(subnet.network.num_addresses, 64)
    taken = {base + offset for offset in data.draw(st.sets(st.integers(0, size)))}
    found = next_free(subnet, taken)
    usable = [base + offset for offset in range(1, subnet.network.num_addresses - 1)] if size < 64 else None
    if found is None:
        assert usable is not None
        assert set(usable) <= taken | {subnet.router}
        return
    assert found in subnet.network
    assert found not in {base, subnet.network.broadcast_address, subnet.router, *taken}
    if usable is not None and subnet.gives(found):
        assert all(subnet.gives(item) for item in set(usable) - taken - {subnet.router})


def test_a_lease_holds_until_its_end() -> None:
    """An active lease holds while it runs, one without an end for ever, an abandoned address is somebody's."""
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def lease(state: LeaseState, ends: datetime | None) -> Lease:
        return Lease(ip=IPv4Address("10.7.0.9"), mac=None, state=state, starts=now, ends=ends)

    assert lease(LeaseState.ACTIVE, now + timedelta(seconds=1)).holds(now)
    assert lease(LeaseState.ACTIVE, None).holds(now)
    assert lease(LeaseState.ABANDONED, now).holds(now)
    assert not lease(LeaseState.ACTIVE, now).holds(now)
    assert not lease(LeaseState.FREE, None).holds(now)

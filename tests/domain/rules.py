"""Any rule of translation, any subnet and any reservation, for properties that hold for all of them."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import strategies as st

from zoneweaver.domain.dhcp import DhcpConfig, DhcpSubnet, Reservation
from zoneweaver.domain.names import LinkName, MacAddress
from zoneweaver.domain.nat import OWN_ADDRESS, BimapRule, MapRule, Protocol, RedirectRule

links = st.sampled_from(["igb0", "aggr1", "web_0", "x.y7"]).map(LinkName.parse)
ports = st.integers(1, 65535)
protocols = st.sampled_from(Protocol)
hosts = st.integers(int(IPv4Address("10.0.0.1")), int(IPv4Address("10.255.255.254"))).map(IPv4Address)


def network(number: int, prefix: int) -> IPv4Network:
    return IPv4Network((number >> (32 - prefix) << (32 - prefix), prefix))


networks = st.builds(network, st.integers(0x0A000000, 0xC0000000), st.integers(8, 32))
targets = st.one_of(st.just(OWN_ADDRESS), networks)
ranges = st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair)))

maps = st.builds(MapRule, interface=links, source=networks, target=targets, protocol=st.none())
portmaps = st.builds(
    MapRule, interface=links, source=networks, target=targets, protocol=protocols, ports=st.none() | ranges
)
bimaps = st.integers(8, 32).flatmap(
    lambda prefix: st.builds(
        BimapRule,
        interface=links,
        source=st.builds(network, st.integers(0x0A000000, 0xC0000000), st.just(prefix)),
        target=st.builds(network, st.integers(0x0A000000, 0xC0000000), st.just(prefix)),
    )
)
redirects = st.builds(
    RedirectRule,
    interface=links,
    external=st.one_of(networks, targets, st.just(IPv4Network("0.0.0.0/0"))),
    external_port=ports,
    internal=hosts,
    internal_port=ports,
    protocol=protocols,
)
rules = st.one_of(maps, portmaps, bimaps, redirects)

macs = st.integers(0, 2**40 - 1).map(
    lambda number: MacAddress.parse("02:" + ":".join(f"{number >> shift & 255:02x}" for shift in (32, 24, 16, 8, 0)))
)
hostnames = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}(\.[A-Za-z0-9][A-Za-z0-9_-]{0,9})?", fullmatch=True)
reservations = st.builds(Reservation, hostname=hostnames, mac=macs, ip=hosts)


@st.composite
def subnets(draw: st.DrawFn) -> DhcpSubnet:
    """Draw one of the 256 subnets 10.N.0.0/16 or a part of it; the router is its first address."""
    prefix = draw(st.integers(16, 29))
    net = IPv4Network((0x0A000000 | draw(st.integers(0, 255)) << 16, prefix))
    size = net.num_addresses - 1
    first, last = sorted((draw(st.integers(2, size - 1)), draw(st.integers(2, size - 1))))
    base = net.network_address
    return DhcpSubnet(
        network=net,
        router=base + 1,
        first=base + first,
        last=base + last,
        dns=tuple(draw(st.lists(hosts, max_size=3))),
        authoritative=draw(st.booleans()),
    )


configs = st.builds(
    DhcpConfig,
    subnets=st.lists(subnets(), max_size=4, unique_by=lambda item: int(item.network.network_address) >> 16).map(tuple),
    reservations=st.lists(
        reservations,
        max_size=6,
        unique_by=(lambda item: item.hostname.lower(), lambda item: item.mac, lambda item: item.ip),
    ).map(tuple),
)

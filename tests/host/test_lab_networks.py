"""The drivers of networks against the lab host's commands, which were written from the manual pages alone."""

import pytest

from zoneweaver.domain.dhcp import DhcpConfig, DhcpSubnet, Reservation
from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.nat import rule
from zoneweaver.domain.network import Address, AddressKind, Forwarding, LinkClass
from zoneweaver.host import (
    dhcpd,
    dladm,
    dladm_kinds,
    ipadm,
    ipf,
    ipnat,
    netstat,
    route,
    routeadm,
    svcadm,
    svccfg,
    svcs,
)
from zoneweaver.host.command import Command
from zoneweaver.host.managed import ManagedFile
from zoneweaver.host.run import Host

SUBNET = DhcpSubnet.from_json(
    {"subnet": "10.7.0.0/24", "router": "10.7.0.1", "range_start": "10.7.0.10", "range_end": "10.7.0.99"}
)


async def refused(host: Host, command: Command) -> str:
    with pytest.raises(CommandFailed) as caught:
        await host.run(command)
    return caught.value.stderr


async def test_every_kind_of_link_is_made_seen_and_deleted(host: Host) -> None:
    """A VLAN, an aggregation and a bridge come, are told with what they are over, and go."""
    (card,) = await host.ask(dladm_kinds.show_phys())
    assert (card.link, card.state, card.speed) == ("igb0", "up", 1000)
    macs = await host.ask(dladm_kinds.show_macs())
    assert macs == {"igb0": "00:0c:29:3a:5b:7c"}

    await host.run(dladm_kinds.create_vlan("v0", over="igb0", vid=7))
    assert dladm.said_exists(await refused(host, dladm_kinds.create_vlan("v0", over="igb0", vid=7)))
    assert dladm_kinds.Vlan(link="v0", vid=7, over="igb0") in await host.ask(dladm_kinds.show_vlans())

    await host.run(dladm.create_etherstub("lan0"))
    await host.run(dladm_kinds.create_bridge("br", members=["lan0"], priority=4096))
    assert await host.ask(dladm_kinds.show_bridges()) == (
        dladm_kinds.Bridge(bridge="br", protection="stp", priority=4096),
    )
    assert await host.ask(dladm_kinds.show_bridge_links("br")) == {"lan0": "forwarding"}

    links = dladm_kinds.joined(
        await host.ask(dladm.show_links()),
        vnics=await host.ask(dladm.show_vnics()),
        phys=await host.ask(dladm_kinds.show_phys()),
        macs=macs,
        vlans=await host.ask(dladm_kinds.show_vlans()),
    )
    by_name = {link.name: link for link in links}
    assert by_name["v0"].kind is LinkClass.VLAN
    assert (by_name["v0"].mac, by_name["v0"].vid) == ("00:0c:29:3a:5b:7c", 7)
    assert (by_name["igb0"].speed, by_name["igb0"].mac) == (1000, "00:0c:29:3a:5b:7c")
    assert (by_name["lan0"].bridge, by_name["br0"].over) == ("br", ("lan0",))

    assert dladm.said_busy(await refused(host, dladm_kinds.delete_bridge("br")))
    await host.run(dladm_kinds.remove_from_bridge("br", ["lan0"]))
    await host.run(dladm_kinds.add_to_bridge("br", ["lan0"]))
    await host.run(dladm_kinds.remove_from_bridge("br", ["lan0"]))
    await host.run(dladm_kinds.delete_bridge("br"))
    assert dladm.said_missing(await refused(host, dladm_kinds.delete_bridge("br")))
    await host.run(dladm.delete_etherstub("lan0"))
    await host.run(dladm_kinds.delete_vlan("v0"))
    assert dladm.said_missing(await refused(host, dladm_kinds.delete_vlan("v0")))
    assert "link busy" in await refused(host, dladm_kinds.create_aggregation("aggr0", over=["igb0"]))
    assert await host.ask(dladm_kinds.show_aggregations()) == ()
    assert dladm.said_missing(await refused(host, dladm_kinds.delete_aggregation("aggr0")))


async def test_addresses_and_forwarding(host: Host) -> None:
    """An address makes its interface; forwarding is set for one interface and for the host."""
    await host.run(dladm.create_etherstub("stub1"))
    await host.run(dladm.create_vnic("in1", over="stub1"))
    await host.run(ipadm.create_address("in1/v4", AddressKind.STATIC, address="10.7.0.1/24"))
    again = ipadm.create_address("in1/v4", AddressKind.STATIC, address="10.7.0.1/24")
    assert ipadm.said_exists(await refused(host, again))
    expected = Address(name="in1/v4", kind="static", state="ok", address="10.7.0.1/24", persistent=True)
    assert await host.ask(ipadm.find_address("in1/v4")) == expected
    assert expected in await host.ask(ipadm.show_addresses())
    assert await host.ask(ipadm.find_address("in1/none")) is None
    assert "in1" in {interface.name for interface in await host.ask(ipadm.show_interfaces())}
    assert dladm.said_busy(await refused(host, dladm.delete_vnic("in1")))

    await host.run(ipadm.set_forwarding("in1", on=True))
    forwarding = await host.ask(ipadm.show_forwarding())
    assert (forwarding["in1"].now, forwarding["igb0"].now) == (True, False)
    await host.run(routeadm.set_forwarding(on=True))
    assert (await host.ask(routeadm.show()))["ipv4"] == Forwarding(now=True, persistent=True)
    assert (await host.ask(ipadm.show_forwarding()))["igb0"].now
    await host.run(routeadm.set_forwarding(on=False))
    assert (await host.ask(routeadm.show()))["ipv4"] == Forwarding(now=False, persistent=False)
    assert not (await host.ask(ipadm.show_forwarding()))["in1"].now

    await host.run(ipadm.create_address("in1/auto", AddressKind.ADDRCONF))
    await host.run(ipadm.delete_address("in1/auto"))
    await host.run(ipadm.delete_address("in1/v4"))
    assert ipadm.said_missing(await refused(host, ipadm.delete_address("in1/v4")))
    await host.run(ipadm.delete_interface("in1"))
    assert ipadm.said_missing(await refused(host, ipadm.delete_interface("in1")))
    await host.run(dladm.delete_vnic("in1"))
    await host.run(dladm.delete_etherstub("stub1"))


async def test_the_way_out(host: Host) -> None:
    """The table of routes and the way to everywhere name the same interface."""
    routes = await host.ask(netstat.show_routes())
    found = netstat.default_route(routes)
    assert found is not None
    assert (found.gateway, found.interface) == ("192.0.2.1", "igb0")
    assert await host.ask(route.way_out()) == route.Way(interface="igb0", gateway="192.0.2.1")
    assert {entry.interface for entry in routes} == {"igb0", "lo0"}


async def test_rules_are_checked_loaded_and_listed(host: Host) -> None:
    """A staged file is checked, the committed one loaded; what the kernel says is what was meant."""
    assert await host.ask(ipnat.active()) == ipnat.Active(running=False)
    assert not await host.ask(ipf.running())
    wanted = (
        rule({"bridge": "igb0", "subnet": "10.7.0.0/24"}),
        rule({"type": "map", "bridge": "igb0", "subnet": "10.7.0.0/24"}),
        rule(
            {
                "type": "rdr",
                "bridge": "igb0",
                "external_ip": "192.0.2.10",
                "external_port": 8080,
                "internal_ip": "10.7.0.9",
                "internal_port": 80,
            }
        ),
        rule({"type": "bimap", "bridge": "igb0", "subnet": "10.7.0.5/32", "target": "192.0.2.77/32"}),
    )
    file = ManagedFile(host, ipnat.FILE)
    bad = file.stage("network", ["map igb0 nonsense"])
    assert bad is not None
    assert bad.staged is not None
    assert ipnat.said_syntax(await refused(host, ipnat.check(bad.staged)))
    file.discard(bad)
    edit = file.stage("network", [ipnat.render(one) for one in wanted])
    assert edit is not None
    assert edit.staged is not None
    await host.run(ipnat.check(edit.staged))
    file.commit(edit)
    assert ipnat.said_not_running(await refused(host, ipnat.load()))
    await host.run(svcadm.enable(svcs.IPFILTER))
    assert await host.ask(ipf.running())
    await host.run(ipnat.load())
    assert await host.ask(ipnat.active()) == ipnat.Active(rules=wanted)
    assert ipnat.rules(file.read("network") or ()) == wanted
    await host.run(svcadm.disable(svcs.IPFILTER))
    gone = file.stage("network", None)
    assert gone is not None
    file.commit(gone)
    assert not host.path(ipnat.FILE).exists()


async def test_the_dhcp_server_is_told_checked_and_started(host: Host) -> None:
    """A configuration is checked before it is taken, the service listens where it is told, and comes up."""
    await host.run(dladm.create_etherstub("stub2"))
    await host.run(dladm.create_vnic("in2", over="stub2"))
    await host.run(ipadm.create_address("in2/v4", AddressKind.STATIC, address="10.7.0.1/24"))
    card = Reservation.from_json({"hostname": "web", "mac": "2:8:20:a:b:c", "ip": "10.7.0.5"})
    config = DhcpConfig().with_subnet(SUBNET).with_reservation(card)

    assert svcadm.said_maintenance(await refused(host, svcadm.enable(svcs.DHCP)))  # there is no file
    await host.run(svcadm.disable(svcs.DHCP))

    file = ManagedFile(host, dhcpd.FILE)
    bad = file.stage("network", [*dhcpd.render(config), "range 1;"])
    assert bad is not None
    assert bad.staged is not None
    assert "line" in dhcpd.complaint(await refused(host, dhcpd.check(bad.staged)))
    file.discard(bad)
    edit = file.stage("network", dhcpd.render(config))
    assert edit is not None
    assert edit.staged is not None
    await host.run(dhcpd.check(edit.staged))
    file.commit(edit)

    await host.run(svccfg.set_strings(svcs.DHCP, dhcpd.LISTEN, ["in2"]))
    await host.run(svcadm.refresh(svcs.DHCP))
    assert (await host.ask(svccfg.properties(svcs.DHCP, "config")))[dhcpd.LISTEN] == ("in2",)
    await host.run(svcadm.enable(svcs.DHCP))
    service = await host.ask(svcs.find(svcs.DHCP))
    assert service is not None
    assert service.state is svcs.ServiceState.ONLINE
    await host.run(svcadm.restart(svcs.DHCP))
    await host.run(svcadm.disable(svcs.DHCP))
    for values in (["in2", "igb0"], []):
        await host.run(svccfg.set_strings(svcs.DHCP, dhcpd.LISTEN, values))
        assert (await host.ask(svccfg.properties(svcs.DHCP, "config")))[dhcpd.LISTEN] == tuple(values)
    assert dhcpd.parse(file.read("network") or ()) == config
    await host.run(ipadm.delete_interface("in2"))
    await host.run(dladm.delete_vnic("in2"))
    await host.run(dladm.delete_etherstub("stub2"))


async def test_an_unknown_service_is_told_apart(host: Host) -> None:
    """What svcadm says of a service that is not there is recognised."""
    assert svcadm.said_missing(await refused(host, svcadm.enable("svc:/no/such:default")))

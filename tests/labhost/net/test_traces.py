"""What is made and unmade leaves no trace: the picture of the host is as before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labhost.evidence import difference, evidence

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host

SUBNET = "subnet 10.190.190.0 netmask 255.255.255.0 { range 10.190.190.10 10.190.190.20; }\n"


def test_a_whole_network_comes_and_goes(host: Host) -> None:
    """Stub, VNIC, address, forwarding and services, undone one by one, leave the host as it was."""
    host.put("/etc/dhcpd.conf", SUBNET)
    host.put("/etc/ipf/ipnat.conf", "map igb0 10.190.190.0/24 -> 0/32\n")
    before = evidence(host.world)
    host.ok("dladm", "create-etherstub", "stub0")
    host.ok("dladm", "create-vnic", "-l", "stub0", "pi0")
    host.ok("dladm", "set-linkprop", "-p", "priority=low", "igb0")
    host.ok("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.1/24", "pi0/v4")
    host.ok("ipadm", "set-ifprop", "-p", "forwarding=on", "-m", "ipv4", "igb0")
    host.ok("routeadm", "-e", "ipv4-forwarding", "-u")
    host.ok("svcadm", "enable", "-s", "ipfilter", "dhcp:ipv4")
    during = evidence(host.world)
    assert any("new: filter" in line or "changed: filter" in line for line in difference(before, during))
    host.ok("svcadm", "disable", "-s", "ipfilter", "dhcp:ipv4")
    host.ok("routeadm", "-d", "ipv4-forwarding", "-u")
    host.ok("ipadm", "set-ifprop", "-p", "forwarding=off", "-m", "ipv4", "igb0")
    host.ok("ipadm", "delete-addr", "pi0/v4")
    host.ok("ipadm", "delete-if", "pi0")
    host.ok("dladm", "reset-linkprop", "-p", "priority", "igb0")
    host.ok("dladm", "delete-vnic", "pi0")
    host.ok("dladm", "delete-etherstub", "stub0")
    assert difference(before, evidence(host.world)) == []

"""ipadm, routeadm, netstat and route."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host


def test_an_address_is_made_with_its_interface(host: Host) -> None:
    """create-addr plumbs the interface; a second of the same name is refused."""
    host.ok("dladm", "create-etherstub", "stub0")
    host.ok("dladm", "create-vnic", "-l", "stub0", "pi0")
    host.ok("ipadm", "create-addr", "-T", "static", "-a", "local=10.190.190.1/24", "pi0/v4")
    assert (
        host.ok("ipadm", "show-addr", "-p", "-o", "addrobj,type,state,addr", "pi0/v4")
        == "pi0/v4:static:ok:10.190.190.1/24\n"
    )
    assert "pi0" in host.ok("ipadm", "show-if", "-p", "-o", "ifname").split()
    said = host.run("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.2/24", "pi0/v4")
    assert (said.code, said.err.strip()) == (1, "ipadm: Could not create address: Address object already exists")


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("create-if igb0", "Could not create igb0 : Interface already exists"),
        ("create-if nope0", "Could not create nope0 : Datalink does not exist"),
        ("delete-if nope0", "Could not delete nope0: No such interface"),
        ("delete-addr igb0/x", "could not delete address: Object not found"),
        ("show-addr igb0/x", "Could not get address: Object not found"),
        ("show-addr -p", "-p requires -o"),
        ("create-addr -T static -a 10.0.0.300 igb0/a", "Error in setting local address: Invalid address"),
        ("create-addr -T none igb0/a", "Invalid address type none"),
        ("create-addr -T static -a 10.0.0.1/24 nope0/a", "Could not create address: Datalink does not exist"),
        ("set-ifprop -p forwarding=maybe -m ipv4 igb0", "set-ifprop: forwarding: Invalid argument provided"),
        ("set-ifprop -p forwarding=on -m ipv4 nope0", "set-ifprop: forwarding: No such interface"),
    ],
)
def test_refusals(host: Host, argv: str, error: str) -> None:
    """What is wrong is said on stderr with exit 1, and nothing changes."""
    before = host.world.read("addresses")
    said = host.run("ipadm", *argv.split())
    assert (said.code, said.err) == (1, f"ipadm: {error}")
    assert host.world.read("addresses") == before


def test_a_lent_link_carries_no_address_here(host: Host) -> None:
    """The VNIC of an exclusive zone cannot be plumbed in the global zone."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.lend("web0", "web")
    assert host.run("ipadm", "create-if", "web0").err.endswith("Could not open DLPI link")


def test_forwarding_waits_for_u(host: Host) -> None:
    """routeadm -e is persistent only, -u applies it; one option asked alone comes without its name."""
    host.ok("routeadm", "-e", "ipv4-forwarding")
    assert host.ok("routeadm", "-p", "ipv4-forwarding") == "persistent=enabled default=disabled current=disabled\n"
    assert host.ok("ipadm", "show-ifprop", "-c", "-o", "current", "-p", "forwarding", "-m", "ipv4", "igb0") == "off\n"
    host.ok("routeadm", "-u")
    line = "ipv4-forwarding persistent=enabled default=disabled current=enabled"
    assert line in host.ok("routeadm", "-p").splitlines()
    assert host.ok("ipadm", "show-ifprop", "-c", "-o", "current", "-p", "forwarding", "-m", "ipv4", "igb0") == "on\n"
    said = host.run("routeadm", "-p", "x")
    assert (said.code, said.err) == (1, "routeadm: no such option/variable x\n")


def test_the_service_is_another_way_to_forward(host: Host) -> None:
    """svcadm enable ipv4-forwarding is both at once."""
    host.ok("svcadm", "enable", "-s", "ipv4-forwarding")
    assert host.ok("routeadm", "-p", "ipv4-forwarding") == "persistent=enabled default=disabled current=enabled\n"


def test_the_default_route_names_its_interface(host: Host) -> None:
    """netstat and route agree on the way out."""
    rows = [line.split() for line in host.ok("netstat", "-rn", "-f", "inet").splitlines()]
    assert ["default", "192.0.2.1", "UG", "2", "0", "igb0"] in rows
    assert "  interface: igb0\n" in host.ok("route", "-n", "get", "default")
    host.ok("route", "-p", "add", "10.0.0.0/8", "192.0.2.2")
    assert "10.0.0.0/8" in host.ok("netstat", "-rn")
    host.ok("route", "-p", "delete", "10.0.0.0/8", "192.0.2.2")
    assert host.run("route", "add", "10.0.0.0/8", "198.51.100.1").out.endswith("Network is unreachable\n")

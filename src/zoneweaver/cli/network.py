"""`zoneweaver network …`: the host's links, addresses and routes, and what is built of them."""

from __future__ import annotations

from typing import Final, Literal

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.network_map import map_, speed
from zoneweaver.cli.network_provisioning import setup, status, teardown

app: Final = App(
    name="network", help="Links, addresses, address translation and DHCP of the host.", default_parameter=PARAMETERS
)
for _path, _name, _help in (
    ("network_links:etherstubs", "etherstubs", "Virtual switches without a way out of the host."),
    ("network_links:vnics", "vnics", "Virtual cards."),
    ("network_links:vlans", "vlans", "Links that are one VLAN of another link."),
    ("network_links:bridges", "bridges", "Switches that join links."),
    ("network_links:aggregates", "aggregates", "Physical cards as one link."),
    ("network_addresses:app", "address", "Give the host an address, or take one away."),
    ("network_nat:app", "nat", "Address translation: who gets out, and which ports lead in."),
    ("network_forwarding:app", "forwarding", "Let the host forward packets, or not."),
    ("network_dhcp:app", "dhcp", "The DHCP server: subnets, reservations, leases."),
):
    app.command(f"zoneweaver.cli.{_path}", name=_name, help=_help)
app.command(map_, name="map")
for _command in (status, setup, teardown):
    app.command(_command)

Class = Literal["phys", "vlan", "aggr", "vnic", "etherstub", "iptun", "simnet", "bridge", "overlay", "misc"]


@app.command
def interfaces(*, class_: Class | None = None, zone: str | None = None, agent: Connection = DEFAULTS) -> None:
    """List the links of every class.

    Parameters
    ----------
    class_
        Only links of this class.
    zone
        Only links that are lent to this running zone.
    """
    with agent.open() as client:
        answer = client.get("/network/interfaces", {"class": class_, "zone": zone})
    if agent.show(answer):
        return
    terminal.table(
        ["NAME", "CLASS", "OVER", "STATE", "SPEED", "ZONE"],
        [
            [
                link.get("name"),
                link.get("class"),
                link.get("over"),
                link.get("state"),
                speed(link.get("speed")),
                link.get("zone"),
            ]
            for link in answer.body.get("interfaces") or []
        ],
        empty="There are no such links.",
    )


@app.command
def addresses(
    *,
    interface: str | None = None,
    type_: Literal["static", "dhcp", "addrconf"] | None = None,
    agent: Connection = DEFAULTS,
) -> None:
    """List the host's addresses.

    Parameters
    ----------
    interface
        Only those of this interface.
    type_
        Only those that come about like this.
    """
    with agent.open() as client:
        answer = client.get("/network/addresses", {"interface": interface, "type": type_})
    if agent.show(answer):
        return
    terminal.table(
        ["NAME", "TYPE", "STATE", "STAYS", "ADDRESS"],
        [
            [item.get("addrobj"), item.get("type"), item.get("state"), item.get("persistent"), item.get("address")]
            for item in answer.body.get("addresses") or []
        ],
        empty="There are no such addresses.",
    )


@app.command
def routes(*, agent: Connection = DEFAULTS) -> None:
    """List the host's IPv4 routes; `default` is the one that everything else takes."""
    with agent.open() as client:
        answer = client.get("/network/routes")
    if agent.show(answer):
        return
    terminal.table(
        ["DESTINATION", "GATEWAY", "FLAGS", "INTERFACE"],
        [
            [route.get("destination"), route.get("gateway"), route.get("flags"), route.get("interface")]
            for route in answer.body.get("routes") or []
        ],
        empty="There are no routes.",
    )

"""The host's network on the wire: the bodies, query strings and answers of `/network`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.wire import NOT_GIVEN, Body, Query, Shown

LinkName = Annotated[str, Field(min_length=1, max_length=31)]
Vid = Annotated[int, Field(ge=1, le=4094)]

Class = Literal["phys", "vlan", "aggr", "vnic", "etherstub", "iptun", "simnet", "bridge", "overlay", "misc"]

MOST: Final = 32
"""Links in one bridge or aggregation, and interfaces in one request."""


def _example(**body: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [body]})


class ListInterfaces(Query):
    """Which links."""

    class_: Class | None = Field(default=None, alias="class")
    """Only links of this class."""
    zone: str | None = Field(default=None, max_length=63)
    """Only links that are lent to this running zone."""


class ListAddresses(Query):
    """Which addresses."""

    interface: str | None = Field(default=None, max_length=31)
    """Only those of this interface."""
    type: Literal["static", "dhcp", "addrconf"] | None = None
    """Only those that come about like this."""


class CreateEtherstub(Body):
    """A virtual switch without a way out of the host."""

    model_config = _example(name="stub1")

    name: LinkName
    """Its name: at most 31 letters, digits, `_` and `.`, ending in a number."""


class CreateVnic(Body):
    """A virtual card."""

    model_config = _example(name="web0", link="igb0", vlan_id=7)

    name: LinkName
    """Its name: at most 31 letters, digits, `_` and `.`, ending in a number."""
    link: LinkName
    """What it is over: a physical card, an aggregation, an etherstub."""
    mac_address: Annotated[str, Field(max_length=17)] = NOT_GIVEN
    """Its address; without one, or with `auto`, it gets one that nothing on the host has."""
    vlan_id: Vid = NOT_GIVEN
    """The VLAN that its packets carry."""


class CreateVlan(Body):
    """A link that is one VLAN of another link."""

    model_config = _example(link="igb0", vid=7)

    vid: Vid
    """The number of the VLAN."""
    link: LinkName
    """What it is over: a physical card, an aggregation, an etherstub."""
    name: LinkName = NOT_GIVEN
    """Its name; without one that which dladm(8) gives: VLAN 7 of `igb0` is `igb7000`."""
    force: bool = NOT_GIVEN
    """Also over a card whose driver cannot take frames with a tag."""


class CreateBridge(Body):
    """A switch that joins links."""

    model_config = _example(name="lan", links=["igb1"])

    name: Annotated[str, Field(min_length=1, max_length=30)]
    """Its name, which begins and ends without a digit."""
    links: Annotated[list[LinkName], Field(max_length=MOST)] = NOT_GIVEN
    """The links that it joins."""
    protection: Literal["stp", "trill"] = NOT_GIVEN
    """What keeps packets from running in circles: `stp`, if not said otherwise."""
    priority: Annotated[int, Field(ge=0, le=61440, multiple_of=4096)] = NOT_GIVEN
    """How much it wants to be the root, the lowest the most: 32768, if not said otherwise."""


class CreateAggregate(Body):
    """Physical cards as one link."""

    model_config = _example(name="aggr0", links=["igb1", "igb2"], policy="L3,L4", lacp_mode="active")

    name: LinkName
    """Its name: at most 31 letters, digits, `_` and `.`, ending in a number."""
    links: Annotated[list[LinkName], Field(min_length=1, max_length=MOST)]
    """The physical cards; none of them may be in use."""
    policy: Annotated[str, Field(max_length=8)] = NOT_GIVEN
    """By addresses of which layers packets are spread: `L2`, `L3`, `L4` or several with commas; `L4`."""
    lacp_mode: Literal["off", "active", "passive"] = NOT_GIVEN
    """Whether LACP is spoken: `off`, if not said otherwise."""
    lacp_timer: Literal["short", "long"] = NOT_GIVEN
    """How often LACP is spoken: `short`, if not said otherwise."""


class DeleteBridge(Query):
    """How a bridge is deleted."""

    force: bool = False
    """Take the links out of it first."""


class CreateAddress(Body):
    """An address of the host."""

    model_config = _example(addrobj="web0/v4", type="static", address="10.0.0.5/24")

    addrobj: Annotated[str, Field(min_length=3, max_length=63)]
    """Its name: the link, a slash and a word that begins with a letter."""
    interface: LinkName = NOT_GIVEN
    """The link, for clients that say it twice."""
    type: Literal["static", "dhcp", "addrconf"] = NOT_GIVEN
    """`static` (if not said otherwise), `dhcp`, or `addrconf` for IPv6."""
    address: Annotated[str, Field(max_length=64)] = NOT_GIVEN
    """The address with its prefix; for `static`, and only there."""
    wait: Annotated[int, Field(ge=1, le=300)] = NOT_GIVEN
    """Seconds that a lease is waited for (30); for `dhcp`, and only there."""


class DeleteAddress(Query):
    """How an address is deleted."""

    release: bool = False
    """Give a lease back to its server."""
    force: bool = False
    """Also when a route, a DHCP subnet or a NAT rule needs the address."""


class SetForwarding(Body):
    """Who shall forward packets."""

    model_config = _example(enabled=True, interfaces=["igb0", "provision_interconnect0"])

    enabled: bool = NOT_GIVEN
    """On or off; interfaces that are named without it are switched on."""
    interfaces: Annotated[list[LinkName], Field(max_length=MOST)] = NOT_GIVEN
    """These alone; without them the host, and with it every interface."""
    family: Literal["ipv4", "ipv6"] = NOT_GIVEN
    """`ipv4`, if not said otherwise."""


class Link(Shown):
    """A data link."""

    name: str
    class_: Class = Field(alias="class")
    over: list[str]
    """The links below it; of a bridge, those that it joins."""
    mac_address: str | None
    mtu: int
    state: str
    """`up`, `down` or `unknown`."""
    speed: int | None
    """Mb/s."""
    vlan_id: int | None
    zone: str | None
    """The running zone that it is lent to."""
    bridge: str | None
    """The bridge that it is in."""


class Interfaces(Shown):
    """Links in the order in which the host tells them."""

    interfaces: list[Link]
    total: int


class Address(Shown):
    """An address object."""

    addrobj: str
    interface: str
    type: str
    """`static`, `dhcp`, `addrconf`, or what others have made."""
    state: str
    """`ok`, `down`, `disabled`, `duplicate`, `inaccessible` or `tentative`."""
    address: str | None
    """With its prefix; none while a lease is waited for."""
    persistent: bool
    """Whether it is there after a reboot."""


class Addresses(Shown):
    """Address objects in the order in which the host tells them."""

    addresses: list[Address]
    total: int


class RouteRow(Shown):
    """An IPv4 route."""

    destination: str
    gateway: str
    flags: str
    interface: str | None


class Routes(Shown):
    """The table of routes."""

    routes: list[RouteRow]
    total: int
    default: RouteRow | None
    """Where everything goes that no other route takes."""


class Switched(Shown):
    """Now, and after a reboot."""

    current: Literal["enabled", "disabled", "on", "off"]
    persistent: Literal["enabled", "disabled", "on", "off"]


class Families(Shown):
    """The host."""

    ipv4: Switched
    ipv6: Switched


class ForwardingRow(Shown):
    """An interface. One that is not set by itself is `off` after a reboot, unless the host forwards."""

    interface: str
    ipv4: Switched | None = None
    ipv6: Switched | None = None


class Forwarding(Shown):
    """Who forwards packets."""

    forwarding: Families
    interfaces: list[ForwardingRow]


class NetworkQueued(Shown):
    """A task on the host's network was queued; follow it at `Location`."""

    model_config = _example(
        success=True,
        task_id="7d0c7c4e-6f6d-4f0c-9d77-3f3c0d0f4b11",
        operation="network_link_create",
        status="pending",
        message="Creation of VNIC web0 queued",
        name="web0",
    )

    success: bool
    task_id: str
    operation: str
    status: str
    message: str


class Etherstubs(Shown):
    """Etherstubs."""

    etherstubs: list[Link]
    total: int


class Vnics(Shown):
    """VNICs."""

    vnics: list[Link]
    total: int


class Vlans(Shown):
    """VLANs."""

    vlans: list[Link]
    total: int


class Bridge(Link):
    """A bridge; `link` is what it is called among the links, `over` what it joins."""

    link: str
    protection: str
    priority: int


class Bridges(Shown):
    """Bridges."""

    bridges: list[Bridge]
    total: int


class Aggregate(Link):
    """An aggregation; `over` are its cards."""

    policy: str
    lacp_mode: str
    lacp_timer: str


class Aggregates(Shown):
    """Aggregations."""

    aggregates: list[Aggregate]
    total: int

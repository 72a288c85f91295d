"""`/network/dhcp`: the DHCP server."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.network_models import LinkName, NetworkQueued
from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Query, Shown
from zoneweaver.domain.keys import Scope

Address = Annotated[str, Field(max_length=40)]


class Configure(Body):
    """A subnet to be served."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subnet": "10.190.190.0",
                    "netmask": "255.255.255.0",
                    "router": "10.190.190.1",
                    "range_start": "10.190.190.10",
                    "range_end": "10.190.190.254",
                    "dns": ["9.9.9.9"],
                    "listen_interface": "provision_interconnect0",
                }
            ]
        }
    )

    subnet: Address
    """`10.190.190.0` with a netmask, or `10.190.190.0/24`."""
    netmask: Address = NOT_GIVEN
    """Such as `255.255.255.0`, when `subnet` has no prefix."""
    router: Address
    """What guests are told to send everything else to; inside the subnet, outside the range."""
    range_start: Address
    """The first address that goes to whoever asks."""
    range_end: Address
    """The last one."""
    dns: Annotated[list[Address], Field(max_length=8)] = NOT_GIVEN
    """Name servers that guests are told."""
    authoritative: bool = NOT_GIVEN
    """Whether this server alone is to be believed on the subnet (false)."""
    listen_interface: LinkName = NOT_GIVEN
    """An interface with an address in the subnet, which the server serves from now on."""
    replacing: Annotated[str, Field(max_length=40)] = NOT_GIVEN
    """The subnet whose place it takes; reservations are kept, and one that would lie outside refuses the change."""


class Reserve(Body):
    """An address that one card always gets."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"hostname": "web01", "mac": "02:08:20:01:02:03", "ip": "10.190.190.5"}]}
    )

    hostname: Annotated[str, Field(min_length=1, max_length=63)]
    """The name of the reservation: letters, digits, `-`, `_` and dots."""
    mac: Annotated[str, Field(min_length=1, max_length=17)]
    """The card's own address, not a multicast one."""
    ip: Address = NOT_GIVEN
    """Without one it is the next address that nobody has, when one subnet is served."""


class Act(Body):
    """What is to be done with the server."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "restart"}]})

    action: Literal["start", "stop", "restart", "refresh"]
    """A refresh is a restart: the server reads its file at its start only."""


class ListLeases(Query):
    """Which leases."""

    active: bool = False
    """Only those that hold now."""


class Subnet(Shown):
    """A subnet that is served."""

    subnet: str
    netmask: str
    router: str
    range_start: str
    range_end: str
    dns: list[str]
    authoritative: bool


class Config(Shown):
    """What the server serves."""

    config_file: str
    subnets: list[Subnet]
    others: list[str]
    """Subnets that somebody else wrote into the file."""
    listen_interfaces: list[str]
    """None: every interface with a subnet."""


class HostRow(Shown):
    """A reservation."""

    hostname: str
    mac: str | None
    ip: str | None
    managed: bool
    """Whether the agent wrote it; another one it does not take away."""


class Hosts(Shown):
    """Reservations."""

    hosts: list[HostRow]
    total: int
    next_free: dict[str, str | None]
    """For each subnet the next address that nobody has: outside the range as long as there are any."""


class LeaseRow(Shown):
    """Who was given an address."""

    ip: str
    mac: str | None
    state: str
    active: bool
    """Whether it holds now."""
    starts: str | None
    ends: str | None
    """Null for ever."""
    hostname: str | None
    zone: str | None
    """The zone that the card belongs to."""


class Leases(Shown):
    """Leases, the newest of each address."""

    leases: list[LeaseRow]
    total: int
    lease_file: str


class DhcpStatus(Shown):
    """Where the service stands."""

    service: str
    state: str | None
    running: bool
    installed: bool
    config_file: str


async def config(call: Call) -> Answer:
    """Answer with what is served."""
    return Answer(body=await call.services.dhcp.config())


async def configure(call: Call) -> Answer:
    """Queue a subnet."""
    return await queued(call, lambda: call.services.dhcp.configure(call.body, call.caller))


async def hosts(call: Call) -> Answer:
    """Answer with the reservations."""
    return Answer(body=await call.services.dhcp.hosts())


async def reserve(call: Call) -> Answer:
    """Queue a reservation."""
    return await queued(call, lambda: call.services.dhcp.reserve(call.body, call.caller))


async def release(call: Call) -> Answer:
    """Queue the end of a reservation."""
    return await queued(call, lambda: call.services.dhcp.release(call.path["hostname"], call.caller))


async def leases(call: Call) -> Answer:
    """Answer with the leases."""
    return Answer(body=await call.services.dhcp.leases(active=call.asked(ListLeases).active))


async def status(call: Call) -> Answer:
    """Answer with the service's state."""
    return Answer(body=await call.services.dhcp.status())


async def act(call: Call) -> Answer:
    """Queue a start or a stop."""
    return await queued(call, lambda: call.services.dhcp.act(call.body["action"], call.caller))


ROUTES: Final = (
    Route(
        method="GET",
        path="/network/dhcp/config",
        summary="Show what the DHCP server serves",
        handler=config,
        tag="network",
        scope=Scope.READ,
        answer=Config,
    ),
    Route(
        method="PUT",
        path="/network/dhcp/config",
        summary="Let the DHCP server serve a subnet",
        description=(
            "The subnet of the same network is replaced, or the one named by `replacing`; others stay. dhcpd(8) checks "
            "the file before it is used, what others wrote in it stays as it is, and a running server is restarted."
        ),
        handler=configure,
        tag="network",
        scope=Scope.WRITE,
        body=Configure,
        answer=NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.dhcp.config",
        target="subnet",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/network/dhcp/hosts",
        summary="List the reservations",
        handler=hosts,
        tag="network",
        scope=Scope.READ,
        answer=Hosts,
    ),
    Route(
        method="POST",
        path="/network/dhcp/hosts",
        summary="Reserve an address for a card",
        description="Refused when the name, the MAC address or the address is reserved already; the field is named.",
        handler=reserve,
        tag="network",
        scope=Scope.WRITE,
        body=Reserve,
        answer=NetworkQueued,
        status=202,
        refusals=(409,),
        audit="network.dhcp.reserve",
        target="hostname",
        queues=True,
        plans=True,
    ),
    Route(
        method="DELETE",
        path="/network/dhcp/hosts/{hostname}",
        summary="Take a reservation away",
        handler=release,
        tag="network",
        scope=Scope.WRITE,
        answer=NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.dhcp.release",
        target="hostname",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/network/dhcp/leases",
        summary="List the leases",
        description="Joined with the zones by the cards' MAC addresses.",
        handler=leases,
        tag="network",
        scope=Scope.READ,
        query=ListLeases,
        answer=Leases,
    ),
    Route(
        method="GET",
        path="/network/dhcp/status",
        summary="Show where the DHCP service stands",
        handler=status,
        tag="network",
        scope=Scope.READ,
        answer=DhcpStatus,
    ),
    Route(
        method="PUT",
        path="/network/dhcp/status",
        summary="Start, stop or restart the DHCP server",
        description="A server whose file is wrong is not touched; what dhcpd(8) says about it is told.",
        handler=act,
        tag="network",
        scope=Scope.WRITE,
        body=Act,
        answer=NetworkQueued,
        status=202,
        refusals=(409,),
        audit="network.dhcp.service",
        target="action",
        queues=True,
        plans=True,
    ),
)

"""`/provisioning/network`: the network that guests are provisioned on, as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from zoneweaver.api.network_models import LinkName, NetworkQueued
from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Shown
from zoneweaver.domain.keys import Scope

Address = Annotated[str, Field(max_length=40)]


class Setup(Body):
    """What is to be otherwise than the settings have it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"uplink": "igb0", "dns": ["9.9.9.9"]}]})

    etherstub_name: LinkName = NOT_GIVEN
    """The etherstub that guests and host meet on."""
    host_vnic_name: LinkName = NOT_GIVEN
    """The host's own VNIC on it."""
    subnet: Address = NOT_GIVEN
    """Its network, such as `10.190.190.0/24`."""
    host_ip: Address = NOT_GIVEN
    """The host's address, which is the guests' gateway."""
    dhcp_range_start: Address = NOT_GIVEN
    """The first address that is given by DHCP."""
    dhcp_range_end: Address = NOT_GIVEN
    """The last one."""
    uplink: LinkName = NOT_GIVEN
    """The interface that leads out (that of the default route)."""
    dns: Annotated[list[Address], Field(max_length=8)] = NOT_GIVEN
    """Name servers that guests are told (those of the host)."""


class ComponentRow(Shown):
    """A part of the network; more is told of each by its kind."""

    name: str
    exists: bool
    ready: bool
    """Whether nothing is to be done about it."""
    managed: bool
    """Whether a setup made it, so that a teardown takes it away."""
    difference: str | None
    """What is otherwise than it should be; as long as there is any, a setup is refused."""


class NetworkStatus(Shown):
    """How far the network is."""

    ready: bool
    components: list[ComponentRow]
    network: dict[str, Any]
    """What it shall be."""


class SetupQueued(Shown):
    """The setup was queued; the parts are as they were found."""

    success: bool
    task_id: str
    operation: str
    status: str
    message: str
    ready: bool
    components: list[ComponentRow]
    network: dict[str, Any]


async def status(call: Call) -> Answer:
    """Answer with every part."""
    return Answer(body=await call.services.provisioning_network.status())


async def setup(call: Call) -> Answer:
    """Queue the setup."""
    return await queued(call, lambda: call.services.provisioning_network.setup(call.body, call.caller))


async def teardown(call: Call) -> Answer:
    """Queue the teardown."""
    return await queued(call, lambda: call.services.provisioning_network.teardown(call.caller))


ROUTES: Final = (
    Route(
        method="GET",
        path="/provisioning/network/status",
        summary="Show how far the provisioning network is",
        handler=status,
        tag="provisioning network",
        scope=Scope.READ,
        answer=NetworkStatus,
    ),
    Route(
        method="POST",
        path="/provisioning/network/setup",
        summary="Make the provisioning network",
        description=(
            "Etherstub, the host's VNIC on it, its address, address translation, forwarding and DHCP: all of it or "
            "nothing. What is there and right is left alone; what is there and different refuses the setup (409, with "
            "every difference), and nothing is touched."
        ),
        handler=setup,
        tag="provisioning network",
        scope=Scope.WRITE,
        body=Setup,
        body_optional=True,
        answer=SetupQueued,
        status=202,
        refusals=(409,),
        audit="provisioning_network.setup",
        queues=True,
        plans=True,
    ),
    Route(
        method="DELETE",
        path="/provisioning/network/teardown",
        summary="Take the provisioning network away",
        description="Exactly what setups have made. Refused while a zone or a reservation uses it; the 409 names them.",
        handler=teardown,
        tag="provisioning network",
        scope=Scope.WRITE,
        answer=NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="provisioning_network.teardown",
        queues=True,
        plans=True,
    ),
)

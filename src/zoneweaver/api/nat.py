"""`/network/nat`: address translation."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from zoneweaver.api.network_models import LinkName, NetworkQueued
from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import NOT_GIVEN, Body, Shown
from zoneweaver.domain.keys import Scope


class CreateRule(Body):
    """A rule; what it takes depends on its type."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "portmap",
                    "bridge": "igb0",
                    "subnet": "10.190.190.0/24",
                    "target": "0/32",
                    "protocol": "tcp/udp",
                },
                {
                    "type": "rdr",
                    "bridge": "igb0",
                    "external_ip": "0/0",
                    "external_port": 8080,
                    "internal_ip": "10.190.190.10",
                    "internal_port": 80,
                    "protocol": "tcp",
                },
            ]
        }
    )

    type: Literal["portmap", "map", "bimap", "rdr"] = NOT_GIVEN
    """`portmap` hides a subnet behind the host's ports (the usual), `map` without ports, `bimap` joins two addresses,
    `rdr` sends a port on."""
    bridge: LinkName
    """The interface that packets leave or reach the host by."""
    subnet: str = Field(default=NOT_GIVEN, max_length=40)
    """Who is hidden: `10.190.190.0/24`."""
    target: str = Field(default=NOT_GIVEN, max_length=40)
    """What they are hidden behind; `0/32` is the interface's own address."""
    protocol: Literal["tcp", "udp", "tcp/udp"] = NOT_GIVEN
    """Which packets (`tcp/udp`; of an `rdr`: `tcp`)."""
    ports: str = Field(default=NOT_GIVEN, max_length=20)
    """Ports of the host to use, `FIRST:LAST`, or `auto`."""
    external_ip: str = Field(default=NOT_GIVEN, max_length=40)
    """Of an `rdr`: the address that is asked for."""
    external_port: int = Field(default=NOT_GIVEN, ge=1, le=65535)
    """Of an `rdr`: the port that is asked for."""
    internal_ip: str = Field(default=NOT_GIVEN, max_length=40)
    """Of an `rdr`: who gets it."""
    internal_port: int = Field(default=NOT_GIVEN, ge=1, le=65535)
    """Of an `rdr`: the port that gets it."""


class RuleRow(Shown):
    """A rule of the file."""

    id: str
    """It follows from what the rule says."""
    type: str
    bridge: str
    rule: str
    """As ipnat(5) has it."""
    managed: bool
    """Whether the agent wrote it; another one it does not take away."""
    active: bool
    """Whether the kernel translates by it now."""


class Rules(Shown):
    """The rules of the file."""

    rules: list[RuleRow]
    total: int
    others: list[str]
    """Lines of somebody else's that mean something the agent does not write."""
    config_file: str


class NatStatus(Shown):
    """What the kernel does at the moment."""

    service: str
    state: str | None
    """The service's state; null when the host has no such service."""
    running: bool
    active_rules: list[str]
    sessions: int
    config_file: str


async def rules(call: Call) -> Answer:
    """Answer with the rules."""
    return Answer(body=await call.services.nat.rules())


async def status(call: Call) -> Answer:
    """Answer with what is in force."""
    return Answer(body=await call.services.nat.status())


async def create(call: Call) -> Answer:
    """Queue a rule."""
    return await queued(call, lambda: call.services.nat.create(call.body, call.caller))


async def delete(call: Call) -> Answer:
    """Queue the end of a rule."""
    return await queued(call, lambda: call.services.nat.delete(call.path["id"], call.caller))


ROUTES: Final = (
    Route(
        method="GET",
        path="/network/nat/rules",
        summary="List the rules of address translation",
        handler=rules,
        tag="network",
        scope=Scope.READ,
        answer=Rules,
    ),
    Route(
        method="POST",
        path="/network/nat/rules",
        summary="Add a rule of address translation",
        description=(
            "Checked by ipnat(8) before it is used; the packet filter is started when it does not run. Refused when "
            "another rule would be taken in its place, and when starting the filter would bring rules of ipf.conf into "
            "force."
        ),
        handler=create,
        tag="network",
        scope=Scope.WRITE,
        body=CreateRule,
        answer=NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.nat.create",
        target="bridge",
        queues=True,
        plans=True,
    ),
    Route(
        method="DELETE",
        path="/network/nat/rules/{id}",
        summary="Take a rule of address translation away",
        description="The rest of the file stays as it is, byte by byte.",
        handler=delete,
        tag="network",
        scope=Scope.WRITE,
        answer=NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.nat.delete",
        target="id",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/network/nat/status",
        summary="Show what is translated at the moment",
        handler=status,
        tag="network",
        scope=Scope.READ,
        answer=NatStatus,
    ),
)

"""`/network`: the host's links, addresses, routes and forwarding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zoneweaver.api import network_models as models
from zoneweaver.api.queueing import queued
from zoneweaver.api.route import Answer, Call, Handler, Route
from zoneweaver.api.wire import Body, Query, Shown
from zoneweaver.domain.datalinks import NOUNS
from zoneweaver.domain.keys import Scope
from zoneweaver.domain.network import AddressKind, LinkClass
from zoneweaver.services.network import COLLECTIONS


async def interfaces(call: Call) -> Answer:
    """Answer with the links of every class."""
    asked = call.asked(models.ListInterfaces)
    kind = None if asked.class_ is None else LinkClass(asked.class_)
    return Answer(body=await call.services.network.interfaces(kind=kind, zone=asked.zone))


async def addresses(call: Call) -> Answer:
    """Answer with the address objects."""
    asked = call.asked(models.ListAddresses)
    kind = None if asked.type is None else AddressKind(asked.type)
    return Answer(body=await call.services.network.addresses(interface=asked.interface, kind=kind))


async def create_address(call: Call) -> Answer:
    """Queue the creation of an address."""
    return await queued(call, lambda: call.services.network.create_address(call.body, call.caller))


async def delete_address(call: Call) -> Answer:
    """Queue the deletion of an address."""
    name, asked = f"{call.path['interface']}/{call.path['name']}", call.asked(models.DeleteAddress)
    return await queued(
        call,
        lambda: call.services.network.delete_address(name, call.caller, release=asked.release, force=asked.force),
    )


async def routes(call: Call) -> Answer:
    """Answer with the routes."""
    return Answer(body=await call.services.network.routes())


async def forwarding(call: Call) -> Answer:
    """Answer with who forwards packets."""
    return Answer(body=await call.services.network.forwarding())


async def forward(call: Call) -> Answer:
    """Queue a change of forwarding."""
    return await queued(call, lambda: call.services.network.forward(call.body, call.caller))


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """The links of one kind: what they are, and what is sent and answered about them."""

    kind: LinkClass
    what: str
    body: type[Body]
    one: type[Shown]
    every: type[Shown]
    query: type[Query] | None = None
    """How one is deleted, where there is a choice."""

    @property
    def path(self) -> str:
        """The path of all of them."""
        return f"/network/{COLLECTIONS[self.kind]}"

    @property
    def routes(self) -> tuple[Route, ...]:
        """The four things that may be asked."""
        noun, verb = NOUNS[self.kind], COLLECTIONS[self.kind].removesuffix("s")
        article = "an" if noun[0] in "ae" else "a"
        return (
            Route(
                method="GET",
                path=self.path,
                summary=f"List {noun}s",
                description=self.what,
                handler=_lists(self.kind),
                tag="network",
                scope=Scope.READ,
                answer=self.every,
            ),
            Route(
                method="POST",
                path=self.path,
                summary=f"Make {article} {noun}",
                description="It stays over reboots. A link of this name, or one that is missing below it, is refused.",
                handler=_creates(self.kind),
                tag="network",
                scope=Scope.WRITE,
                body=self.body,
                answer=models.NetworkQueued,
                status=202,
                refusals=(404, 409),
                audit=f"network.{verb}.create",
                target="name",
                queues=True,
                plans=True,
            ),
            Route(
                method="GET",
                path=f"{self.path}/{{link}}",
                summary=f"Show {article} {noun}",
                handler=_shows(self.kind),
                tag="network",
                scope=Scope.READ,
                answer=self.one,
                refusals=(404,),
            ),
            Route(
                method="DELETE",
                path=f"{self.path}/{{link}}",
                summary=f"Delete {article} {noun}",
                description="Refused while something uses it; the 409 names what.",
                handler=_deletes(self.kind),
                tag="network",
                scope=Scope.WRITE,
                query=self.query,
                answer=models.NetworkQueued,
                status=202,
                refusals=(404, 409),
                audit=f"network.{verb}.delete",
                target="link",
                queues=True,
                plans=True,
            ),
        )


def _lists(kind: LinkClass) -> Handler:
    async def every(call: Call) -> Answer:
        return Answer(body=await call.services.network.links(kind))

    return every


def _shows(kind: LinkClass) -> Handler:
    async def one(call: Call) -> Answer:
        return Answer(body=await call.services.network.link(kind, call.path["link"]))

    return one


def _creates(kind: LinkClass) -> Handler:
    async def create(call: Call) -> Answer:
        return await queued(call, lambda: call.services.network.create_link(kind, call.body, call.caller))

    return create


def _deletes(kind: LinkClass) -> Handler:
    async def delete(call: Call) -> Answer:
        force = isinstance(call.query, models.DeleteBridge) and call.query.force
        return await queued(
            call, lambda: call.services.network.delete_link(kind, call.path["link"], call.caller, force=force)
        )

    return delete


COLLECTED: Final = (
    Collection(
        kind=LinkClass.ETHERSTUB,
        what="Virtual switches without a way out of the host.",
        body=models.CreateEtherstub,
        one=models.Link,
        every=models.Etherstubs,
    ),
    Collection(
        kind=LinkClass.VNIC,
        what="Virtual cards, those that are lent to running zones among them.",
        body=models.CreateVnic,
        one=models.Link,
        every=models.Vnics,
    ),
    Collection(
        kind=LinkClass.VLAN,
        what="Links that are one VLAN of another link.",
        body=models.CreateVlan,
        one=models.Link,
        every=models.Vlans,
    ),
    Collection(
        kind=LinkClass.BRIDGE,
        what="Switches that join links.",
        body=models.CreateBridge,
        one=models.Bridge,
        every=models.Bridges,
        query=models.DeleteBridge,
    ),
    Collection(
        kind=LinkClass.AGGR,
        what="Physical cards as one link.",
        body=models.CreateAggregate,
        one=models.Aggregate,
        every=models.Aggregates,
    ),
)

ROUTES: Final = (
    Route(
        method="GET",
        path="/network/interfaces",
        summary="List the links of every class",
        description="As the host tells them at this moment.",
        handler=interfaces,
        tag="network",
        scope=Scope.READ,
        query=models.ListInterfaces,
        answer=models.Interfaces,
    ),
    *(route for collection in COLLECTED for route in collection.routes),
    Route(
        method="GET",
        path="/network/addresses",
        summary="List the host's addresses",
        handler=addresses,
        tag="network",
        scope=Scope.READ,
        query=models.ListAddresses,
        answer=models.Addresses,
    ),
    Route(
        method="POST",
        path="/network/addresses",
        summary="Give the host an address",
        description="The interface is made where it is missing. It stays over reboots.",
        handler=create_address,
        tag="network",
        scope=Scope.WRITE,
        body=models.CreateAddress,
        answer=models.NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.address.create",
        target="addrobj",
        queues=True,
        plans=True,
    ),
    Route(
        method="DELETE",
        path="/network/addresses/{interface}/{name}",
        summary="Take an address from the host",
        description=(
            "The two segments are the address object; `%2F` between them is understood too. The interface goes with "
            "its last address. Refused while a route, a DHCP subnet or a NAT rule needs it; the 409 names them, and "
            "`force=true` deletes it all the same."
        ),
        handler=delete_address,
        tag="network",
        scope=Scope.WRITE,
        query=models.DeleteAddress,
        answer=models.NetworkQueued,
        status=202,
        refusals=(404, 409),
        audit="network.address.delete",
        target="interface/name",
        queues=True,
        plans=True,
    ),
    Route(
        method="GET",
        path="/network/routes",
        summary="List the routes",
        description="The IPv4 routes of the kernel; `default` is the one that everything else takes.",
        handler=routes,
        tag="network",
        scope=Scope.READ,
        answer=models.Routes,
    ),
    Route(
        method="GET",
        path="/network/forwarding",
        summary="Show who forwards packets",
        handler=forwarding,
        tag="network",
        scope=Scope.READ,
        answer=models.Forwarding,
    ),
    Route(
        method="PUT",
        path="/network/forwarding",
        summary="Let the host forward packets, or not",
        description=(
            "With `interfaces` these alone are switched; without, the host is, and every interface with it. Nothing "
            "is done where it is so already."
        ),
        handler=forward,
        tag="network",
        scope=Scope.WRITE,
        body=models.SetForwarding,
        answer=models.NetworkQueued,
        status=202,
        refusals=(404,),
        audit="network.forwarding",
        queues=True,
        plans=True,
    ),
)

"""The host's links, addresses, routes and forwarding: asked of the host each time, and changed by tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoneweaver.domain import network
from zoneweaver.domain.datalinks import NOUNS, Datalink, check_name, wanted
from zoneweaver.domain.errors import Invalid, NotFound
from zoneweaver.domain.names import LinkName
from zoneweaver.domain.network import Address, AddressKind, AddressObject, Forwarding, Link, LinkClass
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dladm_kinds, ipadm, netstat, routeadm
from zoneweaver.operations import datalinks
from zoneweaver.operations.addresses import WantedAddress
from zoneweaver.services.callers import Caller
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.queueing import Proposal
from zoneweaver.tasks.context import Hosting

COLLECTIONS: Final[Mapping[LinkClass, str]] = {
    LinkClass.ETHERSTUB: "etherstubs",
    LinkClass.VNIC: "vnics",
    LinkClass.VLAN: "vlans",
    LinkClass.BRIDGE: "bridges",
    LinkClass.AGGR: "aggregates",
}
"""The kinds of links that can be made, each with the word for all of them."""


class Network:
    """Everything that can be asked about the host's network."""

    def __init__(self, *, host: Hosting, tasks: HostTasks) -> None:
        self._host = host
        self._tasks = tasks

    # --- answers

    async def interfaces(self, *, kind: LinkClass | None = None, zone: str | None = None) -> dict[str, Any]:
        """Return every link; those of one class, or lent to one running zone, when that is asked for."""
        shown = [
            _link(link)
            for link in await datalinks.links(self._tasks.looking(), *([] if kind is None else [kind]))
            if kind in {None, link.kind} and zone in {None, link.zone}
        ]
        return {"interfaces": shown, "total": len(shown)}

    async def links(self, kind: LinkClass) -> dict[str, Any]:
        """Return the links of one kind, with what is special about it."""
        found = [link for link in await datalinks.links(self._tasks.looking(), kind) if link.kind is kind]
        special = await self._special(kind)
        shown = [{**_link(link), **special.get(link.name, {})} for link in found]
        return {COLLECTIONS[kind]: shown, "total": len(shown)}

    async def link(self, kind: LinkClass, name: str) -> dict[str, Any]:
        """Return one link of a kind. Raises NotFound."""
        for shown in (await self.links(kind))[COLLECTIONS[kind]]:
            if shown["name"] == name:
                return dict(shown)
        raise NotFound(f"There is no {NOUNS[kind]} {name[:80]}", code="no_such_link", details={"link": name[:80]})

    async def addresses(self, *, interface: str | None = None, kind: AddressKind | None = None) -> dict[str, Any]:
        """Return the address objects."""
        shown = [
            _address(address)
            for address in await self._host.ask(ipadm.show_addresses())
            if interface in {None, address.interface} and kind in {None, address.kind}
        ]
        return {"addresses": shown, "total": len(shown)}

    async def routes(self) -> dict[str, Any]:
        """Return the IPv4 routes, and the one that everything else takes."""
        routes = await self._host.ask(netstat.show_routes())
        shown = [
            {
                "destination": route.destination,
                "gateway": route.gateway,
                "flags": route.flags,
                "interface": route.interface,
            }
            for route in routes
        ]
        default = netstat.default_route(routes)
        return {
            "routes": shown,
            "total": len(shown),
            "default": None if default is None else shown[routes.index(default)],
        }

    async def forwarding(self) -> dict[str, Any]:
        """Return who forwards packets, by family: the host, and each interface."""
        host = await self._host.ask(routeadm.show())
        by_family = {family: await self._host.ask(ipadm.show_forwarding(family)) for family in routeadm.FAMILIES}
        names = dict.fromkeys(name for found in by_family.values() for name in found)
        return {
            "forwarding": {family: _said(host[family], "enabled", "disabled") for family in routeadm.FAMILIES},
            "interfaces": [
                {
                    "interface": name,
                    **{family: _said(found[name], "on", "off") for family, found in by_family.items() if name in found},
                }
                for name in names
            ],
        }

    # --- changes

    async def create_link(self, kind: LinkClass, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose to make a link. Raises Invalid, NotFound and Conflict."""
        new = wanted(kind, body)
        message = f"Creation of {new.noun} queued"
        params = {"link": new.as_json()}
        return await self._tasks.propose(Kind.NETWORK_LINK_CREATE, params, caller, message, name=new.name)

    async def delete_link(self, kind: LinkClass, name: str, caller: Caller, *, force: bool = False) -> Proposal:
        """Propose to delete a link. Raises NotFound, and Conflict naming who uses it."""
        gone = Datalink(kind=kind, name=check_name(kind, name))
        params = {"kind": kind.value, "name": gone.name, "force": force}
        message = f"Deletion of {gone.noun} queued"
        return await self._tasks.propose(Kind.NETWORK_LINK_DELETE, params, caller, message, name=gone.name)

    async def create_address(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose to make an address. Raises Invalid, NotFound and Conflict."""
        wanted = _wanted_address(body)
        message = f"Creation of address {wanted.name} queued"
        params = {"address": wanted.as_json()}
        return await self._tasks.propose(Kind.NETWORK_ADDRESS_CREATE, params, caller, message, addrobj=wanted.name)

    async def delete_address(self, name: str, caller: Caller, *, release: bool, force: bool) -> Proposal:
        """Propose to delete an address. Raises Invalid, NotFound, and Conflict naming who needs it."""
        gone = AddressObject.parse(name)
        params = {"addrobj": gone, "release": release, "force": force}
        message = f"Deletion of address {gone} queued"
        return await self._tasks.propose(Kind.NETWORK_ADDRESS_DELETE, params, caller, message, addrobj=gone)

    async def forward(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose to switch forwarding, of the host or of the named interfaces. Raises Invalid and NotFound."""
        names = _named_once(body.get("interfaces", ()))
        enabled = body.get("enabled", True if names else None)
        if enabled is None:
            raise Invalid("enabled or interfaces must be given", field="enabled")
        params = {"family": body.get("family", "ipv4"), "enabled": enabled, "interfaces": names}
        message = "Change of forwarding queued"
        return await self._tasks.propose(
            Kind.NETWORK_FORWARDING, params, caller, message, enabled=enabled, interfaces=names
        )

    # --- asking

    async def _special(self, kind: LinkClass) -> dict[str, dict[str, Any]]:
        """Return what only links of a kind have, by link."""
        if kind is LinkClass.AGGR:
            return {
                item.link: {"policy": item.policy, "lacp_mode": item.lacp, "lacp_timer": item.timer}
                for item in await self._host.ask(dladm_kinds.show_aggregations())
            }
        if kind is LinkClass.BRIDGE:
            return {
                item.link: {
                    "name": item.bridge,
                    "link": item.link,
                    "protection": item.protection,
                    "priority": item.priority,
                }
                for item in await self._host.ask(dladm_kinds.show_bridges())
            }
        return {}


def _link(link: Link) -> dict[str, Any]:
    return {
        "name": link.name,
        "class": link.kind.value,
        "over": list(link.over),
        "mac_address": link.mac,
        "mtu": link.mtu,
        "state": link.state,
        "speed": link.speed,
        "vlan_id": link.vid,
        "zone": link.zone,
        "bridge": link.bridge,
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "addrobj": address.name,
        "interface": address.interface,
        "type": address.kind,
        "state": address.state,
        "address": address.address,
        "persistent": address.persistent,
    }


def _said(found: Forwarding, yes: str, no: str) -> dict[str, str]:
    return {"current": yes if found.now else no, "persistent": yes if found.persistent else no}


def _wanted_address(body: Mapping[str, Any]) -> WantedAddress:
    name = AddressObject.parse(body.get("addrobj") or "")
    if body.get("interface", name.interface) != name.interface:
        raise Invalid(f"interface must be that of addrobj, {name.interface}", field="interface")
    kind = AddressKind(body.get("type", AddressKind.STATIC))
    address = None
    if kind is AddressKind.STATIC:
        address = network.static_address(body.get("address") or "")
    elif "address" in body:
        raise Invalid(f"address is for a static address, not for {kind}", field="address")
    if "wait" not in body:
        return WantedAddress(name=name, kind=kind, address=address)
    if kind is not AddressKind.DHCP:
        raise Invalid(f"wait is for an address by DHCP, not for {kind}", field="wait")
    return WantedAddress(name=name, kind=kind, seconds=body["wait"])


def _named_once(names: Sequence[str]) -> list[str]:
    for number, name in enumerate(names):
        field = f"interfaces[{number}]"
        LinkName.parse(name, field=field)
        if name in names[:number]:
            raise Invalid(f"{field} is named twice: {name}", field=field)
    return list(names)

"""The DHCP server: what it serves, what is reserved, who has which address, and tasks that change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from zoneweaver.domain.cards import cards_of
from zoneweaver.domain.dhcp import DhcpSubnet, Lease, Reservation, next_free
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import LinkName
from zoneweaver.domain.network import subnet
from zoneweaver.domain.tasks import Kind, stamp
from zoneweaver.host import dhcpd, dhcpd_leases, dladm, ipadm, svcs
from zoneweaver.host.svcs import DHCP, ServiceState
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations import dhcp
from zoneweaver.operations.dhcp import Served
from zoneweaver.operations.network_dhcp_service import Action
from zoneweaver.services.callers import Caller
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.queueing import Proposal
from zoneweaver.tasks.context import Hosting


class Dhcp:
    """Everything that can be asked about the DHCP server."""

    def __init__(self, *, host: Hosting, files: ConfigFiles, tasks: HostTasks) -> None:
        self._host = host
        self._files = files
        self._tasks = tasks

    # --- answers

    async def config(self) -> dict[str, Any]:
        """Return the subnets that are served, and on which interfaces; those of others by their networks."""
        looking = self._tasks.looking()
        served = dhcp.read(looking)
        return {
            "config_file": dhcpd.FILE,
            "subnets": [item.as_json() for item in served.config.subnets],
            "others": [str(network) for network in served.foreign.networks],
            "listen_interfaces": list(await dhcp.listening(looking)) if await self._is_there() else [],
        }

    async def hosts(self) -> dict[str, Any]:
        """Return the reservations, ours and those of others, and for each subnet the next address nobody has."""
        served = dhcp.read(self._tasks.looking())
        taken = await self._taken(served)
        ours = [{**item.as_json(), "managed": True} for item in served.config.reservations]
        others = [
            {
                "hostname": held.hostname,
                "mac": held.mac,
                "ip": None if held.ip is None else str(held.ip),
                "managed": False,
            }
            for held in served.foreign.hosts
        ]
        free = {str(item.network): next_free(item, taken) for item in served.config.subnets}
        return {
            "hosts": [*ours, *others],
            "total": len(ours) + len(others),
            "next_free": {name: None if address is None else str(address) for name, address in free.items()},
        }

    async def leases(self, *, active: bool) -> dict[str, Any]:
        """Return the leases with the zone that each card belongs to; only those that hold now, if that is asked for."""
        zones = await self._zones()
        now = datetime.now(UTC)
        shown = [
            _lease(lease, now, zones) for lease in dhcp.leases(self._tasks.looking()) if lease.holds(now) or not active
        ]
        return {"leases": shown, "total": len(shown), "lease_file": dhcpd_leases.FILE}

    async def status(self) -> dict[str, Any]:
        """Return where the service stands."""
        service = await self._host.ask(svcs.find(DHCP))
        state = None if service is None else service.state
        return {
            "service": DHCP,
            "state": None if state is None else state.value,
            "running": state is ServiceState.ONLINE,
            "installed": service is not None,
            "config_file": dhcpd.FILE,
        }

    # --- changes

    async def configure(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose to serve a subnet. Raises Invalid, NotFound and Conflict."""
        new = DhcpSubnet.from_json(body)
        replacing: IPv4Network | None = subnet(body["replacing"], field="replacing") if body.get("replacing") else None
        listen = body.get("listen_interface")
        if listen is not None:
            LinkName.parse(listen, field="listen_interface")
        params = {
            "subnet": new.as_json(),
            "replacing": None if replacing is None else str(replacing),
            "listen": listen,
        }
        message = f"DHCP configuration of {new.network} queued"
        return await self._tasks.propose(Kind.NETWORK_DHCP_CONFIG, params, caller, message, subnet=str(new.network))

    async def reserve(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose a reservation; without an `ip` the next address that nobody has. Raises Invalid and Conflict."""
        asked = dict(body)
        if asked.get("ip") is None:
            asked["ip"] = await self._next()
        new = Reservation.from_json(asked)
        message = f"Reservation of {new.ip} for {new.hostname} queued"
        params = {"host": new.as_json()}
        return await self._tasks.propose(
            Kind.NETWORK_DHCP_HOST_CREATE, params, caller, message, hostname=new.hostname, ip=str(new.ip)
        )

    async def release(self, name: str, caller: Caller) -> Proposal:
        """Propose to take a reservation away. Raises NotFound, and Conflict for one of somebody else's."""
        message = f"Deletion of the reservation for {name[:80]} queued"
        return await self._tasks.propose(
            Kind.NETWORK_DHCP_HOST_DELETE, {"hostname": name}, caller, message, hostname=name
        )

    async def act(self, action: str, caller: Caller) -> Proposal:
        """Propose to start or stop the server. Raises Conflict and Refused."""
        wanted = Action(action)
        message = f"{wanted.value.capitalize()} of the DHCP server queued"
        return await self._tasks.propose(
            Kind.NETWORK_DHCP_SERVICE, {"action": wanted.value}, caller, message, action=wanted.value
        )

    # --- asking

    async def _is_there(self) -> bool:
        return await self._host.ask(svcs.find(DHCP)) is not None

    async def _taken(self, served: Served) -> set[IPv4Address]:
        now = datetime.now(UTC)
        found = {item.ip for item in served.config.reservations}
        found |= {held.ip for held in served.foreign.hosts if held.ip is not None}
        found |= {lease.ip for lease in dhcp.leases(self._tasks.looking()) if lease.holds(now)}
        for address in await self._host.ask(ipadm.show_addresses()):
            if address.address is not None and ":" not in address.address:
                found.add(IPv4Address(address.address.partition("/")[0]))
        for config in self._files.read_all().values():
            for card in cards_of("", config):
                if card.address is not None and ":" not in card.address:
                    found.add(IPv4Address(card.address))
        return found

    async def _next(self) -> str:
        """Return the next address that nobody has, when there is no doubt in which subnet."""
        served = dhcp.read(self._tasks.looking())
        if len(served.config.subnets) != 1:
            count = len(served.config.subnets)
            raise Invalid(f"ip must be given: {count} subnets are served here", field="ip")
        found = next_free(served.config.subnets[0], await self._taken(served))
        if found is None:
            raise Invalid(f"ip: no address of {served.config.subnets[0].network} is free", field="ip")
        return str(found)

    async def _zones(self) -> dict[str, str]:
        """Return the zone of each card's MAC address: those of running zones, and those that are configured."""
        found = {vnic.mac: vnic.zone for vnic in await self._host.ask(dladm.show_vnics()) if vnic.zone is not None}
        for zone, config in self._files.read_all().items():
            for card in cards_of(zone, config):
                if card.mac is not None:
                    found.setdefault(card.mac, zone)
        return found


def _lease(lease: Lease, now: datetime, zones: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ip": str(lease.ip),
        "mac": lease.mac,
        "state": lease.state.value,
        "active": lease.holds(now),
        "starts": stamp(lease.starts),
        "ends": stamp(lease.ends),
        "hostname": lease.hostname,
        "zone": None if lease.mac is None else zones.get(lease.mac),
    }

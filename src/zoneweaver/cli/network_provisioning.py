"""`zoneweaver network setup`, `status` and `teardown`: the network that guests are provisioned on, as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from cyclopts import Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.connection import DEFAULTS, Connection

PATH: Final = "/provisioning/network"

PARTS: Final[Mapping[str, str]] = {
    "etherstub": "Etherstub",
    "host_vnic": "The host's VNIC",
    "address": "The host's address",
    "nat": "Address translation",
    "forwarding_uplink": "Forwarding, outside",
    "forwarding_host_vnic": "Forwarding, inside",
    "dhcp": "DHCP subnet",
    "ipfilter": "Packet filter",
    "dhcp_service": "DHCP server",
}
"""The parts as people call them; others are called as they come."""


def status(*, agent: Connection = DEFAULTS) -> None:
    """Show how far the provisioning network is, part by part."""
    with agent.open() as client:
        answer = client.get(f"{PATH}/status")
    if agent.show(answer):
        return
    parts = answer.body.get("components") or []
    terminal.table(
        ["PART", "STATE", "OURS", "WHAT"],
        [
            [PARTS.get(str(part.get("name")), part.get("name")), _state(part), part.get("managed"), _what(part)]
            for part in parts
        ],
    )
    differing = [str(part["difference"]) for part in parts if part.get("difference")]
    for difference in differing:
        terminal.note(f"Different: {difference}")
    if differing:
        terminal.note("Setup changes nothing of others: mend it, or tell setup another name or subnet.")
    elif answer.body.get("ready"):
        terminal.note("The provisioning network is ready.")
    else:
        terminal.note("Make what is missing: zoneweaver network setup")


def _state(part: Mapping[str, Any]) -> str:
    if part.get("difference"):
        return "different"
    return "ready" if part.get("ready") else "missing"


def _what(part: Mapping[str, Any]) -> str | None:
    """Return what a part is about, the shortest that says it."""
    if part.get("range_start"):
        return f"{part['range_start']} - {part.get('range_end')}"
    if part.get("name") == "nat":
        return f"{part.get('subnet')} out of {part.get('interface') or 'nowhere'}"
    found = next((part[name] for name in ("address", "link", "interface", "service") if part.get(name)), None)
    return None if found is None else str(found)


def setup(
    *,
    etherstub: str | None = None,
    vnic: str | None = None,
    subnet: str | None = None,
    host_ip: str | None = None,
    range_start: str | None = None,
    range_end: str | None = None,
    uplink: str | None = None,
    dns: Annotated[tuple[str, ...], Parameter(name="--dns")] = (),
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Make the provisioning network, all of it or nothing: etherstub, address, address translation, DHCP.

    What is there and right is left alone. What is there and different refuses the setup, and nothing is touched. What
    is not given here is as the agent's settings have it.

    Parameters
    ----------
    etherstub
        The etherstub that guests and host meet on (estub_provision0).
    vnic
        The host's own VNIC on it (provision_interconnect0).
    subnet
        Its network (10.190.190.0/24).
    host_ip
        The host's address, which is the guests' gateway (10.190.190.1).
    range_start
        The first address that is given by DHCP (10.190.190.10).
    range_end
        The last one (10.190.190.254).
    uplink
        The interface that leads out (that of the default route).
    dns
        A name server that guests are told; may be repeated (those of the host).
    """
    body = given(
        etherstub_name=etherstub,
        host_vnic_name=vnic,
        subnet=subnet,
        host_ip=host_ip,
        dhcp_range_start=range_start,
        dhcp_range_end=range_end,
        uplink=uplink,
        dns=list(dns) or None,
    )
    change.ask(agent, "POST", f"{PATH}/setup", body)


def teardown(*, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Take away what setup has made, and nothing else; refused while a zone or a reservation uses it."""
    change.ask(agent, "DELETE", f"{PATH}/teardown")

"""`zoneweaver network dhcp …`: the DHCP server."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import quote

from cyclopts import App, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.tasks import moment

app: Final = App(name="dhcp", help="The DHCP server: subnets, reservations, leases.", default_parameter=PARAMETERS)

PATH: Final = "/network/dhcp"


@app.command
def config(*, agent: Connection = DEFAULTS) -> None:
    """Show which subnets are served, and where."""
    with agent.open() as client:
        answer = client.get(f"{PATH}/config")
    if agent.show(answer):
        return
    body = answer.body
    others = body.get("others") or []
    terminal.table(
        ["SUBNET", "NETMASK", "ROUTER", "RANGE", "DNS"],
        [
            [
                item.get("subnet"),
                item.get("netmask"),
                item.get("router"),
                f"{item.get('range_start')} - {item.get('range_end')}",
                item.get("dns"),
            ]
            for item in body.get("subnets") or []
        ],
        empty="" if others else "No subnet is served.",
    )
    if others:
        terminal.note(f"Served too, by others' lines in {body.get('config_file')}: {', '.join(others)}")
    if body.get("subnets") or others:
        terminal.note(f"Interfaces: {', '.join(body.get('listen_interfaces') or ()) or 'all that have such a subnet'}")


@app.command(name="set")
def set_(
    subnet: str,
    /,
    *,
    router: str,
    range_start: str,
    range_end: str,
    netmask: str | None = None,
    dns: Annotated[tuple[str, ...], Parameter(name="--dns")] = (),
    authoritative: bool = False,
    listen_interface: str | None = None,
    replacing: str | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Let the server serve a subnet, in place of what was said of the same one before.

    A server that runs is restarted.

    Parameters
    ----------
    subnet
        Such as 10.190.190.0/24, or 10.190.190.0 with --netmask.
    router
        What guests are told to send everything else to; inside the subnet, outside the range.
    range_start
        The first address that goes to whoever asks.
    range_end
        The last one.
    netmask
        Such as 255.255.255.0, when the subnet has no prefix.
    dns
        A name server that guests are told; may be repeated.
    authoritative
        This server alone is to be believed on the subnet.
    listen_interface
        An interface with an address in the subnet, which the server serves from now on.
    replacing
        The subnet whose place it takes; reservations are kept.
    """
    body = given(
        subnet=subnet,
        netmask=netmask,
        router=router,
        range_start=range_start,
        range_end=range_end,
        dns=list(dns) or None,
        authoritative=authoritative or None,
        listen_interface=listen_interface,
        replacing=replacing,
    )
    change.ask(agent, "PUT", f"{PATH}/config", body)


@app.command
def hosts(*, agent: Connection = DEFAULTS) -> None:
    """List the reservations, and the next address that nobody has."""
    with agent.open() as client:
        answer = client.get(f"{PATH}/hosts")
    if agent.show(answer):
        return
    terminal.table(
        ["NAME", "MAC", "ADDRESS", "OURS"],
        [
            [host.get("hostname"), host.get("mac"), host.get("ip"), host.get("managed")]
            for host in answer.body.get("hosts") or []
        ],
        empty="There are no reservations.",
    )
    for network, free in (answer.body.get("next_free") or {}).items():
        terminal.note(f"Next free in {network}: {free or 'none'}")


@app.command
def add(name: str, mac: str, ip: str | None = None, /, *, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Reserve an address for a card.

    Parameters
    ----------
    name
        The name of the reservation: letters, digits, -, _ and dots.
    mac
        The card's MAC address.
    ip
        Its address; without one the next that nobody has.
    """
    change.ask(agent, "POST", f"{PATH}/hosts", given(hostname=name, mac=mac, ip=ip))


@app.command
def remove(name: str, /, *, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Take a reservation away that the agent wrote.

    Parameters
    ----------
    name
        Its name.
    """
    change.ask(agent, "DELETE", f"{PATH}/hosts/{quote(name, safe='')}")


@app.command
def leases(*, active: bool = False, agent: Connection = DEFAULTS) -> None:
    """List who was given which address, the newest of each address.

    Parameters
    ----------
    active
        Only those that hold now.
    """
    with agent.open() as client:
        answer = client.get(f"{PATH}/leases", {"active": True if active else None})
    if agent.show(answer):
        return
    terminal.table(
        ["ADDRESS", "MAC", "ACTIVE", "ENDS", "ZONE", "NAME"],
        [
            [
                lease.get("ip"),
                lease.get("mac"),
                lease.get("active"),
                moment(lease.get("ends")) or "never",
                lease.get("zone"),
                lease.get("hostname"),
            ]
            for lease in answer.body.get("leases") or []
        ],
        empty="There are no such leases." if active else "There are no leases.",
    )


@app.command
def status(*, agent: Connection = DEFAULTS) -> None:
    """Show where the server stands."""
    with agent.open() as client:
        answer = client.get(f"{PATH}/status")
    if not agent.show(answer):
        terminal.record(answer.body)


@app.command
def start(*, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Start the server."""
    _act("start", change, agent)


@app.command
def stop(*, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Stop the server; it stays stopped over reboots."""
    _act("stop", change, agent)


@app.command
def restart(*, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Start the server anew; it reads its file again."""
    _act("restart", change, agent)


@app.command
def refresh(*, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Let the server read its file again, which is a restart: it reads it at its start only."""
    _act("refresh", change, agent)


def _act(action: Literal["start", "stop", "restart", "refresh"], change: Change, agent: Connection) -> None:
    change.ask(agent, "PUT", f"{PATH}/status", {"action": action})

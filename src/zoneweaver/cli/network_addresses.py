"""`zoneweaver network address …`: addresses of the host, given and taken."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from cyclopts import App

from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import UsageError

app: Final = App(name="address", help="Give the host an address, or take one away.", default_parameter=PARAMETERS)

PATH: Final = "/network/addresses"


@app.command
def create(
    name: str,
    address: str | None = None,
    /,
    *,
    type_: Literal["static", "dhcp", "addrconf"] | None = None,
    lease_seconds: int | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Give the host an address; it stays over reboots. The interface is made where it is missing.

    Parameters
    ----------
    name
        Its name: the link, a slash and a word that begins with a letter, such as igb0/v4.
    address
        The address with its prefix, such as 10.0.0.5/24; for a static one, and only there.
    type_
        How it comes about (static); addrconf is for IPv6.
    lease_seconds
        How long a lease is waited for (30); for dhcp, and only there.
    """
    if address is None and type_ in {None, "static"}:
        raise UsageError("A static address has to be given, such as 10.0.0.5/24; --type says where else it comes from")
    body = {"addrobj": name, **given(type=type_, address=address, wait=lease_seconds)}
    change.ask(agent, "POST", PATH, body)


@app.command
def delete(
    name: str,
    /,
    *,
    release: bool = False,
    force: bool = False,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Take an address from the host; its interface goes with the last one.

    Refused while a route, a DHCP subnet or a NAT rule needs it.

    Parameters
    ----------
    name
        Its name, such as igb0/v4.
    release
        Give a lease back to its server.
    force
        Also when something needs it.
    """
    if name.count("/") != 1:
        raise UsageError(f"{name} is not an address's name such as igb0/v4: `zoneweaver network addresses` lists them")
    query = {"release": release or None, "force": force or None}
    change.ask(agent, "DELETE", f"{PATH}/{quote(name)}", query=query)

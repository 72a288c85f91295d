"""`zoneweaver network etherstubs|vnics|vlans|bridges|aggregates`: links that can be made and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import UsageError

Columns = Mapping[str, str]
"""What a list shows: each heading with the field that stands below it."""


def _path(collection: str, link: str = "") -> str:
    return f"/network/{collection}" + (f"/{quote(link, safe='')}" if link else "")


def _collection(collection: str, noun: str, columns: Columns) -> App:
    """Return the commands of one kind of links, with those that are the same for all kinds."""
    app = App(name=collection, default_parameter=PARAMETERS)
    article = "an" if noun[0] in "ae" else "a"

    def list_(*, agent: Connection = DEFAULTS) -> None:
        with agent.open() as client:
            answer = client.get(_path(collection))
        if not agent.show(answer):
            terminal.table(
                list(columns),
                [[link.get(field) for field in columns.values()] for link in answer.body.get(collection) or []],
                empty=f"There are no {noun}s.",
            )

    def show(name: str, /, *, agent: Connection = DEFAULTS) -> None:
        """Show all that is known of it.

        Parameters
        ----------
        name
            Its name.
        """
        with agent.open() as client:
            answer = client.get(_path(collection, name))
        if not agent.show(answer):
            terminal.record(answer.body)

    app.command(list_, name="list", alias="ls", help=f"List the {noun}s.")
    app.command(show, help=f"Show {article} {noun}.")
    if collection != "bridges":

        def delete(name: str, /, *, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
            """Delete it; refused while something uses it.

            Parameters
            ----------
            name
                Its name.
            """
            change.ask(agent, "DELETE", _path(collection, name))

        app.command(delete, help=f"Delete {article} {noun}; refused while something uses it.")
    return app


_NAME: Final[Columns] = {"NAME": "name"}
etherstubs: Final = _collection(
    "etherstubs",
    "etherstub",
    {**_NAME, "MTU": "mtu", "BRIDGE": "bridge"},
)
vnics: Final = _collection(
    "vnics",
    "VNIC",
    {**_NAME, "OVER": "over", "VLAN": "vlan_id", "MAC": "mac_address", "ZONE": "zone"},
)
vlans: Final = _collection(
    "vlans",
    "VLAN",
    {**_NAME, "VLAN": "vlan_id", "OVER": "over", "STATE": "state", "BRIDGE": "bridge"},
)
bridges: Final = _collection(
    "bridges",
    "bridge",
    {
        **_NAME,
        "PROTECTION": "protection",
        "PRIORITY": "priority",
        "STATE": "state",
        "LINKS": "over",
    },
)
aggregates: Final = _collection(
    "aggregates",
    "aggregation",
    {**_NAME, "POLICY": "policy", "LACP": "lacp_mode", "STATE": "state", "CARDS": "over"},
)


@etherstubs.command(name="create")
def create_etherstub(name: str, /, *, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Make an etherstub; it stays over reboots.

    Parameters
    ----------
    name
        Its name: at most 31 letters, digits, _ and ., ending in a number.
    """
    change.ask(agent, "POST", _path("etherstubs"), {"name": name})


@vnics.command(name="create")
def create_vnic(
    name: str,
    link: str,
    /,
    *,
    vlan: int | None = None,
    mac: str | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Make a VNIC; it stays over reboots. The cards of zones need none: they come and go with their zone.

    Parameters
    ----------
    name
        Its name: at most 31 letters, digits, _ and ., ending in a number.
    link
        What it is over: a physical card, an aggregation, an etherstub.
    vlan
        The VLAN that its packets carry.
    mac
        Its MAC address; without one it gets one that nothing on the host has.
    """
    body = {"name": name, "link": link, **given(vlan_id=vlan, mac_address=mac)}
    change.ask(agent, "POST", _path("vnics"), body)


@vlans.command(name="create")
def create_vlan(
    link: str,
    vid: int,
    /,
    *,
    name: str | None = None,
    force: bool = False,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Make a link that is one VLAN of another; it stays over reboots.

    Parameters
    ----------
    link
        What it is over: a physical card, an aggregation, an etherstub.
    vid
        The number of the VLAN, 1 to 4094.
    name
        Its name; without one VLAN 7 of igb0 is igb7000.
    force
        Also over a card whose driver cannot take frames with a tag.
    """
    body = {"link": link, "vid": vid, **given(name=name, force=force or None)}
    change.ask(agent, "POST", _path("vlans"), body)


@bridges.command(name="create")
def create_bridge(
    name: str,
    /,
    *links: str,
    protection: Literal["stp", "trill"] | None = None,
    priority: int | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Make a bridge; it stays over reboots.

    Parameters
    ----------
    name
        Its name, which begins and ends without a digit, such as lan.
    links
        The links that it joins.
    protection
        What keeps packets from running in circles (stp).
    priority
        How much it wants to be the root, the lowest the most; a multiple of 4096 (32768).
    """
    body = {"name": name, **given(links=list(links) or None, protection=protection, priority=priority)}
    change.ask(agent, "POST", _path("bridges"), body)


@bridges.command(name="delete")
def delete_bridge(name: str, /, *, force: bool = False, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Delete a bridge; refused while it joins links.

    Parameters
    ----------
    name
        Its name.
    force
        Take the links out of it first.
    """
    change.ask(agent, "DELETE", _path("bridges", name), query={"force": force or None})


@aggregates.command(name="create")
def create_aggregate(
    name: str,
    /,
    *links: str,
    policy: str | None = None,
    lacp_mode: Literal["off", "active", "passive"] | None = None,
    lacp_timer: Literal["short", "long"] | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Make one link of physical cards that nothing uses; it stays over reboots.

    Parameters
    ----------
    name
        Its name: at most 31 letters, digits, _ and ., ending in a number.
    links
        The physical cards.
    policy
        By addresses of which layers packets are spread: L2, L3, L4 or several with commas (L4).
    lacp_mode
        Whether LACP is spoken (off).
    lacp_timer
        How often LACP is spoken (short).
    """
    if not links:
        raise UsageError("An aggregation is made of physical cards: name at least one")
    body = {"name": name, "links": list(links), **given(policy=policy, lacp_mode=lacp_mode, lacp_timer=lacp_timer)}
    change.ask(agent, "POST", _path("aggregates"), body)

"""`zoneweaver network forwarding …`: who forwards packets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection

app: Final = App(name="forwarding", help="Let the host forward packets, or not.", default_parameter=PARAMETERS)

PATH: Final = "/network/forwarding"


@app.command
def show(*, agent: Connection = DEFAULTS) -> None:
    """Show who forwards packets: the host, and each interface."""
    with agent.open() as client:
        answer = client.get(PATH)
    if agent.show(answer):
        return
    host = {"interface": "the host", **(answer.body.get("forwarding") or {})}
    terminal.table(
        ["WHO", "IPV4", "IPV6"],
        [
            [row.get("interface"), _said(row.get("ipv4")), _said(row.get("ipv6"))]
            for row in (host, *(answer.body.get("interfaces") or []))
        ],
    )


def _said(switched: Mapping[str, Any] | None) -> str | None:
    """Write what is now, and what will be after a reboot where that is something else."""
    if not switched:
        return None
    now, later = _WORDS[str(switched.get("current"))], _WORDS[str(switched.get("persistent"))]
    return now if now == later else f"{now} ({later} after a reboot)"


_WORDS: Final = {"on": "on", "off": "off", "enabled": "on", "disabled": "off"}


@app.command(name="set")
def set_(
    state: Literal["on", "off"],
    /,
    *,
    interface: Annotated[tuple[str, ...], Parameter(name=["--interface", "-i"])] = (),
    family: Literal["ipv4", "ipv6"] | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Let the host forward packets, and with it every interface; or some interfaces alone.

    Parameters
    ----------
    state
        on or off.
    interface
        This interface alone; may be repeated.
    family
        ipv4 or ipv6 (ipv4).
    """
    body = given(enabled=state == "on", interfaces=list(interface) or None, family=family)
    change.ask(agent, "PUT", PATH, body)

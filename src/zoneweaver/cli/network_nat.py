"""`zoneweaver network nat …`: address translation."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.changes import NOW, Change, given
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection

app: Final = App(
    name="nat", help="Address translation: who gets out, and which ports lead in.", default_parameter=PARAMETERS
)

PATH: Final = "/network/nat/rules"


@app.command
def rules(*, agent: Connection = DEFAULTS) -> None:
    """List the rules, ours and those of others."""
    with agent.open() as client:
        answer = client.get(PATH)
    if agent.show(answer):
        return
    others = answer.body.get("others") or []
    terminal.table(
        ["ID", "ACTIVE", "OURS", "RULE"],
        [
            [rule.get("id"), rule.get("active"), rule.get("managed"), rule.get("rule")]
            for rule in answer.body.get("rules") or []
        ],
        empty="" if others else "There are no rules.",
    )
    if others:
        terminal.note(f"Somebody else's in {answer.body.get('config_file')}, which the agent leaves alone:")
    for line in others:
        terminal.note(f"  {line}")


@app.command
def add(
    interface: str,
    /,
    *,
    type_: Literal["portmap", "map", "bimap", "rdr"] | None = None,
    subnet: str | None = None,
    target: str | None = None,
    protocol: Literal["tcp", "udp", "tcp/udp"] | None = None,
    ports: str | None = None,
    external_ip: str | None = None,
    external_port: int | None = None,
    internal_ip: str | None = None,
    internal_port: int | None = None,
    change: Change = NOW,
    agent: Connection = DEFAULTS,
) -> None:
    """Add a rule. The packet filter checks it first, and is started when it does not run.

    Parameters
    ----------
    interface
        The interface that packets leave or reach the host by, such as igb0.
    type_
        portmap hides a subnet behind the host's ports (the usual), map without ports, bimap joins two addresses, rdr
        sends a port on.
    subnet
        Who is hidden, such as 10.190.190.0/24.
    target
        What they are hidden behind (0/32, the interface's own address).
    protocol
        Which packets (tcp/udp; of an rdr tcp).
    ports
        Ports of the host to use, FIRST:LAST (auto).
    external_ip
        Of an rdr: the address that is asked for, such as 0/0 for any.
    external_port
        Of an rdr: the port that is asked for.
    internal_ip
        Of an rdr: who gets it.
    internal_port
        Of an rdr: the port that gets it.
    """
    body = given(
        bridge=interface,
        type=type_,
        subnet=subnet,
        target=target,
        protocol=protocol,
        ports=ports,
        external_ip=external_ip,
        external_port=external_port,
        internal_ip=internal_ip,
        internal_port=internal_port,
    )
    change.ask(agent, "POST", PATH, body)


@app.command
def remove(rule: str, /, *, change: Change = NOW, agent: Connection = DEFAULTS) -> None:
    """Take a rule away that the agent wrote.

    Parameters
    ----------
    rule
        Its id, as `zoneweaver network nat rules` shows it.
    """
    change.ask(agent, "DELETE", f"{PATH}/{quote(rule, safe='')}")


@app.command
def status(*, agent: Connection = DEFAULTS) -> None:
    """Show what is translated at the moment."""
    with agent.open() as client:
        answer = client.get("/network/nat/status")
    if agent.show(answer):
        return
    body = dict(answer.body)
    active = body.pop("active_rules", None) or []
    terminal.record(body)
    terminal.table(["ACTIVE RULE"], [[rule] for rule in active], empty="Nothing is translated.")

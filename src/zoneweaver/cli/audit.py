"""`zoneweaver audit …`: who changed what."""

from __future__ import annotations

from typing import Final

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.tasks import moment

app: Final = App(name="audit", help="See who changed what.", default_parameter=PARAMETERS)


@app.command(name="list", alias="ls")
def list_(
    *,
    target: str | None = None,
    action: str | None = None,
    since: str | None = None,
    limit: int = 50,
    offset: int = 0,
    agent: Connection = DEFAULTS,
) -> None:
    """List changes that were asked for, granted or refused, the newest first.

    Parameters
    ----------
    target
        Only what was asked for this zone, key or task.
    action
        Only this verb, such as key.create.
    since
        Only what was asked since this moment (ISO 8601).
    limit
        At most so many (50).
    offset
        Leave out so many of the newest.
    """
    query = {"target": target, "action": action, "since": since, "limit": limit, "offset": offset or None}
    with agent.open() as client:
        answer = client.get("/audit", query)
    if agent.show(answer):
        return
    rows = answer.body.get("audit") or []
    terminal.table(
        ["WHEN", "WHO", "FROM", "ACTION", "TARGET", "ANSWER", "REQUEST"],
        [
            [
                moment(row.get("at")),
                row.get("key_name"),
                row.get("source"),
                row.get("action"),
                row.get("target"),
                row.get("status"),
                f"{row.get('method')} {row.get('path')}",
            ]
            for row in rows
        ],
        empty="Nothing was asked for.",
    )
    total = answer.body.get("total") or 0
    if total > len(rows) + offset:
        terminal.note(f"{len(rows)} of {total} shown.")

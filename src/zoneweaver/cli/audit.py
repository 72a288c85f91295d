"""`zoneweaver audit …`: who changed what."""

from __future__ import annotations

from typing import Any, Final

from cyclopts import App

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.tasks import moment

app: Final = App(name="audit", help="See who changed what.", default_parameter=PARAMETERS)


@app.command(name="list", alias="ls")
def list_(*, limit: int = 50, offset: int = 0, agent: Connection = DEFAULTS) -> None:
    """List changes that were asked for, granted or refused, the newest first.

    Parameters
    ----------
    limit
        At most so many (50).
    offset
        Leave out so many of the newest.
    """
    with agent.open() as client:
        answer = client.get("/audit", {"limit": limit, "offset": offset or None})
    if agent.show(answer):
        return
    rows = next((value for value in answer.body.values() if isinstance(value, list)), [])
    hidden = {"id"}
    names: list[str] = []
    for row in rows:
        names.extend(name for name in row if name not in names and name not in hidden)
    terminal.table(
        [name.upper().replace("_", " ") for name in names],
        [[_value(name, row.get(name)) for name in names] for row in rows],
        empty="Nothing was changed yet.",
    )


def _value(name: str, value: Any) -> Any:
    return moment(value) or value if name.endswith("_at") or name in {"at", "timestamp"} else value

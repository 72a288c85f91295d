"""A change that is asked for: only planned, or queued and waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from cyclopts import Parameter

from zoneweaver.cli import plans
from zoneweaver.cli.connection import Connection
from zoneweaver.cli.watching import queued


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The options that every change has."""

    dry_run: bool = False
    """Only say what would be done."""
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False
    """Wait until it is done."""

    def ask(
        self,
        agent: Connection,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        output: bool = False,
    ) -> None:
        """Ask the agent for it, and finish as the options want: with the plan, with its end, or with its task."""
        with agent.open() as client:
            asked = {**(query or {}), "dry_run": True if self.dry_run else None}
            answer = client.send(method, path, body, query=asked)
            if not self.dry_run:
                queued(agent, client, answer, wait=self.wait, output=output)
            elif not agent.show(answer):
                plans.tell(answer.body)


NOW: Final = Change()
"""A change that is queued, and nothing more."""


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields of a body that were given, those that are not None."""
    return {name: value for name, value in fields.items() if value is not None}

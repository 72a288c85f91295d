"""A pipeline as people watch it: a line for each stage, live on a terminal, and elsewhere when the stage has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from zoneweaver.cli import terminal
from zoneweaver.cli.connection import Connection
from zoneweaver.cli.entry import TaskFailed
from zoneweaver.cli.tasks import took
from zoneweaver.cli.watching import stage_of, tell_failure, tell_success
from zoneweaver.client import TERMINAL, Client, Line, zone_path

FRAMES_PER_SECOND: Final = 4


def state_of(row: Mapping[str, Any]) -> str:
    """Return the state of a stage's task, as the status of a pipeline calls it."""
    status = str(row.get("status") or "pending")
    if status == "completed" and (row.get("progress_info") or {}).get("skipped"):
        return "skipped"
    return "in_progress" if status == "running" else status


def line_of(stage: str, row: Mapping[str, Any]) -> str:
    """Return the line that shows a stage: its name, state, time, and what it does or why it has nothing to do."""
    state = state_of(row)
    what = {
        "in_progress": stage_of(row),
        "skipped": (row.get("progress_info") or {}).get("skipped"),
    }.get(state)
    return terminal.harmless(f"{stage:<9}  {state:<11}  {took(row) or '':>11}  {what or ''}").rstrip()


class Board:
    """The stages while they are waited for."""

    def __init__(self, stages: Sequence[str], *, output: bool) -> None:
        self.rows: dict[str, Mapping[str, Any]] = {stage: {} for stage in stages}
        self._output = output
        self._told: set[str] = set()
        self._gone = False
        self.live: Callable[[str], None] | None = None
        """Prints above the lines, where they are shown live."""

    def lines(self) -> str:
        """Return the lines of all stages."""
        return "\n".join(line_of(stage, row) for stage, row in self.rows.items())

    def heard(self, stage: str, item: Mapping[str, Any] | Line | None) -> None:
        """Take what the client hears of a stage's task."""
        if item is None:
            if not self._gone:
                self._print("The agent does not answer; waiting for it to come back")
            self._gone = True
        elif isinstance(item, Line):
            if self._output:
                self._print(terminal.harmless(item.data.rstrip("\n"), lines=True))
        else:
            self._gone = False
            self.put(stage, item)

    def put(self, stage: str, row: Mapping[str, Any]) -> None:
        """Keep a stage's row; where nothing is live its line is printed, once, when it has ended."""
        if stage not in self.rows:
            return
        self.rows[stage] = row
        if self.live is None and row.get("status") in TERMINAL and stage not in self._told:
            self._told.add(stage)
            terminal.note(line_of(stage, row))

    def _print(self, text: str) -> None:
        if self.live is not None:
            self.live(text)
        else:
            terminal.note(text)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the lines live on stderr while the block lasts, where that is a terminal; they stay as they are last."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console  # noqa: PLC0415  # only for terminals
        from rich.live import Live  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        console = Console(stderr=True)
        with Live(
            get_renderable=lambda: Text(self.lines(), no_wrap=True, overflow="ellipsis"),
            console=console,
            refresh_per_second=FRAMES_PER_SECOND,
        ) as live:
            self.live = lambda text: console.print(text, markup=False, highlight=False)
            live.refresh()
            try:
                yield
            finally:
                live.refresh()
                self.live = None
                self._told.update(self.rows)


def watch(
    agent: Connection, client: Client, zone: str, tasks: Mapping[str, str], parent: str, *, output: bool = False
) -> None:
    """Wait for a pipeline and show its stages (`tasks`: the task of each); `output` shows what they say, too.

    With JSON wanted, its status at the end is printed. Raises TaskFailed, everything being said, when it does not
    complete.
    """
    board = Board(list(tasks), output=output)
    try:
        with board.shown():
            for stage, task_id in tasks.items():
                if client.wait_for(task_id, heard=partial(board.heard, stage)).body.get("status") != "completed":
                    break
            final = client.wait_for(parent).body
            status = client.get(zone_path(zone, "provision/status"))
            if status.body.get("pipeline_task_id") == parent:
                for row in status.body.get("tasks") or []:
                    board.put(str((row.get("metadata") or {}).get("stage")), row)
    except KeyboardInterrupt:
        terminal.note(f"\nThe provisioning goes on. Watch it: zoneweaver provision watch {zone}")
        terminal.note(f"Stop it: zoneweaver provision cancel {zone}")
        raise
    agent.show(status)
    bad = next((row for row in board.rows.values() if row.get("status") == "failed"), None)
    if bad is not None or final.get("status") != "completed":
        tell_failure(client, bad or final)
        raise TaskFailed
    if not agent.json:
        tell_success(final)

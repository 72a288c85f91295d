"""A task as people watch it: its stages as they pass, how it ended, and what was taken back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from zoneweaver.cli import terminal
from zoneweaver.cli.connection import Connection
from zoneweaver.cli.entry import TaskFailed
from zoneweaver.client import Answer, Client, Line, Refusal, task_path

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

STAGES: Final[Mapping[str, str]] = {
    "validating": "Validating parameters",
    "preparing_storage": "Preparing storage (ZFS volumes)",
    "importing_template": "Importing template",
    "configuring_zone": "Applying zone configuration",
    "configuring_bootdisk": "Configuring boot disk",
    "configuring_disks": "Configuring additional disks",
    "configuring_cdroms": "Configuring CD-ROMs",
    "configuring_network": "Configuring network interfaces",
    "configuring_cloud_init": "Configuring cloud-init",
    "installing_zone": "Installing zone",
    "creating_database_record": "Creating database record",
    "configuring_dhcp": "Configuring DHCP",
    "completed": "Complete",
}
"""`progress_info.status` as it is called in the documentation; others are read as they are written."""

ENDINGS: Final[Mapping[str, str]] = {
    "zone_create": "Zone {zone} is created",
    "zone_modify": "Zone {zone} is modified",
    "zone_delete": "Zone {zone} is deleted",
    "zone_start": "Zone {zone} is running",
    "zone_stop": "Zone {zone} is stopped",
    "zone_halt": "Zone {zone} is halted",
    "zone_restart": "Zone {zone} is running again",
    "zone_reset": "Zone {zone} is running again",
    "recipe_test": "The recipe has done its work in zone {zone}",
    "zfs_create_dataset": "The artifact of zone {zone} is unpacked",
    "zone_setup": "The network of zone {zone} is set up",
    "zone_wait_ssh": "Zone {zone} answers by SSH",
    "zone_sync": "The folders are in zone {zone}",
    "zone_provision": "Zone {zone} is provisioned",
    "zone_provision_rollback": "Zone {zone} is as it was before it was provisioned",
    "zone_discover": "The zones of the host are known",
    "network_link_create": "The link is there",
    "network_link_delete": "The link is gone",
    "network_address_create": "The address is there",
    "network_address_delete": "The address is gone",
    "network_forwarding": "Forwarding is as it was asked for",
    "network_nat_rule_create": "The NAT rule is in force",
    "network_nat_rule_delete": "The NAT rule is gone",
    "network_dhcp_config": "The subnet is served by DHCP",
    "network_dhcp_host_create": "The address is reserved",
    "network_dhcp_host_delete": "The reservation is gone",
    "network_dhcp_service": "The DHCP server is as it was asked for",
    "provisioning_network_setup": "The provisioning network is ready",
    "provisioning_network_teardown": "The provisioning network is gone",
}


def stage_of(row: Mapping[str, Any]) -> str | None:
    """Return the name of the stage that a task is in, or None when it does not say."""
    status = (row.get("progress_info") or {}).get("status")
    if not status:
        return None
    return STAGES.get(str(status), str(status).replace("_", " ").capitalize())


class Watch:
    """What is shown while one task is waited for; told everything that the client hears."""

    def __init__(self, *, output: bool, bar: Progress | None) -> None:
        self._output = output
        self._bar = bar
        self._bar_task: TaskID | None = None
        self._begun = time.monotonic()
        self._stage: str | None = None
        self._gone = False

    def heard(self, item: Mapping[str, Any] | Line | None) -> None:
        """Show one thing: a row when its stage is new, a line of output when that is wanted, silence when it begins."""
        if item is None:
            if not self._gone:
                self._print("The agent does not answer; waiting for it to come back")
            self._gone = True
        elif isinstance(item, Line):
            if self._output:
                self._print(terminal.harmless(item.data.rstrip("\n"), lines=True))
        else:
            self._gone = False
            self._row(item)

    def _row(self, row: Mapping[str, Any]) -> None:
        percent = int(row.get("progress_percent") or 0)
        stage = stage_of(row) or ("Waiting for its turn" if row.get("status") == "pending" else None)
        if row.get("status") in {"failed", "cancelled"}:
            stage = None  # how it ended is said at the end, once
        if stage is not None and stage != self._stage:
            self._stage = stage
            self._print(f"{percent:3d} %  {time.monotonic() - self._begun:6.1f} s  {stage}")
        if self._bar is not None:
            title = f"{row.get('operation')} {row.get('zone_name') or ''}".strip()
            if self._bar_task is None:
                self._bar_task = self._bar.add_task(title, total=100)
            self._bar.update(self._bar_task, completed=percent, description=title)

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            terminal.note(text)


@contextmanager
def progress() -> Iterator[Progress | None]:
    """Yield a live bar on stderr, or None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  # only for terminals
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar


def follow(agent: Connection, client: Client, task_ids: Sequence[str], *, output: bool = False) -> None:
    """Wait for tasks one after the other, show what happens, and print the last one's row when JSON is wanted.

    Raises TaskFailed, everything being said, at the first that is not completed.
    """
    final: Answer | None = None
    for task_id in task_ids:
        try:
            with progress() as bar:
                final = client.wait_for(task_id, heard=Watch(output=output, bar=bar).heard)
        except KeyboardInterrupt:
            terminal.note(f"\nThe task goes on. Watch it: zoneweaver tasks watch {task_id}")
            terminal.note(f"Stop it: zoneweaver tasks cancel {task_id}")
            raise
        if final.body.get("status") != "completed":
            agent.show(final)
            tell_failure(client, final.body)
            raise TaskFailed
        if not agent.json:
            tell_success(final.body)
    if final is not None:
        agent.show(final)


def tell_success(row: Mapping[str, Any]) -> None:
    """Say that a task is completed, or that there was nothing to do."""
    skipped = (row.get("progress_info") or {}).get("skipped")
    if skipped:
        terminal.say(f"{row.get('operation')} has nothing to do: {skipped}.")
        return
    ending = ENDINGS.get(str(row.get("operation")), "{operation} is completed")
    terminal.say(ending.format(zone=row.get("zone_name"), operation=row.get("operation")) + ".")


def tell_failure(client: Client, row: Mapping[str, Any]) -> None:
    """Say why a task did not complete, what was taken back, and what could not be."""
    verb = "was cancelled" if row.get("status") == "cancelled" else "failed"
    sentence = row.get("error_message") or "it does not say why"
    terminal.error(f"{row.get('operation')} of {row.get('zone_name') or 'the host'} {verb}: {sentence}")
    try:
        steps = client.get(f"{task_path(str(row.get('id')))}/steps").body
    except Refusal:
        return
    events: dict[str, list[str]] = {"done": [], "undone": [], "undo_failed": []}
    for entry in steps.get("steps", []) if isinstance(steps, dict) else []:
        name = str(entry.get("step"))
        kept = events.get(str(entry.get("event")))
        if kept is not None and name not in kept and name != "survey":
            kept.append(name)
    stuck = [name for name in events["undo_failed"] if name not in events["undone"]]
    if events["undone"]:
        terminal.note(f"Rolled back: {', '.join(events['undone'])}.")
    elif not events["done"]:
        terminal.note("Nothing was changed.")
    if stuck:
        terminal.note(f"Could not be rolled back, look there: {', '.join(stuck)}.")
    terminal.note(f"All of it: zoneweaver tasks output {row.get('id')}")


def queued(agent: Connection, client: Client, answer: Answer, *, wait: bool, output: bool = False) -> None:
    """Finish a command that queued something: wait for it, or say how it can be watched."""
    body = answer.body
    ids = body.get("task_ids") or [body[name] for name in ("task_id", "start_task_id") if body.get(name)]
    waits = "The change takes effect when the zone boots next." if body.get("requires_restart") else None
    if wait and ids:
        follow(agent, client, ids, output=output)
        if waits and not agent.json:
            terminal.say(waits)
        return
    if agent.show(answer):
        return
    terminal.say(str(answer.body.get("message") or "Done."))
    for task_id in ids:
        terminal.note(f"Watch it: zoneweaver tasks watch {task_id}")

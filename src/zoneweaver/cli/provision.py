"""`zoneweaver provision …`: from a bare zone to a configured server, and back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import App, Parameter

from zoneweaver.cli import artifacts, plans, stages, terminal, zone_file
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import Exit, UsageError
from zoneweaver.cli.watching import queued
from zoneweaver.client import zone_path

if TYPE_CHECKING:
    from zoneweaver.client import Client

app: Final = App(
    name="provision",
    help="Make a configured server of a zone: files, network, scripts, playbooks.",
    default_parameter=PARAMETERS,
)

Stage = Literal["extract", "boot", "setup", "wait_ssh", "sync", "provision"]
Wait = Annotated[bool, Parameter(name=["--wait", "-w"])]
Exclude = Annotated[tuple[str, ...], Parameter(name=["--exclude", "-x"])]


@app.command
def configure(
    name: str,
    file: Path,
    /,
    *,
    artifact: str | None = None,
    exclude: Exclude = (),
    recipe: str | None = None,
    agent: Connection = DEFAULTS,
) -> None:
    """Say how a zone is to be provisioned, in place of what was said before; asterisks stand for a secret as it was.

    Parameters
    ----------
    name
        The zone.
    file
        A JSON or YAML file: recipe_id, credentials, sync_folders, provisioners, variables and what else there is.
    artifact
        The artifact with the files, in place of the file's artifact_id: a folder or a .tar.gz here, which is sent, or
        one that is there already, by its id or file name.
    exclude
        Names that are left out of the folder, such as *.log, beside .git and its like; may be repeated.
    recipe
        The recipe, by its name or id, in place of the file's recipe_id.
    """
    body = zone_file.read(file)
    with agent.open() as client:
        if artifact is not None:
            body["artifact_id"] = artifacts.given(client, artifact, zone=name, exclude=exclude)
        if recipe is not None:
            body["recipe_id"] = recipe
        answer = client.send("PUT", zone_path(name), {"provisioning": body})
    if not agent.show(answer):
        terminal.say(f"It is known how {name} is to be provisioned.")


@app.command
def show(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show how a zone is to be provisioned; secrets are asterisks.

    Parameters
    ----------
    name
        The zone.
    """
    with agent.open() as client:
        answer = client.get(zone_path(name))
    configuration = (answer.body.get("zone_info") or {}).get("provisioning")
    if agent.json:
        terminal.put(_json(configuration))
    elif configuration:
        terminal.record(configuration)
    else:
        terminal.note(f"Nobody has said how {name} is to be provisioned.")


@app.default
@app.command
def start(
    name: str,
    /,
    *,
    artifact: str | None = None,
    exclude: Exclude = (),
    recipe: str | None = None,
    begin: Annotated[Stage | None, Parameter(name="--from")] = None,
    skip_boot: bool = False,
    skip_recipe: bool = False,
    dry_run: bool = False,
    watch: Annotated[bool, Parameter(name=["--watch", "--wait", "-w"])] = False,
    console: bool = False,
    agent: Connection = DEFAULTS,
) -> None:
    """Provision a zone: unpack, boot, set up the network, wait for SSH, bring the files, run the provisioners.

    Parameters
    ----------
    name
        The zone.
    artifact
        A folder with what the guest needs, which is packed and sent; or a .tar.gz; or an artifact that is there
        already, by its id or file name. It is what the zone is provisioned with from now on.
    exclude
        Names that are left out of the folder, such as *.log, beside .git and its like; may be repeated.
    recipe
        The recipe that sets up the network from now on, by its name or id.
    begin
        The stage to begin with: extract, boot, setup, wait_ssh, sync or provision.
    skip_boot
        Do not boot the zone: it runs.
    skip_recipe
        Do not play the recipe: the guest has its network.
    dry_run
        Only say what would be done.
    watch
        Wait until all is done, and show how far each stage is.
    console
        Wait, and show besides what is said on the console and by the programs.
    """
    if dry_run and (artifact is not None or recipe is not None):
        raise UsageError("A dry run changes nothing, so it takes no --artifact and no --recipe")
    body = {key: True for key, given in {"skip_boot": skip_boot, "skip_recipe": skip_recipe}.items() if given}
    query = {"from": begin, "dry_run": True if dry_run else None}
    with agent.open() as client:
        _put(client, name, artifact, recipe, exclude)
        answer = client.send("POST", zone_path(name, "provision"), body, query=query)
        if dry_run:
            if not agent.show(answer):
                plans.tell(answer.body)
        elif watch or console:
            tasks = dict(answer.body.get("pipeline_tasks") or {})
            stages.watch(agent, client, name, tasks, str(answer.body.get("task_id")), output=console)
        elif not agent.show(answer):
            terminal.say(f"{answer.body.get('message')}.")
            terminal.note(f"See how far it is: zoneweaver provision status {name}")


def _put(client: Client, name: str, artifact: str | None, recipe: str | None, exclude: Sequence[str]) -> None:
    """Put an artifact and a recipe into what is kept of a zone; the rest of it, secrets too, stays."""
    given: dict[str, str] = {}
    if artifact is not None:
        given["artifact_id"] = artifacts.given(client, artifact, zone=name, exclude=exclude)
    if recipe is not None:
        given["recipe_id"] = recipe
    if not given:
        return
    answer = client.get(zone_path(name))
    kept = (answer.body.get("zone_info") or {}).get("provisioning") or {}
    if any(kept.get(key) != value for key, value in given.items()):
        # What somebody else says at the same moment is not lost: then this is refused.
        client.send("PUT", zone_path(name), {"provisioning": {**kept, **given}}, if_match=answer.etag)


@app.command
def watch(name: str, /, *, console: bool = False, agent: Connection = DEFAULTS) -> None:
    """Watch the provisioning of a zone that is under way; the exit status says how it ended.

    Parameters
    ----------
    name
        The zone.
    console
        Show besides what was and is said on the console and by the programs.
    """
    with agent.open() as client:
        body = client.get(zone_path(name, "provision/status")).body
        tasks = {str((row.get("metadata") or {}).get("stage")): str(row.get("id")) for row in body.get("tasks") or []}
        if not tasks or not body.get("pipeline_task_id"):
            raise UsageError(f"Nobody has asked for zone {name} to be provisioned")
        stages.watch(agent, client, name, tasks, str(body["pipeline_task_id"]), output=console)


@app.command
def status(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show how far the provisioning of a zone is.

    Parameters
    ----------
    name
        The zone.
    """
    with agent.open() as client:
        answer = client.get(zone_path(name, "provision/status"))
    if agent.show(answer):
        return
    body = answer.body
    terminal.record({"status": body.get("status"), "last_provisioned_at": body.get("last_provisioned_at")})
    tasks = {str((task.get("metadata") or {}).get("stage")): task for task in body.get("tasks") or []}
    terminal.table(
        ["STAGE", "STATE", "DONE", "TASK"],
        [
            [stage, state, _percent(tasks.get(stage, {}).get("progress_percent")), tasks.get(stage, {}).get("id")]
            for stage, state in (body.get("progress") or {}).items()
        ],
    )
    if body.get("error"):
        terminal.error(str(body["error"]))


@app.command
def cancel(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """End the provisioning of a zone: what runs is stopped, on the host and in the guest.

    Parameters
    ----------
    name
        The zone.
    """
    with agent.open() as client:
        answer = client.send("POST", zone_path(name, "provision/cancel"))
    if not agent.show(answer):
        terminal.say(f"{answer.body.get('message')}.")


@app.command
def rollback(
    name: str,
    /,
    *,
    keep_disks: bool = False,
    yes: Annotated[bool, Parameter(name=["--yes", "-y"])] = False,
    dry_run: bool = False,
    wait: Wait = False,
    agent: Connection = DEFAULTS,
) -> int:
    """Go back to before the provisioners: the files and the boot volume. What was written since then is lost.

    Parameters
    ----------
    name
        The zone. It is halted for it, and started again if it ran.
    keep_disks
        Leave the boot volume as it is: only the files go back.
    yes
        Do not ask.
    dry_run
        Only say what would be done.
    wait
        Wait until it is done.
    """
    body = {"include_disks": False} if keep_disks else {}
    path = zone_path(name, "provision/rollback")
    with agent.open() as client:
        if dry_run:
            answer = client.send("POST", path, body, query={"dry_run": True})
            if not agent.show(answer):
                plans.tell(answer.body)
            return Exit.OK
        if not keep_disks and not yes:
            if not sys.stdin.isatty():
                raise UsageError("What the guest has written is lost, and there is no terminal to ask at: add --yes")
            if not terminal.agreed(f"Lose what {name} has written to its disk since it was provisioned?"):
                terminal.note("Nothing was done.")
                return Exit.FAILED
        queued(agent, client, client.send("POST", path, body), wait=wait)
    return Exit.OK


@app.command
def key(*, agent: Connection = DEFAULTS) -> None:
    """Show the public half of the agent's own SSH key, as it goes into a template's authorized_keys."""
    with agent.open() as client:
        answer = client.get("/provisioning/ssh-key")
    if not agent.show(answer):
        terminal.put(str(answer.body["public_key"]))


def _percent(value: object) -> str | None:
    return None if value is None else f"{value} %"


def _json(value: object) -> str:
    import json  # noqa: PLC0415

    return json.dumps(value, ensure_ascii=False)

"""`zoneweaver zones …`: what there is, and power."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import PARAMETERS
from zoneweaver.cli.connection import DEFAULTS, Connection

app: Final = App(name="zones", help="Create, change, start, stop and delete zones.", default_parameter=PARAMETERS)
for _path, _name, _help in (
    ("zone_create:create", "create", "Create a zone. When anything fails on the way, the host is left as it was."),
    (
        "zone_modify:modify",
        "modify",
        "Change a zone. A running zone goes on as it is, and is changed when it boots next.",
    ),
    (
        "zone_delete:delete",
        "delete",
        "Delete a zone; a running one is halted first. Its datasets are kept, unless they are to be destroyed too.",
    ),
    (
        "zone_delete:forget",
        "forget",
        "Forget a zone that the host no longer has: only the agent's record of it is removed.",
    ),
):
    app.command(f"zoneweaver.cli.{_path}", name=_name, help=_help)

Wait = Annotated[bool, Parameter(name=["--wait", "-w"])]


@app.command(name="list", alias="ls")
def list_(
    *,
    status: str | None = None,
    brand: str | None = None,
    tag: str | None = None,
    name: str | None = None,
    limit: int = 1000,
    agent: Connection = DEFAULTS,
) -> None:
    """List the zones of the host.

    Parameters
    ----------
    status
        Only zones in this state: running, installed, configured, …
    brand
        Only zones of this brand.
    tag
        Only zones with this tag.
    name
        Only zones whose name holds this.
    limit
        At most so many.
    """
    query = {"status": status, "brand": brand, "tag": tag, "name": name, "limit": limit}
    with agent.open() as client:
        answer = client.get("/zones", query)
    if agent.show(answer):
        return
    zones = answer.body.get("zones") or []
    terminal.table(
        ["NAME", "STATUS", "BRAND", "RAM", "VCPUS", "AUTOBOOT", "TASK", "TAGS"],
        [
            [
                zone.get("name"),
                "gone" if zone.get("is_orphaned") else zone.get("status"),
                zone.get("brand"),
                zone.get("ram"),
                zone.get("vcpus"),
                zone.get("autoboot"),
                _task(zone.get("current_task")),
                zone.get("tags"),
            ]
            for zone in zones
        ],
        empty="There are no zones." if not any(query[key] for key in ("status", "brand", "tag", "name")) else "None.",
    )
    total = answer.body.get("total") or 0
    if total > len(zones):
        terminal.note(f"{len(zones)} of {total} zones shown.")


def _task(task: Any) -> Any:
    if isinstance(task, dict):
        return f"{task.get('operation')} {task.get('progress_percent') or 0} %"
    return task


@app.command
def show(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show all that is known of a zone.

    Parameters
    ----------
    name
        The zone.
    """
    from zoneweaver.client import zone_path  # noqa: PLC0415

    with agent.open() as client:
        answer = client.get(zone_path(name))
    if not agent.show(answer):
        terminal.record(answer.body)


@app.command
def config(name: str, /, *, export: bool = False, agent: Connection = DEFAULTS) -> None:
    """Show the configuration of a zone as the host has it now.

    Parameters
    ----------
    name
        The zone.
    export
        As `zonecfg export` prints it.
    """
    from zoneweaver.client import zone_path  # noqa: PLC0415

    with agent.open() as client:
        answer = client.get(zone_path(name, "config"))
    if agent.show(answer):
        return
    if export:
        terminal.say(str(answer.body["export"]).rstrip("\n"))
        return
    terminal.record(answer.body["configuration"])


@app.command
def pending(name: str, /, *, agent: Connection = DEFAULTS) -> None:
    """Show the changes of a running zone that wait for its next boot.

    Parameters
    ----------
    name
        The zone.
    """
    from zoneweaver.client import zone_path  # noqa: PLC0415

    with agent.open() as client:
        answer = client.get(zone_path(name, "pending"))
    if agent.show(answer):
        return
    if not answer.body.get("running"):
        terminal.note(f"{name} does not run: its next boot takes the configuration as it is.")
    terminal.table(
        ["WHAT", "NAME", "RUNNING WITH", "NEXT BOOT"],
        [
            [change.get("what"), change.get("name"), change.get("booted"), change.get("configured")]
            for change in answer.body.get("changes") or []
        ],
        empty=f"Nothing waits for the next boot of {name}." if answer.body.get("running") else "",
    )


@app.command
def start(name: str, /, *, wait: Wait = False, agent: Connection = DEFAULTS) -> None:
    """Boot a zone.

    Parameters
    ----------
    name
        The zone.
    wait
        Wait until it runs.
    """
    _power(name, "start", {}, wait, agent)


@app.command
def stop(
    name: str, /, *, force: bool = False, timeout: float | None = None, wait: Wait = False, agent: Connection = DEFAULTS
) -> None:
    """Shut a zone's guest down; when it does not in time, its power is taken.

    Parameters
    ----------
    name
        The zone.
    force
        Take its power at once.
    timeout
        Seconds that the guest is given (120).
    wait
        Wait until it is stopped.
    """
    _power(name, "stop", {"force": force or None, "timeout": timeout}, wait, agent)


@app.command
def restart(name: str, /, *, wait: Wait = False, agent: Connection = DEFAULTS) -> None:
    """Shut a zone down and boot it again; changes that wait take effect.

    Parameters
    ----------
    name
        The zone.
    wait
        Wait until it runs again.
    """
    _power(name, "restart", {}, wait, agent)


@app.command
def halt(name: str, /, *, wait: Wait = False, agent: Connection = DEFAULTS) -> None:
    """Take a zone's power at once.

    Parameters
    ----------
    name
        The zone.
    wait
        Wait until it is halted.
    """
    _power(name, "halt", {}, wait, agent)


@app.command
def reset(name: str, /, *, wait: Wait = False, agent: Connection = DEFAULTS) -> None:
    """Press the reset button of a running zone's machine.

    Parameters
    ----------
    name
        The zone.
    wait
        Wait until it is done.
    """
    _power(name, "reset", {}, wait, agent)


def _power(
    name: str,
    verb: Literal["start", "stop", "restart", "halt", "reset"],
    query: dict[str, Any],
    wait: bool,
    agent: Connection,
) -> None:
    from zoneweaver.cli.watching import queued  # noqa: PLC0415
    from zoneweaver.client import zone_path  # noqa: PLC0415

    with agent.open() as client:
        queued(agent, client, client.send("POST", zone_path(name, verb), query=query), wait=wait)


@app.command
def discover(*, wait: Wait = False, agent: Connection = DEFAULTS) -> None:
    """Look at the host now: zones made outside are found, zones that are gone are marked.

    Parameters
    ----------
    wait
        Wait until it is done.
    """
    from zoneweaver.cli.watching import queued  # noqa: PLC0415

    with agent.open() as client:
        queued(agent, client, client.send("POST", "/zones/discover"), wait=wait)

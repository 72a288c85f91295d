"""What a host looks like, in a form in which two runs of the same operation look the same."""

from __future__ import annotations

import difflib
import re
import sqlite3
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.lab.agents import Lab, wait_for

from labhost.ending import running
from labhost.evidence import difference, evidence
from labhost.world import World
from labhost.zones import index

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SCRIPT = re.compile(r"/\S*/scratch/script-[0-9a-f]+")
STAGED = re.compile(r"\.zoneweaver-[0-9a-f]{8}\b")
OWN_MAC = re.compile(r"\b02:08:20(?::[0-9a-f]{2}){3}\b")
MAC = re.compile(r"\b2:8:20(?::[0-9a-f]{1,2}){3}\b")

ASKING = {
    ("zoneadm", "list"), ("zfs", "get"), ("zfs", "list"), ("zonecfg", "export"),
    *(("dladm", f"show-{what}") for what in ("link", "phys", "vnic", "vlan", "aggr", "bridge")),
    *(("ipadm", f"show-{what}") for what in ("if", "addr", "ifprop")), ("netstat", "-rn"), ("routeadm", "-p"),
    ("svcs", "-H"), ("svccfg", "listprop"), ("ipnat", "-l"), ("ipnat", "-n"), ("dhcpd", "-t"),
}  # fmt: skip
"""What commands are that only ask: the command, and a word among its others."""

Picture = dict[str, str]


def picture(world: World) -> Picture:
    """Everything that is on the host, byte for byte."""
    return evidence(world)


TOLD_WHOLE = (".xml", "/index", "/etc/uuid", "/etc/bhyve.cfg", "/zoneweaver-provisioning-network")
"""Files that hold what each life of a host chooses anew."""


def alike(world: World, found: Picture | None = None) -> Picture:
    """Everything that is on the host, but for what each life of it chooses anew: ids of tasks and zones, made-up MACs.

    A link that the brand took away and that was made again has its old MAC address, which now counts as given.
    """
    found = picture(world) if found is None else dict(found)
    for key in list(found):
        if key.startswith("file ") and key.endswith(TOLD_WHOLE):
            path = Path(world.host(key.removeprefix("file ")))
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                found[key] = f"{path.stat().st_mode:o} {_by_kind(text) if key.endswith('.xml') else text}"
        elif key.endswith("/cloud-init.iso"):  # made anew by each boot, with the time of day in it
            found[key] = "an image"
        elif key.startswith("links "):
            found[key] = found[key].replace('"mac_type":"fixed"', '"mac_type":"random"')
    return {key: MAC.sub("<mac>", OWN_MAC.sub("<mac>", UUID.sub("<id>", text))) for key, text in found.items()}


def shape(argv: list[str]) -> list[str]:
    """A command without what each run of it has of its own: the task's id, a made-up address, the script it reads."""
    words = (STAGED.sub("", SCRIPT.sub("{script}", UUID.sub("<task_id>", word))) for word in argv)
    return [OWN_MAC.sub("<mac_address>", word) for word in words]


def asks(argv: list[str]) -> bool:
    """Whether a command only asks."""
    return any(argv[0] == name and word in argv for name, word in ASKING)


def _by_kind(document: str) -> str:
    """A zone's document with its elements kind by kind, each kind in its order.

    Who takes an element away and puts it back finds it behind those of other kinds, which zonecfg and the brand read
    apart anyway.
    """
    root = ET.fromstring(document)
    lines = [f"{name}={value}" for name, value in sorted(root.attrib.items())]
    for tag in sorted({child.tag for child in root}):
        lines += [ET.tostring(child, encoding="unicode").strip() for child in root.findall(tag)]
    return "\n".join(lines)


def states(world: World) -> dict[str, str]:
    """The state of every zone, as the host itself keeps it."""
    active = world.read("zones").get("zones", {})
    return {
        name: active[name]["state"] if name in active else entry.state
        for name, entry in index.entries(world).items()
        if name != "global"
    }


def disagreements(lab: Lab) -> list[str]:
    """Where the agent's memory is not what the host is, and what it has left lying about."""
    found = []
    host = states(lab.world)
    rows = {row["name"]: row for row in lab.get("/zones")["zones"]}
    for name in sorted(host.keys() | rows.keys()):
        row = rows.get(name)
        if row is None:
            found.append(f"zone {name} is {host[name]} on the host and not remembered")
        elif name not in host:
            found.append(f"zone {name} is remembered and not on the host")
        elif row["status"] != host[name] or row["is_orphaned"]:
            found.append(f"zone {name} is {host[name]} and remembered as {row['status']} orphaned={row['is_orphaned']}")
        elif row["current_task"] is not None:
            found.append(f"zone {name} still has a task: {row['current_task']}")
    tasks = lab.get("/tasks?limit=100")
    found += [
        f"task {row['operation']} is {row['status']}"
        for row in tasks["tasks"]
        if row["status"] in {"pending", "running"}
    ]
    scratch = lab.home / "scratch"
    if scratch.exists():
        found += [f"left in scratch: {path.name}" for path in scratch.iterdir()]
    return found


def idle(lab: Lab, *, seconds: float = 3.0) -> list[str]:
    """Commands that still run on the host after a while; guests of running zones do not count."""

    def nothing() -> bool | None:
        return True if not _commands(lab.world) else None

    try:
        wait_for(nothing, "an idle host", seconds)
    except AssertionError:
        return [f"still runs: {pid} {_argv(pid)}" for pid in _commands(lab.world)]
    return []


def _commands(world: World) -> list[int]:
    guests = {zone.get("pid") for zone in world.read("zones").get("zones", {}).values()}
    return [pid for pid in running(world) if pid not in guests]


def _argv(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "gone by now"


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the database file itself."""
    with sqlite3.connect(f"file:{home}/zoneweaver.db?mode=ro", uri=True, timeout=10) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def told(before: Picture, after: Picture, limit: int = 12) -> str:
    """The differences of two pictures as text."""
    lines = difference(before, after)
    more = [f"… and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n    ".join([line[:400] for line in lines[:limit]] + more)


def parted(before: Picture, after: Picture) -> str:
    """The lines in which the text files of two pictures part."""
    found: list[str] = []
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key] and "\n" in before[key]:
            lines = difflib.unified_diff(
                before[key].splitlines(), after[key].splitlines(), key, "now", lineterm="", n=0
            )
            found += list(lines)
    return "\n    ".join(found[:30])


def journal(world: World) -> list[dict[str, Any]]:
    """The commands that were said to the host, in the order in which they were begun."""
    from labhost.journal import read

    return sorted(read(world), key=lambda entry: float(entry["t"]))


def settle(world: World, seconds: float = 3.0) -> None:
    """Wait until no zone is on its way from one state to another."""
    deadline = time.monotonic() + seconds
    while any(state in {"shutting_down", "down", "ready"} for state in states(world).values()):
        if time.monotonic() > deadline:
            return
        time.sleep(0.005)

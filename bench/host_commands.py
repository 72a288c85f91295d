"""How many commands the host is told and asked for each operation, by its own journal."""

from __future__ import annotations

from typing import Any

from bench.figure import Effort, Row, at_most
from bench.lab import Bench, bench, changes, create_body

VOLUMES = 3


def measure(effort: Effort) -> list[Row]:
    """Create, modify and delete a zone, and read it."""
    del effort
    with bench() as made:
        one = _count(made, "POST", "/zones", create_body("one"))
        more = _count(made, "POST", "/zones", create_body("more", volumes=VOLUMES))
        plain = _count(made, "PUT", "/zones/one", {"ram": "4G"})
        disks = [{"create_new": True, "size": "1G"} for _ in range(VOLUMES)]
        grown = _count(made, "PUT", "/zones/one", {"add_disks": disks})
        kept = _count(made, "DELETE", "/zones/more")
        cleaned = _count(made, "DELETE", "/zones/one?cleanup_datasets=true")
    rows = []
    for what, limit, (changing, asking) in (
        ("create, 1 new volume", 3 + 1, one),
        (f"create, {VOLUMES} new volumes", 3 + VOLUMES, more),
        ("modify", 1, plain),
        (f"modify, {VOLUMES} new volumes", 1 + VOLUMES, grown),
        ("delete", 2, kept),
        ("delete with clean-up", 5, cleaned),
    ):
        rows.append(at_most(f"{what}: commands that change", limit, changing, "commands"))
        rows.append(at_most(f"{what}: commands that ask", 4, asking, "commands"))
    return rows


def _count(made: Bench, method: str, path: str, body: Any = None) -> tuple[int, int]:
    """Do something and count the commands: those that change, those that ask."""
    before, listener = len(made.ran()), made.listener()
    with made.connection() as connection:
        task = connection.queue(method, path, body)
        event = listener.ends({task})[task][1]
        if event["status"] != "completed":
            raise RuntimeError(f"{method} {path} did not complete: {event}")
    ran = made.ran()[before:]
    changing = sum(changes(line) for line in ran)
    return changing, len(ran) - changing

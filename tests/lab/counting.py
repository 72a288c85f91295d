"""What a run has tried, counted over all its workers and told at its end."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

FILE = "cases.jsonl"


def count(kind: str, *facts: str) -> None:
    """Note one case; a line is written in one go, so that those of several workers do not mix."""
    line = json.dumps([kind, *facts]).encode() + b"\n"
    handle = os.open(Path(os.environ["ZONEWEAVER_TEST_RUN"]) / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def summary(folder: Path) -> Sequence[str]:
    """The lines to tell."""
    path = folder / FILE
    if not path.exists():
        return ()
    cases: dict[str, list[list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *facts = json.loads(line)
        cases.setdefault(kind, []).append(facts)
    told = []
    swept = cases.pop("sweep", [])
    if swept:
        places = {(operation, at) for operation, _, at in swept}
        kinds = {fault for _, fault, _ in swept}
        told.append(f"sweep: {len(swept)} cases, {len(kinds)} kinds of fault, {len(places)} commands")
    return [*told, *(f"{kind}: {sum(int(facts[0]) for facts in found)}" for kind, found in sorted(cases.items()))]

"""Every measurement still measures: in next to no time, and whatever the numbers are but those that are counted."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench.__main__ import FIGURES

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

COUNTED = {
    "GET /zones/{name}: host commands": 0,
    "discovery, 8 unchanged zones: host commands": 1,
    "create, 1 new volume: commands that change": 4,
    "create, 3 new volumes: commands that change": 6,
    "modify: commands that change": 1,
    "modify, 3 new volumes: commands that change": 4,
    "delete: commands that change": 2,
    "delete with clean-up: commands that change": 3,
}


def measured(figure: str, results: Path) -> tuple[list[dict[str, Any]], str]:
    """The rows that a figure gives in its smallest size, and the table."""
    words = ["--tiny", "--results", str(results), figure]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=HOUSE, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["rows"]
    return rows, done.stdout


@pytest.mark.parametrize("figure", sorted(FIGURES))
def test_a_figure_is_measured(figure: str, tmp_path: Path) -> None:
    """It prints a line for each of its numbers, keeps them, and counts the commands of the host that are expected."""
    rows, table = measured(figure, tmp_path / "results.json")
    if "not measured here" in table:
        pytest.skip(table.rpartition("not measured here: ")[2].partition(" |")[0])
    assert rows
    for row in rows:
        assert row["figure"] == figure
        assert f"| {row['what']} | {row['target']} | " in table
        assert (row["met"] is None) == (row["target"] == "-")
        assert row["measured"] >= 0 or math.isnan(row["measured"]) or figure == "runner", row
        if row["what"] in COUNTED:
            assert row["measured"] == COUNTED[row["what"]], row
        elif row["what"].endswith("commands that ask"):
            assert 0 < row["measured"] <= 4, row


def test_what_is_counted_is_asked_for() -> None:
    """An unknown figure is refused with the names of those that there are."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "speed"], cwd=HOUSE, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "there is no figure speed; there are: list, " in done.stderr

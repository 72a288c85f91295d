"""docs/tutorial.md does what it says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.cli.agents import SOURCE
from tests.cli.test_lab import running

TUTORIAL = SOURCE.parent / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"\d+\.\d+ s")


def commands() -> list[tuple[str, list[str], int]]:
    """Return the tutorial's commands with what they print, and their exit status (a last line such as [1])."""
    found: list[tuple[str, list[str], int]] = []
    for block in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], [], 0))
            elif ending := re.fullmatch(r"\[(\d+)\]", line):
                found[-1] = (*found[-1][:2], int(ending.group(1)))
            else:
                found[-1][1].append(line)
    return found


def plain(line: str) -> str:
    """Return a line without what differs from run to run: times, and how wide columns are."""
    return re.sub(r"\s+", " ", SECONDS.sub("N s", line)).strip()


def difference(wanted: list[str], said: list[str]) -> str | None:
    """Return the first line that was not said where it should have been; … stands for anything, alone for any lines."""
    place, anywhere = 0, False
    for line in wanted:
        if line == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in plain(line).split("…")))
        rest = range(place, len(said)) if anywhere else range(place, min(place + 1, len(said)))
        hit = next((index for index in rest if pattern.fullmatch(said[index])), None)
        if hit is None:
            return line
        place, anywhere = hit + 1, False
    return None if anywhere or place == len(said) else f"nothing, instead of {said[place]!r}"


def test_the_tutorial_is_true(tmp_path: Path):
    """Each command of the tutorial ends as it says, and prints what it says, on a new lab host."""
    steps = commands()
    assert len(steps) > 15
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    with running(tmp_path / "var") as (_, environment, _):
        (tools / "zoneweaver").write_text(f'#!/bin/sh\nexec {environment["PYTHON"]} -m zoneweaver "$@"\n')
        (tools / "zoneweaver").chmod(0o755)
        port = environment["ZONEWEAVER_SERVER__HTTPS_PORT"]
        before = ""
        for command, wanted, status in steps:
            if command.startswith("export "):
                before = f"{command}\n"
                continue
            ran = subprocess.run(
                ["bash", "-c", before + command.replace("5001", port)],
                cwd=tmp_path,
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            said = [plain(line) for line in ran.stdout.replace(port, "5001").splitlines()]
            assert ran.returncode == status, (command, ran.stdout)
            missing = difference(wanted, said)
            assert missing is None, f"{command}: {missing}\n{ran.stdout}"

"""The help, the reference page, the completion scripts, and what a command loads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.agents import SOURCE, Command

from zoneweaver.cli import reference

HOUSE = SOURCE.parent
PAGES = Path(__file__).parent / "pages"
PLAIN = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **PLAIN, **more},
    )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["zones"],
        ["zones", "create"],
        ["recipes"],
        ["recipes", "test"],
        ["network"],
        ["network", "map"],
        ["network", "setup"],
        ["network", "nat", "add"],
    ],
    ids=lambda words: "-".join(words) or "all",
)
def test_help_reads_as_it_was_meant(words: list[str]):
    """The help is what was read and found good; `python -m zoneweaver … --help > tests/cli/pages/…` renews it."""
    shown = run("-m", "zoneweaver", *words, "--help").stdout
    wanted = PAGES / f"{'-'.join(['zoneweaver', *words])}.txt"
    assert [line.rstrip() for line in shown.splitlines()] == wanted.read_text(encoding="utf-8").splitlines()


def test_no_command_is_help(zw: Command):
    """`zoneweaver` alone shows the help and ends well."""
    ran = zw()
    assert ran.status == 0
    assert "Usage: zoneweaver COMMAND" in ran.out


def test_the_reference_page_is_what_the_commands_say():
    """docs/reference/cli.md is renewed with `python -m zoneweaver.cli.reference`."""
    assert (HOUSE / "docs/reference/cli.md").read_text(encoding="utf-8") == reference.text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(zw: Command, tmp_path: Path, shell: str):
    """Each script knows the commands, and the shell, where this machine has it, can read it."""
    ran = zw("completion", shell)
    assert ran.status == 0
    assert "cleanup-datasets" in ran.out
    script = tmp_path / "script"
    script.write_text(ran.out, encoding="utf-8")
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n", str(script)], check=False, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_bash_completes_a_command(zw: Command, tmp_path: Path):
    """The script offers what a word may become."""
    script = tmp_path / "script"
    script.write_text(zw("completion", "bash").out, encoding="utf-8")
    asked = f'source {script}; COMP_WORDS=(zoneweaver zones cr); COMP_CWORD=2; _zoneweaver; echo "${{COMPREPLY[@]}}"'
    assert subprocess.run(["bash", "-c", asked], check=True, capture_output=True, text=True).stdout == "create\n"


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["version"], {"rich", "httpx2", "asyncio", "pydantic", "sqlalchemy", "yaml"}),
        (["zones", "list", "--url", "http://127.0.0.1:9"], {"rich", "asyncio", "pydantic", "sqlalchemy", "yaml"}),
        (["network", "map", "--url", "http://127.0.0.1:9"], {"rich", "asyncio", "pydantic", "sqlalchemy", "yaml"}),
        (["serve", "--config", "/nowhere.yaml"], {"rich.progress", "httpx2", "zoneweaver.client"}),
    ],
    ids=["version", "list", "map", "serve"],
)
def test_a_command_loads_only_what_it_needs(words: list[str], unwanted: set[str]):
    """Nothing heavy is imported that the command does not use."""
    loaded = {
        line.rpartition("|")[2].strip()
        for line in run("-X", "importtime", "-m", "zoneweaver", *words).stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "zoneweaver.cli.commands" in loaded
    assert not loaded & unwanted

"""The documents do what they say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.acceptance.agents import SOURCE, running
from tests.acceptance.transcripts import Shell, Typed, commands, difference, plain, waits

HOUSE = SOURCE.parent
PAGES = sorted(
    page
    for page in (HOUSE / "README.md", HOUSE / "docs/tutorial.md", *(HOUSE / "docs/how-to").glob("*.md"))
    if "```console" in page.read_text(encoding="utf-8")
)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_true(page: Path, tmp_path: Path) -> None:
    """Each command of the page ends as it says and prints what it says, on a new lab host."""
    typed = commands(page)
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    with running(tmp_path) as agent:
        (tools / "zoneweaver").write_text(f'#!/bin/sh\nexec {sys.executable} -m zoneweaver "$@"\n')
        (tools / "zoneweaver").chmod(0o755)
        environment = {**agent.environment, "PATH": f"{tools}:{agent.environment['PATH']}", "COLUMNS": "140"}
        with Shell(tmp_path, environment) as shell:
            for one in typed:
                said, status = shell.type(one.command.replace("5001", str(agent.port)))
                said = said.replace(str(agent.port), "5001").replace(str(tmp_path), "…")
                missing = difference(one.wanted, [plain(line) for line in said.splitlines() if not waits(line)])
                assert missing is None, f"{one.command}\nhas no: {missing}\n{said}"
                assert status == one.status, f"{one.command}\nended with {status}\n{said}"
                agent.idle()  # as the pages tell people to


def test_every_runnable_page_is_known() -> None:
    """The guide and the tutorial are among the pages that are run."""
    assert {"tutorial", "manage-zones"} <= {page.stem for page in PAGES}


def test_the_documents_name_no_command_that_is_not_there() -> None:
    """Each `zoneweaver …` in a document begins with a command that the program has."""
    from zoneweaver.cli.commands import app

    known = {name for name in app if not name.startswith("-")}
    for page in [HOUSE / "README.md", *(HOUSE / "docs").rglob("*.md")]:
        for word in re.findall(r"[`$ ]zoneweaver ([a-z]+)\b", "\n".join(code(page.read_text(encoding="utf-8")))):
            assert word in known, f"{page}: zoneweaver {word}"


def code(text: str) -> list[str]:
    """Return what stands in backquotes or in a block of code."""
    return [*re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL), *re.findall(r"`[^`\n]+`", text)]


@pytest.mark.parametrize(
    ("wanted", "said", "missing"),
    [
        (["a", "b"], ["a", "b"], None),
        (["a"], ["b"], "a"),
        (["a"], ["a", "b"], "nothing, instead of 'b'"),
        (["a", "b"], ["a"], "b"),
        (["a", "…", "c"], ["a", "x", "y", "c"], None),
        (["a", "…"], ["a"], None),
        (["…", "c"], ["a"], "c"),
        (["id … end"], ["id 17 end"], None),
        (["id … end"], ["id 17"], "id … end"),
        (["took  0.3 s"], ["took N s"], None),
    ],
)
def test_a_page_that_lies_is_noticed(wanted: list[str], said: list[str], missing: str | None) -> None:
    """Each line is wanted in its place; an ellipsis stands for what differs, and for nothing else."""
    assert difference(wanted, said) == missing


def test_commands_go_on_until_the_shell_has_them_whole(tmp_path: Path) -> None:
    """A quoted body over several lines is one command; [1] is the exit status."""
    page = tmp_path / "page.md"
    page.write_text("text\n\n```console\n$ say '{\n  x\n}'\nfirst\n$ fail\n[1]\n```\n\n```sh\nnot run\n```\n")
    assert commands(page) == [Typed("say '{\n  x\n}'", ["first"], 0), Typed("fail", [], 1)]

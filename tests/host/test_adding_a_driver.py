"""The page on adding a driver is true."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import zoneweaver.host
from zoneweaver.domain.errors import Unparseable
from zoneweaver.host import command
from zoneweaver.host.command import Completed, Query
from zoneweaver.host.run import Host

PAGE = Path(__file__).parents[2] / "docs/how-to/add-a-driver.md"


@pytest.fixture
def driver() -> dict[str, Any]:
    """The module that the page shows."""
    (code,) = re.findall(r"```python\n(.*?)^ *```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "routeadm"}
    exec(compile(textwrap.dedent(code), str(PAGE), "exec"), names)
    return names


def completed(query: Query[Any], stdout: str) -> Completed:
    return Completed(argv=query.command.argv, exit_status=0, stdout=stdout, stderr="", seconds=0.0)


def test_the_example_reads_an_answer(driver: dict[str, Any]) -> None:
    """The driver on the page reads what routeadm prints, and refuses what it does not."""
    query = driver["ipv4_forwarding"]()
    answer = query.parse(completed(query, "persistent=enabled default=disabled current=disabled\n"))
    assert (answer.now, answer.persistent) == (False, True)
    for garbage in ("", "bang", "persistent=perhaps current=enabled"):
        with pytest.raises(Unparseable):
            query.parse(completed(query, garbage))
    assert driver["enable_ipv4_forwarding"]().changes


async def test_the_example_is_run(driver: dict[str, Any], tmp_path: Path) -> None:
    """The host asks the command and returns what its answer means."""
    program = tmp_path / "routeadm"
    program.write_text('#!/bin/sh\n[ "$1" = -p ] && echo persistent=enabled default=disabled current=enabled\n')
    program.chmod(0o755)
    host = Host(scratch=tmp_path, command_path=(str(tmp_path), "/usr/bin", "/bin"))
    assert (await host.ask(driver["ipv4_forwarding"]())).now


def test_what_the_page_names_is_there() -> None:
    """Modules, tests and names that the page mentions exist."""
    page = PAGE.read_text()
    root = PAGE.parents[2]
    for path in re.findall(r"`(tests/host/\w+\.py)`", page):
        assert (root / path).is_file(), path
    for path in re.findall(r"`(host/\w+\.py)`", page):
        assert (Path(zoneweaver.host.__file__).parent.parent / path).is_file(), path
    for name in ("InputFile", "SCRIPT_PLACE", "CHANGE_SECONDS"):
        assert f"`{name}`" in page
        assert hasattr(command, name)

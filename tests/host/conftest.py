"""A lab host of a module's own, as the drivers see it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoneweaver.host.run import Host

SOURCES = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("lab")

    def labhost(action: str) -> None:
        argv = [sys.executable, "-m", "labhost", action, str(folder / "world")]
        subprocess.run(argv, check=True, capture_output=True, env={"PYTHONPATH": str(SOURCES)})

    labhost("up")
    yield Host(
        root=folder / "world/root",
        scratch=folder / "scratch",
        command_path=(str(folder / "world/bin"), "/usr/bin", "/bin"),
    )
    labhost("down")

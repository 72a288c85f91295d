"""One agent for a module: nothing here is replaced, and what a test leaves behind the next one sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.acceptance.agents import Agent, running


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent on a new lab host."""
    with running(tmp_path_factory.mktemp("lab")) as agent:
        yield agent


@pytest.fixture(scope="module")
def agent(bare: Agent) -> Agent:
    """The same, with what the examples of the documentation name."""
    made = bare.command("lab", "examples")
    assert made.returncode == 0, made.stderr
    return bare

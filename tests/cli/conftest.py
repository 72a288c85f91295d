"""A stub agent and the command, for each test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.agents import Command, Stub, stub


@pytest.fixture
def agent() -> Iterator[Stub]:
    with stub() as running:
        yield running


@pytest.fixture
def zw(agent: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name in ("ZONEWEAVER_KEY", "ZONEWEAVER_CERTIFICATE", "ZONEWEAVER_SERVER__HTTPS_PORT", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZONEWEAVER_URL", agent.url)
    monkeypatch.setenv("ZONEWEAVER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    return Command(agent=agent, capture=capsys.readouterr)

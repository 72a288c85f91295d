"""A real database for services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a database of the test's own."""
    opened = Database.open(f"sqlite:///{tmp_path}/agent.db", Seal.load(tmp_path))
    yield opened
    opened.close()

"""One database per test, and every test on both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database that belongs to this test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/agent.db"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of an empty SQLite file."""
    return f"sqlite:///{tmp_path}/agent.db"


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    opened = Database.open(database_url, Seal.load(tmp_path))
    yield opened
    opened.close()

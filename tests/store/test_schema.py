"""Making and migrating the schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from zoneweaver.domain.errors import Failed
from zoneweaver.store import keys, tables
from zoneweaver.store.database import Database
from zoneweaver.store.migrations.__main__ import config, upgrade
from zoneweaver.store.seal import Seal


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A bare engine on the empty database."""
    made = create_engine(database_url)
    yield made
    made.dispose()


def _described(engine: Engine) -> dict[str, Any]:
    """What the database says of its own schema."""
    with engine.connect() as c:
        if engine.dialect.name == "sqlite":
            return {
                row.name: " ".join(row.sql.split())
                for row in c.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            }
        found = inspect(c)
        columns = {
            table: [
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in found.get_columns(table)
            ]
            for table in found.get_table_names()
        }
        indexes = {
            row.indexname: row.indexdef
            for row in c.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))
        }
        return {**columns, **indexes}


def test_migrations_make_what_the_program_expects(database_url: str, engine: Engine) -> None:
    """Upgrading from nothing to the head gives the same schema as a new database is given."""
    upgrade(database_url)
    migrated = _described(engine)
    with engine.begin() as c:
        tables.metadata.drop_all(c)
        tables.metadata.create_all(c)
    assert _described(engine) == migrated


def test_the_head_is_the_newest_migration() -> None:
    """`HEAD` names the newest revision, and there is only one."""
    assert ScriptDirectory.from_config(config()).get_heads() == [tables.HEAD]


def test_an_old_schema_is_migrated_by_a_child(database_url: str, engine: Engine, tmp_path: Path) -> None:
    """A database that stands before the first revision is brought to the head when it is opened."""
    with engine.begin() as c:
        tables.schema_version.create(c)
    database = Database.open(database_url, Seal.load(tmp_path))
    assert database.read_now(keys.count) == 0
    database.close()


def test_a_newer_schema_is_not_touched(database_url: str, engine: Engine, tmp_path: Path) -> None:
    """A database of a later version is refused, with what Alembic says about it."""
    with engine.begin() as c:
        tables.schema_version.create(c)
        c.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(Failed, match="9999"):
        Database.open(database_url, Seal.load(tmp_path))


def test_foreign_tables_are_not_touched(database_url: str, engine: Engine, tmp_path: Path) -> None:
    """A database that has a table of ours but no version is refused."""
    with engine.begin() as c:
        c.execute(text("CREATE TABLE tasks (id TEXT)"))
    with pytest.raises(Failed, match="not ours"):
        Database.open(database_url, Seal.load(tmp_path))


def test_a_password_in_a_url_is_not_told(tmp_path: Path) -> None:
    """A database that does not answer is reported without the password in its URL."""
    url = make_url("postgresql://agent:geheim@/zoneweaver").update_query_dict({"host": str(tmp_path)})
    with pytest.raises(Exception) as raised:
        Database.open(url.render_as_string(hide_password=False), Seal.load(tmp_path))
    assert "geheim" not in str(raised.value)
    assert getattr(raised.value, "code", None) == "database_unavailable"

"""Bringing the schema to the present: a new database gets it at once, an old one is migrated by a child process.

Alembic costs 20 MiB and half a second; an agent whose schema is at head, which is nearly always, never imports it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from sqlalchemy import URL, Engine, insert, inspect, select

from zoneweaver.domain.errors import Failed
from zoneweaver.store import tables

_VERSION: Final = select(tables.schema_version.c.version_num)


def bring_up(engine: Engine, url: URL) -> None:
    """Make the schema, or migrate it, or do nothing. Raises Failed with what the migration said."""
    with engine.connect() as c, c.begin():
        present = inspect(c)
        if not present.has_table("alembic_version"):
            if present.has_table("tasks"):
                raise Failed("the database has tables but no schema version: it is not ours to change", code="schema")
            tables.metadata.create_all(c)
            c.execute(insert(tables.schema_version), {"version_num": tables.HEAD})
            return
        version = c.execute(_VERSION).scalar_one_or_none()
    if version != tables.HEAD:
        migrate(url)


def migrate(url: URL) -> None:
    """Run the migrations in a child; the URL goes over a pipe since it may hold a password."""
    child = subprocess.run(
        [sys.executable, "-m", "zoneweaver.store.migrations"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        input=url.render_as_string(hide_password=False),
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode != 0:
        said = child.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise Failed(f"the database could not be migrated: {said[0]}", code="schema")

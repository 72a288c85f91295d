"""`python -m zoneweaver.store.migrations`: migrate the database whose URL is on standard input to the head."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine


def config() -> Config:
    """Return Alembic's configuration for our revisions."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate in one transaction: a migration that fails leaves what was there."""
    engine = create_engine(url)
    with engine.begin() as connection:
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, revision)
    engine.dispose()


if __name__ == "__main__":
    upgrade(sys.stdin.read().strip())
